// The agent's kernel: receive, keep, run, keep the outcome, report.
//
//   B1  An instruction is acknowledged when it is durable here. Its handler starts before that: the
//       hub keeps the frame until we acknowledge, so nobody has been promised anything.
//   B2  One execution per instruction at a time. A newer attempt adopts the one that runs; the same
//       attempt again gets the stored outcome; an older one is ignored. An execution that was given
//       up is waited for before a newer attempt runs.
//   B3  `accepted` is sent only when a commit ends without the outcome: a quick handler costs one
//       frame up and one sync.
//   B4  What was received and has no outcome is run again at the next start, with the same id,
//       unless it was taken back or its time has passed.
//   B6  A handler may put its outcome off. The deferral is kept, so that the handler does not run
//       again at the next start; the first answer from outside ends the instruction.
//   B7  What may be worked on outside and ends without that worker is withdrawn: the worker is
//       told, again at every start until it knows.

import type { Address, Decision, Fact, Kernel, Row, SessionMark } from "../domain/index.ts";
import { Session, type StoredLane } from "../session/index.ts";
import type { AgentDeciding } from "./agent-deciding.ts";
import type { AgentEvent, AgentOutput } from "./agent-events.ts";
import type { AgentFact } from "./agent-facts.ts";
import { stepAcks, stepFrames, stepWelcomed } from "./agent-link.ts";
import {
  AgentState,
  type AgentTable,
  applyAgentFact,
  rememberEnded,
  type StoredInstruction,
  type Tombstone,
} from "./agent-state.ts";
import { AgentWork } from "./agent-work.ts";

export interface AgentKernelOptions {
  readonly address: Address;
  /** Address of the hub above. */
  readonly parent: Address;
  readonly capabilities: ReadonlySet<string>;
  /** Those whose workers outside want to be told of an end without them (B7); none by default. */
  readonly withdrawable?: ReadonlySet<string>;
}

/** Tables that a start reads. */
export const liveTables: readonly AgentTable[] = ["instruction", "tombstone", "session"];

interface StoredSession {
  readonly peerStoreId: string;
  readonly peerEpoch: number;
  readonly lanes: readonly StoredLane[];
}

export class AgentKernel implements Kernel<AgentEvent, AgentOutput> {
  readonly state: AgentState;
  private readonly work: AgentWork;
  private readonly deciding: AgentDeciding;
  private facts: AgentFact[] = [];
  private outputs: AgentOutput[] = [];
  private early: AgentOutput[] = [];
  private readonly dirty = new Map<AgentTable, Set<string>>();
  /** Instructions that have a row in the store. */
  private readonly stored = new Set<string>();
  private link: number | undefined;
  private nowMs = 0;

  constructor(options: AgentKernelOptions) {
    this.state = new AgentState(options.address, options.parent);
    const currentMs = (): number => this.nowMs;
    this.deciding = {
      state: this.state,
      get nowMs() {
        return currentMs();
      },
      decide: (fact) => this.decide(fact),
      emit: (output) => this.outputs.push(output),
      emitEarly: (output) => this.early.push(output),
    };
    this.work = new AgentWork(this.deciding, options);
  }

  step(event: AgentEvent, nowMs: number): void {
    this.nowMs = nowMs;
    switch (event.type) {
      case "started":
        this.decide({ t: "started", epoch: event.epoch });
        this.work.restart();
        return;
      case "tick":
        this.work.tick();
        return;
      case "drain":
        this.decide({ t: "drained" });
        return;
      case "linkWelcomed":
        if (stepWelcomed(this.deciding, event)) this.link = event.link;
        return;
      case "linkClosed":
        if (this.link === event.link) this.link = undefined;
        return;
      case "frames":
        // Frames of a link that has been replaced come again on the new one.
        if (event.link === this.link) stepFrames(this.deciding, event, this.work);
        return;
      case "acks":
        if (event.link === this.link) stepAcks(this.deciding, event);
        return;
      case "ended":
        this.work.handlerEnded(event);
        return;
      case "revised":
        this.work.revised(event);
        return;
      case "progress":
        this.work.progressed(event);
        return;
      case "deferred":
        this.work.deferred(event);
        return;
      case "answered":
        this.work.answered(event);
        return;
      case "claimed":
        this.work.claimed(event);
        return;
      case "told":
        this.work.told(event);
    }
  }

