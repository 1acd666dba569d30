// Agent run: several agents in one process, each with its own identity, store and link.
//
//   P1  All agents are online, or none stays: one that can't start ends the others.
//   P2  SIGTERM and SIGINT drain: no new work, running handlers finish, their outcomes are
//       acknowledged, stores are closed. A second signal ends the process at once.
//   P3  An agent whose store fails ends the process; what is durable goes on at the next start.
//   P4  The local API listens before the agents are online: outcomes are taken while the hub is
//       away.

import { exitCodeOf, exitCodes } from "@cloudbrain/sdk/cli";
import { MeshError } from "@cloudbrain/sdk/domain";
import type { Clock } from "@cloudbrain/sdk/journal";
import { createNode, type Node } from "@cloudbrain/sdk/node";
import { type ApiServer, openAgentApi } from "../api/api-server.ts";
import type { Say } from "../cli/texts.ts";
import { createDrivers } from "../drivers/create-drivers.ts";
import type { Driver } from "../drivers/driver.ts";
import type { DriverPlan } from "../drivers/driver-config.ts";
import type { AgentOptions, AgentsConfig } from "./agent-config.ts";
import { type Handlers, loadHandlers } from "./handler-module.ts";
import { readSecret } from "./secret-file.ts";

export interface AgentRunHost {
  readonly say: Say;
  readonly version: string;
  readonly drainMs: number;
  /** Default: the machine's; for tests of what takes days. */
  readonly clock?: Clock | undefined;
  online(agent: AgentOptions): void;
  draining(): void;
  failed(error: MeshError): void;
  log(address: string, event: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Runs until a signal or a fault; answers the exit code. Rejects when an agent can't start. */
export async function runAgents(config: AgentsConfig, host: AgentRunHost): Promise<number> {
  const { agents } = config;
  const ending = listenForEnd();
  const closers: (() => Promise<void> | void)[] = [];
  const fatal = new Promise<MeshError>((resolve) => {
    ending.fatal = resolve;
  });
  try {
    const made = await createNodes(config, host, (error) => ending.fatal(error));
    const nodes = made.map(({ node }) => node);
    for (const { drivers } of made) {
      for (const driver of drivers) closers.push(() => driver.close());
    }
    const api = await openApi(config, made, host);
    if (api !== undefined) closers.push(() => api.close());
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
    for (const close of closers.toReversed()) await close();
    ending.close();
  }
}

interface MadeNode {
  readonly node: Node;
  readonly drivers: readonly Driver[];
}

async function openApi(
  { api }: AgentsConfig,
  made: readonly MadeNode[],
  host: AgentRunHost,
): Promise<ApiServer | undefined> {
  if (api === undefined) return undefined;
  return await openAgentApi({
    listen: api.listen,
    listenPlace: api.listenPlace,
    token: readSecret(api.token, host.say),
    agents: made,
    version: host.version,
  });
}

async function createNodes(
  config: AgentsConfig,
  host: AgentRunHost,
  onFatal: (error: MeshError) => void,
): Promise<readonly MadeNode[]> {
  const modules = new Map<string, Handlers>();
  const made: MadeNode[] = [];
  const { webhookSecret } = config;
  const secret = webhookSecret === undefined ? undefined : readSecret(webhookSecret, host.say);
  for (const agent of config.agents) {
    const { address, handlers: file } = agent;
    const handlers =
      modules.get(file) ??
      (file === "" ? new Map() : await loadHandlers(file, agent.handlersPlace, host.say));
    modules.set(file, handlers);
    const drivers = createDrivers(agent.drivers, {
      agent: address,
      secret,
      hasApi: config.api !== undefined,
      log: (event, fields) => host.log(address, event, fields),
      say: host.say,
    });
    const node = createAgentNode(agent, host, onFatal);
    for (const [name, handler] of handlers) node.handle(name, handler);
    for (const [index, driver] of drivers.entries()) {
      refuseSecond(handlers, agent.drivers[index], host.say);
      node.handle(driver.contract, driver.run, driver.options);
    }
    made.push({ node, drivers });
  }
  return made;
}

/** A capability is done by the module or by a driver. */
function refuseSecond(handlers: Handlers, plan: DriverPlan | undefined, say: Say): void {
  const capability = plan?.fields.capability ?? "";
  if (plan === undefined || !handlers.has(capability)) return;
  const detail = `${plan.place("capability")}: capability: ${say("driver.twice", { capability })}`;
  throw new MeshError("CONFIG_INVALID", { subject: capability, detail });
}

function createAgentNode(
  agent: AgentOptions,
  host: AgentRunHost,
  onFatal: (error: MeshError) => void,
): Node {
  const { address, title, kind, level, division, industry, region, hub, identity } = agent;
  return createNode({
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
    ...(host.clock === undefined ? {} : { clock: host.clock }),
    log: (event, fields) => host.log(address, event, fields),
    onFatal,
  });
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
