// Blob files: blobs in the data directory of a hub. What they mean is the store's (blob-store.ts).
//
//   B1  A blob is there once its record is: content and record are synced under other names, then
//       renamed, the content first. Whatever a crash leaves of a transfer is removed at the next
//       start.
//   B2  The state of a blob is the last part of its record's name: it changes by a rename, and is
//       known at the start without opening a file.
//   B3  Content is compared with its hash before any of it is given out.
//
//   blobs/ab/ab12...          content
//   blobs/ab/ab12....kept     its record
//   blobs/incoming/           transfers under way

import { createHash, randomUUID } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { type BlobRef, isBlobRef, limits } from "@cloudbrain/sdk/domain";
import { type BlobRecord, damaged, decodeBlobRecord, encodeBlobRecord } from "./blob-record.ts";

/**
 * `fresh`: put here, and nothing refers to it yet. `kept`: something here refers to it. `copy`: of
 * what another hub holds.
 */
export const blobStates = ["fresh", "kept", "copy"] as const;
export type BlobState = (typeof blobStates)[number];

export interface FoundBlob {
  readonly ref: BlobRef;
  readonly state: BlobState;
  readonly size: number;
  /** When it came or was last of use, by the clock of this machine. */
  readonly touchedAtMs: number;
}

const incoming = "incoming";

export class BlobFiles {
  private readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  /** Makes the directory and removes what transfers have left (B1). */
  prepare(): void {
    rmSync(join(this.root, incoming), { recursive: true, force: true });
    mkdirSync(join(this.root, incoming), { recursive: true, mode: 0o700 });
    for (const stray of this.strays()) rmSync(stray, { force: true });
  }

  /** What is there. */
  *scan(): Generator<FoundBlob> {
    for (const { folder, names } of this.folders()) {
      for (const name of names) {
        const [hash = "", suffix] = name.split(".");
        const ref = `sha256:${hash}`;
        const state = blobStates.find((known) => known === suffix);
        if (state === undefined || !isBlobRef(ref)) continue;
        const { mtimeMs } = statSync(join(folder, name));
        const size = names.has(hash) ? statSync(this.contentPath(ref)).size : 0;
        yield { ref, state, size, touchedAtMs: mtimeMs };
      }
    }
  }

  /** Content without a record. */
  private *strays(): Generator<string> {
    for (const { folder, names } of this.folders()) {
      for (const name of names) {
        const isRecorded = blobStates.some((state) => names.has(`${name}.${state}`));
        if (/^[0-9a-f]{64}$/.test(name) && !isRecorded) yield join(folder, name);
      }
    }
  }

  private *folders(): Generator<{ readonly folder: string; readonly names: Set<string> }> {
    if (!existsSync(this.root)) return;
    for (const name of readdirSync(this.root)) {
      if (!/^[0-9a-f]{2}$/.test(name)) continue;
      const folder = join(this.root, name);
      yield { folder, names: new Set(readdirSync(folder)) };
    }
  }

  async receive(): Promise<IncomingBlob> {
    const path = join(this.root, incoming, randomUUID());
    return new IncomingBlob(path, await open(path, "wx", 0o600));
  }

  /** Puts what has come in its place; durable when it returns. */
  commit(content: IncomingBlob, record: BlobRecord, state: BlobState): void {
    const { ref } = record;
    const folder = this.folderOf(ref);
    if (!existsSync(folder)) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      syncDirectory(this.root);
    }
    renameSync(content.path, this.contentPath(ref));
    syncDirectory(folder);
    this.writeRecord(record, state);
  }

  writeRecord(record: BlobRecord, state: BlobState): void {
    const temporary = join(this.root, incoming, randomUUID());
    const descriptor = openSync(temporary, "wx", 0o600);
    try {
      writeSync(descriptor, encodeBlobRecord(record));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, this.recordPath(record.ref, state));
    syncDirectory(this.folderOf(record.ref));
  }

  /** Refuses with BLOB_DAMAGED. */
  record(ref: BlobRef, state: BlobState): BlobRecord {
    try {
      return decodeBlobRecord(ref, readFileSync(this.recordPath(ref, state)));
    } catch (cause) {
      throw isMissing(cause) ? damaged(ref, "its record is missing") : cause;
    }
  }

  /** Durable when it returns (B2). */
  change(ref: BlobRef, from: BlobState, to: BlobState): void {
    try {
      renameSync(this.recordPath(ref, from), this.recordPath(ref, to));
      syncDirectory(this.folderOf(ref));
    } catch (cause) {
      throw isMissing(cause) ? damaged(ref, "its record is missing") : cause;
    }
  }

  touch(ref: BlobRef, state: BlobState, atMs: number): void {
    utimesSync(this.recordPath(ref, state), atMs / 1_000, atMs / 1_000);
  }

  /** The record first: content alone is nothing (B1). */
  remove(ref: BlobRef, state: BlobState): void {
    rmSync(this.recordPath(ref, state), { force: true });
    rmSync(this.contentPath(ref), { force: true });
  }

  /** Compares the content with its hash, then opens it; refuses with BLOB_DAMAGED (B3). */
  async open(ref: BlobRef, size: number): Promise<FileHandle> {
    let file: FileHandle;
    try {
      file = await open(this.contentPath(ref), "r");
    } catch (cause) {
      throw isMissing(cause) ? damaged(ref, "its content is missing") : cause;
    }
    try {
      const hash = createHash("sha256");
      let bytes = 0;
      for await (const chunk of chunksOf(file, 0)) {
        hash.update(chunk);
        bytes += chunk.length;
      }
      if (bytes === size && `sha256:${hash.digest("hex")}` === ref) return file;
      throw damaged(ref, "its content does not fit its hash");
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  private folderOf(ref: BlobRef): string {
    return join(this.root, hashOf(ref).slice(0, 2));
  }

  private contentPath(ref: BlobRef): string {
    return join(this.folderOf(ref), hashOf(ref));
  }

  private recordPath(ref: BlobRef, state: BlobState): string {
    return `${this.contentPath(ref)}.${state}`;
  }
}

/** A transfer under way: nothing of it is there before `commit`. */
export class IncomingBlob {
  readonly path: string;
  private readonly file: FileHandle;
  private readonly hash = createHash("sha256");
  private bytes = 0;

  constructor(path: string, file: FileHandle) {
    this.path = path;
    this.file = file;
  }

  get size(): number {
    return this.bytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.hash.update(chunk);
    this.bytes += chunk.length;
    await this.file.writeFile(chunk);
  }

  /** Synced; answers the reference of what has come. Once only. */
  async finish(): Promise<BlobRef> {
    await this.file.sync();
    return `sha256:${this.hash.digest("hex")}` as BlobRef;
  }

  /** Also after a commit, which leaves nothing to remove. */
  async close(): Promise<void> {
    await this.file.close();
    rmSync(this.path, { force: true });
  }
}

/** The content from an offset on, a chunk at a time: the next is read once this one is taken. */
export async function* chunksOf(file: FileHandle, offset: number): AsyncGenerator<Buffer> {
  for (let position = offset; ; ) {
    const buffer = Buffer.allocUnsafe(limits.blobChunkBytesMax);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

function hashOf(ref: BlobRef): string {
  return ref.slice(ref.indexOf(":") + 1);
}

function syncDirectory(path: string): void {
  // There, a directory can't be opened, and renames are in the journal of the file system.
  if (process.platform === "win32") return;
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
