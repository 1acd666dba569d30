// Link end: one end of a simulated connection, with the real LinkProtocol.
//
//   E1  Within one stream of a connection batches arrive in order. Once one is lost, all later ones
//       of that direction are: what TCP loses it loses to the end.
//   E2  Every batch crosses as bytes of the real codec.
//   E3  The bulk stream is opened by the dialling end once the handshake is done.
//   E4  Between Welcome and the end of its commit the dialling end holds back what arrives.

import { encodeBatch, parseBatch } from "@cloudbrain/sdk/codec";
import type { Batch, Goodbye, Welcome } from "@cloudbrain/sdk/domain";
import {
  type LinkOwner as KitLinkOwner,
  tellOwner,
} from "@cloudbrain/sdk/internal/testing/link-owner";
import { LinkProtocol, type LinkStream, type Session } from "@cloudbrain/sdk/session";
import type { SimNet } from "./sim-net.ts";
import type { Cancel } from "./timeline.ts";

/** A node, and what the checkers look at on its behalf. */
export interface LinkOwner extends KitLinkOwner<LinkEnd> {
  /** Before a batch leaves: the checker of "durable before visible" looks at it here. */
  sending(end: LinkEnd, batch: Batch): void;
  violated(detail: string): void;
}

const streams = ["main", "bulk"] as const satisfies readonly LinkStream[];

export class LinkEnd {
  readonly id: number;
  readonly owner: LinkOwner;
  readonly peer: string;
  readonly protocol: LinkProtocol;
  other: LinkEnd | undefined;
  isClosed = false;
  /** What we send is lost from now on; nobody has told us. */
  isCut = false;
  private readonly net: SimNet;
  private readonly writing = new Set<LinkStream>();
  private readonly lastArrivalMs = new Map<LinkStream, number>();
  /** Whether the bulk stream is open for what we send. */
  private hasBulk = false;
  private held: Uint8Array[] | undefined;
  private cancelTimer: Cancel | undefined;

  constructor(net: SimNet, id: number, owner: LinkOwner, peer: string) {
    this.net = net;
    this.id = id;
    this.owner = owner;
    this.peer = peer;
    this.protocol = new LinkProtocol(net.options.timing, net.options.timeline.nowMs);
  }

  /** The handshake is done on our side. */
  open(session: Session, welcome?: Welcome): void {
    if (this.isClosed) return;
    this.protocol.open(session, welcome);
    const held = this.held ?? [];
    this.held = undefined;
    if (welcome === undefined) this.openBulk();
    for (const bytes of held) this.receive(bytes);
    this.pump();
  }

  private openBulk(): void {
    this.hasBulk = true;
    const { other } = this;
    if (other === undefined) return;
    this.net.options.timeline.schedule(this.net.latencyMs(this.owner.address), () => {
      if (this.isCut || this.net.isBlocked(this.owner.address, this.peer)) return;
      other.hasBulk = true;
      other.pump();
    });
  }

  sayGoodbye(goodbye: Goodbye): void {
    if (this.isClosed) return;
    this.protocol.close(goodbye);
    this.pump();
  }

  pump(): void {
    if (this.isClosed || this.other === undefined) return;
    for (const stream of streams) this.pumpStream(stream, this.other);
    this.arm();
  }

  private pumpStream(stream: LinkStream, other: LinkEnd): void {
    const { timeline } = this.net.options;
    if (this.writing.has(stream) || (stream === "bulk" && !this.hasBulk)) return;
    const batch = this.protocol.nextBatch(stream, timeline.nowMs);
    if (batch === undefined) {
      if (stream === "main" && this.protocol.isClosed()) this.end(undefined);
      return;
    }
    this.owner.sending(this, batch);
    const bytes = encodeBatch(batch);
    this.protocol.sent(batch, bytes.length);
    this.net.batches += 1;
    this.writing.add(stream);
    timeline.schedule(
      this.net.options.dice.whole("write", this.owner.address, { low: 0, high: 2 }),
      () => {
        this.writing.delete(stream);
        this.pump();
      },
    );
    const arrivalMs = Math.max(
      this.lastArrivalMs.get(stream) ?? 0,
      timeline.nowMs + this.net.latencyMs(this.owner.address),
    );
    this.lastArrivalMs.set(stream, arrivalMs);
    timeline.schedule(arrivalMs - timeline.nowMs, () => {
      if (this.isCut || this.net.isBlocked(this.owner.address, this.peer)) {
        this.isCut = true;
        return;
      }
      other.receive(bytes);
    });
  }

  private receive(bytes: Uint8Array): void {
    if (this.isClosed) return;
    if (this.held !== undefined) {
      this.held.push(bytes);
      return;
    }
    const { timeline } = this.net.options;
    timeline.note(`${this.owner.address} link ${this.id} receives ${bytes.length}`);
    const batch = parseBatch(bytes);
    if (batch.welcome !== undefined) this.held = [];
    const events = this.protocol.receive(batch, bytes.length, timeline.nowMs);
    const ending = tellOwner(this, this.owner, events);
    if (ending === undefined) {
      this.pump();
      return;
    }
    if (ending.type === "violation") this.owner.violated(ending.detail);
    this.end(ending.type === "goodbye" ? ending.goodbye : undefined);
  }

  arm(): void {
    this.cancelTimer?.();
    if (this.isClosed) return;
    const { timeline } = this.net.options;
    const wakeMs = this.protocol.wakeAtMs();
    this.cancelTimer = timeline.schedule(Math.max(1, wakeMs - timeline.nowMs), () => {
      if (this.isClosed) return;
      if (this.protocol.tick(timeline.nowMs) !== undefined) {
        this.end(undefined);
        return;
      }
      this.pump();
      this.arm();
    });
  }

  /** We close, or have heard that it is over; the other end hears of it unless it can't. */
  private end(goodbye: Goodbye | undefined): void {
    if (this.isClosed) return;
    this.shut();
    const { other } = this;
    if (other !== undefined && !this.isCut) {
      this.net.options.timeline.schedule(this.net.latencyMs(this.owner.address) + 5, () => {
        if (!this.net.isBlocked(this.owner.address, this.peer)) other.lose();
      });
    }
    this.owner.closed(this, goodbye);
  }

  /** The connection is gone at this end. */
  lose(): void {
    if (this.isClosed) return;
    this.shut();
    this.owner.closed(this, undefined);
  }

  /** Our process is gone: nobody hears of it here; the other end does when `isToldOf`. */
  abandon(isToldOf: boolean): void {
    if (this.isClosed) return;
    this.shut();
    const { other } = this;
    if (other === undefined || !isToldOf || this.isCut) return;
    this.net.options.timeline.schedule(this.net.latencyMs(this.owner.address), () => {
      if (!this.net.isBlocked(this.owner.address, this.peer)) other.lose();
    });
  }

  private shut(): void {
    this.isClosed = true;
    this.net.ends.delete(this);
    this.cancelTimer?.();
  }
}
