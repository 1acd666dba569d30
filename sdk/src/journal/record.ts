// Journal records: the facts of one commit, chained by hash.
//
//   J1  hash(n) = sha256(seq n ‖ hash(n-1) ‖ body n): a record can't be changed, dropped or moved
//       without breaking every later one. The chain is the audit trail.
//   J2  Sequences are contiguous from 1. A gap is damage, never skipped.
//   J3  The store keeps `hash(n-1) ‖ body` under the key J ‖ u64; the store adds a checksum.
//   J4  Every fact is replayed at the journal time at which it was decided, although one record
//       gathers the facts of many events: due times are computed from it.

import { createHash } from "node:crypto";
import { Encoder } from "cbor-x";
import { type Fact, MeshError } from "../domain/index.ts";
import { journalKey } from "./keys.ts";

/** Plain RFC 8949 maps, so that any CBOR reader opens a journal. */
const cbor = new Encoder({ useRecords: false, mapsAsObjects: true, tagUint8Array: false });

export function encodeCbor(value: unknown): Uint8Array {
  return cbor.encode(value);
}
export function decodeCbor(bytes: Uint8Array): unknown {
  return cbor.decode(bytes);
}

/** Hash before the first record. */
export const genesisHash = new Uint8Array(32);

export interface JournalRecord {
  readonly seq: number;
  /** Journal time of the first decision in it, ms since 1970. */
  readonly atMs: number;
  /** Life of the node that wrote it. */
  readonly epoch: number;
  readonly facts: readonly Fact[];
  /** Where the decision time changes, in order; facts before the first one are of `atMs`. */
  readonly times: readonly DecisionTime[];
}

/** The facts from this index on were decided at this journal time. */
export interface DecisionTime {
  readonly index: number;
  readonly atMs: number;
}

export interface PackedRecord {
  readonly value: Uint8Array;
  readonly hash: Uint8Array;
}

export function packRecord(record: JournalRecord, previousHash: Uint8Array): PackedRecord {
  const times = record.times.flatMap(({ index, atMs }) => [index, atMs]);
  const body = encodeCbor([record.atMs, record.epoch, record.facts, times]);
  const value = new Uint8Array(previousHash.length + body.length);
  value.set(previousHash);
  value.set(body, previousHash.length);
  return { value, hash: hashRecord(record.seq, value) };
}

function hashRecord(seq: number, value: Uint8Array): Uint8Array {
  return createHash("sha256").update(journalKey(seq)).update(value).digest();
}

/** Refuses a record that does not continue the chain with STORE_CORRUPT naming its sequence. */
export function unpackRecord(
  seq: number,
  value: Uint8Array,
  previousHash: Uint8Array,
): { readonly record: JournalRecord; readonly hash: Uint8Array } {
  const place = `journal record ${seq}`;
  if (value.length < 33 || !equalBytes(value.subarray(0, 32), previousHash)) {
    throw new MeshError("STORE_CORRUPT", {
      subject: place,
      detail: "the record does not continue the hash chain",
    });
  }
  const body = readBody(value.subarray(32));
  if (!isBody(body)) {
    throw new MeshError("STORE_CORRUPT", { subject: place, detail: "the record is not readable" });
  }
  const [atMs, epoch, facts, pairs] = body;
  const times: DecisionTime[] = [];
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    times.push({ index: pairs[at] ?? 0, atMs: pairs[at + 1] ?? 0 });
  }
  return { record: { seq, atMs, epoch, facts, times }, hash: hashRecord(seq, value) };
}

function readBody(bytes: Uint8Array): unknown {
  try {
    return decodeCbor(bytes);
  } catch {
    return undefined;
  }
}

/** The checksum and the hash chain vouch for what is inside; only the shape is looked at. */
function isBody(body: unknown): body is [number, number, Fact[], number[]] {
  return (
    Array.isArray(body) && body.length === 4 && Array.isArray(body[2]) && Array.isArray(body[3])
  );
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return false;
  return true;
}
