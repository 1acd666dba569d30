// Link: one live connection at either end. Moves bytes between grpc-js and the link protocol.
//
//   T1  At most one write is in flight per stream: grpc-js makes a system call per message, so what
//       gathers meanwhile travels together.
//   T2  Every stream has its `error` listener before anything else; whatever happens to a stream,
//       the host hears `closed` exactly once.
//   T3  A link ends with its certificate: TLS looks at it at the handshake only.
//   T4  What the peer sends is never trusted: a batch that can't be read ends the link, not us.

import { encodeBatch, parseBatch } from "../codec/index.ts";
import type { LaneAck, LaneRefusal, LaneRun, Welcome } from "../domain/index.ts";
import { type Address, type Goodbye, type Hello, isMeshError } from "../domain/index.ts";
import {
  type LinkEvent,
  LinkProtocol,
  type LinkStream,
  type LinkTiming,
  type Session,
} from "../session/index.ts";
import { joinWheel, leaveWheel, monotonicMs, type Ticking } from "./heartbeat-wheel.ts";

export interface ClosedReason {
  readonly code: string;
  readonly detail: string;
  readonly retryAfterMs: number;
  /** Whether the other end said goodbye. */
  readonly byPeer: boolean;
}

export interface LinkHost {
  /**
   * Listening end: answer with `link.welcome` or `link.close`. The address is the certificate's.
   */
  greeted(link: Link, hello: Hello): void;
  /** Dialling end: answer with `link.attach` or `link.close`. */
  welcomed(link: Link, welcome: Welcome): void;
  run(link: Link, run: LaneRun): void;
  acks(link: Link, acks: readonly LaneAck[]): void;
  refusals(link: Link, refusals: readonly LaneRefusal[]): void;
  /** Exactly once per link. */
  closed(link: Link, reason: ClosedReason): void;
}

/** What both ends of grpc-js' duplex calls have in common. */
export interface DuplexCall {
  on(event: "data", listener: (bytes: Buffer) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "end" | "close" | "cancelled", listener: () => void): unknown;
  write(bytes: Buffer, callback: () => void): boolean;
  end(): unknown;
}

export interface LinkOptions {
  readonly host: LinkHost;
  readonly timing: LinkTiming;
  readonly self: Address;
  /** Ends the call when it does not end by itself. */
  readonly destroy: () => void;
  /** Delay until the certificate of the peer ends; see `certificateDelayMs`. */
  readonly certificateMs: number;
  /** Dialling end: opens the bulk stream. */
  readonly openBulk?: (() => DuplexCall) | undefined;
}

export interface LinkCounters {
  batchesOut: number;
  batchesIn: number;
  bytesOut: number;
  bytesIn: number;
}

let lastId = 0;
/** Batches that arrive during one commit: 256 frames of credit and some heartbeats. */
const heldMax = 600;
/** How long a link that says goodbye waits until its bytes are out. */
const goodbyeMs = 1_000;

export class Link implements Ticking {
  readonly id: number;
  readonly counters: LinkCounters = { batchesOut: 0, batchesIn: 0, bytesOut: 0, bytesIn: 0 };
  private readonly options: LinkOptions;
  private readonly protocol: LinkProtocol;
  private readonly calls: { main: DuplexCall | undefined; bulk: DuplexCall | undefined };
  private readonly writing = { main: false, bulk: false };
  private planned = false;
  private reason: ClosedReason | undefined;
  private isOver = false;
  private expiry: NodeJS.Timeout | undefined;
  private nextWakeMs = 0;
  /** Between Welcome and `attach` our commit is under way; what arrives meanwhile waits here. */
  private isHolding = false;
  private held: Buffer[] = [];

  constructor(call: DuplexCall, options: LinkOptions) {
    lastId += 1;
    this.id = lastId;
    this.options = options;
    this.protocol = new LinkProtocol(options.timing, monotonicMs());
    this.calls = { main: call, bulk: undefined };
    this.listen(call, "main");
    this.expiry = setTimeout(() => {
      const detail = "the certificate of the peer has ended";
      this.close({ code: "IDENTITY_EXPIRED", detail, retryAfterMs: 0 });
    }, options.certificateMs);
    this.expiry.unref();
    joinWheel(this);
  }

  private listen(call: DuplexCall, stream: LinkStream): void {
    call.on("error", (error) => this.lost(error.message));
    call.on("data", (bytes) => this.take(bytes));
    call.on("end", () => this.lost("the stream has ended"));
    call.on("cancelled", () => this.lost("the stream was cancelled"));
    if (stream === "bulk") this.calls.bulk = call;
  }

  /** The dialling end's first word. */
  greet(hello: Hello): void {
    this.protocol.greet(hello);
    this.pump();
  }

  /** The listening end takes the link. */
  welcome(session: Session, welcome: Welcome): void {
    this.protocol.open(session, welcome);
    this.pump();
  }

  /** The dialling end takes the link. */
  attach(session: Session): void {
    this.protocol.open(session);
    const { held } = this;
    this.held = [];
    this.isHolding = false;
    for (const bytes of held) this.take(bytes);
    this.pump();
  }

