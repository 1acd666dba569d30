// Level store: the embedded store, one LevelDB directory. The only file that imports `level`.
//
// LevelDB is trusted with ordering, atomic batches and `sync`, and with nothing else: it opens an
// empty database where CURRENT is gone, and it verifies no checksum when it reads. So a store is
// created by `initLevelStore` alone, carries a sentinel row that says whose it is, is verified
// byte by byte before it is opened, and checks each value that it returns. `repair()` is never
// called: it turns damage into loss without a word.

import { mkdir, open, readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

import { Level } from "level";

import { assertRule, MeshError } from "../domain/errors.ts";
import { decodeCheckedValue, encodeCheckedValue, formatKey } from "./checked-value.ts";
import { CommitQueue, clampRange, epochKey, identityKey } from "./commit-queue.ts";
import { listStoreFiles, verifyLevelDirectory } from "./leveldb-verification.ts";
import type { Store, StoreOperation, StoreRange, StoreRow } from "./store.ts";

type Database = Level<Uint8Array, Uint8Array>;

/** Rows fetched by one call into LevelDB; a call costs about as much as reading 50 rows. */
const scanRowsAtOnce = 256;

/** Bytes that one such call holds at most beyond its last row. */
const scanBytesAtOnce = 256 * 1024;

export interface LevelStoreOptions {
  readonly directory: string;
  /** LevelDB's cache of plain blocks, filled as they are read. Default 8 MiB; agents take less. */
  readonly cacheBytes?: number;
  /**
   * Bytes written before LevelDB makes a table of them; two such buffers may be in memory, and the
   * log that is replayed at open is as long. Default 4 MiB; memory is taken as rows arrive, so an
   * idle store pays nothing for it. A busy hub takes 32 MiB: it halves the longest stall.
   */
  readonly writeBufferBytes?: number;
  /** Table files open at a time. Default 100 (LevelDB takes at least 74), 200 MiB of tables. */
  readonly openFilesMax?: number;
}

export interface OpenLevelStoreOptions extends LevelStoreOptions {
  /** Whose store it must be; any when left out. */
  readonly identity?: string;
  /**
   * `full` (default) reads every live file before opening; `none` is for a directory that was
   * verified a moment ago, since LevelDB may end the process when it meets damage.
   */
  readonly verify?: "full" | "none";
}

export interface InitLevelStoreOptions extends LevelStoreOptions {
  /** Whose store it is: a node id, kept in the sentinel row for good. */
  readonly identity: string;
  /** Rows that are there from the start, in the same batch as the sentinel. */
  readonly rows?: readonly StoreRow[];
}

/**
 * Creates an empty store in a new or empty directory; leaves it closed and durable.
 *
 * Throws STORE_EXISTS when anything is there, STORE_FAULT when it can't be written. When it is
 * interrupted the directory stays behind and can't be opened: delete it and try again.
 */
export async function initLevelStore(options: InitLevelStoreOptions): Promise<void> {
  assertRule(options.identity.length > 0, "the identity of a store is not empty");
  const { directory } = options;
  try {
    await mkdir(directory, { recursive: true });
    if ((await readdir(directory)).length > 0) {
      throw new MeshError("STORE_EXISTS", { subject: directory });
    }
    const database = createDatabase(options);
    await database.open({ createIfMissing: true, errorIfExists: true });
    try {
      const value = encodeCheckedValue(identityKey, new TextEncoder().encode(options.identity));
      const rows = (options.rows ?? []).map((row) => ({
        type: "put" as const,
        key: row.key,
        value: encodeCheckedValue(row.key, row.value),
      }));
      await writeDurably(database, [{ type: "put", key: identityKey, value }, ...rows]);
    } finally {
      await database.close();
    }
    // LevelDB syncs its own directory; the entry of that directory in its parent is ours to sync.
    await syncDirectory(directory);
    await syncDirectory(dirname(directory));
  } catch (error) {
    if (error instanceof MeshError) throw error;
    const detail = "the store can't be created";
    throw new MeshError("STORE_FAULT", { subject: directory, detail, cause: error });
  }
}

/**
 * Opens a store that `initLevelStore` made. Throws STORE_MISSING, STORE_LOCKED when it is open
 * already (here or in another process), STORE_CORRUPT whose subject is `file@byteOffset` or the key
 * of a row in hex, STORE_FAULT when the disk fails.
 */
export async function openLevelStore(options: OpenLevelStoreOptions): Promise<Store> {
  const { directory } = options;
  if (options.verify === "none") await listStoreFiles(directory);
  else await verifyUnlessLocked(directory);
  const database = createDatabase(options);
  try {
    await database.open({ createIfMissing: false });
  } catch (error) {
    throw createOpenError(directory, error);
  }
  try {
    await assertIdentity(database, options);
    return new LevelStore(database, await database.get(epochKey));
  } catch (error) {
    await database.close();
    throw createReadError(error, formatKey(epochKey));
  }
}

class LevelStore implements Store {
  readonly #database: Database;
  readonly #queue: CommitQueue;

  constructor(database: Database, storedEpoch: Uint8Array | undefined) {
    this.#database = database;
    this.#queue = new CommitQueue({
      storedEpoch,
      write: (operations) => writeDurably(database, operations),
    });
  }

  commit(operations: readonly StoreOperation[], epoch: number): Promise<void> {
    return this.#queue.commit(operations, epoch);
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#queue.assertOpen();
    let stored: Uint8Array | undefined;
    try {
      // A row in LevelDB's memory or the page cache takes 1 us; the way to another thread and back
      // takes 9 us, ten times that on a busy machine, and hubs look up the key of every submit.
      stored = this.#database.getSync(key);
    } catch (error) {
      throw createReadError(error, formatKey(key));
    }
    return stored === undefined ? undefined : decodeCheckedValue(key, stored);
  }

  async *scan(range: StoreRange): AsyncGenerator<StoreRow, void, undefined> {
    this.#queue.assertOpen();
    // The types of `level` leave LevelDB's own options out, so they come in a named record.
    const options = {
      ...clampRange(range),
      limit: range.limit ?? -1,
      reverse: range.reverse ?? false,
      highWaterMarkBytes: scanBytesAtOnce,
    };
    const iterator = this.#database.iterator(options);
    try {
      for (;;) {
        const rows = await iterator.nextv(scanRowsAtOnce);
        if (rows.length === 0) return;
        for (const [key, stored] of rows) yield { key, value: decodeCheckedValue(key, stored) };
      }
    } catch (error) {
      throw createReadError(error, formatKey(range.gte));
    } finally {
      await iterator.close();
    }
  }

  async close(): Promise<void> {
    await this.#queue.close();
    await this.#database.close();
  }
}

