// Addresses on the wire: the same few thousand come again and again, so each is checked once.

import { type Address, limits, MeshError, parseAddress } from "../domain/index.ts";

const known = new Map<string, Address>();
/** Two names a frame over a whole city fit; beyond it the cache begins anew. */
const knownMax = 50_000;

/**
 * One slot per hash, the latest wins: a lookup makes no string and no hostile choice of addresses
 * costs more than a miss. A power of two.
 */
const slotCount = 16_384;
const slots = new Array<Address | undefined>(slotCount).fill(undefined);

/** The address that stands in `source` from `start` to `end`, or ADDRESS_INVALID. */
export function readAddress(source: Buffer, start: number, end: number): Address {
  const length = end - start;
  if (length > limits.addressCharsMax) throw tooLong(length);
  // FNV-1a, folded: the low bits alone would be those of the last label.
  let hash = 0x811c9dc5;
  for (let index = start; index < end; index += 1) {
    hash = Math.imul(hash ^ (source[index] ?? 0), 0x01000193);
  }
  const slot = (hash ^ (hash >>> 15)) & (slotCount - 1);
  const cached = slots[slot];
  if (cached !== undefined && cached.length === length && isAt(cached, source, start)) {
    return cached;
  }
  // Addresses are ASCII: a byte beyond it becomes a character that no label may hold.
  const address = checkAddress(source.toString("latin1", start, end));
  slots[slot] = address;
  return address;
}

function isAt(text: string, source: Buffer, start: number): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) !== source[start + index]) return false;
  }
  return true;
}

export function checkAddress(text: string): Address {
  const cached = known.get(text);
  if (cached !== undefined) return cached;
  // Before the parser, which quotes what it refuses: a refusal travels back to the peer.
  if (text.length > limits.addressCharsMax) throw tooLong(text.length);
  const address = parseAddress(text);
  if (known.size >= knownMax) known.clear();
  known.set(text, address);
  return address;
}

function tooLong(length: number): MeshError {
  return new MeshError("ADDRESS_INVALID", { detail: `${length} characters are too long` });
}