  /** The other end has opened our bulk stream. */
  attachBulk(call: DuplexCall): void {
    this.listen(call, "bulk");
    this.pump();
  }

  refuse(refusal: LaneRefusal): void {
    this.protocol.refuse(refusal);
    this.pump();
  }

  /** Says goodbye, then ends. */
  close(goodbye: Goodbye): void {
    if (this.reason !== undefined || this.isOver) return;
    this.reason = { ...goodbye, byPeer: false };
    this.protocol.close(goodbye);
    this.pump();
    setTimeout(() => this.finish(), goodbyeMs).unref();
  }

  /** There may be more to send: looked at once this turn of the event loop is done. */
  pump(): void {
    if (this.planned || this.isOver) return;
    this.planned = true;
    queueMicrotask(() => {
      this.planned = false;
      this.flush("main");
      this.flush("bulk");
    });
  }

  private flush(stream: LinkStream): void {
    if (this.isOver || this.writing[stream]) return;
    if (stream === "bulk" && this.calls.bulk === undefined && this.options.openBulk === undefined) {
      return;
    }
    if (this.isHolding && stream === "bulk") return;
    const batch = this.protocol.nextBatch(stream, monotonicMs());
    if (batch === undefined) {
      if (stream === "main" && this.protocol.isClosed()) this.finish();
      return;
    }
    const encoded = encodeBatch(batch);
    this.protocol.sent(batch, encoded.length);
    this.counters.batchesOut += 1;
    this.counters.bytesOut += encoded.length;
    const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
    this.writing[stream] = true;
    this.callFor(stream)?.write(bytes, () => {
      this.writing[stream] = false;
      this.flush(stream);
    });
  }

  private callFor(stream: LinkStream): DuplexCall | undefined {
    if (stream === "bulk" && this.calls.bulk === undefined) {
      const call = this.options.openBulk?.();
      if (call !== undefined) this.listen(call, "bulk");
    }
    return this.calls[stream];
  }

  private take(bytes: Buffer): void {
    if (this.isOver) return;
    if (this.isHolding) {
      // The first credits bound what an honest peer sends before it hears from us.
      if (this.held.length < heldMax) this.held.push(bytes);
      else this.close({ code: "FRAME_INVALID", detail: "too much too soon", retryAfterMs: 5_000 });
      return;
    }
    this.counters.batchesIn += 1;
    this.counters.bytesIn += bytes.length;
    try {
      const batch = parseBatch(bytes, this.options.self);
      for (const event of this.protocol.receive(batch, bytes.length, monotonicMs())) {
        this.dispatch(event);
      }
    } catch (error) {
      // A MeshError tells the peer what is wrong with its bytes; anything else is ours to know.
      const detail = isMeshError(error) ? error.message : "the batch could not be taken";
      this.close({ code: "FRAME_INVALID", detail, retryAfterMs: 5_000 });
    }
  }

  private dispatch(event: LinkEvent): void {
    const { host } = this.options;
    switch (event.type) {
      case "hello":
        host.greeted(this, event.hello);
        return;
      case "welcome":
        this.isHolding = true;
        host.welcomed(this, event.welcome);
        return;
      case "run":
        host.run(this, event.run);
        return;
      case "acks":
        host.acks(this, event.acks);
        return;
      case "refusals":
        host.refusals(this, event.refusals);
        return;
      case "goodbye":
        this.reason ??= { ...event.goodbye, byPeer: true };
        this.finish();
        return;
      case "violation":
        this.close({ code: event.code, detail: event.detail, retryAfterMs: 5_000 });
        return;
      case "silent": {
        const detail = `nothing was heard for ${Math.round(event.silentMs)} ms`;
        this.reason ??= { code: "UNREACHABLE", detail, retryAfterMs: 0, byPeer: false };
        this.finish();
      }
    }
  }

  tick(nowMs: number): void {
    if (nowMs < this.nextWakeMs) return;
    const event = this.protocol.tick(nowMs);
    if (event !== undefined) this.dispatch(event);
    this.flush("main");
    this.nextWakeMs = this.protocol.wakeAtMs();
  }

  private lost(detail: string): void {
    this.reason ??= { code: "UNREACHABLE", detail, retryAfterMs: 0, byPeer: true };
    this.finish();
  }

  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.expiry);
    leaveWheel(this);
    this.calls.bulk?.end();
    this.calls.main?.end();
    // A half-closed stream whose other end stays silent would keep its memory.
    setTimeout(() => this.options.destroy(), goodbyeMs).unref();
    const reason = this.reason ?? {
      code: "UNREACHABLE",
      detail: "the link has ended",
      retryAfterMs: 0,
      byPeer: false,
    };
    this.options.host.closed(this, reason);
  }

  /** Ends at once, without a word. */
  abort(): void {
    this.reason ??= { code: "CANCELLED", detail: "aborted", retryAfterMs: 0, byPeer: false };
    this.finish();
    this.options.destroy();
  }
}
