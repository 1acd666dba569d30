// Blobs: attachments (附件) over the connection of a client.
//
//   T1  What is got is compared with its reference: who reads to the end has what was meant, or
//       BLOB_DAMAGED.
//   T2  Getting goes on over broken connections from the byte that was given last.

import { createHash } from "node:crypto";
import type {
  BlobInfo,
  BlobServiceClient,
  GetBlobRequest,
  PutBlobRequest,
} from "@cloudbrain/proto";
import { isBlobRef, limits, MeshError } from "../domain/index.ts";
import { type CallBounds, type CallHost, callStream, callUnary, callUpload } from "./calls.ts";
import { readTime } from "./results.ts";
import { isTransient, patienceMsDefault, pause } from "./watching.ts";

/** What a hub knows of an attachment. */
export interface BlobDescription {
  /** `sha256:` and 64 hex digits: what inputs and forms refer to it by. */
  readonly ref: string;
  /** Bytes. */
  readonly size: number;
  /** Such as image/jpeg, as whoever put it first said; may be empty. */
  readonly mediaType: string;
  /** A hint for people, never a path; may be empty. */
  readonly fileName: string;
  /** When the hub took it, ms since 1970. */
  readonly storedAtMs: number;
}

export interface PutBlobOptions extends CallBounds {
  /** Bytes that will come; needed where the content is not one array. */
  readonly size?: number | undefined;
  /** At most 100 characters. */
  readonly mediaType?: string | undefined;
  /** At most 200 characters, without a path. */
  readonly fileName?: string | undefined;
  /** The hash that the content must have. */
  readonly ref?: string | undefined;
}

export interface PutBlobResult extends BlobDescription {
  /** The hub held the same content before. */
  readonly existed: boolean;
}

/** Through what the caller sees it; without one only its uploader and the operator may read it. */
export interface BlobReferrer {
  /** Id of a chain of the hub or of one above it. */
  readonly chain?: string | undefined;
  /** Id of a task of the hub that the caller may see. */
  readonly task?: string | undefined;
}

export interface GetBlobOptions extends CallBounds, BlobReferrer {
  /** Bytes to leave out at the beginning; then the content is not compared with its hash. */
  readonly offset?: number | undefined;
  /** How long the hub may be gone, once it has given something; 60 s by default. */
  readonly patienceMs?: number | undefined;
}

export interface BlobCalls {
  /**
   * Resolves when the content is durable at the hub; safe to repeat. At most 64 MiB; `timeoutMs` is
   * 10 minutes by default. A day after that it goes, unless something refers to it. BLOB_MISMATCH,
   * PAYLOAD_TOO_LARGE, QUOTA_EXCEEDED, HUB_BUSY, STORE_FAULT.
   */
  put(
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options?: PutBlobOptions,
  ): Promise<PutBlobResult>;
  /**
   * The content, chunk by chunk, each asked for when the one before is taken. Only who reads to the
   * end knows that it is what was put. BLOB_UNKNOWN, BLOB_DAMAGED, HUB_BUSY.
   */
  get(ref: string, options?: GetBlobOptions): AsyncIterable<Uint8Array>;
  /** BLOB_UNKNOWN when it is not there or no business of the caller. */
  stat(ref: string, options?: CallBounds & BlobReferrer): Promise<BlobDescription>;
}

const retryMs = 500;

export function createBlobCalls(host: CallHost, blobs: BlobServiceClient): BlobCalls {
  return {
    put: (content, options = {}) => putBlob(host, blobs, content, options),
    get: (ref, options = {}) => getBlob(host, blobs, ref, options),
    async stat(ref, options = {}) {
      const request = { ref, referrer: referrerOf(options) };
      const method = blobs.statBlob.bind(blobs);
      const { signal, timeoutMs = limits.blobTransferMs } = options;
      const bounds = { signal, timeoutMs };
      return describe((await callUnary(host, method, request, bounds)).blob);
    },
  };
}

async function putBlob(
  host: CallHost,
  blobs: BlobServiceClient,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  options: PutBlobOptions,
): Promise<PutBlobResult> {
  const isWhole = content instanceof Uint8Array;
  const size = isWhole ? content.length : options.size;
  if (size === undefined) {
    const detail = "tell the size of content that is not one array";
    throw new MeshError("INPUT_INVALID", { subject: "size", detail });
  }
  const { mediaType = "", fileName = "", ref = "" } = options;
  const parts = async function* (): AsyncGenerator<PutBlobRequest> {
    const header = { size: BigInt(size), mediaType, fileName, ref };
    yield { part: { $case: "header", value: header } };
    if (isWhole) yield* chunksOf(content);
    else for await (const piece of content) yield* chunksOf(piece);
  };
  const { signal, timeoutMs = limits.blobTransferMs } = options;
  const bounds = { signal, timeoutMs };
  const answer = await callUpload(host, blobs.putBlob.bind(blobs), parts(), bounds);
  return { ...describe(answer.blob), existed: answer.existed };
}

function* chunksOf(content: Uint8Array): Generator<PutBlobRequest> {
  for (let at = 0; at < content.length; at += limits.blobChunkBytesMax) {
    const value = content.subarray(at, at + limits.blobChunkBytesMax);
    yield { part: { $case: "chunk", value } };
  }
}

async function* getBlob(
  host: CallHost,
  blobs: BlobServiceClient,
  ref: string,
  options: GetBlobOptions,
): AsyncGenerator<Uint8Array> {
  if (!isBlobRef(ref)) {
    const detail = "a reference is sha256: and 64 lower-case hex digits";
    throw new MeshError("INPUT_INVALID", { subject: "ref", detail });
  }
  const { signal, timeoutMs, offset = 0, patienceMs = patienceMsDefault } = options;
  const hash = createHash("sha256");
  let given = 0;
  let lostAtMs: number | undefined;
  for (;;) {
    const request = {
      ref,
      offset: BigInt(offset + given),
      referrer: referrerOf(options),
    } satisfies GetBlobRequest;
    // The hub may have to look for it at others first.
    const bounds = { signal, timeoutMs, firstMs: limits.blobTransferMs };
    try {
      for await (const { part } of callStream(host, blobs.getBlob.bind(blobs), request, bounds)) {
        if (part?.$case !== "chunk") continue;
        lostAtMs = undefined;
        given += part.value.length;
        hash.update(part.value);
        yield part.value;
      }
      break;
    } catch (error) {
      // T2. Before anything has come, every error is the caller's: the hub may be wrong.
      lostAtMs ??= performance.now();
      const isPatient = performance.now() - lostAtMs < patienceMs;
      if (given === 0 || !isTransient(error) || !isPatient) throw error;
      await pause(retryMs, signal);
    }
  }
  if (offset > 0 || `sha256:${hash.digest("hex")}` === ref) return;
  const detail = "what has come is not what was asked for";
  throw new MeshError("BLOB_DAMAGED", { subject: ref, detail });
}

function referrerOf({ chain, task }: BlobReferrer): GetBlobRequest["referrer"] {
  if (task !== undefined) return { $case: "task", value: task };
  return chain === undefined ? undefined : { $case: "chain", value: chain };
}

function describe(blob: BlobInfo | undefined): BlobDescription {
  if (blob === undefined) throw new MeshError("DEFECT", { detail: "an empty answer" });
  const { ref, size, mediaType, fileName, storeTime } = blob;
  return { ref, size: Number(size), mediaType, fileName, storedAtMs: readTime(storeTime) };
}
