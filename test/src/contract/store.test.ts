// The contract of a Store, run on every implementation and on one that is reopened after each
// commit; then what only the LevelDB store has: a directory.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ErrorCode, isMeshError, MeshError } from "@cloudbrain/sdk/domain";
import {
  initLevelStore,
  MemoryDisk,
  openLevelStore,
  openMemoryStore,
  type Store,
  type StoreOperation,
  type StoreRange,
} from "@cloudbrain/sdk/store";
import { Level } from "level";
import * as assert from "uvu/assert";

import { suite } from "../support/suite.ts";

/** A place where a store lies. Only one store is open on it at a time. */
interface StorePlace {
  open(): Promise<Store>;
  /** Changes one bit of the stored body of `key`, past the store. */
  tamper(key: Uint8Array): Promise<void>;
}

const identity = "/3702/370202";
const everything: StoreRange = { gte: Uint8Array.of(1), lt: Uint8Array.of(0xff) };

let root = "";
let places = 0;

function describeStore(title: string, makePlace: () => Promise<StorePlace>): void {
  const test = suite(title);
  test.before(createRoot);
  test.after(removeRoot);

  test("gives back what was committed, and undefined for what was not", async () => {
    const store = await (await makePlace()).open();
    await store.commit([put("a", "1"), put("b", ""), put("c", "3")], 1);
    await store.commit([del("c"), put("a", "2"), del("missing")], 1);
    assert.equal(await readAll(store), ["a=2", "b="]);
    assert.is(decode(await store.get(encode("a"))), "2");
    assert.is(decode(await store.get(encode("b"))), "");
    assert.is(await store.get(encode("c")), undefined);
    await store.close();
  });

  test("lets a later operation of a commit win over an earlier one", async () => {
    const store = await (await makePlace()).open();
    await store.commit([put("a", "1"), del("a"), put("b", "1"), put("b", "2"), del("c")], 1);
    assert.equal(await readAll(store), ["b=2"]);
    await store.close();
  });

  test("writes nothing of a commit that it refuses", async () => {
    const store = await (await makePlace()).open();
    await store.commit([put("a", "1")], 1);
    const reserved: StoreOperation = { type: "put", key: Uint8Array.of(0, 1), value: encode("x") };
    await assertCode("DEFECT", store.commit([put("b", "1"), reserved], 1));
    await assertCode("EPOCH_FENCED", store.commit([put("c", "1"), del("a")], 0));
    assert.equal(await readAll(store), ["a=1"]);
    await store.close();
  });

  test("orders keys as bytes, forwards and backwards, within bounds and a limit", async () => {
    const store = await (await makePlace()).open();
    const keys = ["ff", "01", "80", "7f", "8000", "61", "6161", "62", "80ff", "0100"];
    const toRow = (hex: string): StoreOperation => {
      return { type: "put", key: unhex(hex), value: unhex(hex) };
    };
    await store.commit(keys.map(toRow), 1);
    const scan = (range: Partial<StoreRange>) => readKeys(store, { ...everything, ...range });
    const ordered = ["01", "0100", "61", "6161", "62", "7f", "80", "8000", "80ff"];
    assert.equal(await scan({}), ordered);
    assert.equal(await scan({ gte: new Uint8Array(0) }), ordered);
    assert.equal(await scan({ reverse: true }), ordered.toReversed());
    assert.equal(await scan({ limit: 2 }), ["01", "0100"]);
    assert.equal(await scan({ limit: 2, reverse: true }), ["80ff", "8000"]);
    assert.equal(await scan({ limit: 0 }), []);
    assert.equal(await scan({ gte: unhex("61"), lt: unhex("80") }), ["61", "6161", "62", "7f"]);
    assert.equal(await scan({ gte: unhex("60"), lt: unhex("6161"), reverse: true }), ["61"]);
    assert.equal(await scan({ gte: unhex("80"), lt: unhex("61") }), []);
    await store.close();
  });

  test("scans one snapshot, and more rows than one read fetches", async () => {
    const store = await (await makePlace()).open();
    const names = Array.from({ length: 700 }, (_, index) => String(index).padStart(4, "0"));
    await store.commit(
      names.map((name) => put(name, `value ${name}`)),
      1,
    );
    const seen: string[] = [];
    for await (const { value } of store.scan(everything)) seen.push(decode(value) ?? "");
    assert.equal(
      seen,
      names.map((name) => `value ${name}`),
    );
    for await (const row of store.scan(everything)) {
      assert.is(decode(row.value), "value 0000");
      break;
    }
    await store.close();
  });

  test("keeps its own copies of what it is given and gives", async () => {
    const store = await (await makePlace()).open();
    const key = encode("a");
    const value = encode("1");
    const committed = store.commit([{ type: "put", key, value }], 1);
    key.fill(0x7a);
    value.fill(0x7a);
    await committed;
    (await store.get(encode("a")))?.fill(0x7a);
    assert.equal(await readAll(store), ["a=1"]);
    await store.close();
  });

  test("fences every commit below the highest epoch, also after it was opened again", async () => {
    const place = await makePlace();
    const store = await place.open();
    await store.commit([put("a", "1")], 3);
    await assertCode("EPOCH_FENCED", store.commit([put("a", "2")], 2));
    await store.commit([], 5);
    await assertCode("EPOCH_FENCED", store.commit([put("a", "3")], 4));
    await store.close();
    const next = await place.open();
    await assertCode("EPOCH_FENCED", next.commit([put("a", "4")], 4));
    assert.equal(await readAll(next), ["a=1"]);
    await next.commit([put("a", "5")], 5);
    assert.equal(await readAll(next), ["a=5"]);
    await next.close();
  });

  test("writes commits that overlap in the order of the calls", async () => {
    const store = await (await makePlace()).open();
    const commits = Array.from({ length: 40 }, (_, index) =>
      store.commit([put("last", String(index)), put(`k${index % 7}`, String(index))], 1),
    );
    commits.push(store.commit([put("last", "epoch 2")], 2));
    const late = store.commit([put("last", "too late")], 1);
    await assertCode("EPOCH_FENCED", late);
    await Promise.all(commits);
    assert.equal(await readAll(store), [
      "k0=35",
      "k1=36",
      "k2=37",
      "k3=38",
      "k4=39",
      "k5=33",
      "k6=34",
      "last=epoch 2",
    ]);
    await store.close();
  });

  test("finds a tampered value and names its key, and still reads the others", async () => {
    const place = await makePlace();
    const store = await place.open();
    await store.commit([put("a", "1"), put("b", "2"), put("c", "3")], 1);
    await store.close();
    await place.tamper(encode("b"));
    const damaged = await place.open();
    const error = await assertCode("STORE_CORRUPT", damaged.get(encode("b")));
    assert.is(error.subject, "62");
    assert.is(decode(await damaged.get(encode("c"))), "3");
    const seen: string[] = [];
    const scan = async () => {
      for await (const { value } of damaged.scan(everything)) seen.push(decode(value) ?? "");
    };
    assert.is((await assertCode("STORE_CORRUPT", scan())).subject, "62");
    assert.equal(seen, ["1"]);
    await damaged.close();
  });

  test("ends the commits under way when it is closed, then refuses everything", async () => {
    const place = await makePlace();
    const store = await place.open();
    const committed = store.commit([put("a", "1")], 1);
    const closed = store.close();
    await assertCode("STORE_CLOSED", store.commit([put("b", "1")], 1));
    await Promise.all([committed, closed]);
    await store.close();
    await assertCode("STORE_CLOSED", store.get(encode("a")));
    await assertCode("STORE_CLOSED", readAll(store));
    const next = await place.open();
    assert.equal(await readAll(next), ["a=1"]);
    await next.close();
  });
}

