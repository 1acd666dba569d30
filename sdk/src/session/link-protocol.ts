// Link protocol: one live connection of a session: handshake, batches, acknowledgements, credits,
// heartbeats. Sans-I/O: a transport hands in what arrived and asks for what to send; the simulator
// and grpc-js run the same code.
//
//   L1  Nothing but Hello, Welcome and Goodbye travels before the handshake is done.
//   L2  A batch is asked for only when the previous write has finished, so that frames gather while
//       a write is in flight: batching costs no timer and an idle link no delay.
//   L3  A batch carries frames of one lane at most; its encoded size counts against that lane's
//       byte credit at both ends alike. Like sequences, bytes are granted anew only for what has
//       become durable: what waits for a slow commit is bounded by the window, in bytes too.
//   L4  A peer is judged alive by received bytes alone. When our own clock shows that we were not
//       running (event loop stalled, process stopped), the peer gets that time as well.
//   L5  Acknowledgements are cumulative and ride on whatever is sent; alone they travel after
//       `ackFramesMax` frames or `ackDelayMs`, since 2,000 links that each answer each frame at
//       once would cost more than the work itself.
//   L6  Only the dialling end can open the bulk stream, and most links never need one: the
//       listening end asks for it, once a link, when it has frames for it.

import {
  type Batch,
  type Frame,
  type Goodbye,
  type Hello,
  type Lane,
  type LaneAck,
  type LaneCredit,
  type LanePosition,
  type LaneRefusal,
  type LaneRun,
  lanes,
  limits,
  utf8Length,
  type Welcome,
} from "../domain/index.ts";
import type { Session } from "./session.ts";

export type LinkEvent =
  | { readonly type: "hello"; readonly hello: Hello }
  | { readonly type: "welcome"; readonly welcome: Welcome }
  | { readonly type: "goodbye"; readonly goodbye: Goodbye }
  | { readonly type: "run"; readonly run: LaneRun }
  | { readonly type: "acks"; readonly acks: readonly LaneAck[] }
  | { readonly type: "refusals"; readonly refusals: readonly LaneRefusal[] }
  /** The listening end has frames of the bulk lane and waits for the stream to be opened. */
  | { readonly type: "bulkWanted" }
  /** The peer breaks the protocol: say goodbye with this code and close. */
  | { readonly type: "violation"; readonly code: "FRAME_INVALID"; readonly detail: string }
  | { readonly type: "silent"; readonly silentMs: number };

export interface LinkTiming {
  /** Something is sent at least this often. */
  readonly heartbeatMs: number;
  /** A peer silent for longer is taken for gone. At least three heartbeats of the peer. */
  readonly leaseMs: number;
}

/** Which stream of the link: the bulk lane has its own, so that a large frame delays nothing. */
export type LinkStream = "main" | "bulk";

const ackFramesMax = 32;
const ackDelayMs = 1_000;
/** What may be sent before the first credit arrives. */
const initialFrames = 256;
const initialBytes = 256 * 1024;

interface LaneFlow {
  /** Next own sequence to send on this connection. */
  cursor: number;
  creditSeq: number;
  creditBytes: number;
  sentBytes: number;
  receivedBytes: number;
  /** Of `receivedBytes`, those of batches that are durable. */
  durableBytes: number;
  /** Batches received that were not durable when last looked at, oldest first. */
  readonly arrivals: Arrival[];
  /** Next sequence that may arrive: runs are handed over before the kernel has stepped them. */
  expected: number;
  /** What we have granted, and how much at a time: little at first, more once the lane is used. */
  grantedSeq: number;
  grantedBytes: number;
  windowFrames: number;
  windowBytes: number;
  ackSent: number;
  /** When the oldest receipt that is durable but not acknowledged appeared; 0 if none. */
  ackDueMs: number;
}

/** A batch: its last sequence, and `receivedBytes` with it. */
interface Arrival {
  readonly lastSeq: number;
  readonly receivedBytes: number;
}