  private decide(fact: AgentFact): void {
    this.facts.push(fact);
    this.apply(fact, this.nowMs);
  }

  takeEarly(): readonly AgentOutput[] {
    if (this.early.length === 0) return [];
    const { early } = this;
    this.early = [];
    return early;
  }

  waitingFacts(): number {
    return this.facts.length;
  }

  take(): Decision<AgentOutput> {
    this.work.settle();
    const { facts, outputs } = this;
    this.facts = [];
    this.outputs = [];
    const laneMarks = this.state.session.positionsNow();
    const marks = laneMarks.length > 0 ? [{ peer: this.state.parent, marks: laneMarks }] : [];
    return { facts, outputs, marks };
  }

  committed(marks: readonly SessionMark[]): void {
    for (const { marks: laneMarks } of marks) this.state.session.markDurable(laneMarks);
  }

  wakeAtMs(): number | undefined {
    return this.work.wakeAtMs();
  }

  apply(fact: Fact, atMs: number): void {
    applyAgentFact({ state: this.state, mark: this.mark, atMs }, fact as AgentFact);
  }

  private readonly mark = (table: AgentTable, key: string): void => {
    const keys = this.dirty.get(table);
    if (keys === undefined) this.dirty.set(table, new Set([key]));
    else keys.add(key);
  };

  checkpoint(): readonly Row[] {
    const rows: Row[] = [];
    for (const table of liveTables) {
      for (const key of [...(this.dirty.get(table) ?? [])].sort()) {
        const value = this.rowValue(table, key);
        if (table === "instruction" && !this.isToWrite(key, value)) continue;
        rows.push({ table, key, value });
      }
    }
    this.dirty.clear();
    return rows;
  }

  /** Most instructions come and go between two checkpoints: there is no row to delete. */
  private isToWrite(key: string, value: unknown): boolean {
    if (value === undefined) return this.stored.delete(key);
    this.stored.add(key);
    return true;
  }

  /** A copy: what was handed out stays as it was, whatever happens to the instruction next. */
  private rowValue(table: AgentTable, key: string): unknown {
    if (table === "tombstone") return this.state.tombstones.get(key);
    if (table === "instruction") {
      const instruction = this.state.instructions.get(key);
      return instruction === undefined ? undefined : { ...instruction };
    }
    const { session } = this.state;
    const { peerStoreId, peerEpoch } = session;
    return { peerStoreId, peerEpoch, lanes: session.store() } satisfies StoredSession;
  }

  evict(): void {
    // Ended instructions leave by number, not by checkpoint.
  }

  restore(row: Row): void {
    const { state } = this;
    if (row.table === "tombstone") {
      const tombstone = row.value as Tombstone;
      state.tombstones.set(row.key, tombstone);
      state.tombstoneNo = Math.max(state.tombstoneNo, tombstone.no);
    } else if (row.table === "instruction") {
      const stored = row.value as StoredInstruction;
      const instruction = { deferred: false, holder: "", untold: false, ...stored };
      this.stored.add(instruction.id);
      state.instructions.set(instruction.id, instruction);
      state.endedNo = Math.max(state.endedNo, instruction.endedNo);
      if (instruction.deferred) state.deferred.add(instruction.id);
      if (instruction.untold) state.untold.add(instruction.id);
      if (instruction.outcome === "") state.running.add(instruction.id);
      else rememberEnded(state, instruction);
    } else {
      const stored = row.value as StoredSession;
      state.session = new Session(state.parent, stored.peerStoreId, stored.peerEpoch);
      state.session.restore(stored.lanes);
    }
  }

  recovered(): void {
    this.state.session.markAllDurable();
  }

  dump(): readonly Row[] {
    const { instructions, tombstones, parent } = this.state;
    const keys: Record<AgentTable, Iterable<string>> = {
      instruction: instructions.keys(),
      tombstone: tombstones.keys(),
      session: [parent],
    };
    return liveTables.flatMap((table) =>
      [...keys[table]].sort().map((key) => ({ table, key, value: this.rowValue(table, key) })),
    );
  }
}
