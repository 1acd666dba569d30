// Catalog: the directory of a node in a store of its own: a table of entries, each with a single
// writer, and the log of what the hub above has to be told.
//
//   D1  One loop: works are done in the order of their calls, many to a synced write; a result is
//       given, an acknowledgement sent and a change shown only once it is durable.
//   D2  After a failed write nothing more is done (the store's rule T4): `failed` hears it once.
//   D3  Readers see what is durable, and nothing else.

import { type CatalogTombstone, type CatalogUpsert, limits } from "../domain/index.ts";
import type { Store } from "../store/index.ts";
import {
  type CatalogMeta,
  type ChildProgress,
  decodeMeta,
  decodeProgress,
  decodeRow,
  entryKey,
  entryText,
  logKey,
  metaKey,
  nameOf,
  numberOf,
  prefixOf,
  textOf,
} from "./catalog-rows.ts";
import { type AppliedChange, CatalogTransaction } from "./catalog-transaction.ts";
import type { CatalogRow } from "./merge.ts";

export interface CatalogOptions {
  readonly store: Store;
  /** ms since 1970. */
  readonly now: () => number;
  /** Changes that are durable, in their order. */
  readonly applied?: ((changes: readonly AppliedChange[]) => void) | undefined;
  /** A write's outcome is unknown: the process must end. */
  readonly failed: (error: unknown) => void;
}

type Work<Result> = (transaction: CatalogTransaction) => Promise<Result> | Result;

interface Waiting {
  readonly run: Work<unknown>;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** A part of the log. */
export interface LogPart {
  readonly toRev: number;
  readonly headRev: number;
  readonly upserts: readonly CatalogUpsert[];
  readonly tombstones: readonly CatalogTombstone[];
}

/** Reads what `openCatalog` or a test has prepared: the first row has to be there. */
export async function loadCatalog(options: CatalogOptions): Promise<Catalog> {
  const meta = decodeMeta(await options.store.get(metaKey));
  const children = new Map<string, ChildProgress>();
  for await (const { key, value } of options.store.scan(prefixOf("C"))) {
    children.set(textOf(key, 1), decodeProgress(value));
  }
  return new Catalog(options, meta, children);
}

export class Catalog {
  private readonly options: CatalogOptions;
  private readonly known: Map<string, ChildProgress>;
  private readonly waiting: Waiting[] = [];
  private readonly listeners = new Set<() => void>();
  private durable: CatalogMeta;
  private working: Promise<void> | undefined;
  private isBroken = false;

  constructor(options: CatalogOptions, meta: CatalogMeta, children: Map<string, ChildProgress>) {
    this.options = options;
    this.durable = meta;
    this.known = children;
  }

  get meta(): CatalogMeta {
    return this.durable;
  }

  get children(): ReadonlyMap<string, ChildProgress> {
    return this.known;
  }

  /** Called after every commit; returns what ends that. */
  onCommit(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Does a work and resolves with its result once that is durable. What the work throws rejects,
   * and is the work's alone. Never settles after a failed write.
   */
  submit<Result>(run: Work<Result>): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      if (this.isBroken) return;
      this.waiting.push({ run, resolve: resolve as Waiting["resolve"], reject });
      this.working ??= this.work();
    });
  }

  private async work(): Promise<void> {
    try {
      // What arrives in the same turn travels together.
      await new Promise((resolve) => setImmediate(resolve));
      while (this.waiting.length > 0) await this.commitOnce();
    } catch (error) {
      this.isBroken = true;
      this.options.failed(error);
    } finally {
      this.working = undefined;
    }
  }

  private async commitOnce(): Promise<void> {
    const { store, now } = this.options;
    const before = this.durable;
    const transaction = new CatalogTransaction(store, before, this.known, now());
    const results: (() => void)[] = [];
    while (this.waiting.length > 0 && !transaction.isFull()) {
      const { run, resolve, reject } = this.waiting.shift() as Waiting;
      try {
        const result = (await run(transaction)) as never;
        results.push(() => resolve(result));
      } catch (error) {
        results.push(() => reject(error));
      }
    }
    const operations = transaction.finish(before);
    if (operations.length > 0) await store.commit(operations, 0);
    this.durable = transaction.meta;
    for (const [child, progress] of transaction.children) this.known.set(child, progress);
    if (transaction.changes.length > 0) this.options.applied?.(transaction.changes);
    for (const tell of results) tell();
    if (operations.length > 0) for (const listener of [...this.listeners]) listener();
  }

  async row(name: { readonly owner: string; readonly code: string }) {
    const value = await this.options.store.get(entryKey(name));
    return value === undefined ? undefined : decodeRow(entryText(name), value);
  }

  /** Rows by code from `after` on, that one left out; a name is `code NUL owner`. */
  async *rows(options: { readonly codePrefix?: string; readonly after?: string } = {}) {
    const { codePrefix = "", after } = options;
    const { gte, lt } = prefixOf(`E${codePrefix}`);
    const behind = after === undefined ? gte : new TextEncoder().encode(`E${after}\0`);
    const start = Buffer.compare(behind, gte) < 0 ? gte : behind;
    for await (const { key, value } of this.options.store.scan({ gte: start, lt })) {
      yield decodeRow(textOf(key, 1), value);
    }
  }

  /** All that changed after `rev`, or the beginning of it. */
  async log(rev: number): Promise<LogPart> {
    const headRev = this.durable.head;
    const upserts: CatalogUpsert[] = [];
    const tombstones: CatalogTombstone[] = [];
    let toRev = headRev;
    let bytes = 0;
    const range = { gte: logKey(rev + 1), lt: prefixOf("L").lt };
    for await (const { key, value } of this.options.store.scan(range)) {
      const at = numberOf(key);
      const row = await this.row(nameOf(textOf(value, 0)));
      // It has changed again meanwhile: it stands further on.
      if (row?.rev !== at) continue;
      const { owner, code, incarnation, counter, entry } = row;
      const isThere = entry !== undefined && row.isVisibleAbove;
      if (isThere) upserts.push({ owner, code, incarnation, counter, entry });
      else tombstones.push({ owner, code, incarnation, counter });
      bytes += 100 + (isThere ? entry.length : 0);
      const count = upserts.length + tombstones.length;
      if (bytes < limits.catalogDeltaBytesTarget && count < limits.catalogDeltaEntriesMax) continue;
      toRev = at;
      break;
    }
    return { toRev, headRev: Math.max(headRev, toRev), upserts, tombstones };
  }

  /**
   * Forgets entries that have been gone for long enough and that the hub above, which has our log
   * up to `ackedRev`, knows of. Resolves with how many there were.
   */
  purge(ackedRev: number): Promise<number> {
    return this.submit(async (transaction) => {
      const gone: CatalogRow[] = [];
      const before = transaction.nowMs - limits.tombstoneKeepMs;
      for await (const { key } of this.options.store.scan(prefixOf("T"))) {
        if (numberOf(key) > before || gone.length >= purgeMax) break;
        const row = await transaction.row(nameOf(textOf(key, 9)));
        if (row?.goneAtMs === numberOf(key) && row.rev <= ackedRev) gone.push(row);
      }
      for (const row of gone) transaction.purge(row);
      return gone.length;
    });
  }

  /** Waits for what is under way. The store is its opener's to close. */
  async idle(): Promise<void> {
    while (this.working !== undefined) await this.working;
  }
}

/** Tombstones of one commit; the others wait for the next call. */
const purgeMax = 5_000;
