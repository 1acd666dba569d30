// hub verify: looks at a stopped hub's stores from end to end without changing them: files,
// checksums, every record of the hash chain, rows, that a replay of the journal gives the stored
// state, the entries of the catalog, and attachments.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { decodeKeptEntry, loadCatalog } from "@cloudbrain/sdk/catalog";
import { createEvaluate, createValidate } from "@cloudbrain/sdk/definition";
import { type Address, MeshError, parentOf, parseAddress } from "@cloudbrain/sdk/domain";
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
  /** In the directory of resources. */
  readonly entries: number;
  readonly violations: readonly Violation[];
}

/** Refuses with STORE_CORRUPT or AMNESIA and the place of the first damage. */
export async function verifyHub(directory: string, addressText: string): Promise<VerifyReport> {
  const address = parseAddress(addressText);
  const storeDirectory = join(directory, "store");
  const main = await verifyLevelDirectory(storeDirectory);
  const catalog = await verifyCatalog(directory, address);
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
      files: main.files + catalog.files,
      bytes: main.bytes + catalog.bytes,
      entries: catalog.entries,
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

/** A hub that has never run has no catalog yet. */
async function verifyCatalog(directory: string, identity: Address) {
  const catalogDirectory = join(directory, "catalog");
  if (!existsSync(catalogDirectory)) return { files: 0, bytes: 0, entries: 0 };
  const { files, bytes } = await verifyLevelDirectory(catalogDirectory);
  const store = await openLevelStore({ directory: catalogDirectory, identity, verify: "none" });
  try {
    const catalog = await loadCatalog({ store, now: Date.now, failed: () => undefined });
    let entries = 0;
    for await (const { entry } of catalog.rows()) {
      if (entry === undefined) continue;
      decodeKeptEntry(entry);
      entries += 1;
    }
    if (entries === catalog.meta.entries) return { files, bytes, entries };
    const detail = `${entries} entries are there, ${catalog.meta.entries} were counted`;
    throw new MeshError("STORE_CORRUPT", { subject: catalogDirectory, detail });
  } finally {
    await store.close();
  }
}
