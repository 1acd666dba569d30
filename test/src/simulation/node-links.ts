// Node links: the live connections of one life of a simulated node, and the dialling of its hub.

import type { Address, Goodbye, Hello, SessionMark, Welcome } from "@cloudbrain/sdk/domain";
import type { Session } from "@cloudbrain/sdk/session";
import type { LinkEnd, LinkOwner } from "./link-end.ts";
import type { World } from "./world.ts";

const heartbeatMs = 3_000;

export interface NodeLinksOptions {
  readonly world: World;
  readonly owner: LinkOwner;
  readonly parent: Address | undefined;
  /** Whether the life that these links belong to goes on. */
  readonly isAlive: () => boolean;
  /** Our Hello, but for the dial and the heartbeat. */
  readonly hello: (parent: Address) => Omit<Hello, "dial" | "heartbeatMs">;
}

export class NodeLinks {
  private readonly options: NodeLinksOptions;
  private readonly links = new Map<number, LinkEnd>();
  private readonly linkOfPeer = new Map<string, LinkEnd>();
  private uplink: LinkEnd | undefined;
  private dials = 0;

  constructor(options: NodeLinksOptions) {
    this.options = options;
  }

  add(end: LinkEnd): void {
    this.links.set(end.id, end);
  }

  get(link: number): LinkEnd | undefined {
    return this.links.get(link);
  }

  open(link: number, session: Session, welcome?: Welcome): void {
    const end = this.links.get(link);
    if (end === undefined) return;
    this.linkOfPeer.set(session.peer, end);
    end.open(session, welcome);
  }

  flushed(marks: readonly SessionMark[]): void {
    for (const { peer } of marks) this.linkOfPeer.get(peer)?.pump();
  }

  /** Forgets the connection; answers whether the kernel had heard of it. */
  closed(end: LinkEnd, goodbye: Goodbye | undefined): boolean {
    const wasKnown = this.links.delete(end.id);
    for (const [peer, live] of this.linkOfPeer) if (live === end) this.linkOfPeer.delete(peer);
    if (this.uplink === end) {
      this.uplink = undefined;
      this.dialSoon(goodbye?.retryAfterMs ?? 0);
    }
    return wasKnown;
  }

  dialSoon(delayMs: number): void {
    const { world, owner, parent, isAlive, hello } = this.options;
    if (parent === undefined) return;
    const jitterMs = world.dice.whole("redial", owner.address, { low: 100, high: 2_000 });
    world.timeline.schedule(delayMs + jitterMs, () => {
      if (!isAlive() || this.uplink !== undefined) return;
      this.dials += 1;
      const greeting = { ...hello(parent), dial: this.dials, heartbeatMs };
      this.uplink = world.net.dial(owner, parent, () => world.ownerOf(parent), greeting);
    });
  }
}
