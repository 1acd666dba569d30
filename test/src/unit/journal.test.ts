import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ErrorCode, isMeshError, MeshError } from "@cloudbrain/sdk/domain";
import {
  decodeJournalKey,
  genesisHash,
  initNodeStore,
  Journal,
  journalKey,
  type NodeJournal,
  newMeta,
  type OpenStore,
  openNodeJournal,
  Recovery,
  storeSchema,
} from "@cloudbrain/sdk/journal";
import { openLevelStore, type StoreOperation } from "@cloudbrain/sdk/store";
import * as assert from "uvu/assert";
import { type CountingEvent, CountingKernel } from "../support/counting-kernel.ts";
import { suite } from "../support/suite.ts";

const test = suite("journal");

let root = "";
let directories = 0;

test.before(() => {
  root = mkdtempSync(join(tmpdir(), "cloudbrain-journal-"));
});
test.after(() => {
  rmSync(root, { recursive: true, force: true });
});

/** A journal whose disk, clock and turns the test moves by hand. */
class Bench {
  readonly kernel = new CountingKernel();
  readonly heard: string[] = [];
  readonly commits: { operations: readonly StoreOperation[]; done: (error?: unknown) => void }[] =
    [];
  readonly anchored: number[] = [];
  readonly journal: Journal<CountingEvent, string>;
  clockMs = 1_000;
  private turns: (() => void)[] = [];

  constructor(checkpointBytes = 1_000_000) {
    this.journal = new Journal({
      kernel: this.kernel,
      commit: (operations, _epoch, done) => this.commits.push({ operations, done }),
      meta: { ...newMeta("store"), epoch: 1 },
      position: { seq: 0, hash: genesisHash, atMs: 0 },
      clock: () => this.clockMs,
      defer: (callback) => this.turns.push(callback),
      release: (outputs) => this.heard.push(...outputs),
      flushed: () => undefined,
      failed: (error) => this.heard.push(`failed: ${error}`),
      anchor: (seq) => this.anchored.push(seq),
      checkpointBytes,
    });
  }

  turn(): void {
    for (const run of this.turns.splice(0)) run();
  }
  add(n: number): void {
    this.journal.submit({ type: "add", n });
  }
  /** Ends the commit under way and forgets it. */
  sync(error?: unknown): readonly StoreOperation[] {
    const commit = this.commits.shift();
    commit?.done(error);
    return commit?.operations ?? [];
  }
  /** The records of these operations in a kernel of their own. */
  replay(operations: readonly StoreOperation[]): CountingKernel {
    const kernel = new CountingKernel();
    const recovery = new Recovery(kernel, newMeta("store"), undefined);
    for (const operation of operations) {
      if (operation.type === "put" && operation.key.length === 9) {
        recovery.record(operation.key, operation.value);
      }
    }
    recovery.finish();
    return kernel;
  }
}

test("what a commit decides is heard when it is durable; early outputs do not wait", () => {
  const bench = new Bench();
  bench.add(1);
  assert.equal(bench.heard, ["adding 1"]);
  bench.turn();
  assert.equal(bench.heard, ["adding 1"]);
  bench.sync();
  assert.equal(bench.heard, ["adding 1", "added 1"]);
  assert.equal(bench.anchored, [1]);
});

test("who shows the state waits until all that it holds is durable (D6)", () => {
  const bench = new Bench();
  const seen: string[] = [];
  bench.journal.whenDurable(() => seen.push("nothing to wait for"));
  assert.equal(seen, ["nothing to wait for"]);
  bench.add(1);
  bench.journal.whenDurable(() => seen.push("first"));
  bench.turn();
  bench.journal.whenDurable(() => seen.push("also first"));
  bench.add(2);
  bench.journal.whenDurable(() => seen.push("second"));
  assert.equal(seen.length, 1);
  bench.sync();
  assert.equal(seen.slice(1), ["first", "also first"]);
  bench.sync(new Error("the disk failed"));
  bench.journal.whenDurable(() => seen.push("never"));
  assert.equal(seen.length, 3);
});

test("while one commit is synced, events gather for the next", () => {
  const bench = new Bench();
  bench.add(1);
  bench.turn();
  bench.add(2);
  bench.add(3);
  bench.turn();
  assert.is(bench.commits.length, 1);
  bench.sync();
  assert.is(bench.commits.length, 1);
  bench.sync();
  assert.equal(bench.heard.slice(-2), ["added 2", "added 3"]);
  assert.equal(
    { ...bench.journal.counters, bytes: 0 },
    {
      commits: 2,
      facts: 3,
      bytes: 0,
      checkpoints: 0,
    },
  );
});

