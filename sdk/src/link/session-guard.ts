// Session guard: what grpc-js leaves open on the HTTP/2 sessions of a server.
//
//   T9  A message may not come in crumbs: grpc-js keeps 105 to 145 times the bytes of a message
//       that arrives one byte a frame (measured with 1.14.7: 630 MiB for 4 MiB).
//   T12 A session that never opens a stream is ended, and so is a stream whose message stands
//       still half said: grpc-js would keep both while the peer's machine answers pings.
//   T13 A call that is over keeps no stream: grpc-js ends its own half only, and what has arrived
//       of a message stays until the peer ends the other.
//
// grpc-js offers no way to its sessions but a private map. If a later version has none, only what
// is said here is lost: links work as before.

import { EventEmitter } from "node:events";
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Server } from "@grpc/grpc-js";
import { Patience } from "./patience.ts";

/** Node's default of 64 KiB for a whole connection bounds a link with 50 ms delay to 1.3 MB/s. */
const windowBytes = 4 * 1024 * 1024;
/** A batch of 1 MiB in frames of 16 KiB, the least that HTTP/2 allows as a limit, has 64. */
const fragmentsMax = 1_000;
const fragmentBytesMean = 16;
const prefixBytes = 5;

export interface SessionPatience {
  /** From the end of the TLS handshake to the first stream, ms. */
  readonly firstStreamMs: number;
  /** From the first byte of a message to its last, ms. */
  readonly messageMs: number;
}

/** Calls `onSession` for every session; false when this grpc-js does not let us see them. */
export function guardSessions(
  server: Server,
  patience: SessionPatience,
  onSession: (session: ServerHttp2Session) => void,
): boolean {
  const { http2Servers } = server as unknown as { readonly http2Servers?: unknown };
  if (!(http2Servers instanceof Map) || http2Servers.size === 0) return false;
  for (const http2Server of http2Servers.keys()) {
    if (!(http2Server instanceof EventEmitter)) return false;
    http2Server.on("session", (session: ServerHttp2Session) => {
      session.settings({ initialWindowSize: windowBytes });
      session.setLocalWindowSize(windowBytes);
      const idle = new Patience(patience.firstStreamMs, () => session.destroy());
      session.once("stream", () => idle.end()).once("close", () => idle.end());
      session.on("stream", (stream) => guardStream(stream, patience.messageMs));
      onSession(session);
    });
  }
  return true;
}

function guardStream(stream: ServerHttp2Stream, messageMs: number): void {
  const fragments = new FragmentCount();
  let unfinished: Patience | undefined;
  const settle = (): void => {
    unfinished?.end();
    unfinished = undefined;
  };
  stream.once("close", settle);
  stream.on("data", (chunk: Buffer) => {
    if (fragments.isFlood(chunk)) stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    const { messages } = fragments;
    if (messages > 0) settle();
    if (!fragments.isUnderWay() || stream.closed) return;
    // While we do not read, what is missing may have arrived long ago.
    unfinished ??= new Patience(
      messageMs,
      () => stream.close(constants.NGHTTP2_CANCEL),
      () => !stream.isPaused(),
    );
  });
}

/** What grpc-js keeps to itself: looked for, never relied upon. */
interface CallInside {
  readonly call?: { readonly stream?: Partial<Pick<ServerHttp2Stream, "close">> };
}

/** T13. Ends what is left of the call's stream, in both directions. */
export function resetCall(call: { destroy(): unknown }): void {
  const { stream } = (call as CallInside).call ?? {};
  if (typeof stream?.close === "function") stream.close(constants.NGHTTP2_CANCEL);
  call.destroy();
}

/** Counts the pieces of the message that is arriving: a prefix with its length, then its bytes. */
export class FragmentCount {
  private prefix = 0;
  private length = 0;
  private taken = 0;
  private fragments = 0;
  private bytes = 0;
  /** Ended by the last chunk. */
  messages = 0;

  /** Whether a message has begun and not ended. */
  isUnderWay(): boolean {
    return this.prefix > 0;
  }

  /** Whether the message under way comes in too many, too small pieces (T9). */
  isFlood(chunk: Uint8Array): boolean {
    this.messages = 0;
    this.fragments += 1;
    this.bytes += chunk.length;
    let at = 0;
    while (at < chunk.length) {
      if (this.prefix < prefixBytes) {
        // The first byte says whether it is compressed; four bytes of length follow.
        if (this.prefix > 0) this.length = this.length * 256 + (chunk[at] ?? 0);
        this.prefix += 1;
        at += 1;
      } else {
        const step = Math.min(this.length - this.taken, chunk.length - at);
        this.taken += step;
        at += step;
      }
      if (this.prefix === prefixBytes && this.taken === this.length) this.restart();
    }
    return this.fragments > fragmentsMax && this.bytes < this.fragments * fragmentBytesMean;
  }

  private restart(): void {
    this.messages += 1;
    this.prefix = 0;
    this.length = 0;
    this.taken = 0;
    this.fragments = 0;
    this.bytes = 0;
  }
}
