// Memory store: a store for tests and for `hub dev`, with the rules of the port and no disk.
//
// Its rows live in a MemoryDisk that outlives it, so that a test can close a store, open the rows
// again and damage one in between. Values lie there in their stored form, checksum included.

import { decodeCheckedValue } from "./checked-value.ts";
import { CommitQueue, clampRange, epochKey } from "./commit-queue.ts";
import type { Store, StoreOperation, StoreRange, StoreRow } from "./store.ts";

/** What survives a memory store: its rows in their stored form. */
export class MemoryDisk {
  /** By key, one char per byte: such strings compare in the order of their bytes. */
  readonly #rows = new Map<string, Uint8Array>();
  readonly #keys: string[] = [];

  read(key: Uint8Array): Uint8Array | undefined {
    return this.#rows.get(encodeText(key))?.slice();
  }

  write(operations: readonly StoreOperation[]): void {
    for (const operation of operations) {
      const text = encodeText(operation.key);
      const at = this.#findKey(text);
      const exists = this.#keys[at] === text;
      if (operation.type === "put") {
        if (!exists) this.#keys.splice(at, 0, text);
        this.#rows.set(text, operation.value);
      } else if (exists) {
        this.#keys.splice(at, 1);
        this.#rows.delete(text);
      }
    }
  }

  /** The rows with `gte <= key < lt`, in order; later writes don't change the result. */
  list(range: { gte: Uint8Array; lt: Uint8Array }): { key: Uint8Array; stored: Uint8Array }[] {
    const start = this.#findKey(encodeText(range.gte));
    const end = this.#findKey(encodeText(range.lt));
    const rows = [];
    for (const text of this.#keys.slice(start, Math.max(start, end))) {
      const stored = this.#rows.get(text);
      if (stored !== undefined) rows.push({ key: decodeText(text), stored: stored.slice() });
    }
    return rows;
  }

  /** The index of the first key that is not below `text`. */
  #findKey(text: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] as string) < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A store on `disk`; a new one is empty. Durable for as long as somebody holds the disk. */
export function openMemoryStore(disk: MemoryDisk = new MemoryDisk()): Store {
  return new MemoryStore(disk);
}

class MemoryStore implements Store {
  readonly #disk: MemoryDisk;
  readonly #queue: CommitQueue;

  constructor(disk: MemoryDisk) {
    this.#disk = disk;
    this.#queue = new CommitQueue({
      storedEpoch: disk.read(epochKey),
      write: async (operations) => disk.write(operations),
    });
  }

  commit(operations: readonly StoreOperation[], epoch: number): Promise<void> {
    return this.#queue.commit(operations, epoch);
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#queue.assertOpen();
    const stored = this.#disk.read(key);
    return stored === undefined ? undefined : decodeCheckedValue(key, stored);
  }

  async *scan(range: StoreRange): AsyncGenerator<StoreRow, void, undefined> {
    this.#queue.assertOpen();
    const rows = this.#disk.list(clampRange(range));
    if (range.reverse === true) rows.reverse();
    for (const { key, stored } of rows.slice(0, range.limit ?? rows.length)) {
      this.#queue.assertOpen();
      yield { key, value: decodeCheckedValue(key, stored) };
    }
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}

function encodeText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}

function decodeText(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
