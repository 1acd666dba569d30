import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ErrorCode, isMeshError, type MeshError } from "@cloudbrain/sdk/domain";
import {
  initLevelStore,
  openLevelStore,
  type Store,
  type StoreOperation,
  verifyLevelDirectory,
} from "@cloudbrain/sdk/store";
import * as assert from "uvu/assert";

import { suite } from "../support/suite.ts";

const test = suite("LevelDB verification");

/** Bits flipped one at a time, each in a copy of its own. */
const flips = 96;
const blockBytes = 32 * 1024;

let root = "";
/** A closed store with a manifest, several tables and a log; tests change copies of it. */
let model = "";
let reference: readonly string[] = [];
let liveFiles: readonly string[] = [];
let log = "";
let copies = 0;

test.before(async () => {
  root = await mkdtemp(join(tmpdir(), "cloudbrain-verification-"));
  model = join(root, "model");
  await initLevelStore({ directory: model, identity: "/3702" });
  // LevelDB's smallest write buffer, so that a few hundred rows make several tables.
  const small = await openLevelStore({ directory: model, writeBufferBytes: 64 * 1024 });
  for (let batch = 0; batch < 44; batch += 1) {
    await small.commit(
      Array.from({ length: 16 }, (_, row) => makeRow(batch * 16 + row)),
      1,
    );
  }
  await small.close();
  // And a log of several records, one of them longer than two blocks: fragments of every type.
  const store = await openLevelStore({ directory: model });
  for (let row = 0; row < 8; row += 1) await store.commit([makeRow(9_000 + row)], 1);
  const value = makeNoise(70_000, 1);
  await store.commit([{ type: "put", key: makeKey(10_000), value }], 1);
  for (let row = 1; row <= 8; row += 1) await store.commit([makeRow(10_000 + row)], 1);
  reference = await readRows(store);
  await store.close();
  const names = await readdir(model);
  liveFiles = names.filter((name) => /^(CURRENT|MANIFEST-\d+|\d+\.(log|ldb))$/.test(name)).sort();
  log = liveFiles.filter((name) => name.endsWith(".log")).at(-1) ?? "";
});

test.after(async () => {
  await rm(root, { recursive: true, force: true });
});

test("passes an intact store and counts what it read", async () => {
  assert.ok(liveFiles.filter((name) => name.endsWith(".ldb")).length >= 2);
  const sizes = await Promise.all(liveFiles.map((name) => stat(join(model, name))));
  const bytes = sizes.reduce((sum, { size }) => sum + size, 0);
  assert.equal(await verifyLevelDirectory(model), { files: liveFiles.length, bytes });
});

test("no single flipped bit ever gives a silently wrong store", async () => {
  const next = makeRandom(20_251_127);
  const outcomes = { detected: 0, harmless: 0 };
  for (let trial = 0; trial < flips; trial += 1) {
    const name = liveFiles[trial % liveFiles.length] ?? "";
    const directory = await copyModel();
    const bytes = await readFile(join(directory, name));
    const bit = next(bytes.length * 8);
    await writeFile(join(directory, name), flipBit(bytes, bit >>> 3, bit & 7));
    const place = `${name}, bit ${bit}`;
    const damage = await findDamage(directory);
    if (damage !== undefined) {
      const subject = damage.subject ?? "";
      assert.is(damage.code, "STORE_CORRUPT", place);
      assert.match(subject, /@\d+$/, place);
      outcomes.detected += 1;
    } else {
      const store = await openLevelStore({ directory, verify: "none" });
      assert.equal(await readRows(store), reference, place);
      await store.close();
      outcomes.harmless += 1;
    }
    await rm(directory, { recursive: true });
  }
  // Only the padding of a footer and of a log block may change unseen: some 30 bytes in a file.
  assert.is(outcomes.detected + outcomes.harmless, flips);
  assert.ok(outcomes.detected > flips * 0.75, JSON.stringify(outcomes));
});

test("finds a flipped bit in the last record of the log, which LevelDB would drop", async () => {
  const directory = await copyModel();
  const path = join(directory, log);
  const bytes = await readFile(path);
  const last = listRecords(bytes).at(-1) ?? 0;
  const first = last * 8;
  // Every bit of the header; of the payload, which one checksum covers, every eleventh.
  for (let bit = first; bit < bytes.length * 8; bit += bit < first + 7 * 8 ? 1 : 11) {
    await writeFile(path, flipBit(bytes, bit >>> 3, bit & 7));
    const damage = await findDamage(directory);
    assert.is(damage?.subject, `${path}@${last}`, `bit ${bit}`);
  }
});

test("finds a damaged header in the middle of the log", async () => {
  const directory = await copyModel();
  const path = join(directory, log);
  const bytes = await readFile(path);
  const starts = listRecords(bytes);
  const start = starts.at(-2) ?? 0;
  for (const change of [new Uint8Array(7), new Uint8Array(7).fill(0xff)]) {
    const damaged = Uint8Array.from(bytes);
    damaged.set(change, start);
    await writeFile(path, damaged);
    assert.is((await findDamage(directory))?.subject, `${path}@${start}`);
  }
});

test("allows a torn last write wherever the crash cut it, and keeps the rest", async () => {
  const bytes = await readFile(join(model, log));
  const starts = listRecords(bytes);
  const last = starts.at(-1) ?? 0;
  const cuts = [last, last + 1, last + 6, last + 7, last + 8, bytes.length - 1];
  for (const cut of cuts) {
    const directory = await copyModel();
    await truncate(join(directory, log), cut);
    const store = await openLevelStore({ directory });
    assert.equal(await readRows(store), reference.slice(0, -1), `cut at ${cut}`);
    await store.close();
  }
});