export class LinkProtocol {
  private readonly timing: LinkTiming;
  private readonly flows = new Map<Lane, LaneFlow>();
  private session: Session | undefined;
  private greeting: Batch | undefined;
  /** Positions that our Hello or Welcome has told: acknowledgements go on from there. */
  private told: readonly LanePosition[] = [];
  private farewell: Goodbye | undefined;
  private closing = false;
  private readonly pendingRefusals: LaneRefusal[] = [];
  private bulkAsk: "none" | "due" | "sent" = "none";
  private lastSentMs: number;
  private lastReceivedMs: number;
  private lastTickMs: number;

  constructor(timing: LinkTiming, nowMs: number) {
    this.timing = timing;
    this.lastSentMs = nowMs;
    this.lastReceivedMs = nowMs;
    this.lastTickMs = nowMs;
  }

  isOpen(): boolean {
    return this.session !== undefined && !this.closing;
  }

  /** The dialling end's first message. */
  greet(hello: Hello): void {
    this.told = hello.positions;
    this.greeting = { hello, runs: [], acks: [], credits: [], refusals: [] };
  }

  /** The handshake is done; the listening end passes its Welcome to be sent first. */
  open(session: Session, welcome?: Welcome): void {
    this.session = session;
    if (welcome !== undefined) {
      this.told = welcome.positions;
      this.greeting = { welcome, runs: [], acks: [], credits: [], refusals: [] };
    }
    for (const lane of lanes) {
      const received = session.received(lane);
      const acked = session.acked(lane);
      this.flows.set(lane, {
        cursor: acked + 1,
        creditSeq: acked + initialFrames,
        creditBytes: initialBytes,
        sentBytes: 0,
        receivedBytes: 0,
        durableBytes: 0,
        arrivals: [],
        expected: received + 1,
        grantedSeq: received + initialFrames,
        grantedBytes: initialBytes,
        windowFrames: initialFrames,
        windowBytes: initialBytes,
        // What became durable after the positions were read has not been acknowledged to anybody.
        ackSent: Math.min(toldOf(this.told, lane), session.durableIn(lane)),
        ackDueMs: 0,
      });
    }
  }

  /** Queues a last message; after it the transport ends the stream. */
  close(goodbye: Goodbye): void {
    if (!this.closing) {
      this.closing = true;
      this.farewell = goodbye;
    }
  }

  isClosed(): boolean {
    return this.closing && this.farewell === undefined;
  }

  refuse(refusal: LaneRefusal): void {
    this.pendingRefusals.push(refusal);
  }

  /** What a received batch means, in order. `bytes` is its encoded size. */
  receive(batch: Batch, bytes: number, nowMs: number): readonly LinkEvent[] {
    this.lastReceivedMs = nowMs;
    if (batch.goodbye !== undefined) return [{ type: "goodbye", goodbye: batch.goodbye }];
    if (batch.hello !== undefined) return [{ type: "hello", hello: batch.hello }];
    const events: LinkEvent[] = [];
    if (batch.welcome !== undefined) events.push({ type: "welcome", welcome: batch.welcome });
    if (this.session === undefined) {
      if (batch.runs.length > 0) events.push(violation("frames before the handshake"));
      return events;
    }
    for (const credit of batch.credits) this.takeCredit(credit);
    if (batch.bulkWanted === true) events.push({ type: "bulkWanted" });
    if (batch.acks.length > 0) events.push({ type: "acks", acks: batch.acks });
    if (batch.refusals.length > 0) events.push({ type: "refusals", refusals: batch.refusals });
    for (const run of batch.runs) {
      const flow = this.flows.get(run.lane);
      if (flow === undefined) continue;
      const last = run.firstSeq + run.frames.length - 1;
      // A sender with credit left may exceed it with one batch.
      if (last > flow.grantedSeq || flow.receivedBytes >= flow.grantedBytes) {
        return [...events, violation(`lane ${run.lane}: frames beyond the credit`)];
      }
      if (run.firstSeq > flow.expected) {
        return [...events, violation(`lane ${run.lane}: a gap before ${run.firstSeq}`)];
      }
      flow.receivedBytes += bytes;
      flow.arrivals.push({ lastSeq: last, receivedBytes: flow.receivedBytes });
      flow.expected = Math.max(flow.expected, last + 1);
      events.push({ type: "run", run });
    }
    return events;
  }