describeStore("LevelDB store", async () => makeLevelPlace());
describeStore("memory store", async () => makeMemoryPlace());
describeStore("LevelDB store, reopened after each commit", async () => {
  return makeReopeningPlace(await makeLevelPlace());
});
describeStore("memory store, reopened after each commit", async () => {
  return makeReopeningPlace(makeMemoryPlace());
});

const test = suite("a store and its place");
test.before(createRoot);
test.after(removeRoot);

test("a failed write refuses every later commit, since its outcome is unknown", async () => {
  class FailingDisk extends MemoryDisk {
    override write(): void {
      throw new Error("the disk is gone");
    }
  }
  const store = openMemoryStore(new FailingDisk());
  const first = store.commit([put("a", "1")], 1);
  const second = store.commit([put("b", "1")], 1);
  await assertCode("STORE_FAULT", first);
  await assertCode("STORE_FAULT", second);
  await assertCode("STORE_FAULT", store.commit([], 2));
  assert.equal(await readAll(store), []);
  await store.close();
});

test("a directory that is missing or empty is refused and stays as it is", async () => {
  const directory = makeDirectory();
  await assertCode("STORE_MISSING", openLevelStore({ directory }));
  await assertCode("STORE_MISSING", openLevelStore({ directory, verify: "none" }));
  await assertCode("STORE_MISSING", readdirAsStore(directory));
  await mkdir(directory);
  await assertCode("STORE_MISSING", openLevelStore({ directory }));
  assert.equal(await readdir(directory), []);
});

