// Own entries: what a node publishes of itself. The only writer of the entries that carry its name.
//
//   O1  Every change has a version of its own, a withdrawal as well: it outranks all before it.
//   O2  A code of another node that this directory knows is refused. Two nodes that can't see each
//       other may use one code all the same: then both entries stand, each under its owner.
//   O3  From the draft there is a way out and none back: what others have seen is no draft again.

import { type Address, isWithin, limits, MeshError, parentOf } from "../domain/index.ts";
import type { Catalog } from "./catalog.ts";
import type { CatalogTransaction } from "./catalog-transaction.ts";
import type { CatalogEntry, OwnerStamp, ResourceDescription, ResourceState } from "./entry.ts";
import { assertSound } from "./entry-checks.ts";
import { decodeKeptEntry, encodeEntry } from "./entry-codec.ts";
import type { CatalogRow } from "./merge.ts";

export type OwnStamp = Omit<OwnerStamp, "changedAtMs">;

/** Whether the node at `viewer` may see the entry. */
export function isVisibleAt(entry: CatalogEntry, viewer: string): boolean {
  if (entry.state === "draft") return false;
  return entry.visibleUpTo === "" || isWithin(viewer, entry.visibleUpTo);
}

/** Names a version, to refuse a change that was made against another one. */
export function etagOf({ incarnation, counter }: CatalogRow): string {
  return `${incarnation}.${counter}`;
}

export interface KeptEntry {
  readonly row: CatalogRow;
  readonly entry: CatalogEntry;
}

export class OwnEntries {
  private readonly catalog: Catalog;
  private readonly self: Address;
  private readonly parent: Address | undefined;
  private readonly stamp: OwnStamp;

  constructor(catalog: Catalog, self: Address, stamp: OwnStamp) {
    this.catalog = catalog;
    this.self = self;
    this.parent = parentOf(self);
    this.stamp = stamp;
  }

  /** Resolves when it is durable. RESOURCE_INVALID, RESOURCE_EXISTS, RESOURCE_CODE_TAKEN. */
  publish(description: ResourceDescription): Promise<KeptEntry> {
    const { code } = assertSound(description, this.self);
    return this.catalog.submit(async (transaction) => {
      const row = await transaction.row({ owner: this.self, code });
      if (row?.entry !== undefined) {
        const detail = `${this.self} has published ${code} already`;
        throw new MeshError("RESOURCE_EXISTS", { subject: code, detail });
      }
      if (transaction.meta.entries >= limits.catalogEntriesMax) {
        const detail = `the directory is full: it holds ${limits.catalogEntriesMax} entries`;
        throw new MeshError("QUOTA_EXCEEDED", { subject: code, detail });
      }
      await this.refuseTaken(transaction, code);
      return this.write(transaction, row, description);
    });
  }

  private async refuseTaken(transaction: CatalogTransaction, code: string): Promise<void> {
    for await (const other of transaction.rowsOf(`${code}\0`)) {
      if (other.entry === undefined || other.owner === this.self || other.code !== code) continue;
      const detail = `${code} is a resource of ${other.owner}: choose another sequence number`;
      throw new MeshError("RESOURCE_CODE_TAKEN", { subject: code, detail });
    }
  }

  /** REVISION_CONFLICT unless it is at `etag`; an empty one is not compared. RESOURCE_STATE. */
  update(description: ResourceDescription, etag: string): Promise<KeptEntry> {
    const { code, state } = assertSound(description, this.self);
    return this.catalog.submit(async (transaction) => {
      const row = await this.present(transaction, code, etag);
      this.refuseDraft(code, decodeKeptEntry(row.entry).state, state);
      return this.write(transaction, row, description);
    });
  }

  /** Like `update`, of the state alone. */
  setState(code: string, state: ResourceState, etag: string): Promise<KeptEntry> {
    return this.catalog.submit(async (transaction) => {
      const row = await this.present(transaction, code, etag);
      const entry = decodeKeptEntry(row.entry);
      this.refuseDraft(code, entry.state, state);
      return this.write(transaction, row, { ...entry, state });
    });
  }

