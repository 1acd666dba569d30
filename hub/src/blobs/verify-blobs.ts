// Verify blobs: every attachment of a stopped hub compared with its hash and its record, without
// changing anything.

import { isMeshError } from "@cloudbrain/sdk/domain";
import { BlobFiles } from "./blob-files.ts";

export interface BlobReport {
  readonly blobs: number;
  /** References of those that are not what was put. */
  readonly damagedBlobs: readonly string[];
}

export async function verifyBlobs(directory: string): Promise<BlobReport> {
  const files = new BlobFiles(directory);
  const damagedBlobs: string[] = [];
  let blobs = 0;
  for (const { ref, state, size } of files.scan()) {
    blobs += 1;
    try {
      const record = files.record(ref, state);
      await (await files.open(ref, Math.max(size, record.size))).close();
    } catch (error) {
      if (!isMeshError(error)) throw error;
      damagedBlobs.push(ref);
    }
  }
  return { blobs, damagedBlobs };
}
