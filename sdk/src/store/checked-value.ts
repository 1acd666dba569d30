// Checked value: how a value lies in a store, `[u8 version = 1][u32 LE crc32c(key, body)][body]`.
//
// LevelDB verifies no checksum when it reads, so one flipped bit gives a silently wrong value or
// another key's value. The checksum covers the key too, so that a value under a wrong key is found.

import { MeshError } from "../domain/errors.ts";
import { crc32c, crc32cOfRange } from "./crc32c.ts";

const version = 1;

/** Bytes that a stored value has before its body. */
const checkedValueHeaderBytes = 5;

/** The stored form of `body` under `key`; a copy, so the caller may reuse both. */
export function encodeCheckedValue(key: Uint8Array, body: Uint8Array): Uint8Array {
  const stored = new Uint8Array(checkedValueHeaderBytes + body.length);
  const checksum = crc32c(body, crc32c(key));
  stored[0] = version;
  stored[1] = checksum;
  stored[2] = checksum >>> 8;
  stored[3] = checksum >>> 16;
  stored[4] = checksum >>> 24;
  stored.set(body, checkedValueHeaderBytes);
  return stored;
}

/** The body of a stored value, as a view on it. Throws STORE_CORRUPT, its subject the hex key. */
export function decodeCheckedValue(key: Uint8Array, stored: Uint8Array): Uint8Array {
  if (stored.length < checkedValueHeaderBytes) {
    throw corruptRow(key, `the stored value has ${stored.length} bytes, too few for its header`);
  }
  if (stored[0] !== version) {
    throw corruptRow(key, `the stored value has the unknown version ${stored[0]}`);
  }
  const expected = new DataView(stored.buffer, stored.byteOffset).getUint32(1, true);
  const actual = crc32cOfRange(stored, checkedValueHeaderBytes, stored.length, crc32c(key));
  if (actual !== expected) throw corruptRow(key, "the stored value does not match its checksum");
  return stored.subarray(checkedValueHeaderBytes);
}

function corruptRow(key: Uint8Array, detail: string): MeshError {
  return new MeshError("STORE_CORRUPT", { subject: formatKey(key), detail });
}

/** A key as an error names it: lower-case hex. */
export function formatKey(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("hex");
}
