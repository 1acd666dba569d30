// Link: one live connection at either end. Moves bytes between grpc-js and the link protocol.
//
//   T1  At most one write is in flight per stream: grpc-js makes a system call per message, so what
//       gathers meanwhile travels together.
//   T2  Every stream has its `error` listener before anything else; whatever happens to a stream,
//       the host hears `closed` exactly once.
//   T3  A link ends with its certificate: TLS looks at it at the handshake only.
//   T4  What the peer sends is never trusted: a batch that can't be read ends the link, not us.
//   T14 Catalogs share the bulk stream with the bulk lane, message by message: neither starves.
//   T10 What throws here or in the host ends this link alone; the peer hears DEFECT without a text.

import { encodeBatch, parseBatch } from "../codec/index.ts";
import {
  type Batch,
  type CatalogMessage,
  type ErrorCode,
  type Goodbye,
  type Hello,
  isMeshError,
  type LaneRefusal,
  limits,
  type Welcome,
} from "../domain/index.ts";
import { type LinkEvent, LinkProtocol, type LinkStream, type Session } from "../session/index.ts";
import { joinWheel, leaveWheel, monotonicMs, type Ticking } from "./heartbeat-wheel.ts";
import {
  type CatalogTraffic,
  type ClosedReason,
  createLinkCounters,
  type DuplexCall,
  type LinkCounters,
  type LinkOptions,
} from "./link-host.ts";

let lastId = 0;
/** Batches that arrive during one commit: 256 frames of credit and some heartbeats. */
const heldMax = 600;
/** The first credits are 256 KiB a lane, which the last batch of a lane may exceed. */
const heldBytesMax = 4 * (256 * 1024 + limits.batchBytesMax);
/** How long a link that says goodbye waits until its bytes are out. */
const goodbyeMs = 1_000;
/** When a peer that broke the protocol, or met a defect of ours, may come again. */
const faultRetryMs = 5_000;

export class Link implements Ticking {
  readonly id: number;
  readonly counters: LinkCounters = createLinkCounters();
  private readonly options: LinkOptions;
  private readonly protocol: LinkProtocol;
  private readonly calls: { main: DuplexCall | undefined; bulk: DuplexCall | undefined };
  private readonly writing = { main: false, bulk: false };
  private planned = false;
  private reason: ClosedReason | undefined;
  private isOver = false;
  private expiresAtMs: number;
  private readonly helloDueMs: number;
  private nextWakeMs = 0;
  private hasGreeting = false;
  /** Between Welcome and `attach` our commit is under way; what arrives meanwhile waits here. */
  private isHolding = false;
  private held: Buffer[] = [];
  private heldBytes = 0;
  private catalog: CatalogTraffic | undefined;
  private isCatalogsTurn = false;

  constructor(call: DuplexCall, options: LinkOptions) {
    lastId += 1;
    this.id = lastId;
    this.options = options;
    const nowMs = monotonicMs();
    this.protocol = new LinkProtocol(options.timing, nowMs);
    this.helloDueMs = nowMs + (options.helloMs ?? Number.POSITIVE_INFINITY);
    this.calls = { main: call, bulk: undefined };
    this.listen(call, "main");
    this.expiresAtMs = Number.POSITIVE_INFINITY;
    this.expireBy(options.notAfterMs);
    joinWheel(this);
  }

  private listen(call: DuplexCall, stream: LinkStream): void {
    call.on("error", (error) => this.lost(error.message));
    call.on("data", (bytes) => this.take(bytes));
    call.on("end", () => this.lost("the stream has ended"));
    call.on("cancelled", () => this.lost("the stream was cancelled"));
    if (stream === "bulk") this.calls.bulk = call;
  }

  /** Another certificate that the link depends on ends then (T3). */
  expireBy(notAfterMs: number): void {
    // Monotonic from here on: a clock that jumps must not cut the links of a whole city.
    const expiresAtMs = monotonicMs() + notAfterMs - Date.now();
    this.expiresAtMs = Math.min(this.expiresAtMs, expiresAtMs);
  }

  /** The dialling end's first word. */
  greet(hello: Hello): void {
    this.protocol.greet(hello);
    this.pump();
  }

  /** The listening end takes the link. */
  welcome(session: Session, welcome: Welcome): void {
    if (this.isEnding()) return;
    this.protocol.open(session, welcome);
    this.pump();
  }

