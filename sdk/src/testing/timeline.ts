// Timeline: virtual time. Whatever waits in it waits here, and nothing happens outside of it.
//
//   T1  What is scheduled runs in the order of (time, order of scheduling).
//   T2  Time passes only in `runNext` and `passTo`.
//   T3  The trace hash covers every noted event: two runs that differ anywhere differ in it.

import { hashText } from "./dice.ts";

interface Entry {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Takes back what was scheduled. */
export type Cancel = () => void;

export class Timeline {
  nowMs: number;
  traceHash = 0;
  private order = 0;
  /** A binary heap. */
  private readonly heap: Entry[] = [];

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  schedule(delayMs: number, run: () => void): Cancel {
    this.order += 1;
    const entry: Entry = { atMs: this.nowMs + Math.max(0, delayMs), order: this.order, run };
    this.push(entry);
    return () => {
      entry.run = undefined;
    };
  }

  note(text: string): void {
    this.traceHash = hashText(`${this.nowMs} ${text}`, this.traceHash);
  }

  /** Runs the next entry that is due by `untilMs`; false when there is none. */
  runNext(untilMs: number): boolean {
    for (;;) {
      const entry = this.heap[0];
      if (entry === undefined || entry.atMs > untilMs) return false;
      this.pop();
      if (entry.run === undefined) continue;
      this.passTo(entry.atMs);
      entry.run();
      return true;
    }
  }

  passTo(atMs: number): void {
    this.nowMs = Math.max(this.nowMs, atMs);
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(entry, parent)) break;
      heap[index] = parent;
      index = above;
    }
    heap[index] = entry;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      let best = heap[child];
      if (best === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, best)) {
        best = right;
        child += 1;
      }
      if (!isBefore(best, last)) break;
      heap[index] = best;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order;
}
