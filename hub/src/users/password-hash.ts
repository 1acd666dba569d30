// Password hash: scrypt (RFC 7914) in the string format of the Password Hashing Competition,
// `$scrypt$ln=17,r=8,p=1$SALT$KEY`, so that a stored hash says how it was made and parameters may
// grow without making passwords void.
//
// Slow on purpose (a third of a second) and blocking: it runs in the password process and nowhere
// else.

import { randomBytes, scryptSync, timingSafeEqual } from "node:crypto";

/**
 * The first choice of OWASP's Password Storage Cheat Sheet: N = 2^17, r = 8, p = 1, which takes 128
 * MiB. The memory is what makes guessing on graphics cards expensive; one at a time, a hub can
 * afford it.
 */
const cost: Cost = { logN: 17, r: 8, p: 1 };
export const passwordLogN = cost.logN;
const saltBytes = 16;
const keyBytes = 32;
/** What a damaged or foreign hash may make us work at most: 512 MiB. */
const costMax: Cost = { logN: 19, r: 8, p: 4 };

interface Cost {
  /** Base-2 logarithm of N. */
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

const pattern = /^\$scrypt\$ln=(\d{1,2}),r=(\d),p=(\d)\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$/;

export function hashPassword(password: string, logN = passwordLogN): string {
  const salt = randomBytes(saltBytes);
  return encodeHash({ ...cost, logN }, salt, derive(password, salt, { ...cost, logN }));
}

/** Compares in constant time. A string that is no hash of ours is no password's. */
export function isPasswordOf(password: string, stored: string): boolean {
  const [, logN, r, p, salt = "", key = ""] = pattern.exec(stored) ?? [];
  const wanted: Cost = { logN: Number(logN), r: Number(r), p: Number(p) };
  const isAffordable =
    wanted.logN >= 1 &&
    wanted.logN <= costMax.logN &&
    wanted.r >= 1 &&
    wanted.r <= costMax.r &&
    wanted.p >= 1 &&
    wanted.p <= costMax.p;
  if (!isAffordable) return false;
  const derived = derive(password, Buffer.from(salt, "base64"), wanted);
  return timingSafeEqual(derived, Buffer.from(key, "base64"));
}

/** A hash that no password has and that costs as much as any: for accounts that do not exist. */
export function createDecoyHash(logN = passwordLogN): string {
  return encodeHash({ ...cost, logN }, randomBytes(saltBytes), randomBytes(keyBytes));
}

function derive(password: string, salt: Buffer, { logN, r, p }: Cost): Buffer {
  const N = 2 ** logN;
  // Input methods write the same letter in different ways; NIST SP 800-63B asks for NFKC.
  const text = password.normalize("NFKC");
  return scryptSync(text, salt, keyBytes, { N, r, p, maxmem: 256 * N * r });
}

function encodeHash({ logN, r, p }: Cost, salt: Buffer, key: Buffer): string {
  const encode = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");
  return `$scrypt$ln=${logN},r=${r},p=${p}$${encode(salt)}$${encode(key)}`;
}
