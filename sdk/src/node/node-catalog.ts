// Node catalog: the resources that a vendor's node declares, kept in a directory of its own and
// told to the hub above over the node's link.
//
//   N1  What is declared is what is published: at `start` the directory is made exactly that, and a
//       resource that is declared no more is withdrawn.
//   N2  A node that has never declared any has no directory and says nothing of catalogs.

import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  assertSound,
  CatalogUplink,
  type OpenedCatalog,
  OwnEntries,
  openCatalog,
  type ResourceDescription,
  renewCatalog,
} from "../catalog/index.ts";
import { catalogFeature, MeshError, type NodeDescription } from "../domain/index.ts";
import type { Link } from "../link/index.ts";
import type { NodeLog } from "./node-options.ts";

export interface NodeCatalogOptions {
  /** ms since 1970. */
  readonly now: () => number;
  readonly log: NodeLog;
  readonly failed: (error: unknown) => void;
}

/** A process may hold thousands of nodes, each with few resources. */
const storeBytes = { cacheBytes: 256 * 1024, writeBufferBytes: 256 * 1024 };
const purgeEveryMs = 3_600_000;

export class NodeCatalog {
  private readonly options: NodeCatalogOptions;
  private readonly declared: ResourceDescription[] = [];
  private opened: OpenedCatalog | undefined;
  private uplink: CatalogUplink | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: NodeCatalogOptions) {
    this.options = options;
  }

  /** Throws RESOURCE_INVALID or RESOURCE_EXISTS. */
  declare(address: string, resources: readonly ResourceDescription[]): void {
    for (const description of resources) {
      assertSound(description, address);
      if (this.declared.some(({ code }) => code === description.code)) {
        const detail = "a resource with this code is declared already";
        throw new MeshError("RESOURCE_EXISTS", { subject: description.code, detail });
      }
      this.declared.push(description);
    }
  }

  /** Features for the Hello. */
  get features(): readonly string[] {
    return this.opened === undefined ? [] : [catalogFeature];
  }

  async open(directory: string, description: NodeDescription): Promise<void> {
    if (this.declared.length === 0 && !existsSync(join(directory, "catalog"))) return;
    const { address, level, division, industry, region } = description;
    const { failed, now } = this.options;
    const opened = await openCatalog({
      ...{ directory, identity: address, now, newId: randomUUID, failed },
      ...storeBytes,
    });
    this.opened = opened;
    const own = new OwnEntries(opened.catalog, address, { level, division, industry, region });
    await own.declare(this.declared);
    this.timer = setInterval(() => this.purge(), purgeEveryMs).unref();
  }

  private purge(): void {
    const known = this.uplink?.ackedRev ?? -1;
    if (known >= 0) this.opened?.catalog.purge(known).catch(this.options.failed);
  }

  /** Before the link is attached; the features are those of both ends. */
  linked(link: Link, features: readonly string[]): void {
    this.unlinked();
    const { opened } = this;
    if (opened === undefined || !features.includes(catalogFeature)) return;
    const { log, failed } = this.options;
    const uplink = new CatalogUplink({
      catalog: opened.catalog,
      wake: () => link.pump(),
      refused: (refusals) => {
        for (const refusal of refusals) log("resource refused by the hub", { ...refusal });
      },
      renew: () => renewCatalog(opened.catalog, randomUUID()),
      failed,
    });
    this.uplink = uplink;
    link.attachCatalog(uplink);
  }

  unlinked(): void {
    this.uplink?.close();
    this.uplink = undefined;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    this.unlinked();
    const { opened } = this;
    this.opened = undefined;
    await opened?.close();
  }
}
