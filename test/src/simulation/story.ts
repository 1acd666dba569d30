// Story: a small world whose events a test tells one by one, instead of drawing them from the seed.
// It has no faults of its own, the real kernels, and every checker.

import { viewRegistration } from "@cloudbrain/hub/kernel";
import {
  type Application,
  type FanoutStep,
  levels,
  type NodeDescription,
  parseAddress,
} from "@cloudbrain/sdk/domain";
import type { Violation } from "./checkers.ts";
import { chainsOf } from "./outcome.ts";
import { describeAgent, describeHub } from "./scenarios.ts";
import type { DiskCopy } from "./sim-disk.ts";
import { World } from "./world.ts";

/** Hubs by name; an array names the communities below a hub. */
export interface Shape {
  readonly [name: string]: Shape | readonly string[];
}

export interface Told {
  readonly state: string;
  readonly members: number;
  readonly replied: number;
  readonly failed: number;
}

const settleStartMs = 4_000;

export interface StoryOptions {
  readonly seed: number;
  readonly shape: Shape;
  /** Nodes that are not there at the beginning: the test starts them. */
  readonly late?: readonly string[];
}

export function createWorld(options: StoryOptions): Story {
  return new Story(options);
}

export class Story {
  private readonly world: World;
  private readonly addresses = new Map<string, string>();
  private readonly chains = new Map<string, { readonly hub: string; chain: string | undefined }>();

  constructor(options: StoryOptions) {
    const hubs: NodeDescription[] = [];
    const agents: NodeDescription[] = [];
    this.addNodes({ hubs, agents }, options.shape, "");
    this.world = new World({
      seed: options.seed,
      calm: true,
      topology: { hubs, agents },
      applications: [reportApplication()],
    });
    this.world.open();
    for (const name of options.late ?? []) this.crash(name);
    this.world.runFor(settleStartMs);
  }

  private addNodes(
    nodes: { readonly hubs: NodeDescription[]; readonly agents: NodeDescription[] },
    shape: Shape,
    above: string,
  ): void {
    const depth = above.split("/").length - 1;
    for (const [name, below] of Object.entries(shape)) {
      const address = parseAddress(`${above}/${name}`);
      this.addresses.set(name, address);
      nodes.hubs.push(describeHub(address, depth));
      if (!isNames(below)) {
        this.addNodes(nodes, below, address);
        continue;
      }
      for (const community of below) {
        const leaf = parseAddress(`${address}/${community}`);
        this.addresses.set(community, leaf);
        nodes.agents.push(describeAgent(leaf, "community", ["report/v1"]));
      }
    }
  }

  private addressOf(name: string): string {
    const address = this.addresses.get(name);
    if (address === undefined) throw new Error(`nobody is called ${name}`);
    return address;
  }

  private nodeOf(name: string) {
    const node = this.world.nodeAt(this.addressOf(name));
    if (node === undefined) throw new Error(`nobody is called ${name}`);
    return node;
  }

  /** Asks all communities below the hub; answers the key of the submit. */
  submit(name: string): string {
    const address = this.addressOf(name);
    const hub = this.world.hubAt(address);
    if (hub === undefined) throw new Error(`${name} is no hub`);
    const key = `key-${this.chains.size + 1}`;
    const entry = { hub: address, chain: undefined as string | undefined };
    this.chains.set(key, entry);
    hub.request(
      (request) => ({
        type: "submit",
        request,
        chain: `chain-${key}`,
        application: "report",
        version: "",
        key,
        bodyHash: "hash",
        input: { scope: address },
        submitter: "story",
        holder: undefined,
      }),
      (reply) => {
        if (reply.kind === "accepted") entry.chain = reply.chain;
      },
    );
    return key;
  }

  runFor(durationMs: number): this {
    this.world.runFor(durationMs);
    return this;
  }

  partition(a: string, b: string): this {
    this.world.net.block(this.addressOf(a), this.addressOf(b));
    this.world.net.block(this.addressOf(b), this.addressOf(a));
    return this;
  }

