// Identifiers: time-ordered ids for chains, so that the newest stand at the end of every scan.

import { randomBytes } from "node:crypto";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * A ULID (github.com/ulid/spec): 48 bits of time and 80 random bits, 26 characters of Crockford's
 * base 32. Two hubs never make the same one; ids of one hub sort by the ms of their making.
 */
export function createUlid(nowMs: number): string {
  let time = "";
  let rest = nowMs;
  for (let index = 0; index < 10; index += 1) {
    time = alphabet.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  let random = "";
  for (const byte of randomBytes(16)) random += alphabet.charAt(byte & 31);
  return time + random;
}
