// Catalog transaction: what the works of one commit read and write. Each sees what those before it
// have written; together they become durable or none does.
//
//   T1  A work decides before it writes: what it throws then leaves nothing behind.
//   T2  The log keeps the newest revision per entry: a change moves its entry to the end. An entry
//       that the hub above neither may see nor has ever been told of is not in it.

import { limits } from "../domain/index.ts";
import type { Store, StoreOperation } from "../store/index.ts";
import {
  type CatalogMeta,
  type ChildProgress,
  childKey,
  decodeRow,
  encodeMeta,
  encodeProgress,
  encodeRow,
  entryKey,
  entryText,
  goneKey,
  logKey,
  metaKey,
  prefixOf,
  textOf,
} from "./catalog-rows.ts";
import type { CatalogEntry } from "./entry.ts";
import type { CatalogRow, Merged } from "./merge.ts";

const encoder = new TextEncoder();

/** An entry that has come, changed or gone. */
export interface AppliedChange {
  readonly row: CatalogRow;
  /** Undefined when it is gone. */
  readonly entry: CatalogEntry | undefined;
}

const nothingKnown: ChildProgress = { logId: "", appliedRev: 0, generation: 0, sweepAtRev: 0 };

export class CatalogTransaction {
  readonly nowMs: number;
  meta: CatalogMeta;
  readonly changes: AppliedChange[] = [];
  readonly children = new Map<string, ChildProgress>();
  private readonly store: Store;
  private readonly known: ReadonlyMap<string, ChildProgress>;
  private readonly operations: StoreOperation[] = [];
  /** By name: rows that were written; undefined for one that was purged. */
  private readonly rows = new Map<string, CatalogRow | undefined>();

  constructor(
    store: Store,
    meta: CatalogMeta,
    known: ReadonlyMap<string, ChildProgress>,
    nowMs: number,
  ) {
    this.store = store;
    this.meta = meta;
    this.known = known;
    this.nowMs = nowMs;
  }

  /** Rows written so far. */
  get size(): number {
    return this.rows.size;
  }

  isFull(): boolean {
    return this.rows.size >= limits.catalogCommitEntriesMax;
  }

  async row(name: { readonly owner: string; readonly code: string }) {
    const text = entryText(name);
    if (this.rows.has(text)) return this.rows.get(text);
    const value = await this.store.get(entryKey(name));
    return value === undefined ? undefined : decodeRow(text, value);
  }

  /** All rows whose code begins so, in the order of codes. */
  async *rowsOf(codePrefix: string): AsyncGenerator<CatalogRow> {
    for await (const { key, value } of this.store.scan(prefixOf(`E${codePrefix}`))) {
      const text = textOf(key, 1);
      if (!this.rows.has(text)) yield decodeRow(text, value);
    }
    for (const row of [...this.rows.values()]) {
      if (row?.code.startsWith(codePrefix.replace("\0", "")) === true) yield row;
    }
  }

  progress(child: string): ChildProgress {
    return this.children.get(child) ?? this.known.get(child) ?? nothingKnown;
  }

  setProgress(child: string, progress: ChildProgress): void {
    this.children.set(child, progress);
  }

  /** Keeps what a merge has given. `before` is the row that it was merged into. */
  keep(before: CatalogRow | undefined, { row, isNews }: Merged, entry?: CatalogEntry): void {
    const kept = isNews ? this.logged(row) : row;
    this.count(before, -1);
    this.count(kept, 1);
    if (before !== undefined && before.goneAtMs > 0) this.del(goneKey(before));
    if (kept.goneAtMs > 0) this.put(goneKey(kept), new Uint8Array(0));
    this.rows.set(entryText(kept), kept);
    this.put(entryKey(kept), encodeRow(kept));
    const wasThere = before?.entry !== undefined;
    if (isNews && (wasThere || kept.entry !== undefined)) {
      this.changes.push({ row: kept, entry: kept.entry === undefined ? undefined : entry });
    }
  }

  private logged(row: CatalogRow): CatalogRow {
    if (!row.isVisibleAbove && !row.isTold) return row;
    if (row.rev > 0) this.del(logKey(row.rev));
    const rev = this.meta.head + 1;
    this.meta = { ...this.meta, head: rev };
    this.put(logKey(rev), encoder.encode(entryText(row)));
    return { ...row, rev, isTold: true };
  }

  /** Forgets that an entry is gone. */
  purge(row: CatalogRow): void {
    this.count(row, -1);
    this.rows.set(entryText(row), undefined);
    this.del(entryKey(row));
    this.del(goneKey(row));
    if (row.rev > 0) this.del(logKey(row.rev));
  }

  private count(row: CatalogRow | undefined, by: number): void {
    if (row === undefined) return;
    const { entries, tombstones, ownEntries } = this.meta;
    if (row.entry === undefined) this.meta = { ...this.meta, tombstones: tombstones + by };
    else {
      const isOwn = row.routes.some(({ child }) => child === "");
      const own = ownEntries + (isOwn ? by : 0);
      this.meta = { ...this.meta, entries: entries + by, ownEntries: own };
    }
  }

  private put(key: Uint8Array, value: Uint8Array): void {
    this.operations.push({ type: "put", key, value });
  }

  private del(key: Uint8Array): void {
    this.operations.push({ type: "del", key });
  }

  /** What to commit; empty when nothing was written. */
  finish(before: CatalogMeta): readonly StoreOperation[] {
    for (const [child, progress] of this.children) {
      this.put(childKey(child), encodeProgress(progress));
    }
    if (this.meta !== before) this.put(metaKey, encodeMeta(this.meta));
    return this.operations;
  }
}
