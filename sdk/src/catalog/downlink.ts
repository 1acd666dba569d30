// Downlink: how a hub takes what a child tells of its directory. Sans-I/O like the uplink.
//
//   L1  An acknowledgement leaves once the entries and the revision are durable, in one commit.
//   L2  Another log of the child begins a resync: what it announces is marked, and once all of the
//       log is there, what is not marked loses its route. A resync that breaks off goes on with the
//       next link, marks and all.
//   L3  A child speaks for itself and what is below it; it announces nothing that we may not see.
//       What is wrong with one entry costs that entry: it is refused by name and counts as applied.
//   L4  A child that sends beyond its window, or a delta that does not follow, breaks the protocol.

import {
  type Address,
  type CatalogAck,
  type CatalogDelta,
  type CatalogMessage,
  type CatalogRefusal,
  type CatalogTombstone,
  type EntryName,
  type ErrorCode,
  isMeshError,
  isWithin,
  limits,
  MeshError,
  parentOf,
} from "../domain/index.ts";
import type { Catalog } from "./catalog.ts";
import type { CatalogTransaction } from "./catalog-transaction.ts";
import type { CatalogEntry } from "./entry.ts";
import { parseEntry } from "./entry-codec.ts";
import { type Announcement, dropRoute, mergeTombstone, mergeUpsert } from "./merge.ts";
import { isVisibleAt } from "./own-entries.ts";
import { bytesOf } from "./uplink.ts";

export interface DownlinkOptions {
  readonly catalog: Catalog;
  readonly self: Address;
  readonly child: Address;
  /** There may be a message to send. */
  readonly wake: () => void;
  /** Entries that we do not take. */
  readonly refused: (count: number) => void;
  /** The child breaks the protocol: end the link. */
  readonly violation: (detail: string) => void;
  /** Entries of one directory; for tests of what happens at the limit. */
  readonly entriesMax?: number | undefined;
}

interface Announced {
  readonly announcement: Announcement;
  readonly entry: CatalogEntry;
}

/** A delta as it is to be applied. */
interface Reading {
  readonly delta: CatalogDelta;
  readonly announced: readonly Announced[];
  readonly tombstones: readonly CatalogTombstone[];
  readonly refusals: readonly CatalogRefusal[];
}

/** Of one link. */
export class CatalogDownlink {
  private readonly options: DownlinkOptions;
  private isOpen = true;
  private hasGreeted = false;
  /** What has arrived, applied or not: the next delta has to follow it. */
  private logId: string;
  private arrivedRev: number;
  private heldBytes = 0;
  private ack: CatalogAck | undefined;

  constructor(options: DownlinkOptions) {
    this.options = options;
    const { catalog, child } = options;
    const { logId = "", appliedRev = 0 } = catalog.children.get(child) ?? {};
    this.logId = logId;
    this.arrivedRev = appliedRev;
  }

  receive(message: CatalogMessage): void {
    if (!this.isOpen) return;
    if (message.kind !== "delta") {
      this.break(`a child sends no ${message.kind}`);
      return;
    }
    const isNew = message.logId !== this.logId;
    if (message.logId === "" || message.baseRev !== (isNew ? 0 : this.arrivedRev)) {
      this.break(`a delta from ${message.baseRev} where ${this.arrivedRev} was reached`);
      return;
    }
    const bytes = bytesOf(message);
    if (this.heldBytes > limits.catalogWindowBytes + limits.catalogDeltaBytesMax) {
      this.break("a delta beyond the window");
      return;
    }
    this.logId = message.logId;
    this.arrivedRev = message.toRev;
    this.heldBytes += bytes;
    // Read when its turn comes: what waits for a commit are bytes, not thousands of objects.
    const work = (transaction: CatalogTransaction) => this.apply(transaction, this.read(message));
    this.options.catalog.submit(work).then(
      (refusals) => {
        this.heldBytes -= bytes;
        this.acknowledge(message, refusals);
      },
      (error: unknown) => this.break(String(error)),
    );
  }

  private break(detail: string): void {
    if (!this.isOpen) return;
    this.close();
    this.options.violation(detail);
  }

  private read(delta: CatalogDelta): Reading {
    const { self } = this.options;
    const announced: Announced[] = [];
    const refusals: CatalogRefusal[] = [];
    const parent = parentOf(self);
    const refuse = ({ owner, code }: EntryName, error: unknown): void => {
      refusals.push({ owner, code, ...describe(error) });
    };
    for (const upsert of delta.upserts) {
      try {
        this.assertCarried(upsert);
        const entry = parseEntry(upsert.entry, upsert.owner);
        assertShown(entry, upsert, self);
        const isVisibleAbove = parent !== undefined && isVisibleAt(entry, parent);
        announced.push({ announcement: { ...upsert, isVisibleAbove }, entry });
      } catch (error) {
        refuse(upsert, error);
      }
    }
    const tombstones = delta.tombstones.filter((tombstone) => {
      try {
        this.assertCarried(tombstone);
        return true;
      } catch (error) {
        refuse(tombstone, error);
        return false;
      }
    });
    return { delta, announced, tombstones, refusals };
  }

