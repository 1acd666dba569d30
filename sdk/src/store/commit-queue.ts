// Commit queue: the rules that every store has in common, so that no store can get them wrong.
//
// Owns: the order of commits, the highest epoch, the first failure, whether the store is open.
// Keeps T3, T4 and T6 of the port; the store behind it keeps atomicity and durability.

import { assertRule, MeshError } from "../domain/errors.ts";
import { decodeCheckedValue, encodeCheckedValue, formatKey } from "./checked-value.ts";
import type { StoreOperation, StoreRange } from "./store.ts";

/** An operation as it is written: the value in its stored form. */
type StoredOperation = StoreOperation;

/** Writes atomically and resolves once durable; any rejection makes the outcome unknown. */
type CommitWriter = (operations: readonly StoredOperation[]) => Promise<void>;

/** Keys below this belong to the store itself. */
const firstUserKey = Uint8Array.of(1);
export const identityKey = encodeReservedKey("identity");
/** Where the epoch row lies, for the store that hands its stored form to the queue. */
export const epochKey = encodeReservedKey("epoch");

interface CommitQueueOptions {
  /** The stored form of the epoch row, or `undefined` before the first commit. */
  readonly storedEpoch: Uint8Array | undefined;
  readonly write: CommitWriter;
}

export class CommitQueue {
  readonly #write: CommitWriter;
  #highestEpoch: number;
  #lastCommit: Promise<void> = Promise.resolve();
  #failure: MeshError | undefined;
  #isOpen = true;

  constructor(options: CommitQueueOptions) {
    this.#write = options.write;
    this.#highestEpoch = options.storedEpoch === undefined ? 0 : decodeEpoch(options.storedEpoch);
  }

  async commit(operations: readonly StoreOperation[], epoch: number): Promise<void> {
    this.assertOpen();
    assertRule(Number.isSafeInteger(epoch) && epoch >= 0, "an epoch is a safe integer >= 0");
    // Encoded now, so that the caller may reuse its buffers while the commit waits for its turn.
    const encoded = operations.map(encodeOperation);
    const turn = this.#lastCommit.then(() => this.#writeInTurn(encoded, epoch));
    this.#lastCommit = turn.catch(() => undefined);
    return turn;
  }

  assertOpen(): void {
    if (!this.#isOpen) throw new MeshError("STORE_CLOSED");
  }

  /** Refuses new commits at once and resolves when those under way have ended. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#lastCommit;
  }

  async #writeInTurn(encoded: StoredOperation[], epoch: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (epoch < this.#highestEpoch) {
      const detail = `the commit is of epoch ${epoch}, the store has seen ${this.#highestEpoch}`;
      throw new MeshError("EPOCH_FENCED", { detail });
    }
    if (epoch > this.#highestEpoch) encoded.push(encodeEpochRow(epoch));
    if (encoded.length === 0) return;
    try {
      await this.#write(encoded);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const detail = `writing failed (${reason}); whether it was kept is unknown`;
      this.#failure = new MeshError("STORE_FAULT", { detail, cause: error });
      throw this.#failure;
    }
    this.#highestEpoch = epoch;
  }
}

/** A range that leaves the store's own rows out (T6). */
export function clampRange(range: StoreRange): { gte: Uint8Array; lt: Uint8Array } {
  const isReserved = range.gte.length === 0 || range.gte[0] === 0;
  return { gte: isReserved ? firstUserKey : range.gte, lt: range.lt };
}

function encodeOperation(operation: StoreOperation): StoredOperation {
  const { key } = operation;
  const isFree = key.length > 0 && key[0] !== 0;
  assertRule(isFree, "a key is not empty and does not begin with 0x00", formatKey(key));
  if (operation.type === "del") return { type: "del", key: key.slice() };
  return { type: "put", key: key.slice(), value: encodeCheckedValue(key, operation.value) };
}

function encodeEpochRow(epoch: number): StoredOperation {
  const body = new Uint8Array(8);
  new DataView(body.buffer).setBigUint64(0, BigInt(epoch));
  return { type: "put", key: epochKey, value: encodeCheckedValue(epochKey, body) };
}

function decodeEpoch(stored: Uint8Array): number {
  const body = decodeCheckedValue(epochKey, stored);
  return Number(new DataView(body.buffer, body.byteOffset, 8).getBigUint64(0));
}

function encodeReservedKey(name: string): Uint8Array {
  return new Uint8Array(Buffer.from(`\0${name}`, "latin1"));
}
