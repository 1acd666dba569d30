// Timeline: virtual time. Nothing else in the simulation waits, and nothing happens outside of it.
//
//   T1  What is scheduled runs in the order of (time, order of scheduling).
//   T2  The trace hash covers every noted event: two runs of one seed that differ anywhere differ
//       in it.

import { hashText } from "./dice.ts";

interface Entry {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export type Cancel = () => void;

export class Timeline {
  nowMs = 0;
  /** Events that have run. */
  events = 0;
  traceHash = 0;
  /** Receives every note when a run is replayed for a person. */
  listener: ((atMs: number, text: string) => void) | undefined;
  private order = 0;
  private readonly heap: Entry[] = [];

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
    this.listener?.(this.nowMs, text);
  }

  /** Runs everything up to `untilMs`; answers false when `stop` asked to end earlier. */
  runUntil(untilMs: number, stop: () => boolean): boolean {
    for (;;) {
      if (stop()) return false;
      const entry = this.heap[0];
      if (entry === undefined || entry.atMs > untilMs) break;
      this.pop();
      if (entry.run === undefined) continue;
      this.nowMs = entry.atMs;
      this.events += 1;
      entry.run();
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
    return true;
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
      const left = heap[child];
      if (left === undefined) break;
      let best = left;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, left)) {
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
