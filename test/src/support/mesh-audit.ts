// Audit of a stopped node's store, offline: what a process left behind must be whole by itself.
//
//   A1  Every record continues the hash chain, from the first one to the anchor.
//   A2  Replaying all records from an empty state gives what checkpointed rows and later records
//       give, live rows and ended chains alike.
//   A3  One key names one chain.
//   A4  Nothing is left that somebody would still have to work on.

import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { audit, type ChainRow, HubKernel, liveTables } from "@cloudbrain/hub/kernel";
import { createEvaluate, createValidate } from "@cloudbrain/sdk/definition";
import { parseAddress, type Row } from "@cloudbrain/sdk/domain";
import {
  decodeCbor,
  decodeJournalKey,
  decodeMeta,
  decodeRowKey,
  encodeCbor,
  equalBytes,
  genesisHash,
  journalKey,
  metaKey,
  newMeta,
  prefixRange,
  Recovery,
  tableRange,
  unpackRecord,
} from "@cloudbrain/sdk/journal";
import { type AnchorReading, openAnchor, openLevelStore, type Store } from "@cloudbrain/sdk/store";
import type { HostedNode } from "./process-messages.ts";

export interface StoreAudit {
  readonly address: string;
  readonly records: number;
  /** Ended chains by id, as the store tells them. */
  readonly chains: ReadonlyMap<string, ChainRow>;
  readonly problems: readonly string[];
}

const journalRange = prefixRange(journalKey(0).subarray(0, 1));

export async function auditNode(node: HostedNode): Promise<StoreAudit> {
  const data = join(node.directory, "data");
  const anchor = openAnchor({ path: join(data, "anchor"), create: false });
  const store = await openLevelStore({ directory: join(data, "store"), identity: node.address });
  try {
    const position = anchor.read();
    return node.role === "hub"
      ? await auditHub(node, store, position)
      : await auditChainAlone(node, store, position);
  } finally {
    await store.close();
    anchor.close();
  }
}

/** A1 alone: what an agent's records mean is its own affair. */
async function auditChainAlone(
  node: HostedNode,
  store: Store,
  anchor: AnchorReading,
): Promise<StoreAudit> {
  let hash: Uint8Array = genesisHash;
  let records = 0;
  for await (const { key, value } of store.scan(journalRange)) {
    if (decodeJournalKey(key) !== records + 1) break;
    hash = unpackRecord(records + 1, value, hash).hash;
    records += 1;
  }
  const isWhole = records === anchor.seq && (records === 0 || equalBytes(hash, anchor.hash));
  const told = `${records} records, the anchor names ${anchor.seq}`;
  return {
    address: node.address,
    records,
    chains: new Map(),
    problems: isWhole ? [] : [`the journal does not end at its anchor: ${told}`],
  };
}

function createKernel(node: HostedNode): HubKernel {
  return new HubKernel({
    address: parseAddress(node.address),
    hasParent: node.parent !== "",
    evaluate: createEvaluate(),
    validate: createValidate(),
  });
}

async function auditHub(
  node: HostedNode,
  store: Store,
  anchor: AnchorReading,
): Promise<StoreAudit> {
  const problems: string[] = [];
  const meta = decodeMeta(await store.get(metaKey));
  const restored = createKernel(node);
  const recovery = new Recovery(restored, meta, anchor.seq === 0 ? undefined : anchor);
  for (const table of liveTables) {
    for await (const { key, value } of store.scan(tableRange(table))) recovery.row(key, value);
  }
  const replayed = createKernel(node);
  const replay = new Recovery(
    replayed,
    newMeta(meta.storeId),
    anchor.seq === 0 ? undefined : anchor,
  );
  for await (const { key, value } of store.scan(journalRange)) {
    replay.record(key, value);
    if (decodeJournalKey(key) >= recovery.nextSeq()) recovery.record(key, value);
  }
  const end = replay.finish();
  const other = recovery.finish();
  if (end.seq !== other.seq || !equalBytes(end.hash, other.hash)) {
    problems.push(`the replay ends at record ${end.seq}, the recovery at ${other.seq}`);
  }
  const restoredRows = plainRows(restored);
  const replayedRows = plainRows(replayed);
  const past = await readArchive(store, "past", restoredRows);
  const pastTasks = await readArchive(store, "pastTask", restoredRows);
  const chains = past as ReadonlyMap<string, ChainRow>;
  problems.push(
    ...compareArchive("past", past, replayedRows),
    ...compareArchive("pastTask", pastTasks, replayedRows),
    ...compareLive(restoredRows, replayedRows),
  );
  problems.push(...findSharedKeys(chains.values()), ...findLiveWork(restored));
  return { address: node.address, records: end.seq, chains, problems };
}

