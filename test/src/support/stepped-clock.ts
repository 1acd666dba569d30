// Stepped clock: the time of day of a hosted process, which passes only where its driver says so.
// All processes of a mesh are set to the same time before anybody is woken: else what one of them
// sends would reach another one that still lives before it.

import type { CancelWake, Clock } from "@cloudbrain/sdk/journal";

interface Wake {
  readonly atMs: number;
  readonly run: () => void;
}

export class SteppedClock implements Clock {
  /** Grows with every event of a journal, since each asks for the time. */
  reads = 0;
  private nowMs: number;
  private readonly wakes = new Set<Wake>();
  private isWakePlanned = false;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  now(): number {
    this.reads += 1;
    return this.nowMs;
  }

  wakeAt(atMs: number, run: () => void): CancelWake {
    const wake = { atMs, run };
    this.wakes.add(wake);
    if (atMs <= this.nowMs) this.planWake();
    return () => this.wakes.delete(wake);
  }

  private planWake(): void {
    if (this.isWakePlanned) return;
    this.isWakePlanned = true;
    setImmediate(() => {
      this.isWakePlanned = false;
      this.wake();
    });
  }

  /** Wakes nobody yet. Time never goes back. */
  set(nowMs: number): void {
    this.nowMs = Math.max(this.nowMs, nowMs);
  }

  /** Wakes whoever is due, the earliest first. */
  wake(): void {
    const due = [...this.wakes].filter(({ atMs }) => atMs <= this.nowMs);
    for (const wake of due.sort((a, b) => a.atMs - b.atMs)) {
      // One that ran before it may have taken it back.
      if (this.wakes.delete(wake)) wake.run();
    }
  }

  /** When the next one is to be woken; undefined while nobody waits. */
  nextMs(): number | undefined {
    let nextMs: number | undefined;
    for (const { atMs } of this.wakes) nextMs = Math.min(nextMs ?? atMs, atMs);
    return nextMs;
  }
}
