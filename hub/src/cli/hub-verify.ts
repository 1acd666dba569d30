// hub verify: looks at a stopped hub's store from end to end without changing it: files, checksums,
// every record of the hash chain, rows, that a replay of the journal gives the stored state, and
// attachments.

import { join } from "node:path";
import { createEvaluate, createValidate } from "@cloudbrain/sdk/definition";
import { parentOf, parseAddress } from "@cloudbrain/sdk/domain";
import {
  decodeMeta,
  genesisHash,
  journalKey,
  metaKey,
  prefixRange,
  Recovery,
  tableRange,
  unpackRecord,
} from "@cloudbrain/sdk/journal";
import { openAnchor, openLevelStore, verifyLevelDirectory } from "@cloudbrain/sdk/store";
import { type BlobReport, verifyBlobs } from "../blobs/verify-blobs.ts";
import { audit, HubKernel, liveTables, type Violation } from "../kernel/index.ts";

export interface VerifyReport extends BlobReport {
  readonly files: number;
  readonly bytes: number;
  readonly records: number;
  readonly facts: number;
  readonly lastSeq: number;
  readonly anchorSeq: number;
  readonly chains: number;
  readonly violations: readonly Violation[];
}

/** Refuses with STORE_CORRUPT or AMNESIA and the place of the first damage. */
export async function verifyHub(directory: string, addressText: string): Promise<VerifyReport> {
  const address = parseAddress(addressText);
  const storeDirectory = join(directory, "store");
  const { files, bytes } = await verifyLevelDirectory(storeDirectory);
  const anchor = openAnchor({ path: join(directory, "anchor"), create: false });
  const known = anchor.read();
  anchor.close();
  const store = await openLevelStore({ directory: storeDirectory, identity: address });
  try {
    const meta = decodeMeta(await store.get(metaKey));
    const kernel = new HubKernel({
      address,
      hasParent: parentOf(address) !== undefined,
      evaluate: createEvaluate(),
      validate: createValidate(),
    });
    const recovery = new Recovery(kernel, meta, known.seq === 0 ? undefined : known);
    for (const table of liveTables) {
      for await (const { key, value } of store.scan(tableRange(table))) recovery.row(key, value);
    }
    const { lt } = prefixRange(journalKey(0).subarray(0, 1));
    let hash: Uint8Array = genesisHash;
    let records = 0;
    let facts = 0;
    for await (const { key, value } of store.scan({ gte: journalKey(1), lt })) {
      records += 1;
      const unpacked = unpackRecord(records, value, hash);
      facts += unpacked.record.facts.length;
      hash = unpacked.hash;
      if (records >= recovery.nextSeq()) recovery.record(key, value);
    }
    const position = recovery.finish();
    let chains = kernel.state.chains.size;
    for await (const _row of store.scan(tableRange("past"))) chains += 1;
    return {
      files,
      bytes,
      records,
      facts,
      lastSeq: position.seq,
      anchorSeq: known.seq,
      chains,
      violations: audit(kernel.state),
      ...(await verifyBlobs(join(directory, "blobs"))),
    };
  } finally {
    await store.close();
  }
}