/** Rows as a store would give them back. */
function plainRows(kernel: HubKernel): readonly Row[] {
  return decodeCbor(encodeCbor(kernel.dump().filter(({ value }) => value !== undefined))) as Row[];
}

/** What has ended, by key: a start does not read it, so it is the store's alone. */
type Archive = "past" | "pastTask";
const archives: ReadonlySet<string> = new Set<Archive>(["past", "pastTask"]);

async function readArchive(
  store: Store,
  archive: Archive,
  restored: readonly Row[],
): Promise<ReadonlyMap<string, unknown>> {
  const rows = new Map<string, unknown>();
  for await (const { key, value } of store.scan(tableRange(archive))) {
    rows.set(decodeRowKey(key).key, decodeCbor(value));
  }
  // Ended after the last checkpoint: still among the live ones.
  for (const { table, key, value } of restored) {
    if (table === archive) rows.set(key, value);
  }
  return rows;
}

function compareArchive(
  archive: Archive,
  stored: ReadonlyMap<string, unknown>,
  replayed: readonly Row[],
): string[] {
  const told = replayed.filter(({ table }) => table === archive);
  const problems = told
    .filter(({ key, value }) => !isDeepStrictEqual(stored.get(key), value))
    .map(({ key }) => `row ${archive} ${key} differs from its replay`);
  if (told.length !== stored.size) {
    problems.push(`${stored.size} rows of ${archive} are stored, the replay has ${told.length}`);
  }
  return problems;
}

function compareLive(restored: readonly Row[], replayed: readonly Row[]): string[] {
  const live = (rows: readonly Row[]): Map<string, unknown> =>
    new Map(
      rows
        .filter(({ table }) => !archives.has(table))
        .map(({ table, key, value }) => [`${table} ${key}`, value]),
    );
  const left = live(restored);
  const right = live(replayed);
  const names = new Set([...left.keys(), ...right.keys()]);
  return [...names]
    .filter((name) => !isDeepStrictEqual(left.get(name), right.get(name)))
    .map((name) => `row ${name} differs from its replay`);
}

function findSharedKeys(chains: Iterable<ChainRow>): string[] {
  const holders = new Map<string, string>();
  const problems: string[] = [];
  for (const { id, application, key } of chains) {
    if (key === "") continue;
    const name = `${application} ${key}`;
    const holder = holders.get(name);
    if (holder !== undefined) problems.push(`key ${name} has the chains ${holder} and ${id}`);
    holders.set(name, id);
  }
  return problems;
}

function findLiveWork(kernel: HubKernel): string[] {
  const { state } = kernel;
  const problems = audit(state).map(({ rule, subject, detail }) => `${rule} ${subject}: ${detail}`);
  for (const chain of state.chains.values()) {
    if (chain.endedAtMs === 0) problems.push(`chain ${chain.id} is ${chain.state}`);
  }
  for (const id of state.assignments.keys()) problems.push(`instruction ${id} is alive`);
  for (const { id, live } of state.fanouts.values()) {
    if (live > 0) problems.push(`fan-out ${id} has ${live} live members`);
  }
  return problems;
}