  /**
   * Called where there is no bulk stream and no way to open one (L6): whether to ask for it now.
   * Others than the bulk lane may want it.
   */
  askForBulk(isWanted = false): boolean {
    const flow = this.flows.get("bulk");
    if (this.bulkAsk !== "none" || !this.isOpen() || flow === undefined) return false;
    const next = Math.max(flow.cursor, (this.session?.acked("bulk") ?? 0) + 1);
    if (!isWanted && this.session?.frameAt("bulk", next) === undefined) return false;
    this.bulkAsk = "due";
    return true;
  }

  private takeCredit(credit: LaneCredit): void {
    const flow = this.flows.get(credit.lane);
    if (flow === undefined) return;
    flow.creditSeq = Math.max(flow.creditSeq, credit.seqMax);
    flow.creditBytes = Math.max(flow.creditBytes, credit.bytesMax);
  }

  /**
   * What to send now on this stream, or undefined when there is nothing. The transport reports the
   * encoded size with `sent`.
   */
  nextBatch(stream: LinkStream, nowMs: number): Batch | undefined {
    if (stream === "main") {
      const special = this.takeSpecial();
      if (special !== undefined) {
        this.lastSentMs = nowMs;
        return special;
      }
    }
    if (!this.isOpen()) return undefined;
    const run = this.takeRun(stream);
    const urgent = stream === "main" && this.hasUrgent(nowMs);
    if (run === undefined && !urgent) return undefined;
    this.lastSentMs = nowMs;
    return {
      runs: run === undefined ? [] : [run],
      acks: this.takeAcks(),
      credits: this.takeCredits(),
      refusals: this.pendingRefusals.splice(0),
      heartbeat: run === undefined ? true : undefined,
      ...(this.takeBulkAsk() ? { bulkWanted: true } : {}),
    };
  }

  private takeBulkAsk(): boolean {
    if (this.bulkAsk !== "due") return false;
    this.bulkAsk = "sent";
    return true;
  }

  private takeSpecial(): Batch | undefined {
    const greeting = this.greeting;
    if (greeting !== undefined) {
      this.greeting = undefined;
      return greeting;
    }
    const goodbye = this.farewell;
    if (goodbye === undefined) return undefined;
    this.farewell = undefined;
    return { goodbye, runs: [], acks: this.takeAcks(), credits: [], refusals: [] };
  }

  /** Lanes in order of rank; the bulk lane only on its own stream. */
  private takeRun(stream: LinkStream): LaneRun | undefined {
    const session = this.session;
    if (session === undefined) return undefined;
    for (const lane of lanes) {
      if ((lane === "bulk") !== (stream === "bulk")) continue;
      const flow = this.flows.get(lane);
      if (flow === undefined || flow.sentBytes >= flow.creditBytes) continue;
      flow.cursor = Math.max(flow.cursor, session.acked(lane) + 1);
      const frames: Frame[] = [];
      const firstSeq = flow.cursor;
      let bytes = 0;
      while (
        frames.length < limits.batchFramesMax &&
        bytes < limits.batchBytesTarget &&
        flow.cursor <= flow.creditSeq
      ) {
        const frame = session.frameAt(lane, flow.cursor);
        if (frame === undefined) break;
        const size = roughBytes(frame);
        // A large frame goes alone: with others before it the batch could be over its limit.
        if (frames.length > 0 && bytes + size > limits.batchBytesTarget) break;
        frames.push(frame);
        bytes += size;
        flow.cursor += 1;
      }
      if (frames.length > 0) return { lane, firstSeq, frames };
    }
    return undefined;
  }

  /** The encoded size of the batch that `nextBatch` returned last. */
  sent(batch: Batch, bytes: number): void {
    for (const run of batch.runs) {
      const flow = this.flows.get(run.lane);
      if (flow !== undefined) flow.sentBytes += bytes;
    }
  }

  private hasUrgent(nowMs: number): boolean {
    if (this.pendingRefusals.length > 0 || this.bulkAsk === "due") return true;
    if (nowMs - this.lastSentMs >= this.timing.heartbeatMs) return true;
    const session = this.session;
    if (session === undefined) return false;
    for (const [lane, flow] of this.flows) {
      const waiting = session.durableIn(lane) - flow.ackSent;
      if (waiting > 0 && flow.ackDueMs === 0) flow.ackDueMs = nowMs + ackDelayMs;
      if (waiting >= ackFramesMax || (waiting > 0 && nowMs >= flow.ackDueMs)) return true;
      if (needsGrant(session, lane, flow)) return true;
    }
    return false;
  }

