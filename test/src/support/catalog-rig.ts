// Catalog rig: directories on memory disks, joined by links that lose what is on them when they are
// cut. No time passes and no dice are thrown here: whoever drives it decides what happens next.

import {
  type AppliedChange,
  type Catalog,
  CatalogDownlink,
  type CatalogRow,
  CatalogUplink,
  encodeMeta,
  entryText,
  loadCatalog,
  metaKey,
  newMeta,
  OwnEntries,
  renewCatalog,
} from "@cloudbrain/sdk/catalog";
import {
  type CatalogMessage,
  type CatalogRefusal,
  parentOf,
  parseAddress,
} from "@cloudbrain/sdk/domain";
import { MemoryDisk, openMemoryStore, type Store } from "@cloudbrain/sdk/store";

const stamp = { level: "", division: "", industry: "", region: "" };

/** A node with a directory. */
export class RigNode {
  readonly address: string;
  nowMs = 1_000;
  lives = 0;
  catalog: Catalog | undefined;
  own: OwnEntries | undefined;
  readonly changes: AppliedChange[] = [];
  readonly refusals: CatalogRefusal[] = [];
  private disk = new MemoryDisk();
  private store: Store | undefined;

  constructor(address: string) {
    this.address = address;
  }

  async open(): Promise<Catalog> {
    this.lives += 1;
    const store = openMemoryStore(this.disk);
    if ((await store.get(metaKey)) === undefined) {
      const value = encodeMeta(newMeta(`${this.address}#${this.lives}`, this.nowMs));
      await store.commit([{ type: "put", key: metaKey, value }], 0);
    }
    this.store = store;
    const catalog = await loadCatalog({
      store,
      now: () => this.nowMs,
      applied: (changes) => this.changes.push(...changes),
      failed: (error) => {
        throw error;
      },
    });
    this.catalog = catalog;
    this.own = new OwnEntries(catalog, parseAddress(this.address), stamp);
    return catalog;
  }

  /** What is under way is done; what has not been submitted is lost. */
  async close(): Promise<void> {
    await this.catalog?.idle();
    await this.store?.close();
    this.catalog = undefined;
  }

  /** Its next life finds nothing. */
  loseDisk(): void {
    this.disk = new MemoryDisk();
  }

  /** What `restoreDisk` brings back: its next life is an old copy. */
  copyDisk(): () => void {
    const copy = new MemoryDisk();
    const range = { gte: Uint8Array.of(0), lt: Uint8Array.of(255) };
    copy.write(
      this.disk
        .list(range)
        .map(({ key, stored }) => ({ type: "put" as const, key, value: stored })),
    );
    return () => {
      this.disk = copy;
    };
  }

  /** Rows of the log, whether or not they are worth telling. */
  logLength(): number {
    return this.disk.list({ gte: Uint8Array.of(0x4c), lt: Uint8Array.of(0x4d) }).length;
  }

  async rows(): Promise<Map<string, CatalogRow>> {
    const rows = new Map<string, CatalogRow>();
    for await (const row of this.catalog?.rows() ?? []) rows.set(entryText(row), row);
    return rows;
  }
}

/** A link between a child and its parent: what one says travels until it is delivered or cut. */
export class RigLink {
  readonly up: CatalogUplink;
  readonly down: CatalogDownlink;
  readonly upwards: CatalogMessage[] = [];
  readonly downwards: CatalogMessage[] = [];
  /** Messages that were delivered. */
  delivered = 0;
  isCut = false;
  violation: string | undefined;

  constructor(child: RigNode, parent: RigNode, entriesMax?: number) {
    if (child.catalog === undefined || parent.catalog === undefined) throw new Error("not open");
    const childCatalog = child.catalog;
    this.up = new CatalogUplink({
      catalog: childCatalog,
      wake: () => undefined,
      refused: (refusals) => child.refusals.push(...refusals),
      renew: () => renewCatalog(childCatalog, `${child.address}!${child.lives}`),
      failed: (error) => {
        throw error;
      },
    });
    this.down = new CatalogDownlink({
      catalog: parent.catalog,
      self: parseAddress(parent.address),
      child: parseAddress(child.address),
      wake: () => undefined,
      refused: () => undefined,
      violation: (detail) => {
        this.violation = detail;
        this.cut();
      },
      entriesMax,
    });
  }

  /** Lets one message enter the link; false when there is none. */
  load(direction: "up" | "down"): boolean {
    if (this.isCut) return false;
    const message = direction === "up" ? this.up.next() : this.down.next();
    if (message !== undefined) (direction === "up" ? this.upwards : this.downwards).push(message);
    return message !== undefined;
  }

  /** Lets one message arrive; false when there is none. */
  deliver(direction: "up" | "down"): boolean {
    if (this.isCut) return false;
    const message = (direction === "up" ? this.upwards : this.downwards).shift();
    if (message === undefined) return false;
    this.delivered += 1;
    if (direction === "up") this.down.receive(message);
    else this.up.receive(message);
    return true;
  }

  /** Whatever is on it is lost. */
  cut(): void {
    this.isCut = true;
    this.up.close();
    this.down.close();
  }
}

export class CatalogRig {
  readonly nodes = new Map<string, RigNode>();
  readonly links = new Map<string, RigLink>();

  async add(...addresses: readonly string[]): Promise<void> {
    for (const address of addresses) {
      const node = new RigNode(address);
      await node.open();
      this.nodes.set(address, node);
    }
  }

  node(address: string): RigNode {
    const node = this.nodes.get(address);
    if (node === undefined) throw new Error(`no node ${address}`);
    return node;
  }

  /** Links a node to the one above it, where both are open and no link is there. */
  link(address: string, entriesMax?: number): RigLink | undefined {
    const parent = this.nodes.get(parentOf(parseAddress(address)) ?? "");
    const old = this.links.get(address);
    if (parent?.catalog === undefined || this.node(address).catalog === undefined) return undefined;
    if (old !== undefined && !old.isCut) return old;
    const link = new RigLink(this.node(address), parent, entriesMax);
    this.links.set(address, link);
    return link;
  }

  linkAll(): void {
    for (const address of this.nodes.keys()) this.link(address);
  }

  /** Cuts every link of a node. */
  cut(address: string): void {
    for (const [child, link] of this.links) {
      if (child === address || parentOf(parseAddress(child)) === address) link.cut();
    }
  }

  async restart(address: string, change: (node: RigNode) => void = () => undefined) {
    this.cut(address);
    const node = this.node(address);
    await node.close();
    change(node);
    await node.open();
  }

  /** Until nobody has anything more to say. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      let moved = false;
      for (const link of this.links.values()) {
        for (const direction of ["down", "up"] as const) {
          while (link.load(direction) || link.deliver(direction)) moved = true;
        }
      }
      for (const node of this.nodes.values()) await node.catalog?.idle();
      await new Promise((resolve) => setImmediate(resolve));
      quiet = moved ? 0 : quiet + 1;
    }
  }
}
