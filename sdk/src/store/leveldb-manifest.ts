// LevelDB manifest: which files make up the live version of a database. Replays the VersionEdit
// records of a `MANIFEST-*` file (LevelDB `db/version_edit.cc`; tags are never reused there).

import { ByteCursor, MalformedBytes } from "./byte-cursor.ts";
import type { FileWindow } from "./file-window.ts";
import { scanLevelLog } from "./leveldb-log-reader.ts";
import { createDamage } from "./store-damage.ts";

const comparatorName = "leveldb.BytewiseComparator";
const levels = 7;

interface LiveTable {
  readonly number: number;
  readonly sizeBytes: number;
}

export interface LevelVersion {
  readonly tables: readonly LiveTable[];
  /** Logs from this number on are replayed at open; 0 before the first open has ended. */
  readonly logNumber: number;
  /** A log of LevelDB before 1.5 that is replayed as well; else 0. */
  readonly previousLogNumber: number;
}

/** Throws STORE_CORRUPT when a record is damaged or the version is incomplete. */
export async function readLevelManifest(file: FileWindow): Promise<LevelVersion> {
  const state = new VersionState();
  await scanLevelLog(file, (record, offset) => {
    try {
      state.apply(record);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      throw createDamage(file.path, offset, error.message, error);
    }
  });
  if (state.logNumber === undefined || !state.hasNextFile || !state.hasLastSequence) {
    throw createDamage(file.path, 0, "the manifest does not describe a whole version");
  }
  return {
    tables: [...state.tables.values()],
    logNumber: state.logNumber,
    previousLogNumber: state.previousLogNumber,
  };
}

class VersionState {
  /** By `level/number`: a table that moves down a level is deleted from one and added to one. */
  readonly tables = new Map<string, LiveTable>();
  logNumber: number | undefined;
  previousLogNumber = 0;
  hasNextFile = false;
  hasLastSequence = false;

  apply(record: Uint8Array): void {
    const cursor = new ByteCursor(record);
    const added = new Map<string, LiveTable>();
    while (!cursor.isAtEnd) this.#applyField(cursor, added);
    // LevelDB applies the deletions of an edit before its additions.
    for (const [key, table] of added) this.tables.set(key, table);
  }

  #applyField(cursor: ByteCursor, added: Map<string, LiveTable>): void {
    const tag = cursor.readVarint();
    switch (tag) {
      case 1: {
        const name = Buffer.from(cursor.readSlice()).toString("latin1");
        if (name !== comparatorName) throw new MalformedBytes(`the comparator is ${name}`);
        return;
      }
      case 2:
        this.logNumber = cursor.readVarint();
        return;
      case 3:
        cursor.readVarint();
        this.hasNextFile = true;
        return;
      case 4:
        cursor.readVarint();
        this.hasLastSequence = true;
        return;
      case 5:
        readLevel(cursor);
        cursor.readSlice();
        return;
      case 6:
        this.tables.delete(`${readLevel(cursor)}/${cursor.readVarint()}`);
        return;
      case 7: {
        const level = readLevel(cursor);
        const table = { number: cursor.readVarint(), sizeBytes: cursor.readVarint() };
        cursor.readSlice();
        cursor.readSlice();
        added.set(`${level}/${table.number}`, table);
        return;
      }
      case 9:
        this.previousLogNumber = cursor.readVarint();
        return;
      default:
        throw new MalformedBytes(`a version edit has the unknown tag ${tag}`);
    }
  }
}

function readLevel(cursor: ByteCursor): number {
  const level = cursor.readVarint();
  if (level >= levels) throw new MalformedBytes(`a table lies on the unknown level ${level}`);
  return level;
}