  private assertCarried({ owner, code }: EntryName): void {
    const { child } = this.options;
    if (isWithin(owner, child)) return;
    const detail = `${child} does not speak for ${owner}`;
    throw new MeshError("NOT_ALLOWED", { subject: code, detail });
  }

  private async apply(
    transaction: CatalogTransaction,
    { delta, announced, tombstones, refusals }: Reading,
  ): Promise<readonly CatalogRefusal[]> {
    const { child, entriesMax = limits.catalogEntriesMax } = this.options;
    const { nowMs } = transaction;
    const before = transaction.progress(child);
    const isNew = before.logId !== delta.logId;
    const generation = before.generation + (isNew ? 1 : 0);
    const overfull: CatalogRefusal[] = [];
    for (const { announcement, entry } of announced) {
      const row = await transaction.row(announcement);
      if (row?.entry === undefined && transaction.meta.entries >= entriesMax) {
        const { owner, code } = announcement;
        const detail = `the directory is full: it holds ${entriesMax} entries`;
        overfull.push({ owner, code, error: "QUOTA_EXCEEDED", detail });
        continue;
      }
      const merged = mergeUpsert(row, announcement, { child, generation }, nowMs);
      if (merged !== undefined) transaction.keep(row, merged, entry);
    }
    for (const tombstone of tombstones) {
      const row = await transaction.row(tombstone);
      if (row === undefined && transaction.meta.tombstones >= entriesMax) continue;
      const merged = mergeTombstone(row, tombstone, child, nowMs);
      if (merged !== undefined) transaction.keep(row, merged);
    }
    const appliedRev = delta.toRev;
    // Of a child that we have heard nothing of there is nothing to sweep, and it reads everything.
    const isResync = isNew && before.logId !== "";
    const sweepAtRev = isResync ? Math.max(delta.headRev, 1) : before.sweepAtRev;
    // An empty log is complete at once.
    const isComplete = sweepAtRev > 0 && (appliedRev >= sweepAtRev || delta.headRev === 0);
    if (isComplete) await sweep(transaction, child, generation);
    const { logId } = delta;
    const left = isComplete ? 0 : sweepAtRev;
    transaction.setProgress(child, { logId, appliedRev, generation, sweepAtRev: left });
    return overfull.length === 0 ? refusals : [...refusals, ...overfull];
  }

  private acknowledge(
    { logId, toRev: appliedRev }: CatalogDelta,
    refusals: readonly CatalogRefusal[],
  ): void {
    if (refusals.length > 0) this.options.refused(refusals.length);
    if (!this.isOpen) return;
    const waiting = this.ack?.refusals ?? [];
    const told = [...waiting, ...refusals].slice(0, limits.catalogRefusalsMax);
    this.ack = { kind: "ack", logId, appliedRev, refusals: told };
    this.options.wake();
  }

  hasNext(): boolean {
    return this.isOpen && (!this.hasGreeted || this.ack !== undefined);
  }

  /** What to send now: how far we are, then acknowledgements. */
  next(): CatalogMessage | undefined {
    if (!this.isOpen) return undefined;
    if (!this.hasGreeted) {
      this.hasGreeted = true;
      return { kind: "resume", logId: this.logId, appliedRev: this.arrivedRev };
    }
    const { ack } = this;
    this.ack = undefined;
    return ack;
  }

  close(): void {
    this.isOpen = false;
  }
}

/** What the child has not announced in this resync, it announces no more (L2). */
async function sweep(
  transaction: CatalogTransaction,
  child: Address,
  generation: number,
): Promise<void> {
  const lost = [];
  for await (const row of transaction.rowsOf("")) {
    const route = row.routes.find((it) => it.child === child);
    if (route !== undefined && route.generation < generation) lost.push(row);
  }
  for (const row of lost) {
    const merged = dropRoute(row, child, transaction.nowMs);
    if (merged !== undefined) transaction.keep(row, merged);
  }
}

function assertShown(entry: CatalogEntry, { code }: EntryName, self: Address): void {
  if (entry.code !== code) {
    const detail = `the entry is of ${entry.code}`;
    throw new MeshError("RESOURCE_INVALID", { subject: code, detail });
  }
  if (isVisibleAt(entry, self)) return;
  const detail = `${self} may not see it: it is ${entry.state}, visible up to ${entry.visibleUpTo}`;
  throw new MeshError("NOT_ALLOWED", { subject: code, detail });
}

function describe(error: unknown): { readonly error: ErrorCode; readonly detail: string } {
  if (!isMeshError(error)) throw error;
  return { error: error.code, detail: error.detail ?? "" };
}
