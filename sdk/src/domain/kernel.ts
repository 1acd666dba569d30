// Kernel contract: what the one loop that drives a kernel relies on, at a hub and at an agent.
//
//   K1  `step` is synchronous and total: an event from a peer never throws. It decides facts and
//       applies each to the state at once, so a fact that can't be applied is never journaled.
//   K2  `apply` is the only writer of the state. It is total and deterministic: replaying the facts
//       gives the same state, whatever the code of `step` has become since.
//   K3  Outputs of a step leave only when the facts before them are durable, but for those that the
//       kernel marks as `early`, which promise nothing to anybody.
//   K4  `checkpoint` hands out the rows that changed since the last one; rows plus later facts are
//       the state.

import type { Address } from "./address.ts";
import type { Lane } from "./frames.ts";

/** A decided fact: plain data (no class, no undefined), `t` names its kind for ever. */
export interface Fact {
  readonly t: string;
}

/** A row of the state; a missing value deletes it. */
export interface Row {
  readonly table: string;
  readonly key: string;
  readonly value: unknown;
}

/** Positions of a session that become durable with a commit. */
export interface SessionMark {
  readonly peer: Address;
  readonly marks: readonly {
    readonly lane: Lane;
    readonly out: number;
    readonly received: number;
  }[];
}

export interface Decision<Output> {
  readonly facts: readonly Fact[];
  readonly outputs: readonly Output[];
  readonly marks: readonly SessionMark[];
}

export interface Kernel<Event, Output> {
  /** `nowMs`: journal time, never less than before. */
  step(event: Event, nowMs: number): void;
  /** Outputs that need not wait (K3), since the last call. */
  takeEarly(): readonly Output[];
  /** How many facts wait for `take`: the journal notes at which time each was decided. */
  waitingFacts(): number;
  /** What was decided since the last call. Facts that it adds are of the time of the last step. */
  take(): Decision<Output>;
  /** The commit that held these marks is durable. */
  committed(marks: readonly SessionMark[]): void;
  /** When to step a `tick` at the latest, or undefined. */
  wakeAtMs(): number | undefined;
  apply(fact: Fact, atMs: number): void;
  checkpoint(): readonly Row[];
  /** Called after a checkpoint is durable: lets go of what only history needs. */
  evict(): void;
  restore(row: Row): void;
  /** After the last row and fact of a recovery. */
  recovered(): void;
  /** All rows of the live state, sorted: two kernels with equal dumps are equal (I13). */
  dump(): readonly Row[];
}
