import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ErrorCode, isMeshError } from "@cloudbrain/sdk/domain";
import { type AnchorPosition, openAnchor } from "@cloudbrain/sdk/store";
import * as assert from "uvu/assert";

import { suite } from "../support/suite.ts";

const test = suite("anchor");

const slotBytes = 128;

let directory = "";
let files = 0;

test.before(() => {
  directory = mkdtempSync(join(tmpdir(), "cloudbrain-anchor-"));
});

test.after(() => {
  rmSync(directory, { recursive: true, force: true });
});

test("begins at sequence 0 and gives back what was written last", () => {
  const path = makePath();
  const anchor = openAnchor({ path, create: true });
  const start = { seq: 0, hash: new Uint8Array(32), epoch: 0, damagedSlot: false };
  assert.equal(anchor.read(), start);
  for (let seq = 1; seq <= 5; seq += 1) {
    anchor.write(makePosition(seq));
    assert.equal(anchor.read(), { ...makePosition(seq), damagedSlot: false });
  }
  anchor.close();
});

test("is read by the next process, which goes on with the other slot", () => {
  const path = makePath();
  writeAnchor(path, [1, 2, 3]);
  const anchor = openAnchor({ path, create: false });
  assert.equal(anchor.read(), { ...makePosition(3), damagedSlot: false });
  anchor.write(makePosition(4));
  anchor.close();
  // The position before the last one is still there: a torn write of the last would fall back.
  const bytes = readFileSync(path);
  const newest = findSlot(bytes, 4);
  writeFileSync(path, flipBit(bytes, newest * slotBytes + 40, 0));
  assert.equal(readAnchor(path), { ...makePosition(3), damagedSlot: true });
});

test("finds every single flipped bit of a slot and falls back to the other one", () => {
  const path = makePath();
  writeAnchor(path, [7, 8]);
  const bytes = readFileSync(path);
  for (let at = 0; at < bytes.length; at += 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      writeFileSync(path, flipBit(bytes, at, bit));
      const seq = Math.floor(at / slotBytes) === findSlot(bytes, 8) ? 7 : 8;
      assert.equal(readAnchor(path), { ...makePosition(seq), damagedSlot: true });
    }
  }
});

test("repairs a damaged slot with the next write", () => {
  const path = makePath();
  writeAnchor(path, [1, 2]);
  writeFileSync(path, flipBit(readFileSync(path), 3, 3));
  const anchor = openAnchor({ path, create: false });
  const { seq, damagedSlot } = anchor.read();
  assert.is(damagedSlot, true);
  anchor.write(makePosition(seq + 1));
  assert.equal(anchor.read(), { ...makePosition(seq + 1), damagedSlot: false });
  anchor.close();
});

test("refuses when no slot is whole, and leaves the file as it is", () => {
  const path = makePath();
  writeAnchor(path, [1, 2]);
  const damaged = flipBit(flipBit(readFileSync(path), 20, 1), slotBytes + 20, 1);
  writeFileSync(path, damaged);
  assertCode("STORE_CORRUPT", () => openAnchor({ path, create: false }));
  assert.equal(new Uint8Array(readFileSync(path)), damaged);
  truncateSync(path, 0);
  assertCode("STORE_CORRUPT", () => openAnchor({ path, create: false }));
});

test("refuses a missing file, and to create over an existing one", () => {
  const path = makePath();
  assertCode("STORE_MISSING", () => openAnchor({ path, create: false }));
  writeAnchor(path, [1]);
  assertCode("STORE_EXISTS", () => openAnchor({ path, create: true }));
  assert.equal(readAnchor(path), { ...makePosition(1), damagedSlot: false });
});

test("never goes back, and refuses everything once closed", () => {
  const anchor = openAnchor({ path: makePath(), create: true });
  anchor.write(makePosition(5));
  anchor.write({ ...makePosition(5), epoch: 9 });
  assertCode("DEFECT", () => anchor.write(makePosition(4)));
  assert.is(anchor.read().seq, 5);
  anchor.close();
  anchor.close();
  assertCode("STORE_CLOSED", () => anchor.read());
  assertCode("STORE_CLOSED", () => anchor.write(makePosition(6)));
});

function makePath(): string {
  files += 1;
  return join(directory, `${files}.anchor`);
}

function makePosition(seq: number): AnchorPosition {
  return { seq, hash: new Uint8Array(32).fill(seq), epoch: seq * 2 };
}

function writeAnchor(path: string, seqs: readonly number[]): void {
  const anchor = openAnchor({ path, create: true });
  for (const seq of seqs) anchor.write(makePosition(seq));
  anchor.close();
}

function readAnchor(path: string): unknown {
  const anchor = openAnchor({ path, create: false });
  try {
    return anchor.read();
  } finally {
    anchor.close();
  }
}

function findSlot(bytes: Uint8Array, seq: number): number {
  // The hash of position `seq` is filled with it.
  return bytes[32] === seq ? 0 : 1;
}

function flipBit(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
  return flipped;
}

function assertCode(code: ErrorCode, action: () => unknown): void {
  assert.throws(action, (error: unknown) => isMeshError(error) && error.code === code);
}