  crash(name: string, mode: "process" | "power" = "process"): this {
    this.nodeOf(name).crash(mode);
    return this;
  }

  restart(name: string): this {
    this.nodeOf(name).start();
    return this;
  }

  /** What the disk of a node holds now, for `putBack`. */
  copyOf(name: string): DiskCopy {
    return this.nodeOf(name).disk.copy();
  }

  /** Ends the process and starts it with an old copy of its store and anchor. */
  putBack(name: string, old: DiskCopy): this {
    const node = this.nodeOf(name);
    node.crash("process");
    this.world.faults.putBack(node, old, true);
    return this;
  }

  heal(): this {
    this.world.heal();
    return this;
  }

  /** Bounded: a livelock is a violation. */
  settle(): this {
    this.world.settle();
    return this;
  }

  violations(): readonly Violation[] {
    return this.world.checkers.violations;
  }

  /** How the one need of the published application stands, as the hub sees it. */
  registered(name: string) {
    const address = this.addressOf(name);
    const state = this.world.hubAt(address)?.hub.state;
    const registration = state?.registrations.get(`${address} report@1.0.0`);
    if (state === undefined || registration === undefined) return undefined;
    const { hubs, pending, counts } = viewRegistration(state, registration).total;
    const { holders, expected } = counts[0] ?? {};
    return { hubs, pending, holders, expected };
  }

  outcome(key: string): Told | undefined {
    const entry = this.chains.get(key);
    const hub = entry === undefined ? undefined : this.world.hubAt(entry.hub);
    if (hub === undefined || entry?.chain === undefined) return undefined;
    const row = chainsOf(hub).get(entry.chain);
    const summary = row?.steps[0]?.summary;
    if (row === undefined || summary === undefined) return undefined;
    const { members, replied, failed } = summary;
    return { state: row.state, members, replied, failed };
  }
}

function isNames(below: Shape | readonly string[]): below is readonly string[] {
  return Array.isArray(below);
}

function reportApplication(): Application {
  const step: FanoutStep = {
    type: "fanout",
    id: "ask",
    title: undefined,
    needs: [],
    when: undefined,
    onError: undefined,
    members: {
      by: "level",
      scope: { kind: "expression", source: "input.scope" },
      level: levels[3],
      membersMax: 1_000,
    },
    each: {
      match: {
        capability: "report/v1",
        level: undefined,
        region: undefined,
        industry: undefined,
        where: undefined,
        pick: "leastLoaded",
      },
      input: undefined,
      deadlines: {
        startMs: undefined,
        finishMs: undefined,
        heartbeatMs: undefined,
        totalMs: undefined,
      },
      retry: {
        max: 3,
        initialMs: 500,
        factor: 2,
        capMs: 5_000,
        jitter: 0.2,
        notOn: [],
        rematch: false,
      },
    },
    aggregate: {
      into: [
        { name: "avg", reducer: { op: "avg", value: "out.v" } },
        { name: "big", reducer: { op: "countIf", where: "out.big" } },
        { name: "count", reducer: { op: "count" } },
        { name: "first", reducer: { op: "first", value: "out.tag" } },
        { name: "max", reducer: { op: "max", value: "out.v" } },
        { name: "min", reducer: { op: "min", value: "out.v" } },
        { name: "sum", reducer: { op: "sum", value: "out.v" } },
        {
          name: "tags",
          reducer: { op: "collect", value: "out.tag", where: undefined, limit: 1_000 },
        },
      ],
      emitEveryMs: 500,
      quorum: 1,
      or: undefined,
      minimum: 1,
      onShort: "fail",
      late: "record",
      finishMs: 240_000,
    },
  };
  return {
    id: "report",
    version: "1.0.0",
    hash: "hash-of-report",
    title: { zh: "report" },
    inputSchema: undefined,
    totalMs: undefined,
    keyExpression: undefined,
    keyKeepMs: 30 * 24 * 3_600_000,
    onFailure: "fail",
    steps: [step],
    output: undefined,
  };
}
