// Test link: a connection of two nodes in virtual time, with the real LinkProtocol and codec.
//
//   L1  Within one stream of a connection batches arrive in order, as over TCP. Only batches of
//       different links and streams overtake each other.
//   L2  A batch that is dropped ends its connection; the next one resumes where the sessions are.
//   L3  A batch that is duplicated arrives twice; its frames must count once.

import { encodeBatch, parseBatch } from "../codec/index.ts";
import type { Goodbye, Hello, LaneRefusal, Welcome } from "../domain/index.ts";
import { LinkProtocol, type LinkStream, type Session } from "../session/index.ts";
import type { Dice } from "./dice.ts";
import { type LinkOwner, tellOwner } from "./link-owner.ts";
import type { Cancel, Timeline } from "./timeline.ts";

/** Probabilities from 0 to 1, for every batch of frames on its way. */
export interface TestFaults {
  /** It arrives twice. */
  readonly duplicate?: number;
  /** It is lost and its link with it; the nodes link again and resume. */
  readonly drop?: number;
  /** It is late by up to 2 s, so that those of other links overtake it. */
  readonly reorder?: number;
}

export interface LinkWorld {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly faults: TestFaults;
  nextLinkId(): number;
}

/**
 * A link says that it lives every six hours: nobody falls silent here, and a week of virtual time
 * must not cost a million heartbeats.
 */
export const linkTiming = { heartbeatMs: 6 * 3_600_000, leaseMs: 24 * 3_600_000 };
const latencyMs = 2;
const reorderMs = { low: 1, high: 2_000 };
const streams = ["main", "bulk"] as const satisfies readonly LinkStream[];

export class TestLinkEnd {
  readonly id: number;
  private readonly world: LinkWorld;
  private readonly owner: LinkOwner<TestLinkEnd>;
  private readonly protocol: LinkProtocol;
  private other: TestLinkEnd | undefined;
  isClosed = false;
  private readonly lastArrivalMs = new Map<LinkStream, number>();
  private isPumping = false;
  /** Between Welcome and the end of its commit, what arrives waits. */
  private held: Uint8Array[] | undefined;
  private disarm: Cancel | undefined;
  private armedAtMs = Number.POSITIVE_INFINITY;

  constructor(world: LinkWorld, owner: LinkOwner<TestLinkEnd>) {
    this.world = world;
    this.owner = owner;
    this.id = world.nextLinkId();
    this.protocol = new LinkProtocol(linkTiming, world.timeline.nowMs);
  }

  /** Connects to `listener` and greets it. */
  dial(listener: LinkOwner<TestLinkEnd>, hello: Hello): void {
    const accepting = new TestLinkEnd(this.world, listener);
    this.other = accepting;
    accepting.other = this;
    this.protocol.greet(hello);
    this.pump();
    accepting.arm();
  }

  /** The handshake is done on our side. */
  open(session: Session, welcome?: Welcome): void {
    if (this.isClosed) return;
    this.protocol.open(session, welcome);
    const held = this.held ?? [];
    this.held = undefined;
    for (const bytes of held) this.receive(bytes);
    this.pump();
  }

  close(goodbye: Goodbye): void {
    this.protocol.close(goodbye);
    this.pump();
  }

  /** As by a cable that is pulled: nobody says goodbye. */
  cut(): void {
    this.lose();
  }

  refuse(refusal: LaneRefusal): void {
    this.protocol.refuse(refusal);
    this.pump();
  }

  pump(): void {
    if (this.isClosed || this.isPumping) return;
    this.isPumping = true;
    for (const stream of streams) this.pumpStream(stream);
    this.isPumping = false;
    this.arm();
  }

  private pumpStream(stream: LinkStream): void {
    for (;;) {
      const batch = this.protocol.nextBatch(stream, this.world.timeline.nowMs);
      if (batch === undefined) break;
      const bytes = encodeBatch(batch);
      this.protocol.sent(batch, bytes.length);
      this.send(stream, bytes, batch.runs.length > 0);
    }
    if (stream === "main" && this.protocol.isClosed()) this.world.timeline.schedule(5, this.lose);
  }

  private send(stream: LinkStream, bytes: Uint8Array, hasFrames: boolean): void {
    const { timeline, dice, faults } = this.world;
    const { address } = this.owner;
    const strikes = (fault: keyof TestFaults): boolean =>
      hasFrames && dice.chance(fault, address, faults[fault] ?? 0);
    const lateMs = strikes("reorder") ? dice.whole("late", address, reorderMs) : 0;
    const delayMs = latencyMs + lateMs;
    const arrivalMs = Math.max(this.lastArrivalMs.get(stream) ?? 0, timeline.nowMs + delayMs);
    this.lastArrivalMs.set(stream, arrivalMs);
    const isLost = strikes("drop");
    const isTwice = strikes("duplicate");
    const { other } = this;
    timeline.schedule(arrivalMs - timeline.nowMs, () => {
      if (isLost) {
        timeline.note(`${address} loses link ${this.id}`);
        this.lose();
        return;
      }
      other?.receive(bytes);
      if (isTwice) other?.receive(bytes);
    });
  }

  private receive(bytes: Uint8Array): void {
    if (this.isClosed) return;
    if (this.held !== undefined) {
      this.held.push(bytes);
      return;
    }
    const { timeline } = this.world;
    timeline.note(`${this.owner.address} link ${this.id} receives ${bytes.length}`);
    const batch = parseBatch(bytes);
    if (batch.welcome !== undefined) this.held = [];
    const events = this.protocol.receive(batch, bytes.length, timeline.nowMs);
    const ending = tellOwner(this, this.owner, events);
    if (ending === undefined) {
      this.pump();
      return;
    }
    // A batch that came twice may be beyond the credit: as any breach, it costs the link.
    this.end(ending.type === "goodbye" ? ending.goodbye : undefined);
  }

  private arm(): void {
    const wakeMs = this.protocol.wakeAtMs();
    if (this.isClosed || this.armedAtMs <= wakeMs) return;
    this.disarm?.();
    const { timeline } = this.world;
    this.armedAtMs = wakeMs;
    this.disarm = timeline.schedule(Math.max(1, wakeMs - timeline.nowMs), () => {
      this.armedAtMs = Number.POSITIVE_INFINITY;
      this.protocol.tick(timeline.nowMs);
      this.pump();
    });
  }

  /** The connection is gone, and both ends hear of it. */
  private readonly lose = (): void => {
    this.end(undefined);
  };

  private end(goodbye: Goodbye | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.disarm?.();
    this.other?.end(undefined);
    this.owner.closed(this, goodbye);
  }
}
