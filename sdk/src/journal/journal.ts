// Journal: the one loop that drives a kernel (durable before visible).
//
//   D1  An event is stepped at once; its facts wait for the next commit. While one commit is being
//       synced, facts gather for the next: no timer, no added delay when there is little to do.
//   D2  Outputs, frames and acknowledgements of a commit are released after its sync, in order.
//   D3  A failed commit is unknown, never failed: nothing is released after it, `failed` is called
//       once and the process must end.
//   D4  Journal time never goes back, whatever the clock does.
//   D5  Facts keep the time at which they were decided, so that a replay gives the same due times
//       as the first run, however long a commit took.
//   D6  The kernel's state runs ahead of the store. Whoever shows it to anybody reads it first and
//       then waits with `whenDurable`.

import type { Decision, Kernel, SessionMark } from "../domain/index.ts";
import type { StoreOperation } from "../store/index.ts";
import { journalKey, metaKey, rowKey } from "./keys.ts";
import { type DecisionTime, encodeCbor, packRecord } from "./record.ts";
import { encodeMeta, type Meta, type RecoveredPosition } from "./recovery.ts";

/** Writes atomically and calls back when all is synced. One call at a time. */
export type CommitPort = (
  operations: readonly StoreOperation[],
  epoch: number,
  done: (error?: unknown) => void,
) => void;

export interface JournalOptions<Event, Output> {
  readonly kernel: Kernel<Event, Output>;
  readonly commit: CommitPort;
  /** As after `openJournalStore`: the epoch is already this life's. */
  readonly meta: Meta;
  readonly position: RecoveredPosition;
  readonly clock: () => number;
  /** Runs the callback soon, after what is ready now: setImmediate, or the simulator's turn. */
  readonly defer: (callback: () => void) => void;
  readonly release: (outputs: readonly Output[]) => void;
  /** These sessions may have more to send or to acknowledge. */
  readonly flushed: (marks: readonly SessionMark[]) => void;
  readonly failed: (error: unknown) => void;
  /** Remembers the last durable position outside the store. */
  readonly anchor?: ((seq: number, hash: Uint8Array) => void) | undefined;
  readonly checkpointBytes?: number;
}

/** What the operator and the bench read. */
export interface JournalCounters {
  commits: number;
  facts: number;
  bytes: number;
  checkpoints: number;
}

/** Journal bytes between two checkpoints: bounds the replay at a start to well below a second. */
const checkpointBytesDefault = 8 * 1024 * 1024;

export class Journal<Event, Output> {
  readonly counters: JournalCounters = { commits: 0, facts: 0, bytes: 0, checkpoints: 0 };
  private readonly options: JournalOptions<Event, Output>;
  private readonly checkpointBytes: number;
  private seq: number;
  private hash: Uint8Array;
  private nowMs: number;
  private bytesSinceCheckpoint = 0;
  private inFlight = false;
  private deferred = false;
  private broken = false;
  private checkpointAsked = false;
  private idleWaiters: (() => void)[] = [];
  /** Who waits for the commit that is being synced, and for the one after it (D6). */
  private commitWaiters: (() => void)[] = [];
  private nextWaiters: (() => void)[] = [];
  /** Decision times of the facts that wait for the next commit (D5). */
  private times: DecisionTime[] = [];
  private lastStepMs = 0;

  constructor(options: JournalOptions<Event, Output>) {
    this.options = options;
    this.checkpointBytes = options.checkpointBytes ?? checkpointBytesDefault;
    this.seq = options.position.seq;
    this.hash = options.position.hash;
    this.nowMs = options.position.atMs;
  }

  /** Sequence and hash of the last durable record. */
  position(): { readonly seq: number; readonly hash: Uint8Array } {
    return { seq: this.seq, hash: this.hash };
  }

  /** Journal time now (D4). */
  now(): number {
    this.nowMs = Math.max(this.nowMs, this.options.clock());
    return this.nowMs;
  }

