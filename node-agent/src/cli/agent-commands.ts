// `cloudbrain agent`: the agent that ties business systems to the mesh (节点代理).

import { randomUUID } from "node:crypto";
import { isMeshError, MeshError } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import { type AgentOptions, loadAgents } from "../agent/agent-config.ts";
import type { CommandHost } from "./command-host.ts";
import { titleIn } from "./formats.ts";
import { addExamples } from "./help.ts";
import { readDuration } from "./usage.ts";
import { agentVersion } from "./version.ts";

const drainMsDefault = 30_000;

interface AgentFlags {
  readonly config?: string;
  readonly drain?: number;
  readonly hub?: string;
  readonly identity?: string;
}

export function addAgentCommands(agent: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(
    agent,
    "cloudbrain agent init --config agent.yaml",
    "cloudbrain agent run --config agent.yaml",
  );
  addExamples(agent.command("init"), "cloudbrain agent init --config agent.yaml")
    .description(say("about.agent.init"))
    .option("--config <file>", say("option.agent.config"))
    .action((_flags: object, command: Command) => initAgents(host, command));
  addExamples(
    agent.command("run"),
    "cloudbrain agent run --config agent.yaml",
    "CLOUDBRAIN_HUB=10.0.0.5:7443 cloudbrain agent run --json",
  )
    .description(say("about.agent.run"))
    .option("--config <file>", say("option.agent.config"))
    .option("--drain <time>", say("option.drain"), (text) => readDuration("--drain", text))
    .action((_flags: object, command: Command) => run(host, command));
}

function agentsOf(host: CommandHost, command: Command): readonly AgentOptions[] {
  const { config = "agent.yaml", hub, identity } = command.optsWithGlobals<AgentFlags>();
  return loadAgents(config, host.env, { hub, identity }, host.lang);
}

async function initAgents(host: CommandHost, command: Command): Promise<void> {
  const output = host.outputOf(command);
  const made: { readonly address: string; readonly directory: string }[] = [];
  const agents = agentsOf(host, command);
  // The store is loaded only once the configuration is known to be right.
  const { initNodeStore } = await import("@cloudbrain/sdk/journal");
  for (const { address, data: directory } of agents) {
    try {
      await initNodeStore({ directory, identity: address, storeId: randomUUID() });
      made.push({ address, directory });
    } catch (error) {
      // One that was made before is left as it is, unless nothing else was asked for.
      const isThere = isMeshError(error) && error.code === "STORE_EXISTS";
      if (!isThere || agents.length === 1) throw error;
      output.note(host.say("agent.exists", { address, directory }));
    }
  }
  if (made.length === 0) throw new MeshError("STORE_EXISTS", { subject: agents[0]?.data });
  const lines = made.map((one) => host.say("agent.made", one));
  output.result({ made }, lines.join("\n"));
}

async function run(host: CommandHost, command: Command): Promise<void> {
  const output = host.outputOf(command);
  const { drain = drainMsDefault } = command.optsWithGlobals<AgentFlags>();
  const agents = agentsOf(host, command);
  const { runAgents } = await import("../agent/agent-run.ts");
  process.exitCode = await runAgents(agents, {
    say: host.say,
    version: agentVersion(),
    drainMs: drain,
    online: ({ address, title, hub }) => {
      const name = titleIn(title, output.lang);
      const told = host.say("agent.online", { address, name, hub });
      output.item({ state: "online", address, hub }, told);
    },
    draining: () => output.note(host.say("agent.draining")),
    failed: (error) => output.error(error),
    log: (address, event, fields) => {
      const time = new Date().toISOString();
      output.note(
        output.json
          ? JSON.stringify({ time, address, event, ...fields })
          : `${time}  ${address}  ${event}  ${JSON.stringify(fields)}`,
      );
    },
  });
}
