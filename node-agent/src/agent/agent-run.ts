// Agent run: several agents in one process, each with its own identity, store and link.
//
//   P1  All agents are online, or none stays: one that can't start ends the others.
//   P2  SIGTERM and SIGINT drain: no new work, running handlers finish, their outcomes are
//       acknowledged, stores are closed. A second signal ends the process at once.
//   P3  An agent whose store fails ends the process; what is durable goes on at the next start.

import { exitCodeOf, exitCodes } from "@cloudbrain/sdk/cli";
import type { MeshError } from "@cloudbrain/sdk/domain";
import { createNode, type Node } from "@cloudbrain/sdk/node";
import type { Say } from "../cli/texts.ts";
import type { AgentOptions } from "./agent-config.ts";
import { type Handlers, loadHandlers } from "./handler-module.ts";

export interface AgentRunHost {
  readonly say: Say;
  readonly version: string;
  readonly drainMs: number;
  online(agent: AgentOptions): void;
  draining(): void;
  failed(error: MeshError): void;
  log(address: string, event: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Runs until a signal or a fault; answers the exit code. Rejects when an agent can't start. */
export async function runAgents(
  agents: readonly AgentOptions[],
  host: AgentRunHost,
): Promise<number> {
  const ending = listenForEnd();
  const fatal = new Promise<MeshError>((resolve) => {
    ending.fatal = resolve;
  });
  try {
    const nodes = await createNodes(agents, host, (error) => ending.fatal(error));
    // A store may fail while its agent still tries to get online.
    const started = await Promise.race([startAll(nodes, agents, host, ending.signal), fatal]);
    if (started === "interrupted") return ending.code();
    const failure = started === "online" ? await Promise.race([fatal, ending.requested]) : started;
    if (failure !== undefined) {
      host.failed(failure);
      await stopAll(nodes, 0);
      return exitCodeOf(failure);
    }
    host.draining();
    await stopAll(nodes, host.drainMs);
    return ending.code();
  } finally {
    ending.close();
  }
}

async function createNodes(
  agents: readonly AgentOptions[],
  host: AgentRunHost,
  onFatal: (error: MeshError) => void,
): Promise<readonly Node[]> {
  const modules = new Map<string, Handlers>();
  const nodes: Node[] = [];
  for (const agent of agents) {
    const { address, title, kind, level, division, industry, region, hub, identity } = agent;
    const handlers =
      modules.get(agent.handlers) ??
      (await loadHandlers(agent.handlers, agent.handlersPlace, host.say));
    modules.set(agent.handlers, handlers);
    const node = createNode({
      address,
      title,
      kind,
      level,
      division,
      industry,
      region,
      hub,
      identity,
      dataDir: agent.data,
      ...(agent.concurrency === undefined ? {} : { concurrency: agent.concurrency }),
      version: host.version,
      log: (event, fields) => host.log(address, event, fields),
      onFatal,
    });
    for (const [name, handler] of handlers) node.handle(name, handler);
    nodes.push(node);
  }
  return nodes;
}

async function startAll(
  nodes: readonly Node[],
  agents: readonly AgentOptions[],
  host: AgentRunHost,
  signal: AbortSignal,
): Promise<"online" | "interrupted"> {
  const starts = nodes.map(async (node, index) => {
    await node.start({ signal });
    const agent = agents[index];
    if (agent !== undefined) host.online(agent);
  });
  try {
    await Promise.all(starts);
    return "online";
  } catch (error) {
    await stopAll(nodes, 0);
    await Promise.allSettled(starts);
    if (signal.aborted) return "interrupted";
    throw error;
  }
}

async function stopAll(nodes: readonly Node[], drainMs: number): Promise<void> {
  await Promise.allSettled(nodes.map((node) => node.stop({ drain: drainMs })));
}

interface Ending {
  readonly signal: AbortSignal;
  readonly requested: Promise<undefined>;
  fatal: (error: MeshError) => void;
  /** 0 after SIGTERM, as service managers expect; 130 after Ctrl-C. */
  code(): number;
  close(): void;
}

function listenForEnd(): Ending {
  const controller = new AbortController();
  let code: number = exitCodes.done;
  const end = (first: number, second: number) => (): void => {
    if (controller.signal.aborted) process.exit(second);
    code = first;
    controller.abort();
  };
  const interrupted = end(exitCodes.interrupted, exitCodes.interrupted);
  const terminated = end(exitCodes.done, exitCodes.terminated);
  process.on("SIGINT", interrupted);
  process.on("SIGTERM", terminated);
  return {
    signal: controller.signal,
    requested: new Promise((resolve) => {
      controller.signal.addEventListener("abort", () => resolve(undefined), { once: true });
    }),
    fatal: () => undefined,
    code: () => code,
    close: () => {
      process.off("SIGINT", interrupted);
      process.off("SIGTERM", terminated);
    },
  };
}
