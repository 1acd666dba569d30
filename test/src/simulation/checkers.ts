// Checkers: what must hold while a world runs. The first broken rule ends the run.
//
//   - the auditor of the hub's kernel after every event (I3 to I10)
//   - durable before visible: what leaves a node lies on its simulated disk (N1, N2 of the session)
//   - work accepted by a node that is away has the end of its lease before it (I9 of step-work)
//   - replay: rows and later facts give the state of all facts (I13), at every start
//   - a handler runs an attempt at most once in a life

import { audit, type HubReply } from "@cloudbrain/hub/kernel";
import {
  type Address,
  type Batch,
  canonicalJson,
  type Fact,
  type JsonValue,
  type Lane,
  type LanePosition,
  lanes,
  type Row,
} from "@cloudbrain/sdk/domain";
import type { LinkEnd } from "./link-end.ts";
import type { NodeView } from "./node-view.ts";
import { SimHub } from "./sim-hub.ts";
import type { World } from "./world.ts";

export interface Violation {
  readonly rule: string;
  readonly subject: string;
  readonly detail: string;
  readonly atMs: number;
}

type Positions = Map<Address, Map<Lane, { readonly out: number; readonly received: number }>>;

export interface CommitMark {
  readonly positions: Positions;
  readonly facts: readonly Fact[];
}

interface Executed {
  readonly id: string;
  readonly attempt: number;
  readonly step: string;
  readonly input: string;
}

interface Durable {
  positions: Positions;
  readonly chains: Set<string>;
}

export class Checkers {
  readonly violations: Violation[] = [];
  /** `id#attempt` of every success that a handler has returned, and where. */
  readonly returnedTags = new Map<string, string>();
  private readonly durable = new Map<string, Durable>();
  private readonly executions = new Map<string, number>();
  private readonly rescues = new Map<string, string>();
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  violation(rule: string, subject: string, detail: string): void {
    const { nowMs } = this.world.timeline;
    this.world.timeline.note(`VIOLATION ${rule} ${subject}: ${detail}`);
    this.violations.push({ rule, subject, detail, atMs: nowMs });
  }

  storeReplaced(address: string): void {
    this.durable.delete(address);
  }

  /** What the commit that is being written will make durable. */
  committing(node: NodeView, facts: readonly Fact[]): CommitMark {
    const { listener, nowMs } = this.world.timeline;
    if (listener !== undefined) {
      for (const fact of facts)
        listener(nowMs, `${node.address} ${JSON.stringify(fact).slice(0, 300)}`);
    }
    return { positions: positionsOf(node), facts };
  }

  committed(node: NodeView, mark: CommitMark): void {
    const durable = this.durableOf(node.address);
    durable.positions = mark.positions;
    for (const fact of mark.facts) {
      if (fact.t === "chainStarted") durable.chains.add((fact as Fact & { chain: string }).chain);
    }
  }

  recovered(node: NodeView): void {
    this.durableOf(node.address).positions = positionsOf(node);
  }

  private durableOf(address: string): Durable {
    const known = this.durable.get(address);
    if (known !== undefined) return known;
    const fresh: Durable = { positions: new Map(), chains: new Set() };
    this.durable.set(address, fresh);
    return fresh;
  }

  sending(node: NodeView, end: LinkEnd, batch: Batch): void {
    const lanesOf = this.durableOf(node.address).positions.get(end.peer as Address);
    const at = (lane: Lane) => lanesOf?.get(lane) ?? { out: 0, received: 0 };
    const wrong = (what: string): void =>
      this.violation("N1", node.address, `${what} is not durable`);
    for (const { lane, firstSeq, frames } of batch.runs) {
      const last = firstSeq + frames.length - 1;
      if (last > at(lane).out) wrong(`frame ${lane} ${last} to ${end.peer}`);
    }
    for (const { lane, seq } of batch.acks) {
      if (seq > at(lane).received) wrong(`acknowledged frame ${lane} ${seq} of ${end.peer}`);
    }
    const told: readonly LanePosition[] = batch.hello?.positions ?? batch.welcome?.positions ?? [];
    for (const { lane, received, sent } of told) {
      if (received > at(lane).received || sent > at(lane).out) wrong(`position of lane ${lane}`);
    }
  }

  replying(hub: SimHub, reply: HubReply): void {
    if (reply.kind !== "accepted" || reply.existed) return;
    if (this.durableOf(hub.address).chains.has(reply.chain)) return;
    this.violation("I2", hub.address, `chain ${reply.chain} is acknowledged before it is durable`);
  }

