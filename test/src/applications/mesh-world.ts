// Mesh world: the cast of the worked applications as processes: hubs, agents that embed the SDK,
// and agents of `cloudbrain agent run` with business systems behind them; real links with
// certificates, each through a proxy that can cut it, and LevelDB in a directory.

import { join } from "node:path";
import { type Client, createClient } from "@cloudbrain/sdk";
import { limits, parentOf, parseAddress } from "@cloudbrain/sdk/domain";
import { type PreparedMesh, prepareMesh, type TreeNode } from "../support/mesh-shape.ts";
import { MeshTime } from "../support/mesh-time.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { HostedProcess, stopAll } from "../support/process-host.ts";
import type { HostedNode } from "../support/process-messages.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { type Driven, MeshSystems } from "./mesh-systems.ts";
import { Scripts } from "./scripts.ts";
import type { Cast, HubPart, NodePart } from "./stage.ts";

export interface WorldOptions {
  readonly cast: Cast;
  readonly driven: Driven;
  readonly startsAt: Date;
  readonly directory: string;
}

/** Patience with the machine. */
const startLimitMs = 60_000;
/** Longer than any run. */
const seatMs = 24 * 3_600_000;
/** Signing in half a city must not take a test's time. */
const passwordLogN = 8;
/** As agents keep it whose configuration has none: who beats more slowly is lost. */
const timing = { heartbeatMs: limits.heartbeatMs, leaseMs: limits.linkLeaseMs };

export class MeshWorld {
  readonly cast: Cast;
  readonly scripts: Scripts;
  readonly time: MeshTime;
  readonly prepared: PreparedMesh;
  /** All nodes as they are hosted, by address. */
  readonly nodes: ReadonlyMap<string, HostedNode>;
  readonly processes: readonly HostedProcess[];
  private readonly systems: MeshSystems;
  private readonly proxies: ReadonlyMap<string, TcpProxy>;
  /** Of who manages each hub, and of the machine at which its people sit. */
  private readonly operators = new Map<string, Client>();
  private readonly seats: Client[] = [];

  private constructor(parts: {
    readonly options: WorldOptions;
    readonly scripts: Scripts;
    readonly prepared: PreparedMesh;
    readonly nodes: ReadonlyMap<string, HostedNode>;
    readonly proxies: ReadonlyMap<string, TcpProxy>;
    readonly systems: MeshSystems;
  }) {
    const { options, scripts, systems, nodes } = parts;
    this.cast = options.cast;
    this.scripts = scripts;
    this.prepared = parts.prepared;
    this.nodes = nodes;
    this.proxies = parts.proxies;
    this.systems = systems;
    const startsAtMs = options.startsAt.getTime();
    const groups = groupNodes(nodes, options.driven);
    this.processes = [
      ...groups.map(([name, hosted]) => {
        return new HostedProcess({ name, nodes: hosted, startsAtMs, answer: scripts.take });
      }),
      new HostedProcess({ name: "agent.yaml", nodes: [], agents: systems.config, startsAtMs }),
    ];
    this.time = new MeshTime({
      startsAtMs,
      processes: this.processes,
      isBusyOutside: () => systems.isBusy(),
    });
  }

