// Uplink: how a child tells the hub above what its directory holds. Sans-I/O but for the reading of
// the log: messages come in by `receive`, and a transport asks for the next one whenever it can
// write.
//
//   U1  The hub speaks first: it says which log it has and how far. The same log is gone on with
//       from there, so that a reconnect without a change costs the hub's one message; another one
//       is told from its beginning.
//   U2  What is sent and not acknowledged is bounded in bytes, so that a slow hub is not flooded.
//   U3  Who is told a revision that it has not yet given out is an old copy of itself: it takes a
//       new log and tells everything again.

import {
  type CatalogAck,
  type CatalogDelta,
  type CatalogMessage,
  type CatalogRefusal,
  type CatalogResume,
  limits,
} from "../domain/index.ts";
import type { Catalog } from "./catalog.ts";

export interface UplinkOptions {
  readonly catalog: Catalog;
  /** There may be a message to send. */
  readonly wake: () => void;
  /** Entries that the hub has not taken. */
  readonly refused: (refusals: readonly CatalogRefusal[]) => void;
  /** Our store is an old copy (U3); resolves once it has a new log. */
  readonly renew: () => Promise<void>;
  /** The log or the store fails; told once. */
  readonly failed: (error: unknown) => void;
}

interface Sent {
  readonly toRev: number;
  readonly bytes: number;
}

/** Of one link: a new link begins with a new one. */
export class CatalogUplink {
  private readonly options: UplinkOptions;
  private readonly forget: () => void;
  private isOpen = true;
  private isResumed = false;
  private logId = "";
  private sentRev = 0;
  /** Everything up to here is durable at the hub; -1 until it has spoken. */
  private acked = -1;
  /** The hub has another log of ours: it has to hear of this one even if that is empty. */
  private isOwed = false;
  private readonly unacked: Sent[] = [];
  private unackedBytes = 0;
  private ready: CatalogDelta | undefined;
  private isReading = false;

  constructor(options: UplinkOptions) {
    this.options = options;
    this.forget = options.catalog.onCommit(() => this.fill());
  }

  /** How far the hub has our log; -1 while that is not known. */
  get ackedRev(): number {
    return this.acked;
  }

  receive(message: CatalogMessage): void {
    if (!this.isOpen) return;
    if (message.kind === "resume") this.resume(message).catch(this.options.failed);
    else if (message.kind === "ack") this.take(message);
  }

  private async resume({ logId, appliedRev }: CatalogResume): Promise<void> {
    const { catalog, renew } = this.options;
    if (this.isResumed) return;
    this.isResumed = true;
    if (logId === catalog.meta.logId && appliedRev > catalog.meta.head) await renew();
    const isSame = logId === catalog.meta.logId;
    this.logId = catalog.meta.logId;
    this.sentRev = isSame ? appliedRev : 0;
    this.acked = this.sentRev;
    this.isOwed = !isSame && logId !== "";
    this.fill();
  }

  private take({ logId, appliedRev, refusals }: CatalogAck): void {
    if (logId !== this.logId) return;
    this.acked = Math.max(this.acked, Math.min(appliedRev, this.sentRev));
    while (this.unacked[0] !== undefined && this.unacked[0].toRev <= this.acked) {
      this.unackedBytes -= this.unacked.shift()?.bytes ?? 0;
    }
    if (refusals.length > 0) this.options.refused(refusals);
    this.fill();
  }

  /** Reads the next part of the log ahead, when there is one and the window has room. */
  private fill(): void {
    const { catalog, failed } = this.options;
    const hasMore = this.isOwed || this.sentRev < catalog.meta.head;
    if (!this.isOpen || this.acked < 0 || !hasMore) return;
    if (this.isReading || this.ready !== undefined) return;
    if (this.unackedBytes >= limits.catalogWindowBytes) return;
    this.isReading = true;
    this.read().catch(failed);
  }

  private async read(): Promise<void> {
    const part = await this.options.catalog.log(this.sentRev);
    this.isReading = false;
    if (!this.isOpen) return;
    this.ready = { kind: "delta", logId: this.logId, baseRev: this.sentRev, ...part };
    this.options.wake();
  }

  hasNext(): boolean {
    return this.ready !== undefined;
  }

  /** What to send now. */
  next(): CatalogMessage | undefined {
    const { ready } = this;
    if (ready === undefined) return undefined;
    this.ready = undefined;
    this.isOwed = false;
    this.sentRev = ready.toRev;
    const bytes = bytesOf(ready);
    this.unacked.push({ toRev: ready.toRev, bytes });
    this.unackedBytes += bytes;
    this.fill();
    return ready;
  }

  close(): void {
    this.isOpen = false;
    this.ready = undefined;
    this.forget();
  }
}

/** About what a delta costs on the wire and where it is applied. */
export function bytesOf({ upserts, tombstones }: CatalogDelta): number {
  let bytes = 100 + tombstones.length * 100;
  for (const { entry } of upserts) bytes += 100 + entry.length;
  return bytes;
}
