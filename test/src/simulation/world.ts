// World: one process, one thread, virtual time: hubs, agents, disks, network, clients and faults.
//
//   W1  Everything that happens follows from the seed: run twice, the trace hashes are equal.
//   W2  Two phases. Safety: faults strike. Liveness: everything is healed and everybody started;
//       within `livenessMs` every chain has ended or is suspended and nothing is left over.

import { createEvaluate } from "@cloudbrain/sdk/definition";
import type { Application, Evaluate, NodeDescription } from "@cloudbrain/sdk/domain";
import { limits } from "@cloudbrain/sdk/domain";
import { Checkers, type Violation } from "./checkers.ts";
import { Clerks } from "./clerks.ts";
import { Clients } from "./clients.ts";
import { Dice } from "./dice.ts";
import { Faults, type FaultVector } from "./faults.ts";
import { checkHistories } from "./history.ts";
import type { LinkOwner } from "./link-end.ts";
import type { NodeView } from "./node-view.ts";
import { checkOutcome, isQuiet, reportUnrest } from "./outcome.ts";
import { Outsiders } from "./outsiders.ts";
import type { Plant } from "./plants.ts";
import { drawnScenario, type Scenario } from "./scenario.ts";
import { longestDeadlineMs, type Topology } from "./scenarios.ts";
import { regressionSeeds } from "./seeds.ts";
import { SimAgent } from "./sim-agent.ts";
import { SimHub } from "./sim-hub.ts";
import { SimNet } from "./sim-net.ts";
import { Timeline } from "./timeline.ts";
import { workedScenario } from "./worked-scenario.ts";

export interface WorldOptions {
  readonly seed: number;
  /** Instead of what the seed would draw; `calm` is a world without faults and clients. */
  readonly topology?: Topology;
  readonly applications?: readonly Application[];
  readonly calm?: boolean;
  /** Only the worked applications of docs/examples, whatever the seed would draw. */
  readonly worked?: boolean;
  readonly plant?: Plant | undefined;
  /** Receives the trace, for a person. */
  readonly listener?: ((atMs: number, text: string) => void) | undefined;
}

export interface WorldReport {
  readonly seed: number;
  readonly vector: FaultVector;
  readonly violations: readonly Violation[];
  readonly events: number;
  readonly chains: number;
  readonly traceHash: number;
}

/** Steps of one chain wait one after the other, and a cancelled one has its own patience. */
const livenessMs = longestDeadlineMs * 6 + 300_000;
const publishAgainMs = 2_000;
const operatorEveryMs = 15_000;
/** Of the seeds, how many play the worked applications. */
const workedShare = 0.15;
/** After the world has become quiet, so that the last commits are over. */
const restMs = 10_000;

/** A regression seed keeps the applications that it was found with. */
function drawScenario(dice: Dice, options: WorldOptions): Scenario {
  const { seed, topology, applications, worked } = options;
  const regression = regressionSeeds.find((known) => known.seed === seed);
  const isGiven = topology !== undefined || applications !== undefined;
  const isWorked = worked ?? (regression === undefined && dice.chance("worked", "", workedShare));
  if (isWorked && !isGiven) return workedScenario(dice);
  const plain = regression?.plain === true || dice.chance("plain", "", 0.4);
  return drawnScenario(dice, { plain, topology, applications });
}

export class World {
  readonly timeline = new Timeline();
  readonly dice: Dice;
  readonly plant: Plant | undefined;
  readonly evaluate: Evaluate = createEvaluate();
  readonly net: SimNet;
  readonly faults: Faults;
  readonly checkers: Checkers;
  readonly clients: Clients;
  readonly clerks: Clerks;
  readonly outsiders: Outsiders;
  readonly scenario: Scenario;
  readonly hubs: readonly SimHub[];
  readonly agents: readonly SimAgent[];
  readonly nodes: readonly NodeView[];
  readonly descriptions: readonly NodeDescription[];
  /** How many of the inputs and outputs are large. */
  readonly largeInputs: number;
  /** Kernel events, over all nodes. */
  steps = 0;
  linksLost = 0;
  private readonly byAddress = new Map<string, NodeView>();

  constructor(options: WorldOptions) {
    this.dice = new Dice(options.seed);
    this.plant = options.plant;
    this.timeline.listener = options.listener;
    const { dice, timeline } = this;
    this.net = new SimNet({
      timeline,
      dice,
      timing: { heartbeatMs: 3_000, leaseMs: 12_000 },
      latencyMs: dice.pick("latencies", "", [
        { low: 1, high: 5 },
        { low: 1, high: 80 },
        { low: 20, high: 400 },
      ]),
    });
    this.largeInputs = dice.pick("large inputs", "", [0, 0, 0, 0.3]);
    this.checkers = new Checkers(this);
    const safetyMs = dice.whole("safety", "", { low: 30_000, high: 120_000 });
    this.faults = new Faults(this, { safetyMs, calm: options.calm === true });
    this.clients = new Clients(this);
    this.clerks = new Clerks(this);
    this.outsiders = new Outsiders(this);
    this.scenario = drawScenario(dice, options);
    const { topology } = this.scenario;
    this.hubs = topology.hubs.map((description) => new SimHub(this, description));
    this.agents = topology.agents.map((description) => new SimAgent(this, description));
    this.descriptions = [...topology.hubs, ...topology.agents];
    this.nodes = [...this.hubs, ...this.agents];
    for (const node of this.nodes) this.byAddress.set(node.address, node);
  }

