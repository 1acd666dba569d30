// Keys: the layout of a node's store. One byte names the table; it is never used for another.
//
//   J u64          journal record, big-endian so that scans follow the sequence
//   M              meta: schema, store id, epoch, applied sequence and hash
//   R table NUL key  state rows, text in UTF-8; NUL occurs in no id

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

const journalTag = 0x4a;
const metaTag = 0x4d;
const rowTag = 0x52;

export function journalKey(seq: number): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = journalTag;
  const view = new DataView(key.buffer);
  view.setUint32(1, Math.floor(seq / 0x1_0000_0000));
  view.setUint32(5, seq >>> 0);
  return key;
}

export function decodeJournalKey(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  return view.getUint32(1) * 0x1_0000_0000 + view.getUint32(5);
}

export const metaKey: Uint8Array = new Uint8Array([metaTag]);

export function rowKey(table: string, key: string): Uint8Array {
  return encoder.encode(`R${table}\0${key}`);
}

export function decodeRowKey(key: Uint8Array): { readonly table: string; readonly key: string } {
  const text = decoder.decode(key.subarray(1));
  const cut = text.indexOf("\0");
  return { table: text.slice(0, cut), key: text.slice(cut + 1) };
}

/** All keys that begin with `prefix`. */
export function prefixRange(prefix: Uint8Array): { gte: Uint8Array; lt: Uint8Array } {
  const end = prefix.slice();
  // No tag or UTF-8 byte is 0xff, so adding one to the last byte never overflows.
  end[end.length - 1] = (end[end.length - 1] ?? 0) + 1;
  return { gte: prefix, lt: end };
}

export const allRows: { gte: Uint8Array; lt: Uint8Array } = prefixRange(new Uint8Array([rowTag]));

export function tableRange(table: string): { gte: Uint8Array; lt: Uint8Array } {
  return prefixRange(encoder.encode(`R${table}\0`));
}
