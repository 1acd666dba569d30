// Hub catalog: the directory of a hub, its index, and the ends of its replication over links.
//
//   H1  The directory is part of what the hub must not lose: a failed write ends the process, as
//       that of the journal does.
//   H2  The index is made from the store while the hub serves already; until it is whole, searches
//       answer HUB_BUSY. Changes that come meanwhile go into it as well.

import { randomUUID } from "node:crypto";
import {
  type AppliedChange,
  type Catalog,
  CatalogDownlink,
  type CatalogEntry,
  CatalogUplink,
  decodeKeptEntry,
  type OpenedCatalog,
  OwnEntries,
  openCatalog,
  renewCatalog,
} from "@cloudbrain/sdk/catalog";
import {
  type Address,
  type EntryName,
  MeshError,
  type NodeDescription,
  parentOf,
} from "@cloudbrain/sdk/domain";
import type { Link } from "@cloudbrain/sdk/link";
import type { CatalogEnd, CatalogEnds } from "../links/hub-links.ts";
import { SearchIndex } from "./search-index.ts";

export interface HubCatalogOptions {
  readonly description: NodeDescription;
  readonly dataDirectory: string;
  /** ms since 1970. */
  readonly now: () => number;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
  readonly failed: (error: MeshError) => void;
}

/** How often what is gone for long enough is forgotten. */
const purgeEveryMs = 10 * 60_000;
/** Rows that go into the index before others have their turn. */
const indexRowsAtOnce = 500;
const storeBytes = { cacheBytes: 4 * 1024 * 1024, writeBufferBytes: 8 * 1024 * 1024 };

export class HubCatalog implements CatalogEnds {
  readonly index = new SearchIndex();
  /** Entries of children that were not taken, since the start. */
  refused = 0;
  private readonly options: HubCatalogOptions;
  private readonly linked = new Map<Address, Link>();
  private opened: OpenedCatalog | undefined;
  private entries: OwnEntries | undefined;
  private uplink: CatalogUplink | undefined;
  private indexing: Promise<void> = Promise.resolve();
  private isIndexed = false;
  private isClosed = false;
  private timer: NodeJS.Timeout | undefined;

  private constructor(options: HubCatalogOptions) {
    this.options = options;
  }

  /** Throws as `openLevelStore` does. */
  static async open(options: HubCatalogOptions): Promise<HubCatalog> {
    const made = new HubCatalog(options);
    const { description, dataDirectory, now, log } = options;
    const opened = await openCatalog({
      directory: dataDirectory,
      identity: description.address,
      now,
      newId: randomUUID,
      applied: (changes) => made.applied(changes),
      failed: (error) => made.failed(error),
      ...storeBytes,
    });
    if (opened.isNew) log("catalog made", { address: description.address });
    const { level, division, industry, region } = description;
    made.opened = opened;
    made.entries = new OwnEntries(opened.catalog, description.address, {
      ...{ level, division, industry, region },
    });
    made.indexing = made.fillIndex(opened.catalog);
    made.timer = setInterval(() => made.purge(), purgeEveryMs).unref();
    return made;
  }

  get catalog(): Catalog {
    if (this.opened === undefined) throw new MeshError("STORE_CLOSED", { subject: "catalog" });
    return this.opened.catalog;
  }

  /** What the hub publishes of itself. */
  get own(): OwnEntries {
    if (this.entries === undefined) throw new MeshError("STORE_CLOSED", { subject: "catalog" });
    return this.entries;
  }

  get isReady(): boolean {
    return this.isIndexed;
  }

  /** How far the hub above has our log; 0 where there is none. */
  get ackedRev(): number {
    return Math.max(0, this.uplink?.ackedRev ?? 0);
  }

  isLinked(child: Address): boolean {
    return this.linked.has(child);
  }

  /** Resolves once searches are answered. */
  ready(): Promise<void> {
    return this.indexing;
  }

  private failed(error: unknown): void {
    const detail = "the catalog can't be written";
    this.options.failed(
      error instanceof MeshError ? error : new MeshError("STORE_FAULT", { detail, cause: error }),
    );
  }

  private applied(changes: readonly AppliedChange[]): void {
    for (const { row, entry } of changes) {
      if (row.entry === undefined) this.index.remove(row);
      else this.show(row, entry ?? decodeKeptEntry(row.entry));
    }
  }

  /** Drafts are not searched for. */
  private show(name: EntryName, entry: CatalogEntry): void {
    if (entry.state === "draft") this.index.remove(name);
    else this.index.put(name, entry);
  }

  private async fillIndex(catalog: Catalog): Promise<void> {
    let rows = 0;
    try {
      for await (const { owner, code, entry } of catalog.rows()) {
        if (this.isClosed) return;
        if (entry === undefined || this.index.has({ owner, code })) continue;
        // The scan is of the past: what has changed since is in the index, or is gone.
        const now = await catalog.row({ owner, code });
        if (now?.entry !== undefined) this.show(now, decodeKeptEntry(now.entry));
        rows += 1;
        if (rows % indexRowsAtOnce === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      this.isIndexed = true;
    } catch (error) {
      if (!this.isClosed) this.failed(error);
    }
  }

  private purge(): void {
    const isRoot = parentOf(this.options.description.address) === undefined;
    const known = isRoot ? Number.MAX_SAFE_INTEGER : this.ackedRev;
    this.opened?.catalog.purge(known).catch((error: unknown) => this.failed(error));
  }

  openDownlink(child: Address, link: Link): CatalogEnd {
    this.linked.set(child, link);
    const downlink = new CatalogDownlink({
      catalog: this.catalog,
      self: this.options.description.address,
      child,
      wake: () => link.pump(),
      refused: (count) => {
        this.refused += count;
      },
      violation: (detail) => link.close({ code: "FRAME_INVALID", detail, retryAfterMs: 5_000 }),
    });
    const close = (): void => {
      if (this.linked.get(child) === link) this.linked.delete(child);
      downlink.close();
    };
    return {
      hasNext: () => downlink.hasNext(),
      next: () => downlink.next(),
      receive: (message) => downlink.receive(message),
      close,
    };
  }

  openUplink(link: Link): CatalogEnd {
    const { catalog } = this;
    const uplink = new CatalogUplink({
      catalog,
      wake: () => link.pump(),
      refused: (refusals) => {
        for (const refusal of refusals) this.options.log("entry refused above", { ...refusal });
      },
      renew: async () => {
        this.options.log("catalog is an old copy", { logId: catalog.meta.logId });
        await renewCatalog(catalog, randomUUID());
      },
      failed: (error) => {
        if (!this.isClosed) this.failed(error);
      },
    });
    this.uplink = uplink;
    return uplink;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearInterval(this.timer);
    this.uplink?.close();
    await this.indexing;
    await this.opened?.close();
  }
}
