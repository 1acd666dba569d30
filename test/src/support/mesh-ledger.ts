// Ledger: what the driver of a test knows from outside, whatever dies inside the mesh.
//
//   L1  An entry is written before its submission leaves, and its chain as soon as a hub has
//       acknowledged it. The driver is never killed, so the ledger is the truth.
//   L2  After any error the driver submits again with the same key: one key, one chain, for ever.

import { isDeepStrictEqual } from "node:util";
import type { Client } from "@cloudbrain/sdk/client";
import type { Address } from "@cloudbrain/sdk/domain";
import type { Submission } from "./mesh-applications.ts";

export interface LedgerEntry {
  readonly hub: Address;
  readonly submission: Submission;
  /** Ids that acknowledgements have named; more than one is a duplicate. */
  readonly chains: Set<string>;
  acknowledgements: number;
  /** Submits that ended in an error: their outcome was unknown. */
  errors: number;
}

export interface Wrong {
  readonly key: string;
  readonly what: string;
}

export class Ledger {
  readonly entries: LedgerEntry[] = [];

  open(hub: Address, submission: Submission): LedgerEntry {
    const entry = { hub, submission, chains: new Set<string>(), acknowledgements: 0, errors: 0 };
    this.entries.push(entry);
    return entry;
  }

  get acknowledged(): readonly LedgerEntry[] {
    return this.entries.filter(({ acknowledgements }) => acknowledgements > 0);
  }
}

type ChainSnapshot = Awaited<ReturnType<Client["getChain"]>>;

export const settledStates: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled"]);

/** What is wrong with an ended chain, or undefined: state, output, and coverage of each fan-out. */
export function findMistake(entry: LedgerEntry, chain: ChainSnapshot): string | undefined {
  const { expected } = entry.submission;
  if (chain.state !== "succeeded") return `it is ${chain.state}: ${chain.reason}`;
  if (!isDeepStrictEqual(chain.output, expected.output)) {
    return `output ${JSON.stringify(chain.output)} is not ${JSON.stringify(expected.output)}`;
  }
  for (const [step, members] of Object.entries(expected.members)) {
    const fanout = chain.steps.find(({ id }) => id === step)?.fanout;
    const told = `${fanout?.replied} of ${fanout?.members} replied`;
    if (fanout?.members !== members || fanout.replied !== members || fanout.failed !== 0) {
      return `step ${step}: ${told}, expected all of ${members}`;
    }
  }
  return undefined;
}
