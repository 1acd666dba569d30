// Blob store: the attachments that a hub holds.
//
//   B4  The same content is there once. Putting it again renews it, and heals a damaged copy.
//   B5  What something refers to is kept before that something is acknowledged, for as long as the
//       hub keeps its chains and tasks. What nothing refers to goes after its time (`sweep`).
//   B6  All content together stays within the quota. Copies of what other hubs hold give way to
//       what is put here, the one least lately read first.

import type { FileHandle } from "node:fs/promises";
import { type BlobRef, blobRefsIn, isMeshError, limits, MeshError } from "@cloudbrain/sdk/domain";
import { BlobFiles, type BlobState, chunksOf, type IncomingBlob } from "./blob-files.ts";
import type { BlobRecord } from "./blob-record.ts";

export interface BlobStoreOptions {
  readonly directory: string;
  readonly quotaBytes: number;
  /** ms since 1970. */
  readonly now: () => number;
}

/** What is said of content before it comes. */
export interface NewBlob {
  readonly size: number;
  readonly mediaType: string;
  readonly fileName: string;
  /** The hash that it must have; undefined when that is not known. */
  readonly ref: BlobRef | undefined;
  /** Who puts it; empty for a copy of what another hub holds. */
  readonly uploader: string;
}

/** References that something is about to have; `settle` must be called once. */
export interface Hold {
  /** `taken`: it was, and refers to them from now on. */
  settle(taken: boolean): void;
}

interface Entry {
  state: BlobState;
  size: number;
  touchedAtMs: number;
}

interface Raised {
  readonly from: BlobState;
  holds: number;
  isTaken: boolean;
}

export class BlobStore {
  private readonly options: BlobStoreOptions;
  private readonly files: BlobFiles;
  private readonly entries = new Map<BlobRef, Entry>();
  /** By holds, for something that has not been taken yet. */
  private readonly raised = new Map<BlobRef, Raised>();
  private usedBytes = 0;
  /** Those that nothing refers to: most hubs that read a frame have none. */
  private looseBlobs = 0;

  constructor(options: BlobStoreOptions) {
    this.options = options;
    this.files = new BlobFiles(options.directory);
    this.files.prepare();
    for (const { ref, state, size, touchedAtMs } of this.files.scan()) {
      this.add(ref, { state, size, touchedAtMs });
    }
    this.sweep();
  }

  get size(): number {
    return this.entries.size;
  }

  /** Of all content, and of what is on its way here. */
  get bytes(): number {
    return this.usedBytes;
  }

  has(ref: BlobRef): boolean {
    return this.entries.has(ref);
  }

  /** Undefined when it is not here; refuses with BLOB_DAMAGED. */
  record(ref: BlobRef): BlobRecord | undefined {
    const entry = this.entries.get(ref);
    if (entry === undefined) return undefined;
    try {
      return this.files.record(ref, entry.state);
    } catch (error) {
      throw this.forgetCopy(ref, error);
    }
  }

