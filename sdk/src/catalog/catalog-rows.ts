// Catalog rows: how a directory lies in its store. One byte names the table.
//
//   E code NUL owner   what is known of an entry; a code is found without its owner
//   L u64              our log: revision -> name of the entry that changed with it
//   T u64 code NUL owner   entries that are gone, by when
//   C child            how far we have that child's log
//   M                  whose directory it is, and its counts

import { MeshError } from "../domain/index.ts";
import { decodeCbor, encodeCbor } from "../journal/index.ts";
import type { CatalogRow } from "./merge.ts";

export interface CatalogMeta {
  /** Names our log; another one means that everything has to be told again. */
  readonly logId: string;
  /** Life of our own entries: the time at which this store was made, or renewed, ms since 1970. */
  readonly incarnation: number;
  /** Counts the changes of our own entries. */
  readonly counter: number;
  /** The last revision of our log. */
  readonly head: number;
  /** Entries that are there, and those that are remembered as gone. */
  readonly entries: number;
  readonly tombstones: number;
  /** Of the entries, our own. */
  readonly ownEntries: number;
}

/** What we know of a child's log. */
export interface ChildProgress {
  readonly logId: string;
  /** Everything up to here is durable here. */
  readonly appliedRev: number;
  /** Counts the resyncs: an entry that was not announced in the last one is gone. */
  readonly generation: number;
  /** Where the resync under way is complete; 0 when there is none. */
  readonly sweepAtRev: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

export const metaKey: Uint8Array = encoder.encode("M");

export function entryKey(name: { readonly owner: string; readonly code: string }): Uint8Array {
  // From Node.js' pool: an array of its own for every key costs the collector more than its bytes.
  return Buffer.from(`E${entryText(name)}`);
}

/** A name as one text, for maps and keys. */
export function entryText({ owner, code }: { readonly owner: string; readonly code: string }) {
  return `${code}\0${owner}`;
}

export function nameOf(text: string): { readonly owner: string; readonly code: string } {
  const cut = text.indexOf("\0");
  return { code: text.slice(0, cut), owner: text.slice(cut + 1) };
}

export function childKey(child: string): Uint8Array {
  return encoder.encode(`C${child}`);
}

export function logKey(rev: number): Uint8Array {
  return numbered(0x4c, rev, "");
}

export function goneKey(row: CatalogRow): Uint8Array {
  return numbered(0x54, row.goneAtMs, entryText(row));
}

function numbered(tag: number, number: number, text: string): Uint8Array {
  const tail = encoder.encode(text);
  const key = new Uint8Array(9 + tail.length);
  key[0] = tag;
  const view = new DataView(key.buffer);
  view.setUint32(1, Math.floor(number / 0x1_0000_0000));
  view.setUint32(5, number >>> 0);
  key.set(tail, 9);
  return key;
}

export function numberOf(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return view.getUint32(1) * 0x1_0000_0000 + view.getUint32(5);
}

/** The text of a key behind its tag, or behind its number. */
export function textOf(key: Uint8Array, start: number): string {
  return decoder.decode(key.subarray(start));
}

/** Keys that begin with this text; its last character is ASCII. */
export function prefixOf(text: string): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  const gte = encoder.encode(text);
  const lt = gte.slice();
  lt[lt.length - 1] = (lt[lt.length - 1] ?? 0) + 1;
  return { gte, lt };
}

type StoredRow = readonly [
  incarnation: number,
  counter: number,
  entry: Uint8Array | null,
  routes: readonly (string | number)[],
  rev: number,
  flags: number,
  goneAtMs: number,
  learntAtMs: number,
];

export function encodeRow(row: CatalogRow): Uint8Array {
  const flags = (row.isVisibleAbove ? 1 : 0) | (row.isTold ? 2 : 0);
  const routes = row.routes.flatMap(({ child, generation }) => [child, generation]);
  const { incarnation, counter, entry = null, rev, goneAtMs, learntAtMs } = row;
  const stored: StoredRow = [incarnation, counter, entry, routes, rev, flags, goneAtMs, learntAtMs];
  return encodeCbor(stored);
}

export function decodeRow(text: string, value: Uint8Array): CatalogRow {
  const [incarnation, counter, entry, flat, rev, flags, goneAtMs, learntAtMs] = decodeCbor(
    value,
  ) as StoredRow;
  const routes = [];
  for (let index = 0; index < flat.length; index += 2) {
    routes.push({ child: String(flat[index]), generation: Number(flat[index + 1]) });
  }
  return {
    ...nameOf(text),
    ...{ incarnation, counter, entry: entry ?? undefined, routes, rev, goneAtMs, learntAtMs },
    isVisibleAbove: (flags & 1) !== 0,
    isTold: (flags & 2) !== 0,
  };
}

export function encodeMeta(meta: CatalogMeta): Uint8Array {
  return encodeCbor(meta);
}

export function decodeMeta(value: Uint8Array | undefined): CatalogMeta {
  if (value !== undefined) return decodeCbor(value) as CatalogMeta;
  const detail = "the store holds no directory: its first row is gone";
  throw new MeshError("STORE_CORRUPT", { subject: "catalog", detail });
}

export function encodeProgress(progress: ChildProgress): Uint8Array {
  return encodeCbor(progress);
}

export function decodeProgress(value: Uint8Array): ChildProgress {
  return decodeCbor(value) as ChildProgress;
}