  /** Steps the event; what it causes is released when it is durable. */
  submit(event: Event): void {
    if (this.broken) return;
    const { kernel } = this.options;
    const nowMs = this.now();
    const index = kernel.waitingFacts();
    kernel.step(event, nowMs);
    this.lastStepMs = nowMs;
    if (kernel.waitingFacts() > index && this.times.at(-1)?.atMs !== nowMs) {
      this.times.push({ index, atMs: nowMs });
    }
    const early = kernel.takeEarly();
    if (early.length > 0) this.options.release(early);
    this.plan();
  }

  /** Writes a checkpoint with the next commit and resolves `whenIdle` after it. */
  requestCheckpoint(): void {
    this.checkpointAsked = true;
    this.plan();
  }

  /** Calls back once nothing is waiting to become durable. Never after a failure. */
  whenIdle(callback: () => void): void {
    this.idleWaiters.push(callback);
    this.plan();
  }

  /** Calls back once all that was stepped until now is durable. Never after a failure. */
  whenDurable(callback: () => void): void {
    if (this.broken) return;
    if (this.options.kernel.waitingFacts() > 0) this.nextWaiters.push(callback);
    else if (this.inFlight) this.commitWaiters.push(callback);
    else callback();
  }

  private plan(): void {
    if (this.deferred || this.inFlight || this.broken) return;
    this.deferred = true;
    this.options.defer(() => {
      this.deferred = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.inFlight || this.broken) return;
    const decision = this.options.kernel.take();
    const [first, ...times] = this.times;
    this.times = [];
    this.commitWaiters = this.nextWaiters;
    this.nextWaiters = [];
    const checkpoint = this.checkpointAsked || this.bytesSinceCheckpoint >= this.checkpointBytes;
    if (decision.facts.length === 0 && !checkpoint) {
      this.release(decision);
      this.settleCommit();
      this.settleIdle();
      return;
    }
    const operations: StoreOperation[] = [];
    const seq = decision.facts.length > 0 ? this.seq + 1 : this.seq;
    let hash = this.hash;
    const epoch = this.options.meta.epoch;
    if (decision.facts.length > 0) {
      const atMs = first?.atMs ?? this.lastStepMs;
      const packed = packRecord({ seq, atMs, epoch, facts: decision.facts, times }, this.hash);
      hash = packed.hash;
      operations.push({ type: "put", key: journalKey(seq), value: packed.value });
      this.counters.bytes += packed.value.length;
      this.bytesSinceCheckpoint += packed.value.length;
    }
    if (checkpoint) this.addCheckpoint(operations, seq, hash);
    this.inFlight = true;
    this.options.commit(operations, epoch, (error) => {
      this.inFlight = false;
      if (error !== undefined) {
        this.broken = true;
        this.options.failed(error);
        return;
      }
      this.seq = seq;
      this.hash = hash;
      this.counters.commits += 1;
      this.counters.facts += decision.facts.length;
      this.options.anchor?.(seq, hash);
      if (checkpoint) this.options.kernel.evict();
      this.release(decision);
      this.settleCommit();
      this.flush();
    });
  }

  private release(decision: Decision<Output>): void {
    this.options.kernel.committed(decision.marks);
    if (decision.outputs.length > 0) this.options.release(decision.outputs);
    if (decision.marks.length > 0) this.options.flushed(decision.marks);
  }

  private settleCommit(): void {
    const waiters = this.commitWaiters;
    if (waiters.length === 0) return;
    this.commitWaiters = [];
    for (const waiter of waiters) waiter();
  }

  private settleIdle(): void {
    const waiters = this.idleWaiters;
    if (waiters.length === 0) return;
    this.idleWaiters = [];
    for (const waiter of waiters) waiter();
  }

  private addCheckpoint(operations: StoreOperation[], seq: number, hash: Uint8Array): void {
    this.checkpointAsked = false;
    this.bytesSinceCheckpoint = 0;
    this.counters.checkpoints += 1;
    for (const row of this.options.kernel.checkpoint()) {
      const key = rowKey(row.table, row.key);
      operations.push(
        row.value === undefined
          ? { type: "del", key }
          : { type: "put", key, value: encodeCbor(row.value) },
      );
    }
    const meta = {
      ...this.options.meta,
      appliedSeq: seq,
      appliedHash: hash,
      appliedMs: this.nowMs,
    };
    operations.push({ type: "put", key: metaKey, value: encodeMeta(meta) });
  }
}