  private takeAcks(): readonly LaneAck[] {
    const session = this.session;
    if (session === undefined) return [];
    const acks: LaneAck[] = [];
    for (const [lane, flow] of this.flows) {
      const seq = session.durableIn(lane);
      if (seq > flow.ackSent) {
        flow.ackSent = seq;
        flow.ackDueMs = 0;
        acks.push({ lane, seq });
      }
    }
    return acks;
  }

  private takeCredits(): readonly LaneCredit[] {
    const session = this.session;
    if (session === undefined) return [];
    const credits: LaneCredit[] = [];
    for (const [lane, flow] of this.flows) {
      if (!needsGrant(session, lane, flow)) continue;
      flow.windowFrames = limits.laneFramesCreditMax;
      flow.windowBytes = limits.laneBytesCreditMax;
      flow.grantedSeq = session.durableIn(lane) + flow.windowFrames;
      flow.grantedBytes = flow.durableBytes + flow.windowBytes;
      credits.push({ lane, seqMax: flow.grantedSeq, bytesMax: flow.grantedBytes });
    }
    return credits;
  }

  /** Advances time: undefined, or that the peer has been silent for too long (L4). */
  tick(nowMs: number): LinkEvent | undefined {
    const gap = nowMs - this.lastTickMs;
    this.lastTickMs = nowMs;
    // Ticks come at least once a heartbeat. A longer gap means that we stood still, not the peer.
    if (gap > this.timing.heartbeatMs * 2) this.lastReceivedMs += gap - this.timing.heartbeatMs;
    const silentMs = nowMs - this.lastReceivedMs;
    return silentMs > this.timing.leaseMs ? { type: "silent", silentMs } : undefined;
  }

  /** When `tick` and `nextBatch` should be asked again although nothing has arrived. */
  wakeAtMs(): number {
    let wake = Math.min(
      this.lastSentMs + this.timing.heartbeatMs,
      this.lastTickMs + this.timing.heartbeatMs,
    );
    for (const flow of this.flows.values()) {
      if (flow.ackDueMs > 0) wake = Math.min(wake, flow.ackDueMs);
    }
    return wake;
  }
}

function toldOf(positions: readonly LanePosition[], lane: Lane): number {
  return positions.find((position) => position.lane === lane)?.received ?? 0;
}

/** At half of the window, so that a steady sender never waits for a grant. */
function needsGrant(session: Session, lane: Lane, flow: LaneFlow): boolean {
  const durableSeq = session.durableIn(lane);
  const { arrivals } = flow;
  const waiting = arrivals.findIndex(({ lastSeq }) => lastSeq > durableSeq);
  const durable = arrivals.splice(0, waiting < 0 ? arrivals.length : waiting).at(-1);
  if (durable !== undefined) flow.durableBytes = durable.receivedBytes;
  const framesLeft = flow.grantedSeq - durableSeq;
  const bytesLeft = flow.grantedBytes - flow.durableBytes;
  return framesLeft < flow.windowFrames / 2 || bytesLeft < flow.windowBytes / 2;
}

function violation(detail: string): LinkEvent {
  return { type: "violation", code: "FRAME_INVALID", detail };
}

/** Only to end a batch near its target; the exact size is the codec's. */
function roughBytes(frame: Frame): number {
  const body = frame.body;
  if (body.kind === "instruction") return 160 + roughTextBytes(body.input);
  if (body.kind === "feedback") return 160 + roughTextBytes(body.output);
  if (body.kind === "opaque") return 100 + body.bytes.length;
  if (body.kind === "nodes") return 100 + body.upserts.length * 200;
  if (body.kind === "delegate") return 2_000;
  return body.kind === "partial" ? 500 : 150;
}

/** Below this a batch of such texts stays far under its limit, were every unit three bytes. */
const shortTextMax = 4_096;

/** Counting the bytes of every small text would cost as much as encoding it. */
function roughTextBytes(text: string): number {
  return text.length <= shortTextMax ? text.length : utf8Length(text);
}