test("outputs without facts leave in order, without a commit", () => {
  const bench = new Bench();
  bench.journal.submit({ type: "look" });
  bench.turn();
  assert.equal(bench.heard, ["sum is 0"]);
  assert.is(bench.commits.length, 0);
  bench.add(1);
  bench.turn();
  bench.journal.submit({ type: "look" });
  bench.turn();
  assert.equal(bench.heard, ["sum is 0", "adding 1"]);
  bench.sync();
  assert.equal(bench.heard, ["sum is 0", "adding 1", "added 1", "sum is 1"]);
});

test("after a failed commit nothing leaves, and nothing is stepped any more", () => {
  const bench = new Bench();
  let isIdle = false;
  bench.add(1);
  bench.turn();
  bench.sync("no space");
  bench.add(2);
  bench.journal.whenIdle(() => {
    isIdle = true;
  });
  bench.turn();
  assert.equal(bench.heard, ["adding 1", "failed: no space"]);
  assert.is(bench.commits.length, 0);
  assert.equal(bench.anchored, []);
  assert.not(isIdle);
});

test("facts of one commit keep their own times, and time never goes back", () => {
  const bench = new Bench();
  bench.add(1);
  bench.clockMs = 1_500;
  bench.add(2);
  bench.clockMs = 400;
  bench.add(3);
  bench.turn();
  const replayed = bench.replay(bench.sync());
  assert.equal(replayed.times, [1_000, 1_500, 1_500]);
  assert.equal(replayed.times, bench.kernel.times);
});

test("a checkpoint follows the commit that passes its size, and history may go after it", () => {
  const bench = new Bench(10);
  bench.add(1);
  bench.turn();
  assert.is(bench.sync().length, 1);
  assert.is(bench.kernel.evictions, 0);
  // The row and the meta row.
  assert.is(bench.sync().length, 2);
  assert.is(bench.kernel.evictions, 1);
  assert.equal(bench.anchored, [1, 1]);
  assert.is(bench.journal.counters.checkpoints, 1);
});

test("idle is told when nothing waits to become durable", () => {
  const bench = new Bench();
  const told: string[] = [];
  bench.add(1);
  bench.journal.whenIdle(() => told.push("idle"));
  bench.turn();
  assert.equal(told, []);
  bench.sync();
  assert.equal(told, ["idle"]);
});

test("keys follow the sequence beyond 32 bits", () => {
  for (const seq of [1, 255, 0xffff_ffff, 0x1_0000_0000, 2 ** 50 + 7]) {
    assert.is(decodeJournalKey(journalKey(seq)), seq);
    assert.is(Buffer.compare(journalKey(seq), journalKey(seq + 1)), -1);
  }
});

test("a record that is missing, changed or moved is refused with its sequence", () => {
  const bench = new Bench();
  const records: StoreOperation[] = [];
  for (const n of [1, 2, 3]) {
    bench.add(n);
    bench.turn();
    records.push(...bench.sync());
  }
  assert.is(bench.replay(records).sum, 6);
  const [first, second, third] = records;
  if (first?.type !== "put" || second?.type !== "put" || third?.type !== "put") return;
  const flipped = second.value.slice();
  // In the decision's time, which any value fits.
  flipped[36] = (flipped[36] ?? 0) ^ 1;
  for (const [damaged, subject] of [
    [[first, third], "journal record 2"],
    [[first, { ...second, value: flipped }, third], "journal record 3"],
    [[first, { ...third, key: second.key }], "journal record 2"],
    [[first, { ...second, value: second.value.subarray(0, 20) }], "journal record 2"],
  ] as const) {
    assert.throws(() => bench.replay(damaged), isRefusal("STORE_CORRUPT", subject));
  }
});

function isRefusal(code: ErrorCode, subject?: string) {
  return (error: unknown) =>
    isMeshError(error) &&
    error.code === code &&
    (subject === undefined || error.subject === subject);
}

async function assertRefused(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (refused: unknown) => refused,
  );
  assert.ok(isRefusal(code)(error), `expected ${code}, got ${error}`);
}