function createDatabase(options: LevelStoreOptions): Database {
  return new Level<Uint8Array, Uint8Array>(options.directory, {
    keyEncoding: "view",
    valueEncoding: "view",
    cacheSize: options.cacheBytes ?? 8 * 1024 * 1024,
    writeBufferSize: options.writeBufferBytes ?? 4 * 1024 * 1024,
    maxOpenFiles: options.openFilesMax ?? 100,
  });
}

async function writeDurably(
  database: Database,
  operations: readonly StoreOperation[],
): Promise<void> {
  // `sync` makes LevelDB call fdatasync on its log before it answers.
  const durable = { keyEncoding: "view", valueEncoding: "view", sync: true };
  await database.batch([...operations], durable);
}

async function assertIdentity(database: Database, options: OpenLevelStoreOptions): Promise<void> {
  const { directory, identity } = options;
  const stored = await database.get(identityKey);
  if (stored === undefined) {
    const detail = "the sentinel row is gone, so the store was never finished or has lost rows";
    throw new MeshError("STORE_CORRUPT", { subject: directory, detail });
  }
  const owner = new TextDecoder().decode(decodeCheckedValue(identityKey, stored));
  if (identity === undefined || identity === owner) return;
  const detail = `the store belongs to ${owner}, not to ${identity}`;
  throw new MeshError("STORE_CORRUPT", { subject: directory, detail });
}

/** A store that is being written may look damaged, so damage counts only where it is idle. */
async function verifyUnlessLocked(directory: string): Promise<void> {
  try {
    await verifyLevelDirectory(directory);
  } catch (error) {
    if (error instanceof MeshError && error.code === "STORE_MISSING") throw error;
    if (await isLockedByProcess(directory)) {
      throw new MeshError("STORE_LOCKED", { subject: directory, cause: error });
    }
    throw error;
  }
}

/**
 * Whether a process holds LevelDB's lock, as Linux tells it without opening the file. `false` where
 * there is no such list; LevelDB itself then refuses a second open of an intact store.
 *
 * The device is not compared: overlay and btrfs show another one here than in `stat`. A lock of the
 * same inode number elsewhere then gives STORE_LOCKED for damage; the store stays shut either way.
 */
async function isLockedByProcess(directory: string): Promise<boolean> {
  try {
    const [lock, locks] = await Promise.all([
      stat(join(directory, "LOCK")),
      readFile("/proc/locks", "latin1"),
    ]);
    return new RegExp(`POSIX +ADVISORY +WRITE .*:${lock.ino} 0 EOF`).test(locks);
  } catch {
    return false;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows can't open a directory, and its file systems journal the entry.
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function createOpenError(directory: string, error: unknown): MeshError {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = readCode(cause) ?? readCode(error);
  if (code === "LEVEL_LOCKED") {
    return new MeshError("STORE_LOCKED", { subject: directory, cause: error });
  }
  if (code === "LEVEL_CORRUPTION") {
    return new MeshError("STORE_CORRUPT", { subject: directory, cause: error });
  }
  const detail = "the store can't be opened";
  return new MeshError("STORE_FAULT", { subject: directory, detail, cause: error });
}

function createReadError(error: unknown, subject: string): MeshError {
  if (error instanceof MeshError) return error;
  switch (readCode(error)) {
    case "LEVEL_CORRUPTION":
      return new MeshError("STORE_CORRUPT", { subject, cause: error });
    case "LEVEL_DATABASE_NOT_OPEN":
    case "LEVEL_ITERATOR_NOT_OPEN":
      return new MeshError("STORE_CLOSED", { cause: error });
    default:
      return new MeshError("STORE_FAULT", { subject, detail: "reading failed", cause: error });
  }
}

function readCode(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
