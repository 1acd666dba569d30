// History: chains, keys and texts of applications that are in the store and not in memory any more.

import { createHash } from "node:crypto";
import { MeshError } from "@cloudbrain/sdk/domain";
import { decodeCbor, decodeRowKey, rowKey, tableRange } from "@cloudbrain/sdk/journal";
import type { Store } from "@cloudbrain/sdk/store";
import type { ChainRow, HubKernel, KeyHolder } from "../kernel/index.ts";

export class History {
  private readonly store: Store;
  private readonly kernel: HubKernel;

  constructor(store: Store, kernel: HubKernel) {
    this.store = store;
    this.kernel = kernel;
  }

  /** The chain as it is now, live or ended. Rejects with STORE_CORRUPT when its row is damaged. */
  async chain(id: string): Promise<ChainRow | undefined> {
    const live = this.kernel.chainNow(id);
    if (live !== undefined) return live;
    const bytes = await this.store.get(rowKey("past", id));
    if (bytes !== undefined) return decodeCbor(bytes) as ChainRow;
    // It may have been evicted between the two looks, never the other way round.
    return this.kernel.chainNow(id);
  }

  /**
   * The text of an application by its hash, which is compared with what is found: rejects with
   * STORE_CORRUPT when it is not there or another.
   */
  async source(hash: string): Promise<string> {
    const live = this.kernel.state.sources.get(hash);
    const bytes = live === undefined ? await this.store.get(rowKey("source", hash)) : undefined;
    const text = live ?? (bytes === undefined ? "" : String(decodeCbor(bytes)));
    if (hashOfSource(text) === hash) return text;
    throw new MeshError("STORE_CORRUPT", {
      subject: `source ${hash}`,
      detail: "the text of the application is missing or changed: restore the newest copy",
    });
  }

  /**
   * Newest first: ids are sortable by time. `before` is the last id of the page before.
   */
  async chains(options: { readonly before: string; readonly limit: number }): Promise<ChainRow[]> {
    const { before, limit } = options;
    const rows = new Map<string, ChainRow>();
    const range = tableRange("past");
    const lt = before === "" ? range.lt : rowKey("past", before);
    for await (const { key, value } of this.store.scan({
      gte: range.gte,
      lt,
      reverse: true,
      limit,
    })) {
      rows.set(decodeRowKey(key).key, decodeCbor(value) as ChainRow);
    }
    for (const id of this.kernel.state.chains.keys()) {
      if (before !== "" && id >= before) continue;
      const row = this.kernel.chainNow(id);
      if (row !== undefined) rows.set(id, row);
    }
    return [...rows.values()].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit);
  }

  /**
   * The holder of a key that is not in memory. Asks again when the kernel let chains go meanwhile,
   * so that a key is in memory or found here, never in neither.
   */
  async keyHolder(application: string, key: string): Promise<KeyHolder | undefined> {
    const name = `${application}\u0001${key}`;
    for (;;) {
      const live = this.kernel.state.keys.get(name);
      if (live !== undefined) return live;
      const { evictions } = this.kernel;
      // Nothing was ever let go: memory knows every key.
      if (evictions === 0) return undefined;
      const bytes = await this.store.get(rowKey("key", name));
      if (this.kernel.evictions === evictions) {
        return bytes === undefined ? undefined : (decodeCbor(bytes) as KeyHolder);
      }
    }
  }
}

/** sha256 of a text as it was published, lower-case hex. */
export function hashOfSource(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