test("allows zeros behind the last record, but no record behind zeros", async () => {
  const bytes = await readFile(join(model, log));
  for (const zeros of [3, 7, 4096, 3 * blockBytes]) {
    const directory = await copyModel();
    const path = join(directory, log);
    await writeFile(path, Buffer.concat([bytes, new Uint8Array(zeros)]));
    const store = await openLevelStore({ directory });
    assert.equal(await readRows(store), reference, `${zeros} zeros`);
    await store.close();
  }
  const directory = await copyModel();
  const path = join(directory, log);
  const last = listRecords(bytes).at(-1) ?? 0;
  const gap = new Uint8Array(blockBytes);
  await writeFile(path, Buffer.concat([bytes, gap, bytes.subarray(last)]));
  assert.is((await findDamage(directory))?.subject, `${path}@${bytes.length}`);
});

test("allows a torn log only when nothing was logged after it", async () => {
  const bytes = await readFile(join(model, log));
  const directory = await copyModel();
  const path = join(directory, log);
  await truncate(path, bytes.length - 1);
  const newer = join(directory, "000999.log");
  await writeFile(newer, new Uint8Array(0));
  assert.is(await findDamage(directory), undefined);
  await writeFile(newer, bytes);
  const last = listRecords(bytes).at(-1) ?? 0;
  assert.is((await findDamage(directory))?.subject, `${path}@${last}`);
});

test("finds every live file that was deleted", async () => {
  for (const name of liveFiles) {
    const directory = await copyModel();
    await rm(join(directory, name));
    const damage = await findDamage(directory);
    assert.is(damage?.code, "STORE_CORRUPT", name);
  }
});

test("finds a table that was cut, emptied or replaced by another one", async () => {
  const tables = liveFiles.filter((name) => name.endsWith(".ldb"));
  const sizes = await Promise.all(tables.map((name) => stat(join(model, name))));
  const bySize = tables.toSorted((a, b) => {
    return (sizes[tables.indexOf(b)]?.size ?? 0) - (sizes[tables.indexOf(a)]?.size ?? 0);
  });
  const [first = "", second = ""] = bySize;
  for (const change of [0, 47, 1000]) {
    const directory = await copyModel();
    await truncate(join(directory, first), change);
    assert.is((await findDamage(directory))?.subject, `${join(directory, first)}@${change}`);
  }
  const directory = await copyModel();
  await cp(join(model, second), join(directory, first));
  assert.is((await findDamage(directory))?.code, "STORE_CORRUPT");
});

test("refuses a CURRENT that names no manifest", async () => {
  for (const content of ["", "MANIFEST-000004", "MANIFEST-999999\n", "../x\n", "MANIFEST-1\n"]) {
    const directory = await copyModel();
    await writeFile(join(directory, "CURRENT"), content);
    assert.is((await findDamage(directory))?.subject, `${join(directory, "CURRENT")}@0`);
  }
});

test("ignores files that are not part of the live version", async () => {
  const directory = await copyModel();
  for (const name of ["000001.log", "999999.ldb", "MANIFEST-000001", "LOG", "LOG.old", "x.dbtmp"]) {
    await writeFile(join(directory, name), "not a LevelDB file");
  }
  assert.equal(await verifyLevelDirectory(directory), await verifyLevelDirectory(model));
});

test("says STORE_MISSING where there is nothing", async () => {
  assert.is((await findDamage(join(root, "nowhere")))?.code, "STORE_MISSING" satisfies ErrorCode);
});

async function copyModel(): Promise<string> {
  copies += 1;
  const directory = join(root, String(copies));
  await cp(model, directory, { recursive: true });
  return directory;
}

async function findDamage(directory: string): Promise<MeshError | undefined> {
  try {
    await verifyLevelDirectory(directory);
    return undefined;
  } catch (error) {
    if (isMeshError(error)) return error;
    throw error;
  }
}

async function readRows(store: Store): Promise<string[]> {
  const rows: string[] = [];
  for await (const { key, value } of store.scan({
    gte: Uint8Array.of(1),
    lt: Uint8Array.of(255),
  })) {
    rows.push(`${Buffer.from(key).toString("hex")}=${Buffer.from(value).toString("base64")}`);
  }
  return rows;
}

/** Where the physical records of an intact log begin. */
function listRecords(bytes: Buffer): number[] {
  const starts: number[] = [];
  let at = 0;
  while (at + 7 <= bytes.length) {
    const left = blockBytes - (at % blockBytes);
    if (left < 7) {
      at += left;
      continue;
    }
    starts.push(at);
    at += 7 + bytes.readUInt16LE(at + 4);
  }
  return starts;
}

function makeRow(index: number): StoreOperation {
  // Half of a value is text, so that tables hold compressed and plain blocks.
  const text = new TextEncoder().encode(`community ${index} replied; `.repeat(8));
  const value = index % 3 === 0 ? makeNoise(300, index) : text;
  return { type: "put", key: makeKey(index), value };
}

function makeKey(index: number): Uint8Array {
  const key = new Uint8Array(5);
  key[0] = 0x4a;
  new DataView(key.buffer).setUint32(1, index);
  return key;
}

function makeNoise(length: number, seed: number): Uint8Array {
  const next = makeRandom(seed);
  return Uint8Array.from({ length }, () => next(256));
}

/** mulberry32: the same seed gives the same run. */
function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

function flipBit(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
  return flipped;
}