  /**
   * Takes content and answers its record once it is durable. Refuses with PAYLOAD_TOO_LARGE,
   * QUOTA_EXCEEDED, BLOB_MISMATCH or STORE_FAULT; whatever ends it, nothing half done is there.
   */
  async put(
    blob: NewBlob,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<{ readonly record: BlobRecord; readonly existed: boolean }> {
    const { size } = blob;
    this.reserve(size);
    let content: IncomingBlob | undefined;
    try {
      content = await this.files.receive();
      for await (const chunk of chunks) {
        if (content.size + chunk.length > size)
          throw mismatch(blob, `more than ${size} bytes came`);
        await content.write(chunk);
      }
      if (content.size !== size) throw mismatch(blob, `${content.size} bytes came, not ${size}`);
      const ref = await content.finish();
      if (blob.ref !== undefined && ref !== blob.ref) throw mismatch(blob, `its hash is ${ref}`);
      const isWhole = await this.isWhole(ref);
      return this.commit(content, blob, ref, isWhole);
    } catch (error) {
      throw storageError(error);
    } finally {
      this.usedBytes -= size;
      await content?.close();
    }
  }

  /**
   * The content from an offset on, compared with its hash before any of it is given out. Refuses
   * with BLOB_UNKNOWN or BLOB_DAMAGED, at the first chunk.
   */
  async *read(ref: BlobRef, offset: number): AsyncGenerator<Buffer> {
    const entry = this.entries.get(ref);
    if (entry === undefined) throw new MeshError("BLOB_UNKNOWN", { subject: ref });
    const file: FileHandle = await this.files.open(ref, entry.size).catch((error: unknown) => {
      throw this.forgetCopy(ref, error);
    });
    try {
      this.touch(ref, entry);
      yield* chunksOf(file, offset);
    } finally {
      await file.close();
    }
  }

  /** Keeps them until something that refers to them is taken, or refused (B5). */
  hold(refs: Iterable<BlobRef>): Hold {
    const held: BlobRef[] = [];
    for (const ref of refs) {
      const entry = this.entries.get(ref);
      const raised = this.raised.get(ref);
      if (raised !== undefined) raised.holds += 1;
      else if (entry === undefined || entry.state === "kept") continue;
      else {
        this.raised.set(ref, { from: entry.state, holds: 1, isTaken: false });
        this.change(ref, entry, "kept");
      }
      held.push(ref);
    }
    return { settle: (taken) => this.settle(held, taken) };
  }

  /** Something is taken that has this text, or these bytes: what it refers to is kept (B5). */
  keepMentioned(text: string | Uint8Array): void {
    if (this.looseBlobs === 0 && this.raised.size === 0) return;
    const refs = blobRefsIn(typeof text === "string" ? text : Buffer.from(text).toString("latin1"));
    if (refs.length > 0) this.hold(refs).settle(true);
  }

  /** Removes what nothing refers to and whose time is over. */
  sweep(): void {
    if (this.looseBlobs === 0) return;
    const nowMs = this.options.now();
    for (const [ref, { state, touchedAtMs }] of this.entries) {
      if (state === "kept") continue;
      const keepMs = state === "fresh" ? limits.blobFreshKeepMs : limits.blobCopyKeepMs;
      if (nowMs - touchedAtMs > keepMs) this.remove(ref);
    }
  }

  /** A damaged copy is not worth keeping: it is fetched anew for who asks again. */
  private forgetCopy(ref: BlobRef, error: unknown): unknown {
    const isDamaged = isMeshError(error) && error.code === "BLOB_DAMAGED";
    if (!isDamaged || this.entries.get(ref)?.state !== "copy") return error;
    this.remove(ref);
    const detail = "the copy of it here was damaged and is gone: ask again, and it is fetched anew";
    return new MeshError("BLOB_DAMAGED", { subject: ref, detail, cause: error });
  }

  private reserve(size: number): void {
    if (size > limits.blobBytesMax) {
      const detail = `an attachment has at most ${limits.blobBytesMax} bytes, this one ${size}`;
      throw new MeshError("PAYLOAD_TOO_LARGE", { subject: "size", detail });
    }
    const { quotaBytes } = this.options;
    while (this.usedBytes + size > quotaBytes || this.entries.size >= limits.blobsMax) {
      const oldest = this.oldestCopy();
      if (oldest === undefined) {
        const detail = `the hub holds ${this.usedBytes} of at most ${quotaBytes} bytes of attachments`;
        throw new MeshError("QUOTA_EXCEEDED", { subject: "size", detail });
      }
      this.remove(oldest);
    }
    this.usedBytes += size;
  }

  private oldestCopy(): BlobRef | undefined {
    let oldest: BlobRef | undefined;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const [ref, { state, touchedAtMs }] of this.entries) {
      if (state !== "copy" || touchedAtMs >= oldestMs) continue;
      oldest = ref;
      oldestMs = touchedAtMs;
    }
    return oldest;
  }