  /** The dialling end takes the link. */
  attach(session: Session): void {
    if (this.isEnding()) return;
    this.protocol.open(session);
    const { held } = this;
    this.held = [];
    this.heldBytes = 0;
    this.isHolding = false;
    for (const bytes of held) this.take(bytes);
    this.pump();
  }

  /** The other end has opened our bulk stream; false when there is one already. */
  attachBulk(call: DuplexCall): boolean {
    if (this.isEnding() || this.calls.bulk !== undefined) return false;
    this.listen(call, "bulk");
    this.pump();
    return true;
  }

  /** Both ends replicate their catalogs; before the link is welcomed or attached. */
  attachCatalog(catalog: CatalogTraffic): void {
    this.catalog = catalog;
  }

  private isEnding(): boolean {
    return this.isOver || this.reason !== undefined;
  }

  refuse(refusal: LaneRefusal): void {
    this.protocol.refuse(refusal);
    this.pump();
  }

  /** Says goodbye, then ends. */
  close(goodbye: Goodbye): void {
    this.part(goodbye, goodbye.detail);
  }

  /** The host may be told more than the peer. */
  private part(goodbye: Goodbye, detail: string): void {
    if (this.isEnding()) return;
    this.reason = { ...goodbye, detail, byPeer: false };
    this.protocol.close(goodbye);
    this.pump();
    setTimeout(() => this.finish(), goodbyeMs).unref();
  }

