// agent run: agents as a process, beside a business system that a module speaks for.
//
//   Q1  SIGTERM and SIGINT drain; a second signal ends the process at once.

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { exitCodes } from "@cloudbrain/sdk/cli";
import { initNodeStore } from "@cloudbrain/sdk/journal";
import { createNode, type Node } from "@cloudbrain/sdk/node";
import { type AgentConfig, loadHandlers } from "./agent-config.ts";
import type { CommandOutput } from "./session.ts";

export async function runAgents(config: AgentConfig, output: CommandOutput): Promise<number> {
  const handlers = await loadHandlers(config.handlers);
  const nodes: Node[] = [];
  for (const agent of config.agents) {
    const node = createNode({
      address: agent.address,
      title: agent.title,
      kind: agent.nodeKind,
      level: agent.level ?? "",
      division: agent.division ?? "",
      industry: agent.industry ?? "",
      region: agent.region ?? "",
      hub: config.hub,
      identity: agent.identity,
      dataDir: agent.data,
      concurrency: config.concurrency,
      log: (event, fields) =>
        output.note(JSON.stringify({ event, agent: agent.address, ...fields })),
      onFatal: (error) => {
        output.error(error);
        process.exit(exitCodes.failed);
      },
    });
    for (const [name, handler] of handlers) node.handle(name, handler);
    await node.start();
    nodes.push(node);
    output.result({ agent: node.address, state: node.state }, () =>
      output.say(`${node.address} 已上线`, `${node.address} is online`),
    );
  }
  const signal = await Promise.race([
    once(process, "SIGINT").then(() => "SIGINT"),
    once(process, "SIGTERM").then(() => "SIGTERM"),
  ]);
  process.once("SIGINT", () => process.exit(exitCodes.interrupted));
  process.once("SIGTERM", () => process.exit(exitCodes.terminated));
  output.note(output.say("正在排空", "draining"));
  await Promise.all(nodes.map((node) => node.stop({ drain: config.drainTimeoutMs })));
  return signal === "SIGINT" ? exitCodes.interrupted : exitCodes.done;
}

/** Makes the stores that are missing: `agent init`. Answers the directories made. */
export async function initAgents(config: AgentConfig): Promise<readonly string[]> {
  const made: string[] = [];
  for (const { address, data } of config.agents) {
    if (existsSync(data)) continue;
    await initNodeStore({ directory: data, identity: address, storeId: randomUUID() });
    made.push(data);
  }
  return made;
}
