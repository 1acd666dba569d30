// Simulated network: who can reach whom, and how long it takes.
//
//   N1  A broken connection is seen by its ends at different times; a silent one by heartbeats.

import type { Hello } from "@cloudbrain/sdk/domain";
import type { LinkTiming } from "@cloudbrain/sdk/session";
import type { Dice } from "./dice.ts";
import { LinkEnd, type LinkOwner } from "./link-end.ts";
import type { Timeline } from "./timeline.ts";

export interface NetOptions {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly timing: LinkTiming;
  readonly latencyMs: { readonly low: number; readonly high: number };
}

export class SimNet {
  readonly options: NetOptions;
  readonly ends = new Set<LinkEnd>();
  batches = 0;
  private lastLink = 0;
  private readonly blocked = new Set<string>();

  constructor(options: NetOptions) {
    this.options = options;
  }

  block(from: string, to: string): void {
    this.blocked.add(`${from}>${to}`);
  }
  unblock(from: string, to: string): void {
    this.blocked.delete(`${from}>${to}`);
  }
  healAll(): void {
    this.blocked.clear();
  }
  isBlocked(from: string, to: string): boolean {
    return this.blocked.has(`${from}>${to}`);
  }

  latencyMs(from: string): number {
    return this.options.dice.whole("latency", from, this.options.latencyMs);
  }

  /** Opens a connection; `listener` answers who accepts it now, or undefined. */
  dial(from: LinkOwner, to: string, listener: () => LinkOwner | undefined, hello: Hello): LinkEnd {
    this.lastLink += 1;
    const dialing = new LinkEnd(this, this.lastLink, from, to);
    this.ends.add(dialing);
    dialing.protocol.greet(hello);
    this.options.timeline.schedule(this.latencyMs(from.address), () => {
      if (dialing.isClosed) return;
      const owner = listener();
      if (
        owner === undefined ||
        this.isBlocked(from.address, to) ||
        this.isBlocked(to, from.address)
      ) {
        dialing.lose();
        return;
      }
      this.lastLink += 1;
      const accepting = new LinkEnd(this, this.lastLink, owner, from.address);
      this.ends.add(accepting);
      dialing.other = accepting;
      accepting.other = dialing;
      dialing.pump();
      accepting.arm();
    });
    return dialing;
  }

  /** All ends between two nodes, in either direction. */
  endsBetween(a: string, b: string): readonly LinkEnd[] {
    return [...this.ends].filter(
      ({ owner, peer }) =>
        (owner.address === a && peer === b) || (owner.address === b && peer === a),
    );
  }
}