  /** Ends the link for what was thrown while we worked for it (T10). */
  private failed(error: unknown): void {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.part({ code: "DEFECT", detail: "", retryAfterMs: faultRetryMs }, detail);
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
      if (this.protocol.askForBulk(this.catalog?.hasNext())) this.flush("main");
      return;
    }
    if (this.isHolding && stream === "bulk") return;
    const nowMs = monotonicMs();
    const message = this.nextMessage(stream, nowMs);
    this.nextWakeMs = this.protocol.wakeAtMs();
    if (message === undefined) {
      if (stream === "main" && this.protocol.isClosed()) this.finish();
      return;
    }
    this.writing[stream] = true;
    this.callFor(stream)?.write(message, (error) => {
      this.writing[stream] = false;
      if (error instanceof Error) this.lost(error.message);
      else this.flush(stream);
    });
  }

  private nextMessage(stream: LinkStream, nowMs: number): Buffer | undefined {
    try {
      const batch = stream === "main" ? this.nextMain(nowMs) : this.nextBulk(nowMs);
      if (batch === undefined) return undefined;
      const { buffer, byteOffset, byteLength } = encodeBatch(batch);
      this.protocol.sent(batch, byteLength);
      this.countOut(framesOf(batch), byteLength);
      return Buffer.from(buffer, byteOffset, byteLength);
    } catch (error) {
      this.failed(error);
      return undefined;
    }
  }

  private nextMain(nowMs: number): Batch | undefined {
    return this.protocol.nextBatch("main", nowMs);
  }

  private nextBulk(nowMs: number): Batch | undefined {
    this.isCatalogsTurn = !this.isCatalogsTurn;
    if (!this.isCatalogsTurn) {
      return this.protocol.nextBatch("bulk", nowMs) ?? this.nextCatalog();
    }
    return this.nextCatalog() ?? this.protocol.nextBatch("bulk", nowMs);
  }

  private nextCatalog(): Batch | undefined {
    const catalog = this.protocol.isOpen() ? this.catalog?.next() : undefined;
    if (catalog === undefined) return undefined;
    return { catalog, runs: [], acks: [], credits: [], refusals: [] };
  }

  private countOut(frames: number, bytes: number): void {
    for (const counters of [this.counters, this.options.totals]) {
      if (counters === undefined) continue;
      counters.framesOut += frames;
      counters.batchesOut += 1;
      counters.bytesOut += bytes;
    }
  }

  private countIn(frames: number, bytes: number): void {
    for (const counters of [this.counters, this.options.totals]) {
      if (counters === undefined) continue;
      counters.framesIn += frames;
      counters.batchesIn += 1;
      counters.bytesIn += bytes;
    }
  }

  private callFor(stream: LinkStream): DuplexCall | undefined {
    if (stream === "bulk" && this.calls.bulk === undefined) {
      const call = this.options.openBulk?.();
      if (call !== undefined) this.listen(call, "bulk");
    }
    return this.calls[stream];
  }

  private take(bytes: Buffer): void {
    if (this.isEnding()) return;
    if (this.isHolding) {
      this.hold(bytes);
      return;
    }
    let batch: Batch;
    try {
      batch = parseBatch(bytes, this.options.self);
    } catch (error) {
      if (isMeshError(error)) this.refusePeer(error.message);
      else this.failed(error);
      return;
    }
    this.countIn(framesOf(batch), bytes.length);
    try {
      for (const event of this.protocol.receive(batch, bytes.length, monotonicMs())) {
        this.dispatch(event);
      }
      if (batch.catalog !== undefined) this.takeCatalog(batch.catalog);
    } catch (error) {
      this.failed(error);
    }
    // What waited for this credit has nobody else to send it.
    if (batch.credits.length > 0) this.pump();
  }

  private takeCatalog(message: CatalogMessage): void {
    if (this.isEnding()) return;
    if (this.catalog !== undefined && this.protocol.isOpen()) this.catalog.receive(message);
    else this.refusePeer("a catalog message that was not agreed upon");
  }

  private hold(bytes: Buffer): void {
    this.heldBytes += bytes.length;
    // The first credits bound what an honest peer sends before it hears from us.
    if (this.held.length < heldMax && this.heldBytes <= heldBytesMax) this.held.push(bytes);
    else this.refusePeer("too much before the handshake was done");
  }

  /** The peer has broken the protocol. */
  private refusePeer(detail: string): void {
    this.close({ code: "FRAME_INVALID", detail, retryAfterMs: faultRetryMs });
  }

  /** Each end greets once, in its own way. */
  private isGreeting(end: LinkOptions["end"]): boolean {
    if (this.hasGreeting || this.options.end !== end) {
      this.refusePeer("a greeting out of place");
      return false;
    }
    this.hasGreeting = true;
    return true;
  }

  private dispatch(event: LinkEvent): void {
    const { host } = this.options;
    switch (event.type) {
      case "hello":
        if (this.isGreeting("listening")) host.greeted(this, event.hello);
        return;
      case "welcome":
        if (!this.isGreeting("dialling")) return;
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
      case "bulkWanted":
        this.callFor("bulk");
        return;
      case "goodbye":
        this.reason ??= { ...event.goodbye, byPeer: true };
        this.finish();
        return;
      case "violation":
        this.refusePeer(event.detail);
        return;
      case "silent": {
        const detail = `nothing was heard for ${Math.round(event.silentMs)} ms`;
        this.reason ??= { code: "UNREACHABLE", detail, retryAfterMs: 0, byPeer: false };
        this.finish();
      }
    }
  }

  tick(nowMs: number): void {
    // Every turn, not only when something is due: gaps between ticks are how the protocol knows
    // that we, not the peer, stood still.
    const event = this.protocol.tick(nowMs);
    if (event !== undefined) this.dispatch(event);
    if (nowMs >= this.expiresAtMs) {
      const detail = "a certificate of this link has ended";
      this.close({ code: "IDENTITY_EXPIRED", detail, retryAfterMs: 0 });
    }
    if (!this.hasGreeting && nowMs >= this.helloDueMs) {
      const detail = `no Hello came within ${this.options.helloMs} ms`;
      this.close({ code: "TIMEOUT", detail, retryAfterMs: faultRetryMs });
    }
    if (nowMs >= this.nextWakeMs) this.flush("main");
  }

  private lost(detail: string): void {
    this.reason ??= { code: "UNREACHABLE", detail, retryAfterMs: 0, byPeer: true };
    this.finish();
  }

  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    leaveWheel(this);
    this.held = [];
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

  /** Ends at once, without a word to the peer. */
  abort(): void {
    this.fail("CANCELLED", "aborted");
  }

  /** Ends at once for this reason, without a word to the peer. */
  fail(code: ErrorCode, detail: string): void {
    this.reason ??= { code, detail, retryAfterMs: 0, byPeer: false };
    this.finish();
    this.options.destroy();
  }
}

function framesOf(batch: Batch): number {
  let count = 0;
  for (const run of batch.runs) count += run.frames.length;
  return count;
}