  frameRefused(from: string, peer: string, code: string, detail: string): void {
    this.world.timeline.note(`${peer} refuses a frame of ${from}: ${code} ${detail}`);
    // Nobody in this world lies, so a frame that may not be sent is a mistake of ours.
    if (code === "FRAME_FORBIDDEN" || code === "FRAME_INVALID") {
      this.violation("frames", from, `${peer} refuses a frame: ${code}, ${detail}`);
    }
  }

  stepped(node: NodeView): void {
    this.world.steps += 1;
    const nowMs = node.journal?.now() ?? 0;
    if (nowMs < node.lastJournalMs) this.violation("D4", node.address, "journal time went back");
    node.lastJournalMs = nowMs;
    if (!(node instanceof SimHub)) return;
    const { state } = node.hub;
    for (const { rule, subject, detail } of audit(state)) this.violation(rule, subject, detail);
    for (const assignment of state.assignments.values()) {
      if (assignment.state !== "accepted" || assignment.leaseDueMs > 0) continue;
      // People go on while their desk is away: the safety bound ends that wait.
      if ((assignment.task?.safetyDueMs ?? 0) > 0) continue;
      if (state.nodes.get(assignment.node)?.state !== "offline") continue;
      const detail = `${assignment.node} is away from ${node.address}, its lease has no end`;
      this.violation("lease", assignment.id, detail);
    }
  }

  executed(node: NodeView, instruction: Executed): void {
    this.rescuedOnce(instruction);
    const key = `${node.address} ${instruction.id}#${instruction.attempt}`;
    const count = (this.executions.get(key) ?? 0) + 1;
    this.executions.set(key, count);
    this.world.timeline.note(`${node.address} runs ${instruction.id}#${instruction.attempt}`);
    const may = node.lives + this.world.freshHubsAbove(node.address);
    if (count > may) this.violation("execution", key, `runs ${count} times, ${may} are explained`);
    const disturbances = this.world.disturbances();
    if (instruction.attempt > this.world.scenario.attemptsMax + disturbances) {
      this.violation("attempts", key, `${disturbances} disturbances do not explain that many`);
    }
  }

  /** Of a growing fan-out: one instruction an item, whatever its place in the list has been. */
  private rescuedOnce({ id, step, input }: Executed): void {
    if (step !== "rescue" || id.includes("~")) return;
    const item = `${id.slice(0, id.indexOf("!"))} ${input}`;
    const known = this.rescues.get(item);
    if (known !== undefined && known !== id) {
      this.violation("growth", id, `${input} is rescued by ${known} as well`);
    }
    this.rescues.set(item, id);
  }

  returned(tag: string, address: string): void {
    this.returnedTags.set(tag, address);
  }

  /** I13: checkpoint and later facts give the same state as all facts. */
  checkReplay(node: NodeView): void {
    if (node.goodCopy !== undefined) return;
    const fromCheckpoint = textOf(node.recover("checkpoint").kernel.dump());
    const fromGenesis = textOf(node.recover("genesis").kernel.dump());
    this.compareRows("I13", node.address, fromCheckpoint, fromGenesis);
  }

  /** I13 once more: what runs equals what its disk says, when nothing is under way. */
  checkLive(node: NodeView): void {
    if (!node.isIdle()) return;
    const live = textOf(node.kernel.dump());
    this.compareRows(
      "I13 live",
      node.address,
      live,
      textOf(node.recover("checkpoint").kernel.dump()),
    );
  }

  private compareRows(
    rule: string,
    address: string,
    left: ReadonlyMap<string, string>,
    right: ReadonlyMap<string, string>,
  ): void {
    for (const key of new Set([...left.keys(), ...right.keys()])) {
      if (left.get(key) === right.get(key)) continue;
      const detail = `${key}: ${left.get(key) ?? "missing"} | ${right.get(key) ?? "missing"}`;
      this.violation(rule, address, detail.slice(0, 4_000));
      return;
    }
  }
}

function positionsOf(node: NodeView): Positions {
  const positions: Positions = new Map();
  for (const [peer, session] of node.sessions()) {
    positions.set(
      peer,
      new Map(
        lanes.map((lane) => [
          lane,
          { out: session.lastSeq(lane), received: session.received(lane) },
        ]),
      ),
    );
  }
  return positions;
}

/** Rows of the live state as comparable text; ended chains may have left the memory of one side. */
function textOf(rows: readonly Row[]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { table, key, value } of rows) {
    if (table === "past" || table === "pastTask" || value === undefined) continue;
    // Through JSON once: a field that is undefined and one that is missing are the same.
    texts.set(`${table} ${key}`, canonicalJson(JSON.parse(JSON.stringify(value)) as JsonValue));
  }
  return texts;
}
