// Questions: everything that a hub can be asked about its store, and how two sets of answers
// compare.

import { createHash } from "node:crypto";
import { History } from "@cloudbrain/hub/internal/storage/history";
import type { HubEvent, HubOutput, KeyHolder } from "@cloudbrain/hub/kernel";
import { type ChainRow, HubKernel, liveTables } from "@cloudbrain/hub/kernel";
import { createEvaluate, createValidate } from "@cloudbrain/sdk/definition";
import { isMeshError, parseAddress } from "@cloudbrain/sdk/domain";
import {
  decodeJournalKey,
  encodeCbor,
  genesisHash,
  journalKey,
  openNodeJournal,
  prefixRange,
  unpackRecord,
} from "@cloudbrain/sdk/journal";
import type { Store } from "@cloudbrain/sdk/store";

export interface AskedKey {
  readonly application: string;
  readonly key: string;
}

export interface Questions {
  readonly directory: string;
  readonly address: string;
  /** Ids and keys to ask for one by one, beside what the lists tell. */
  readonly chains: readonly string[];
  readonly keys: readonly AskedKey[];
  /** Whether to read and verify every journal record, which takes long on a large store. */
  readonly withJournal: boolean;
}

export type Answered =
  | {
      readonly kind: "answered";
      /** By question: a digest of the answer, or `error CODE`. */
      readonly answers: Readonly<Record<string, string>>;
      readonly chains: readonly string[];
      readonly keys: readonly AskedKey[];
      /** Chain of every key that was asked for. */
      readonly holders: Readonly<Record<string, string>>;
    }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }
  | { readonly kind: "crashed"; readonly message: string };

const pageSize = 100;

/** Opens the hub's journal as the hub does, without links, asks everything and closes it again. */
export async function askEverything(questions: Questions): Promise<Answered> {
  const address = parseAddress(questions.address);
  const kernel = new HubKernel({
    address,
    hasParent: false,
    evaluate: createEvaluate(),
    validate: createValidate(),
  });
  try {
    const opened = await openNodeJournal<HubEvent, HubOutput>({
      directory: questions.directory,
      identity: address,
      kernel,
      started: (epoch) => ({ type: "started", epoch }),
      liveTables,
      release: () => undefined,
      flushed: () => undefined,
      failed: () => undefined,
      // Journal time stands still, so that the answers are the same at every opening.
      clock: { now: () => 0 },
    });
    try {
      const end = opened.journal.position();
      return await ask(questions, kernel, opened.store, end.seq);
    } finally {
      await opened.close();
    }
  } catch (error) {
    if (isMeshError(error)) return { kind: "refused", code: error.code, message: error.message };
    return {
      kind: "crashed",
      message: error instanceof Error ? (error.stack ?? "") : String(error),
    };
  }
}

async function ask(
  questions: Questions,
  kernel: HubKernel,
  store: Store,
  lastSeq: number,
): Promise<Answered> {
  const history = new History(store, kernel);
  const answers: Record<string, string> = {};
  const holders: Record<string, string> = {};
  const note = async (
    question: string,
    answer: () => Promise<unknown> | unknown,
  ): Promise<void> => {
    try {
      answers[question] = digest(await answer());
    } catch (error) {
      if (!isMeshError(error)) throw error;
      answers[question] = `error ${error.code}`;
    }
  };
  const listed: ChainRow[] = [];
  await note("list of chains", async () => {
    // One by one: a spread of a hundred thousand is more arguments than a call can have.
    for (const chain of await listChains(history)) listed.push(chain);
    return listed;
  });
  const chains = new Set([...questions.chains, ...listed.map(({ id }) => id)]);
  for (const id of chains) await note(`chain ${id}`, () => history.chain(id));
  const keys = questions.keys.length > 0 ? questions.keys : listed.map(askedKey);
  for (const asked of keys) {
    await note(`key ${asked.key}`, async () => {
      const holder = await history.keyHolder(asked.application, asked.key);
      if (holder !== undefined) holders[asked.key] = holder.chain;
      return plainHolder(holder);
    });
  }
  // Ended chains are in memory until the next checkpoint; they have been asked for above.
  const live = kernel.dump().filter(({ table, value }) => table !== "past" && value !== undefined);
  for (const { table, key, value } of live) await note(`${table} ${key} in memory`, () => value);
  await note("names of live rows", () => live.map(({ table, key }) => `${table} ${key}`));
  if (questions.withJournal) await note("journal", () => readJournal(store, lastSeq));
  return { kind: "answered", answers, chains: [...chains], keys, holders };
}

function askedKey({ application, key }: ChainRow): AskedKey {
  return { application: application.slice(0, application.lastIndexOf("@")), key };
}

function plainHolder(holder: KeyHolder | undefined): unknown {
  return holder === undefined ? null : { ...holder };
}

async function listChains(history: History): Promise<readonly ChainRow[]> {
  const chains: ChainRow[] = [];
  let before = "";
  for (;;) {
    const page = await history.chains({ before, limit: pageSize });
    for (const chain of page) chains.push(chain);
    before = page.at(-1)?.id ?? "";
    if (page.length < pageSize) return chains;
  }
}

/** Sequence and hash of the last record that was there at the opening, every record verified. */
async function readJournal(store: Store, lastSeq: number): Promise<unknown> {
  const { lt } = prefixRange(journalKey(0).subarray(0, 1));
  let hash: Uint8Array = genesisHash;
  let seq = 0;
  for await (const { key, value } of store.scan({ gte: journalKey(1), lt })) {
    if (decodeJournalKey(key) > lastSeq) break;
    seq += 1;
    hash = unpackRecord(seq, value, hash).hash;
  }
  return { seq, hash };
}

function digest(value: unknown): string {
  return createHash("sha256")
    .update(encodeCbor(value ?? null))
    .digest("base64url");
}

export type Verdict = "refused" | "quarantined" | "equal" | "silently wrong" | "crashed";

/** What damage has led to, and for the bad ones where. */
export function compareAnswers(
  reference: Extract<Answered, { kind: "answered" }>,
  answered: Answered,
): { readonly verdict: Verdict; readonly what: string } {
  if (answered.kind === "crashed") return { verdict: "crashed", what: answered.message };
  if (answered.kind === "refused") return { verdict: "refused", what: answered.message };
  const differing = Object.keys(reference.answers).filter(
    (question) => answered.answers[question] !== reference.answers[question],
  );
  if (differing.length === 0) return { verdict: "equal", what: "" };
  const silent = differing.filter((question) => !answered.answers[question]?.startsWith("error "));
  const what = (silent[0] ?? differing[0]) as string;
  return silent.length > 0 ? { verdict: "silently wrong", what } : { verdict: "quarantined", what };
}
