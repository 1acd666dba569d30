// Link host: what a link asks of those around it, and what it tells them.

import type {
  Address,
  CatalogMessage,
  Goodbye,
  Hello,
  LaneAck,
  LaneRefusal,
  LaneRun,
  Welcome,
} from "../domain/index.ts";
import type { LinkTiming } from "../session/index.ts";
import type { Link } from "./link.ts";

export interface ClosedReason extends Goodbye {
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

/** One end of the replication of catalogs over a link: outside of the session's lanes. */
export interface CatalogTraffic {
  /** Whether `next` has something: then the listening end asks for the bulk stream. */
  hasNext(): boolean;
  /** Asked whenever the bulk stream can be written to. */
  next(): CatalogMessage | undefined;
  receive(message: CatalogMessage): void;
}

/** What both ends of grpc-js' duplex calls have in common. */
export interface DuplexCall {
  on(event: "data", listener: (bytes: Buffer) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "end" | "close" | "cancelled", listener: () => void): unknown;
  write(bytes: Buffer, callback: (error?: Error | null) => void): boolean;
  end(): unknown;
}

export interface LinkOptions {
  readonly end: "dialling" | "listening";
  readonly host: LinkHost;
  readonly timing: LinkTiming;
  readonly self: Address;
  /** Ends the call when it does not end by itself. */
  readonly destroy: () => void;
  /** When the earlier of both certificates ends, ms since 1970. */
  readonly notAfterMs: number;
  /** Listening end: how long the peer may take for its Hello, ms. */
  readonly helloMs?: number | undefined;
  /** Dialling end: opens the bulk stream. */
  readonly openBulk?: (() => DuplexCall) | undefined;
  /** Counters that this link adds to, beside its own. */
  readonly totals?: LinkCounters | undefined;
}

/** Since the link, or the end that it belongs to, began. */
export interface LinkCounters {
  framesOut: number;
  framesIn: number;
  batchesOut: number;
  batchesIn: number;
  bytesOut: number;
  bytesIn: number;
}

export function createLinkCounters(): LinkCounters {
  return { framesOut: 0, framesIn: 0, batchesOut: 0, batchesIn: 0, bytesOut: 0, bytesIn: 0 };
}
