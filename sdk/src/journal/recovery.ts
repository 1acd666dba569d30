// Recovery: rows and journal of a stopped node become a kernel's state again.
//
//   C1  State = checkpointed rows + facts of the records after `appliedSeq`, in order.
//   C2  A store that ends before its anchor has forgotten something: refused, with both numbers.
//   C3  Pushed, not pulled: the caller reads the store, with promises or without (simulation).

import { type Kernel, MeshError } from "../domain/index.ts";
import { decodeJournalKey, decodeRowKey } from "./keys.ts";
import { decodeCbor, encodeCbor, equalBytes, genesisHash, unpackRecord } from "./record.ts";

export interface Meta {
  readonly schema: number;
  /** Made at `init`, never changed: tells a store from its successor under the same name. */
  readonly storeId: string;
  readonly epoch: number;
  readonly appliedSeq: number;
  readonly appliedHash: Uint8Array;
  readonly appliedMs: number;
}

/** Version of the keys and rows; a store of another one is refused until it is migrated. */
export const storeSchema = 1;

export function encodeMeta(meta: Meta): Uint8Array {
  return encodeCbor({ ...meta });
}

export function decodeMeta(bytes: Uint8Array | undefined): Meta {
  if (bytes === undefined) {
    throw new MeshError("STORE_CORRUPT", { subject: "meta row", detail: "it is missing" });
  }
  const meta = decodeCbor(bytes) as Meta;
  if (meta.schema !== storeSchema) {
    throw new MeshError("STORE_CORRUPT", {
      subject: "meta row",
      detail: `store schema ${meta.schema} is not ${storeSchema}, which this version reads`,
    });
  }
  return meta;
}

export function newMeta(storeId: string): Meta {
  return {
    schema: storeSchema,
    storeId,
    epoch: 0,
    appliedSeq: 0,
    appliedHash: genesisHash,
    appliedMs: 0,
  };
}

/** What the anchor beside the store remembers. */
export interface AnchorPosition {
  readonly seq: number;
  readonly hash: Uint8Array;
}

export interface RecoveredPosition {
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly atMs: number;
}

export class Recovery {
  private readonly kernel: Kernel<never, unknown>;
  private seq: number;
  private hash: Uint8Array;
  private atMs: number;
  private readonly anchor: AnchorPosition | undefined;
  private anchorSeen = false;

  constructor(kernel: Kernel<never, unknown>, meta: Meta, anchor: AnchorPosition | undefined) {
    this.kernel = kernel;
    this.seq = meta.appliedSeq;
    this.hash = meta.appliedHash;
    this.atMs = meta.appliedMs;
    this.anchor = anchor;
    this.compareAnchor();
  }

  /** First record that is to be pushed. */
  nextSeq(): number {
    return this.seq + 1;
  }

  row(key: Uint8Array, value: Uint8Array): void {
    this.kernel.restore({ ...decodeRowKey(key), value: decodeCbor(value) });
  }

  record(key: Uint8Array, value: Uint8Array): void {
    const seq = decodeJournalKey(key);
    if (seq !== this.seq + 1) {
      throw new MeshError("STORE_CORRUPT", {
        subject: `journal record ${this.seq + 1}`,
        detail: `it is missing: record ${seq} follows record ${this.seq}`,
      });
    }
    const { record, hash } = unpackRecord(seq, value, this.hash);
    let atMs = record.atMs;
    let next = 0;
    for (const [index, fact] of record.facts.entries()) {
      const time = record.times[next];
      if (time?.index === index) {
        atMs = time.atMs;
        next += 1;
      }
      this.kernel.apply(fact, atMs);
    }
    this.seq = seq;
    this.hash = hash;
    this.atMs = Math.max(this.atMs, atMs);
    this.compareAnchor();
  }

  private compareAnchor(): void {
    if (this.anchor === undefined || this.anchor.seq !== this.seq) return;
    this.anchorSeen = true;
    if (!equalBytes(this.anchor.hash, this.hash)) {
      throw new MeshError("STORE_CORRUPT", {
        subject: `journal record ${this.seq}`,
        detail: "its hash is not the one that the anchor beside the store remembers",
      });
    }
  }

  finish(): RecoveredPosition {
    const anchor = this.anchor;
    // An anchor older than the checkpoint is what a power cut leaves: it may lag, never lead.
    if (anchor !== undefined && !this.anchorSeen && anchor.seq > this.seq) {
      throw new MeshError("AMNESIA", {
        subject: "store",
        detail:
          `the store ends at journal record ${this.seq}, the anchor beside it remembers ` +
          `${anchor.seq}: it is an old copy or has lost its end; restore the newest copy`,
      });
    }
    this.kernel.recovered();
    return { seq: this.seq, hash: this.hash, atMs: this.atMs };
  }
}
