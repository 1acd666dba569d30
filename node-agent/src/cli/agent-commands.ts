// `cloudbrain agent`: the agent that ties business systems to the mesh (节点代理).

import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { isMeshError, MeshError, parseAddress } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import { type AgentsConfig, loadAgents } from "../agent/agent-config.ts";
import type { CommandHost } from "./command-host.ts";
import { titleIn } from "./formats.ts";
import { addExamples } from "./help.ts";
import { readDuration, refuseUsage } from "./usage.ts";
import { agentVersion } from "./version.ts";

interface InitFlags {
  readonly address?: string;
  readonly data?: string;
}

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
  addExamples(
    agent.command("init"),
    "cloudbrain agent init --config agent.yaml",
    "cloudbrain agent init --address /3702/i-drainage --data drainage/data",
  )
    .description(say("about.agent.init"))
    .option("--config <file>", say("option.agent.config"))
    .option("--address <address>", say("option.init.address"))
    .option("--data <dir>", say("option.init.data"))
    .action((flags: InitFlags, command: Command) => initAgents(host, flags, command));
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

interface StorePlace {
  readonly address: string;
  readonly data: string;
}

function agentsOf(host: CommandHost, command: Command): AgentsConfig {
  const { config = "agent.yaml", drain, hub, identity } = command.optsWithGlobals<AgentFlags>();
  return loadAgents(config, host.env, { hub, identity, drainTimeoutMs: drain }, host.lang);
}

/** The stores of the configuration, or the one that the flags name, for a node of the SDK. */
function storesOf(host: CommandHost, flags: InitFlags, command: Command): readonly StorePlace[] {
  const { address, data } = flags;
  if (address === undefined && data === undefined) return agentsOf(host, command).agents;
  if (address !== undefined && data !== undefined) {
    return [{ address: parseAddress(address), data: resolve(data) }];
  }
  const name = address === undefined ? "--address" : "--data";
  return refuseUsage(name, host.say("usage.missingFlag", { name }));
}

async function initAgents(host: CommandHost, flags: InitFlags, command: Command): Promise<void> {
  const output = host.outputOf(command);
  const made: { readonly address: string; readonly directory: string }[] = [];
  const stores = storesOf(host, flags, command);
  // The store is loaded only once the configuration is known to be right.
  const { initNodeStore } = await import("@cloudbrain/sdk/journal");
  for (const { address, data: directory } of stores) {
    try {
      await initNodeStore({ directory, identity: address, storeId: randomUUID() });
      made.push({ address, directory });
    } catch (error) {
      // One that was made before is left as it is, unless nothing else was asked for.
      const isThere = isMeshError(error) && error.code === "STORE_EXISTS";
      if (!isThere || stores.length === 1) throw error;
      output.note(host.say("agent.exists", { address, directory }));
    }
  }
  if (made.length === 0) throw new MeshError("STORE_EXISTS", { subject: stores[0]?.data });
  const lines = made.map((one) => host.say("agent.made", one));
  output.result({ made }, lines.join("\n"));
}

async function run(host: CommandHost, command: Command): Promise<void> {
  const output = host.outputOf(command);
  const config = agentsOf(host, command);
  const { runAgents } = await import("../agent/agent-run.ts");
  process.exitCode = await runAgents(config, {
    say: host.say,
    version: agentVersion(),
    drainMs: config.drainTimeoutMs,
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
