// Test clock: lets virtual time pass, and lets handlers answer before it does.
//
//   C1  Between two events the handlers get a turn of the event loop, so what needs no real time
//       has answered before time passes. A handler that needs time waits with `sleep`.
//   C2  One caller lets time pass at a time; others wait for their turn.

import { setImmediate as nextTurn } from "node:timers/promises";
import { MeshError } from "../domain/index.ts";
import { type Duration, parseDurationMs } from "../node/duration.ts";
import { Timeline } from "./timeline.ts";

/** The virtual time of a test mesh. */
export interface TestClock {
  now(): Date;
  /** Lets this much time pass, with all that happens in it. */
  advance(duration: Duration): Promise<void>;
  /**
   * Resolves when so much virtual time has passed: for handlers that need time. Rejects with the
   * reason of `signal`. It does not let time pass; awaited by a test it never ends.
   */
  sleep(duration: Duration, options?: { readonly signal?: AbortSignal }): Promise<void>;
}

export class VirtualClock implements TestClock {
  readonly timeline: Timeline;
  private readonly isBusy: () => boolean;
  private turn: Promise<void> = Promise.resolve();
  private failure: { readonly error: unknown } | undefined;
  private isClosed = false;

  constructor(startMs: number, isBusy: () => boolean) {
    this.timeline = new Timeline(startMs);
    this.isBusy = isBusy;
  }

  now(): Date {
    return new Date(this.timeline.nowMs);
  }

  async advance(duration: Duration): Promise<void> {
    const ms = parseDurationMs(duration, "advance");
    await this.runUntil(ms, () => false);
  }

  sleep(duration: Duration, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const ms = parseDurationMs(duration, "sleep");
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const aborted = (): void => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.timeline.schedule(ms, () => {
        signal?.removeEventListener("abort", aborted);
        resolve();
      });
      signal?.addEventListener("abort", aborted, { once: true });
    });
  }

  /** True once `isReached` holds, false when it does not within `limitMs` of virtual time. */
  async runUntil(limitMs: number, isReached: () => boolean): Promise<boolean> {
    const before = this.turn;
    let release = (): void => undefined;
    this.turn = new Promise((resolve) => {
      release = () => resolve();
    });
    await before;
    try {
      const untilMs = this.timeline.nowMs + limitMs;
      for (;;) {
        if (this.isClosed) throw new MeshError("CANCELLED", { detail: "the mesh is closed" });
        if (this.isBusy()) await nextTurn();
        this.throwFailure();
        if (isReached()) return true;
        if (this.timeline.runNext(untilMs)) continue;
        this.timeline.passTo(untilMs);
        return false;
      }
    } finally {
      release();
    }
  }

  /** Whoever lets time pass next is told. */
  fail(error: unknown): void {
    this.failure ??= { error };
  }

  close(): void {
    this.isClosed = true;
  }

  private throwFailure(): void {
    if (this.failure !== undefined) throw this.failure.error;
  }
}