  nodeAt(address: string): NodeView | undefined {
    return this.byAddress.get(address);
  }
  hubAt(address: string): SimHub | undefined {
    return this.hubs.find((hub) => hub.address === address);
  }
  /** Who accepts connections at this address now. */
  ownerOf(address: string): LinkOwner | undefined {
    const node = this.nodeAt(address);
    return node?.isUp === true ? node : undefined;
  }

  /** Whatever may make an instruction be offered once more. */
  disturbances(): number {
    let count = this.linksLost + this.outsiders.rematches;
    for (const node of this.nodes) count += node.lives + node.stores;
    return count;
  }

  /** Stores that the hubs on the way to a node have begun beyond their first. */
  freshHubsAbove(address: string): number {
    let count = 0;
    for (const hub of this.hubs) if (address.startsWith(`${hub.address}/`)) count += hub.stores - 1;
    return count;
  }

  run(): WorldReport {
    const frames = limits.batchFramesMax;
    setBatchFrames(this.dice.chance("batch of one", "", 0.2) ? 1 : frames);
    try {
      this.live();
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.checkers.violation("throw", "world", text);
    } finally {
      setBatchFrames(frames);
    }
    return {
      seed: this.dice.seed,
      vector: this.faults.vector,
      violations: this.checkers.violations,
      events: this.timeline.events,
      chains: this.clients.submissions.length,
      traceHash: this.timeline.traceHash,
    };
  }

  private live(): void {
    this.faults.plan();
    this.clients.plan();
    this.outsiders.plan();
    this.open();
    if (!this.runFor(this.faults.safetyMs)) return;
    this.heal();
    this.settle();
  }

  /** Starts everybody. */
  open(): void {
    for (const node of this.nodes) node.start();
    for (const hub of this.hubs) this.publish(hub);
    this.clerks.open();
    this.operate();
  }

  /** False when a rule was broken. */
  runFor(durationMs: number): boolean {
    const { timeline } = this;
    return timeline.runUntil(
      timeline.nowMs + durationMs,
      () => this.checkers.violations.length > 0,
    );
  }

  /** From here on nothing fails. */
  heal(): void {
    const { timeline, faults } = this;
    timeline.note("heal");
    faults.heal();
    for (const hub of this.hubs) {
      if (!hub.isUp || !hub.hub.state.draining) continue;
      hub.crash("process");
      hub.start();
    }
  }

  /** Runs until the world is quiet, within the bound, and checks what has come of it. */
  settle(): void {
    const { timeline, clients } = this;
    const untilMs = timeline.nowMs + livenessMs;
    let quietSinceMs = Number.POSITIVE_INFINITY;
    while (timeline.nowMs < untilMs) {
      if (!this.runFor(1_000)) return;
      if (!isQuiet(this) || !clients.areAnswered()) quietSinceMs = Number.POSITIVE_INFINITY;
      else quietSinceMs = Math.min(quietSinceMs, timeline.nowMs);
      if (timeline.nowMs - quietSinceMs >= restMs) break;
    }
    if (timeline.nowMs >= untilMs) reportUnrest(this);
    else checkOutcome(this);
    checkHistories(this);
  }

  private publish(hub: SimHub): void {
    for (const application of this.scenario.applications) {
      // A hub that begins anew with an empty store is told again.
      let publishedIn = 0;
      const ask = (): void => {
        if (publishedIn === hub.stores && this.faults.healed) return;
        if (hub.isUp && publishedIn < hub.stores) {
          const { stores } = hub;
          hub.request(
            (request) => ({ type: "publish", request, application }),
            () => {
              publishedIn = stores;
            },
          );
        }
        this.timeline.schedule(publishAgainMs, ask);
      };
      this.timeline.schedule(500, ask);
    }
  }

  private operate(): void {
    this.timeline.schedule(operatorEveryMs, () => {
      if (this.faults.healed) return;
      this.clients.retrySuspended();
      this.operate();
    });
  }

  drain(address: string): void {
    const hub = this.hubAt(address);
    if (hub !== undefined)
      hub.request(
        (request) => ({ type: "drain", request }),
        () => undefined,
      );
    else this.agents.find((agent) => agent.address === address)?.drain();
  }

  /** Puts the bytes from before the damage back and starts the node. */
  operatorHeals(node: NodeView): void {
    if (node.goodCopy === undefined) return;
    node.healFrom(node.goodCopy);
    node.start();
  }

  liveTablesOf(address: string): readonly string[] {
    return this.nodeAt(address)?.tables() ?? [];
  }
}

/** A batch of one frame shows what batching hides; the limit is put back after the run. */
function setBatchFrames(count: number): void {
  (limits as { batchFramesMax: number }).batchFramesMax = count;
}

export function runSeed(options: WorldOptions): WorldReport {
  return new World(options).run();
}
