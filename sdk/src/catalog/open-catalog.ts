// Opening a directory: a store of its own beside the node's journal.
//
//   P1  Unlike the journal it is made where there is none: a lost directory is told again by the
//       children, and its own entries get a higher incarnation, so that nobody takes them for old.
//   P2  The directory is verified byte by byte before it is opened, like the journal's store.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Address } from "../domain/index.ts";
import { initLevelStore, openLevelStore, type Store } from "../store/index.ts";
import { type Catalog, loadCatalog } from "./catalog.ts";
import { type CatalogMeta, encodeMeta, metaKey } from "./catalog-rows.ts";
import type { AppliedChange } from "./catalog-transaction.ts";

export interface OpenCatalogOptions {
  /** The node's data directory; the catalog lies in `catalog` within. */
  readonly directory: string;
  readonly identity: Address;
  /** ms since 1970. */
  readonly now: () => number;
  /** Random text: tells this log from any other of the node. */
  readonly newId: () => string;
  readonly applied?: ((changes: readonly AppliedChange[]) => void) | undefined;
  readonly failed: (error: unknown) => void;
  /** See `openLevelStore`. */
  readonly cacheBytes?: number | undefined;
  readonly writeBufferBytes?: number | undefined;
}

export interface OpenedCatalog {
  readonly catalog: Catalog;
  /** It was made just now. */
  readonly isNew: boolean;
  /** Waits for what is under way, then closes the store. */
  close(): Promise<void>;
}

/** Throws as `openLevelStore` does. */
export async function openCatalog(options: OpenCatalogOptions): Promise<OpenedCatalog> {
  const directory = join(options.directory, "catalog");
  const isNew = !existsSync(directory);
  const { identity, cacheBytes, writeBufferBytes } = options;
  if (isNew) {
    const rows = [{ key: metaKey, value: encodeMeta(newMeta(options.newId(), options.now())) }];
    await initLevelStore({ directory, identity, rows });
  }
  const sizes = {
    ...(cacheBytes === undefined ? {} : { cacheBytes }),
    ...(writeBufferBytes === undefined ? {} : { writeBufferBytes }),
  };
  const store: Store = await openLevelStore({ directory, identity, ...sizes });
  try {
    const { now, applied, failed } = options;
    const catalog = await loadCatalog({ store, now, applied, failed });
    const close = async (): Promise<void> => {
      await catalog.idle();
      await store.close();
    };
    return { catalog, isNew, close };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** The first row of an empty directory. */
export function newMeta(logId: string, nowMs: number): CatalogMeta {
  const none = { counter: 0, head: 0, entries: 0, tombstones: 0, ownEntries: 0 };
  return { logId, incarnation: nowMs, ...none };
}

/** Takes a new log, and a new incarnation for all own entries: our store is an old copy. */
export async function renewCatalog(catalog: Catalog, logId: string): Promise<void> {
  await catalog.submit(async (transaction) => {
    const { meta, nowMs } = transaction;
    const incarnation = Math.max(nowMs, meta.incarnation + 1);
    transaction.meta = { ...meta, logId, incarnation, counter: 0 };
    const own = [];
    for await (const row of transaction.rowsOf("")) {
      if (row.routes.some(({ child }) => child === "")) own.push(row);
    }
    for (const row of own) {
      const counter = transaction.meta.counter + 1;
      transaction.meta = { ...transaction.meta, counter };
      transaction.keep(row, { row: { ...row, incarnation, counter }, isNews: true });
    }
  });
}
