// Blob record: what a hub keeps of a blob beside its content, as a small file with a checksum.

import { type BlobRef, isBlobRef, MeshError } from "@cloudbrain/sdk/domain";
import { crc32c } from "@cloudbrain/sdk/store";

export interface BlobRecord {
  readonly ref: BlobRef;
  readonly size: number;
  readonly mediaType: string;
  /** For people. */
  readonly fileName: string;
  /** Who has put it here: a node, or a user at one. The oldest leave first. */
  readonly uploaders: readonly string[];
  readonly storedAtMs: number;
}

/** One line of JSON, and one with its checksum in hex. */
export function encodeBlobRecord(record: BlobRecord): Buffer {
  const line = Buffer.from(`${JSON.stringify(record)}\n`, "utf8");
  return Buffer.concat([line, Buffer.from(`${checksumOf(line)}\n`, "latin1")]);
}

/** Refuses with BLOB_DAMAGED what is not what was written for this blob. */
export function decodeBlobRecord(ref: BlobRef, bytes: Buffer): BlobRecord {
  const end = bytes.indexOf(0x0a) + 1;
  const line = bytes.subarray(0, end);
  if (end === 0 || bytes.subarray(end).toString("latin1") !== `${checksumOf(line)}\n`) {
    throw damaged(ref, "its record does not fit its checksum");
  }
  const record = JSON.parse(line.toString("utf8")) as BlobRecord;
  if (record.ref !== ref || !isBlobRef(record.ref)) throw damaged(ref, "its record is another's");
  return record;
}

export function damaged(ref: BlobRef, what: string): MeshError {
  const detail = `${what}: put the same content again, which replaces it`;
  return new MeshError("BLOB_DAMAGED", { subject: ref, detail });
}

function checksumOf(line: Uint8Array): string {
  return crc32c(line).toString(16).padStart(8, "0");
}