async function makeDirectory(): Promise<string> {
  directories += 1;
  const directory = join(root, `node-${directories}`);
  await initNodeStore({ directory, identity: "/c/a", storeId: `store-${directories}` });
  return directory;
}

interface Life {
  readonly kernel: CountingKernel;
  readonly heard: string[];
  readonly failures: unknown[];
  readonly opened: NodeJournal<CountingEvent, string>;
}

async function openLife(
  directory: string,
  how: { readonly identity?: string; readonly openStore?: OpenStore } = {},
): Promise<Life> {
  const kernel = new CountingKernel();
  const heard: string[] = [];
  const failures: unknown[] = [];
  const opened = await openNodeJournal<CountingEvent, string>({
    directory,
    identity: how.identity ?? "/c/a",
    kernel,
    started: (epoch) => ({ type: "started", epoch }),
    liveTables: ["sum"],
    release: (outputs) => heard.push(...outputs),
    flushed: () => undefined,
    failed: (error) => failures.push(error),
    openStore: how.openStore,
  });
  return { kernel, heard, failures, opened };
}

function settled(life: Life): Promise<void> {
  return new Promise((resolve) => life.opened.journal.whenIdle(resolve));
}

/** The process is gone without a word: the store is let go of, nothing is written. */
async function abandon(life: Life): Promise<void> {
  await life.opened.store.close();
}

test("a node finds its state again from journal or checkpoint, each life with its own epoch", async () => {
  const directory = await makeDirectory();
  const first = await openLife(directory);
  assert.equal([first.kernel.epoch, first.kernel.isRecovered], [1, true]);
  first.opened.journal.submit({ type: "add", n: 5 });
  await settled(first);
  await abandon(first);

  const second = await openLife(directory);
  assert.equal([second.kernel.epoch, second.kernel.sum], [2, 5]);
  assert.equal(second.kernel.times, first.kernel.times);
  second.opened.journal.submit({ type: "add", n: 2 });
  await Promise.all([second.opened.close(), second.opened.close()]);
  assert.equal(second.heard, ["adding 2", "added 2"]);

  const third = await openLife(directory);
  assert.equal([third.kernel.epoch, third.kernel.sum], [3, 7]);
  assert.equal(third.kernel.times, []);
  assert.equal(third.opened.meta.storeId, second.opened.meta.storeId);
  assert.equal([third.opened.meta.schema, third.opened.isAnchorWorn], [storeSchema, false]);
  await third.opened.close();
});

test("a store is made by init alone, once, and opened for its own node alone", async () => {
  await assertRefused(openLife(join(root, "nowhere")), "STORE_MISSING");
  const directory = await makeDirectory();
  const again = initNodeStore({ directory, identity: "/c/a", storeId: "other" });
  await assertRefused(again, "STORE_EXISTS");
  await assertRefused(openLife(directory, { identity: "/c/b" }), "STORE_CORRUPT");
  const life = await openLife(directory);
  await assertRefused(openLife(directory), "STORE_LOCKED");
  await life.opened.close();
});

test("an old copy of a store is refused by the anchor that has stayed", async () => {
  const directory = await makeDirectory();
  const before = await openLife(directory);
  before.opened.journal.submit({ type: "add", n: 1 });
  await before.opened.close();
  const copy = join(root, "copy");
  cpSync(join(directory, "store"), copy, { recursive: true });
  const after = await openLife(directory);
  after.opened.journal.submit({ type: "add", n: 1 });
  await after.opened.close();
  rmSync(join(directory, "store"), { recursive: true });
  cpSync(copy, join(directory, "store"), { recursive: true });
  await assertRefused(openLife(directory), "AMNESIA");
});

test("after a failed commit the node hears of it once and can still be closed", async () => {
  const directory = await makeDirectory();
  let isFailing = false;
  const openStore: OpenStore = async (options) => {
    const store = await openLevelStore(options);
    const commit = store.commit.bind(store);
    store.commit = (operations, epoch) =>
      isFailing
        ? Promise.reject(new MeshError("STORE_FAULT", { detail: "no space" }))
        : commit(operations, epoch);
    return store;
  };
  const life = await openLife(directory, { openStore });
  isFailing = true;
  life.opened.journal.submit({ type: "add", n: 1 });
  await life.opened.close();
  assert.equal(life.heard, ["adding 1"]);
  assert.is(life.failures.length, 1);
  assert.ok(isRefusal("STORE_FAULT")(life.failures[0]));
});