  /** Whether it is here and what was put (B4). */
  private async isWhole(ref: BlobRef): Promise<boolean> {
    const entry = this.entries.get(ref);
    if (entry === undefined) return false;
    try {
      this.files.record(ref, entry.state);
      await (await this.files.open(ref, entry.size)).close();
      return true;
    } catch (error) {
      if (isMeshError(error) && error.code === "BLOB_DAMAGED") return false;
      throw error;
    }
  }

  private commit(content: IncomingBlob, blob: NewBlob, ref: BlobRef, isWhole: boolean) {
    const { size, mediaType, fileName, uploader } = blob;
    const entry = this.entries.get(ref);
    const arrives: BlobState = uploader === "" ? "copy" : "fresh";
    const before = entry !== undefined && isWhole ? this.files.record(ref, entry.state) : undefined;
    const uploaders = [...(before?.uploaders ?? []), ...(uploader === "" ? [] : [uploader])];
    const record: BlobRecord = {
      ...(before ?? { ref, size, mediaType, fileName, storedAtMs: this.options.now() }),
      uploaders: [...new Set(uploaders)].slice(-limits.blobUploadersMax),
    };
    if (entry === undefined) {
      this.files.commit(content, record, arrives);
      this.add(ref, { state: arrives, size, touchedAtMs: this.options.now() });
      return { record, existed: false };
    }
    if (isWhole) this.files.writeRecord(record, entry.state);
    else this.files.commit(content, record, entry.state);
    if (entry.state === "copy" && arrives === "fresh") this.change(ref, entry, "fresh");
    this.touch(ref, entry);
    return { record, existed: true };
  }

  private settle(held: readonly BlobRef[], taken: boolean): void {
    for (const ref of held) {
      const raised = this.raised.get(ref);
      if (raised === undefined) continue;
      raised.holds -= 1;
      raised.isTaken ||= taken;
      if (raised.holds > 0) continue;
      this.raised.delete(ref);
      const entry = this.entries.get(ref);
      if (!raised.isTaken && entry !== undefined) this.change(ref, entry, raised.from);
    }
  }

  private touch(ref: BlobRef, entry: Entry): void {
    entry.touchedAtMs = this.options.now();
    // A sweep may have removed it since: who reads it has it open.
    if (entry.state !== "kept" && this.has(ref))
      this.files.touch(ref, entry.state, entry.touchedAtMs);
  }

  private change(ref: BlobRef, entry: Entry, to: BlobState): void {
    this.files.change(ref, entry.state, to);
    this.looseBlobs += Number(to !== "kept") - Number(entry.state !== "kept");
    entry.state = to;
  }

  private add(ref: BlobRef, entry: Entry): void {
    this.entries.set(ref, entry);
    this.usedBytes += entry.size;
    if (entry.state !== "kept") this.looseBlobs += 1;
  }

  private remove(ref: BlobRef): void {
    const entry = this.entries.get(ref);
    if (entry === undefined) return;
    this.files.remove(ref, entry.state);
    this.entries.delete(ref);
    this.usedBytes -= entry.size;
    if (entry.state !== "kept") this.looseBlobs -= 1;
  }
}

function mismatch({ ref }: NewBlob, what: string): MeshError {
  return new MeshError("BLOB_MISMATCH", { subject: ref ?? "size", detail: what });
}

/** What the disk says in words of the mesh; nothing of the transfer was kept. */
function storageError(error: unknown): unknown {
  if (!(error instanceof Error) || isMeshError(error) || !("code" in error)) return error;
  const { code } = error;
  if (code === "ENOSPC" || code === "EDQUOT") {
    const detail = "the disk of the hub is full; nothing of the attachment was kept";
    return new MeshError("QUOTA_EXCEEDED", { detail, cause: error });
  }
  if (typeof code !== "string" || !/^E[A-Z]+$/.test(code)) return error;
  const detail = `the hub can't write its attachments (${code}); nothing of this one was kept`;
  return new MeshError("STORE_FAULT", { detail, cause: error });
}
