// Timeline of the simulation: that of the testing kit, with a count of events and an ear for the
// trace.

import { Timeline as KitTimeline } from "@cloudbrain/sdk/internal/testing/timeline";

export type { Cancel } from "@cloudbrain/sdk/internal/testing/timeline";

export class Timeline extends KitTimeline {
  /** Events that have run. */
  events = 0;
  /** Receives every note when a run is replayed for a person. */
  listener: ((atMs: number, text: string) => void) | undefined;

  constructor() {
    super(0);
  }

  override note(text: string): void {
    super.note(text);
    this.listener?.(this.nowMs, text);
  }

  /** Runs everything up to `untilMs`; answers false when `stop` asked to end earlier. */
  runUntil(untilMs: number, stop: () => boolean): boolean {
    while (!stop()) {
      if (!this.runNext(untilMs)) {
        this.passTo(untilMs);
        return true;
      }
      this.events += 1;
    }
    return false;
  }
}