test("a store is never created over anything that is there", async () => {
  const directory = makeDirectory();
  await initLevelStore({ directory, identity });
  const names = await readdir(directory);
  await assertCode("STORE_EXISTS", initLevelStore({ directory, identity }));
  assert.equal(await readdir(directory), names);
  const other = makeDirectory();
  await mkdir(other);
  await writeFile(join(other, "note"), "mine");
  await assertCode("STORE_EXISTS", initLevelStore({ directory: other, identity }));
  assert.equal(await readdir(other), ["note"]);
});

test("a store that is open is not opened again", async () => {
  const directory = makeDirectory();
  await initLevelStore({ directory, identity });
  const store = await openLevelStore({ directory });
  await store.commit([put("a", "1")], 1);
  await assertCode("STORE_LOCKED", openLevelStore({ directory }));
  await assertCode("STORE_LOCKED", openLevelStore({ directory, verify: "none" }));
  // The refused ones have not taken the lock away.
  await assertCode("STORE_LOCKED", openLevelStore({ directory }));
  await store.commit([put("b", "2")], 1);
  assert.equal(await readAll(store), ["a=1", "b=2"]);
  await store.close();
});

test("a store that another process has open is refused as locked", async () => {
  const directory = makeDirectory();
  await initLevelStore({ directory, identity });
  const program = `
    const { Level } = await import(process.argv[1]);
    const database = new Level(process.argv[2]);
    await database.open({ createIfMissing: false });
    process.stdout.write("open");
    process.stdin.on("end", () => process.exit(0)).resume();
  `;
  const child = spawn(
    process.execPath,
    ["--input-type=module", "-e", program, import.meta.resolve("level"), directory],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  try {
    await once(child.stdout, "data");
    await assertCode("STORE_LOCKED", openLevelStore({ directory }));
  } finally {
    const exited = once(child, "exit");
    child.stdin.end();
    await exited;
  }
  await (await openLevelStore({ directory })).close();
});

test("a store without CURRENT is refused and not created anew", async () => {
  for (const verify of ["full", "none"] as const) {
    const directory = makeDirectory();
    await initLevelStore({ directory, identity });
    await rm(join(directory, "CURRENT"));
    const error = await assertCode("STORE_CORRUPT", openLevelStore({ directory, verify }));
    assert.is(error.subject, `${join(directory, "CURRENT")}@0`);
  }
});

test("a store of somebody else, or without its sentinel row, is refused", async () => {
  const directory = makeDirectory();
  await initLevelStore({ directory, identity });
  await (await openLevelStore({ directory, identity })).close();
  await assertCode("STORE_CORRUPT", openLevelStore({ directory, identity: "/3702/370203" }));
  await changeRaw(directory, async (database) => {
    for await (const key of database.keys()) await database.del(key);
  });
  await assertCode("STORE_CORRUPT", openLevelStore({ directory, identity }));
});

async function makeLevelPlace(): Promise<StorePlace> {
  const directory = makeDirectory();
  await initLevelStore({ directory, identity });
  return {
    open: () => openLevelStore({ directory, identity }),
    tamper: (key) =>
      changeRaw(directory, async (database) => {
        await database.put(key, flipLastBit(await database.get(key)));
      }),
  };
}

function makeMemoryPlace(): StorePlace {
  const disk = new MemoryDisk();
  return {
    open: async () => openMemoryStore(disk),
    tamper: async (key) => {
      disk.write([{ type: "put", key, value: flipLastBit(disk.read(key) ?? new Uint8Array(0)) }]);
    },
  };
}

function makeReopeningPlace(place: StorePlace): StorePlace {
  return {
    open: async () => new ReopeningStore(place, await place.open()),
    tamper: (key) => place.tamper(key),
  };
}

/** Closes and reopens its store after each commit: what was acknowledged must be there then. */
class ReopeningStore implements Store {
  readonly #place: StorePlace;
  #store: Store;
  #turn: Promise<void> = Promise.resolve();
  #isOpen = true;

  constructor(place: StorePlace, store: Store) {
    this.#place = place;
    this.#store = store;
  }

  commit(operations: readonly StoreOperation[], epoch: number): Promise<void> {
    if (!this.#isOpen) return Promise.reject(new MeshError("STORE_CLOSED"));
    const copies = operations.map((operation) => structuredClone(operation));
    const turn = this.#turn.then(async () => {
      await this.#store.commit(copies, epoch);
      await this.#store.close();
      this.#store = await this.#place.open();
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#store.get(key);
  }

  scan(range: StoreRange): ReturnType<Store["scan"]> {
    return this.#store.scan(range);
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#turn;
    await this.#store.close();
  }
}

async function changeRaw(
  directory: string,
  change: (database: Level<Uint8Array, Uint8Array>) => Promise<void>,
): Promise<void> {
  const options = { keyEncoding: "view", valueEncoding: "view" };
  const database = new Level<Uint8Array, Uint8Array>(directory, options);
  await change(database);
  await database.close();
}

/** Opening must not even make the directory. */
async function readdirAsStore(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => undefined);
  assert.is(names, undefined);
  await openLevelStore({ directory });
}

function flipLastBit(stored: Uint8Array): Uint8Array {
  const flipped = stored.slice();
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  return flipped;
}

function makeDirectory(): string {
  places += 1;
  return join(root, String(places));
}

async function createRoot(): Promise<void> {
  root = await mkdtemp(join(tmpdir(), "cloudbrain-store-"));
}

async function removeRoot(): Promise<void> {
  await rm(root, { recursive: true, force: true });
}

function put(key: string, value: string): StoreOperation {
  return { type: "put", key: encode(key), value: encode(value) };
}

function del(key: string): StoreOperation {
  return { type: "del", key: encode(key) };
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function decode(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

function unhex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

async function readAll(store: Store): Promise<string[]> {
  const rows: string[] = [];
  for await (const { key, value } of store.scan(everything)) {
    rows.push(`${decode(key)}=${decode(value)}`);
  }
  return rows;
}

async function readKeys(store: Store, range: StoreRange): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key, value } of store.scan(range)) {
    assert.equal(Buffer.from(value), Buffer.from(key));
    keys.push(Buffer.from(key).toString("hex"));
  }
  return keys;
}

async function assertCode(code: ErrorCode, promise: Promise<unknown>): Promise<MeshError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isMeshError(error)) throw new Error(`expected ${code}`, { cause: error });
  assert.is(error.code, code);
  return error;
}