  /** Resolves when every node is online, and every application is published. */
  static async open(options: WorldOptions): Promise<MeshWorld> {
    const { cast, driven, directory } = options;
    const scripts = new Scripts(cast.nodes);
    const prepared = await prepareMesh(directory, makeTree(cast));
    const proxies = new Map<string, TcpProxy>();
    const nodes = new Map<string, HostedNode>();
    for (const part of [...cast.hubs, ...cast.nodes]) {
      const node = prepared.nodes.get(parseAddress(part.address));
      if (node === undefined) continue;
      const above = parentOf(parseAddress(part.address));
      if (above !== undefined && node.parent !== "") {
        const proxy = await TcpProxy.open(prepared.nodes.get(above)?.port ?? 0);
        proxies.set(part.address, proxy);
      }
      nodes.set(part.address, hostedNode(node, part, proxies.get(part.address)));
    }
    const behind = Object.keys(driven).flatMap((address) => nodes.get(address) ?? []);
    const place = join(directory, "systems");
    const systems = await MeshSystems.prepare(place, behind, driven, scripts);
    const world = new MeshWorld({ options, scripts, prepared, nodes, proxies, systems });
    try {
      await world.start();
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  private async start(): Promise<void> {
    await Promise.all(this.processes.map((each) => each.start()));
    const root = this.operator(this.rootAddress);
    await waitFor({ what: "all nodes are online", limitMs: startLimitMs }, async () => {
      const { nodesOnline } = await root.status();
      if (nodesOnline >= this.nodes.size - 1) return true;
      await this.time.passTo(this.time.nowMs + 1_000);
      return undefined;
    });
    for (const text of this.cast.applications) await root.publish(text);
  }

  get rootAddress(): string {
    return this.cast.hubs[0]?.address ?? "";
  }

  /** The client of who manages this hub. */
  operator(hub: string): Client {
    const known = this.operators.get(hub);
    if (known !== undefined) return known;
    const { target, operator: identity } = this.prepared;
    const client = createClient({ hub: target(parseAddress(hub)), identity });
    this.operators.set(hub, client);
    return client;
  }

  /** A client at which people of this hub sign in. */
  async seat(hub: string): Promise<Client> {
    const { target, issue } = this.prepared;
    const identity = await issue(parseAddress(`${hub}/s-seat`), seatMs);
    const client = createClient({ hub: target(parseAddress(hub)), identity });
    this.seats.push(client);
    return client;
  }

  /** Cuts the link to the hub above and refuses another; resolves when that hub knows. */
  async cut(address: string): Promise<void> {
    const proxy = this.proxyOf(address);
    proxy.isRefusing = true;
    proxy.cut();
    await this.awaitState(address, false);
  }

  /** Resolves when the hub above has it back. */
  async mend(address: string): Promise<void> {
    this.proxyOf(address).isRefusing = false;
    await this.awaitState(address, true);
  }

  /** After a story that has broken off: the next one begins with a whole mesh. */
  async mendAll(): Promise<void> {
    for (const [address, proxy] of this.proxies) if (proxy.isRefusing) await this.mend(address);
  }

  private async awaitState(address: string, isOnline: boolean): Promise<void> {
    const above = this.operator(parentOf(parseAddress(address)) ?? "");
    const what = `${address} is ${isOnline ? "online" : "gone"}`;
    await waitFor({ what, limitMs: startLimitMs }, async () => {
      const { state } = await above.getNode(address);
      return (state === "online") === isOnline ? true : undefined;
    });
    await this.time.rest();
  }

  private proxyOf(address: string): TcpProxy {
    const proxy = this.proxies.get(address);
    if (proxy === undefined) throw new Error(`${address} has no link to a hub above`);
    return proxy;
  }

  /** Ends everything, agents before hubs; the stores stay for whoever looks into them. */
  async close(): Promise<void> {
    for (const client of [...this.operators.values(), ...this.seats]) client.close();
    await stopAll(this.processes.toReversed());
    await this.systems.close();
    for (const proxy of this.proxies.values()) proxy.close();
  }
}

function makeTree(cast: Cast): readonly TreeNode[] {
  const tree = (role: TreeNode["role"], part: HubPart | NodePart): TreeNode => {
    const address = parseAddress(part.address);
    const { level = "", division = "" } = part;
    const above = parentOf(address);
    const parent = cast.hubs.some((hub) => hub.address === above) ? above : undefined;
    return { role, address, level, division, parent };
  };
  return [
    ...cast.hubs.map((part) => tree("hub", part)),
    ...cast.nodes.map((part) => tree("agent", part)),
  ];
}

function hostedNode(
  node: HostedNode,
  part: HubPart | NodePart,
  proxy: TcpProxy | undefined,
): HostedNode {
  const isHub = node.role === "hub";
  const kind = part.kind ?? (isHub ? "level" : "system");
  const { industry = "", region = "", title } = part;
  return {
    ...node,
    kind,
    industry,
    region,
    title,
    timing,
    passwordLogN,
    parent: proxy === undefined ? "" : `127.0.0.1:${proxy.port}`,
    ...("answers" in part
      ? { asks: [...Object.keys(part.answers), ...(part.people ?? [])] }
      : { capabilities: part.capabilities ?? [] }),
  };
}

/** Hubs alone, but those of the streets of one district together; agents together. */
function groupNodes(
  nodes: ReadonlyMap<string, HostedNode>,
  driven: Driven,
): readonly (readonly [string, readonly HostedNode[]])[] {
  const groups = new Map<string, HostedNode[]>();
  for (const node of nodes.values()) {
    if (node.address in driven) continue;
    const name = hostOf(node);
    groups.set(name, [...(groups.get(name) ?? []), node]);
  }
  return [...groups];
}

function hostOf({ role, level, address }: HostedNode): string {
  if (role === "agent") return "agents";
  return level === "street" ? `streets of ${parentOf(parseAddress(address))}` : address;
}