  private refuseDraft(code: string, from: ResourceState, to: ResourceState): void {
    const isBack = to === "draft" && from !== "draft";
    const isSkip = from === "draft" && to === "suspended";
    if (!isBack && !isSkip) return;
    const detail = `a ${from} entry can't become ${to}: ${isBack ? "withdraw" : "publish"} it`;
    throw new MeshError("RESOURCE_STATE", { subject: code, detail });
  }

  /** RESOURCE_UNKNOWN, REVISION_CONFLICT. */
  withdraw(code: string, etag: string): Promise<void> {
    return this.catalog.submit(async (transaction) => {
      const row = await this.present(transaction, code, etag);
      const { nowMs } = transaction;
      const version = this.nextVersion(transaction);
      const gone = { entry: undefined, routes: [], isVisibleAbove: false };
      const times = { goneAtMs: nowMs, learntAtMs: nowMs };
      transaction.keep(row, { row: { ...row, ...version, ...gone, ...times }, isNews: true });
    });
  }

  /**
   * Makes what is published exactly these: publishes and updates what differs, withdraws the rest.
   * What has not changed costs nothing above. Resolves with the number of changes.
   */
  async declare(descriptions: readonly ResourceDescription[]): Promise<number> {
    for (const description of descriptions) assertSound(description, this.self);
    const wanted = new Map(descriptions.map((description) => [description.code, description]));
    if (wanted.size < descriptions.length) {
      const codes = descriptions.map(({ code }) => code);
      const twice = codes.find((code, index) => codes.indexOf(code) !== index);
      throw new MeshError("RESOURCE_EXISTS", { subject: twice, detail: "it is declared twice" });
    }
    const before = new Map<string, KeptEntry>();
    for await (const row of this.catalog.rows()) {
      if (row.owner !== this.self || row.entry === undefined) continue;
      before.set(row.code, { row, entry: decodeKeptEntry(row.entry) });
    }
    const works: Promise<unknown>[] = [];
    for (const [code, description] of wanted) {
      const kept = before.get(code);
      if (kept === undefined) works.push(this.publish(description));
      else if (!this.isSame(kept, description)) works.push(this.update(description, ""));
    }
    for (const code of before.keys()) if (!wanted.has(code)) works.push(this.withdraw(code, ""));
    await Promise.all(works);
    return works.length;
  }

  private isSame({ entry }: KeptEntry, description: ResourceDescription): boolean {
    const { changedAtMs } = entry;
    const next = encodeEntry({ ...description, ...this.stamp, changedAtMs });
    return Buffer.compare(next, encodeEntry(entry)) === 0;
  }

  private async present(transaction: CatalogTransaction, code: string, etag: string) {
    const row = await transaction.row({ owner: this.self, code });
    if (row?.entry === undefined) {
      const detail = `${this.self} has no entry ${code}`;
      throw new MeshError("RESOURCE_UNKNOWN", { subject: code, detail });
    }
    if (etag !== "" && etag !== etagOf(row)) {
      const detail = `it is at ${etagOf(row)}, the change was made against ${etag.slice(0, 40)}`;
      throw new MeshError("REVISION_CONFLICT", { subject: code, detail });
    }
    return { ...row, entry: row.entry };
  }

  private write(
    transaction: CatalogTransaction,
    before: CatalogRow | undefined,
    description: ResourceDescription,
  ): KeptEntry {
    const { nowMs } = transaction;
    const entry: CatalogEntry = { ...description, ...this.stamp, changedAtMs: nowMs };
    const bytes = encodeEntry(entry);
    const row: CatalogRow = {
      ...{ owner: this.self, code: entry.code, ...this.nextVersion(transaction), entry: bytes },
      routes: [{ child: "", generation: 0 }],
      isVisibleAbove: this.parent !== undefined && isVisibleAt(entry, this.parent),
      rev: before?.rev ?? 0,
      isTold: before?.isTold ?? false,
      goneAtMs: 0,
      learntAtMs: nowMs,
    };
    transaction.keep(before, { row, isNews: true }, entry);
    return { row, entry };
  }

  private nextVersion(transaction: CatalogTransaction) {
    const counter = transaction.meta.counter + 1;
    transaction.meta = { ...transaction.meta, counter };
    return { incarnation: transaction.meta.incarnation, counter };
  }
}
