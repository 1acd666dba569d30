// Anchor: a small file beside a store that remembers the last committed journal position, so that
// a hub notices when its store has forgotten something.
//
//   A1  It is written after the commit it names, so it is at most as new as the store. A store
//       whose last position is below its anchor has lost acknowledged work and must not serve.
//   A2  Two slots are written in turn, so that one whole slot is there at any time.
//   A3  A write is one synchronous `pwrite` without a sync: the page cache survives the death of
//       the process, and after a power cut an older anchor is harmless by A1.
//
// The file has two slots of 128 bytes, little-endian: u32 crc32c of the other 124 bytes, u32
// format, u64 counter of writes, u64 sequence, u64 epoch, 32 bytes hash, zeros.

import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";

import { assertRule, MeshError } from "../domain/errors.ts";
import { crc32cOfRange } from "./crc32c.ts";
import { createDamage } from "./store-damage.ts";

const slotBytes = 128;
const slots = 2;
/** "CBA1". */
const format = 0x31414243;
const hashBytes = 32;

const checksumAt = 0;
const formatAt = 4;
const counterAt = 8;
const sequenceAt = 16;
const epochAt = 24;
const hashAt = 32;

export interface AnchorPosition {
  readonly seq: number;
  /** The hash of the journal record at `seq`, 32 bytes. */
  readonly hash: Uint8Array;
  readonly epoch: number;
}

export interface AnchorReading extends AnchorPosition {
  /** One slot is damaged and the position may be one write old; worth an alarm, not a refusal. */
  readonly damagedSlot: boolean;
}

export interface Anchor {
  /** The newest position that is whole. Throws STORE_CORRUPT when no slot is. */
  read(): AnchorReading;
  /** Remembers `position`, which is never before the last one. Throws STORE_FAULT. 5-10 µs. */
  write(position: AnchorPosition): void;
  /** Everything after it throws STORE_CLOSED. Repeatable. */
  close(): void;
}

interface Slot extends AnchorPosition {
  readonly index: number;
  readonly counter: number;
}

/**
 * Opens the anchor at `path`; with `create` it makes a new one at sequence 0, epoch 0, which is
 * durable after `initAnchor` alone.
 *
 * Throws STORE_MISSING, STORE_EXISTS (with `create`), STORE_CORRUPT when no slot is whole, so that
 * a damaged anchor is never written over, and STORE_FAULT when the disk fails.
 */
export function openAnchor(options: { readonly path: string; readonly create: boolean }): Anchor {
  const { path, create } = options;
  const file = openFile(path, create);
  try {
    const anchor = new FileAnchor(path, file);
    if (create) anchor.init();
    anchor.read();
    return anchor;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** Makes an anchor that is durable, and leaves it closed; waits without blocking the process. */
export async function initAnchor(path: string): Promise<void> {
  openAnchor({ path, create: true }).close();
  const file = await open(path, "r+");
  try {
    await file.sync();
  } catch (cause) {
    const detail = "the anchor could not be made durable";
    throw new MeshError("STORE_FAULT", { subject: path, detail, cause });
  } finally {
    await file.close();
  }
}

class FileAnchor implements Anchor {
  readonly #path: string;
  readonly #file: number;
  /** The slot that holds the newest position; the other one is written next. */
  #newest: Pick<Slot, "index" | "counter" | "seq"> = { index: slots - 1, counter: 0, seq: 0 };
  #isOpen = true;

  constructor(path: string, file: number) {
    this.#path = path;
    this.#file = file;
  }

  /** Both slots are filled, so that an invalid slot always means damage. */
  init(): void {
    const start = { seq: 0, hash: new Uint8Array(hashBytes), epoch: 0 };
    for (let count = 0; count < slots; count += 1) this.write(start);
  }

  read(): AnchorReading {
    this.#assertOpen();
    const bytes = new Uint8Array(slotBytes * slots);
    this.#attempt("read", () => readSync(this.#file, bytes, 0, bytes.length, 0));
    let newest: Slot | undefined;
    let whole = 0;
    for (let index = 0; index < slots; index += 1) {
      const slot = decodeSlot(bytes.subarray(index * slotBytes, (index + 1) * slotBytes), index);
      if (slot === undefined) continue;
      whole += 1;
      if (newest === undefined || slot.counter > newest.counter) newest = slot;
    }
    if (newest === undefined) throw createDamage(this.#path, 0, "no slot of the anchor is whole");
    const { index, counter, seq, hash, epoch } = newest;
    this.#newest = { index, counter, seq };
    return { seq, hash, epoch, damagedSlot: whole < slots };
  }

  write(position: AnchorPosition): void {
    this.#assertOpen();
    const { seq, epoch } = position;
    assertRule(position.hash.length === hashBytes, "the hash of a position has 32 bytes");
    assertRule(Number.isSafeInteger(seq) && seq >= this.#newest.seq, "an anchor never goes back");
    assertRule(Number.isSafeInteger(epoch) && epoch >= 0, "an epoch is a safe integer >= 0");
    const index = (this.#newest.index + 1) % slots;
    const counter = this.#newest.counter + 1;
    const slot = encodeSlot(position, counter);
    this.#attempt("write", () => {
      const written = writeSync(this.#file, slot, 0, slotBytes, index * slotBytes);
      if (written !== slotBytes) throw new Error(`wrote ${written} of ${slotBytes} bytes`);
    });
    this.#newest = { index, counter, seq };
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#file);
  }

  #assertOpen(): void {
    if (!this.#isOpen) throw new MeshError("STORE_CLOSED", { subject: this.#path });
  }

  #attempt(what: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      const detail = `the anchor could not be used: ${what} failed`;
      throw new MeshError("STORE_FAULT", { subject: this.#path, detail, cause: error });
    }
  }
}

function openFile(path: string, create: boolean): number {
  try {
    return openSync(path, create ? "wx+" : "r+");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" && !create) {
      throw new MeshError("STORE_MISSING", { subject: path, detail: "the anchor is gone" });
    }
    if (code === "EEXIST") throw new MeshError("STORE_EXISTS", { subject: path });
    const detail = "the anchor can't be opened";
    throw new MeshError("STORE_FAULT", { subject: path, detail, cause: error });
  }
}

function encodeSlot(position: AnchorPosition, counter: number): Uint8Array {
  const bytes = new Uint8Array(slotBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(formatAt, format, true);
  view.setBigUint64(counterAt, BigInt(counter), true);
  view.setBigUint64(sequenceAt, BigInt(position.seq), true);
  view.setBigUint64(epochAt, BigInt(position.epoch), true);
  bytes.set(position.hash, hashAt);
  view.setUint32(checksumAt, crc32cOfRange(bytes, formatAt, slotBytes), true);
  return bytes;
}

function decodeSlot(bytes: Uint8Array, index: number): Slot | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, slotBytes);
  if (view.getUint32(checksumAt, true) !== crc32cOfRange(bytes, formatAt, slotBytes)) return;
  if (view.getUint32(formatAt, true) !== format) return undefined;
  return {
    index,
    counter: Number(view.getBigUint64(counterAt, true)),
    seq: Number(view.getBigUint64(sequenceAt, true)),
    epoch: Number(view.getBigUint64(epochAt, true)),
    hash: bytes.slice(hashAt, hashAt + hashBytes),
  };
}
