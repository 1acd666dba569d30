// Load of the chaos run: clients that submit without pause, repeat with the same key after every
// error, and watch each chain to its end.

import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "@cloudbrain/sdk/client";
import type { Address } from "@cloudbrain/sdk/domain";
import type { Dice } from "../simulation/dice.ts";
import { drawSubmission } from "../support/mesh-applications.ts";
import {
  findMistake,
  type Ledger,
  type LedgerEntry,
  settledStates,
  type Wrong,
} from "../support/mesh-ledger.ts";
import type { TreeNode } from "../support/mesh-shape.ts";

export interface LoadOptions {
  readonly ledger: Ledger;
  readonly dice: Dice;
  /** A client of every hub that takes submissions. */
  readonly clients: ReadonlyMap<Address, Client>;
  readonly communities: readonly TreeNode[];
  readonly workers: number;
}

/** One in so many acknowledged submissions is sent once more, as a caller in doubt would. */
const repeatEvery = 8;
const retryDelayMs = 50;
/** A call that has no answer after this is repeated: the hub may have been killed meanwhile. */
const patienceMs = 5_000;

export class Load {
  readonly wrong: Wrong[] = [];
  /** Chains whose end has been seen and was right. */
  completed = 0;
  private readonly options: LoadOptions;
  private readonly workers: Promise<void>[] = [];
  private isStopping = false;
  private deadlineMs = Number.POSITIVE_INFINITY;
  private count = 0;

  constructor(options: LoadOptions) {
    this.options = options;
  }

  start(): void {
    for (let worker = 0; worker < this.options.workers; worker += 1) {
      this.workers.push(this.run());
    }
  }

  /** Submits nothing new; every open chain must reach its end within `limitMs`. */
  async finish(limitMs: number): Promise<void> {
    this.isStopping = true;
    this.deadlineMs = performance.now() + limitMs;
    await Promise.all(this.workers);
  }

  private async run(): Promise<void> {
    const { dice, ledger, clients, communities } = this.options;
    const hubs = [...clients.keys()];
    while (!this.isStopping) {
      this.count += 1;
      // The first one is the city: its chains cross every level.
      const hub = dice.chance("city", "", 0.4) ? hubs[0] : dice.pick("hub", "", hubs);
      if (hub === undefined) return;
      const submission = drawSubmission(dice, `k-${this.count}`, hub, communities);
      const entry = ledger.open(hub, submission);
      const client = clients.get(hub);
      if (client === undefined) return;
      const chain = await this.submit(client, entry);
      if (chain === undefined) continue;
      if (this.count % repeatEvery === 0) await this.submit(client, entry);
      await this.follow(client, entry, chain);
    }
  }

  private async submit(client: Client, entry: LedgerEntry): Promise<string | undefined> {
    const { application, input, key } = entry.submission;
    while (performance.now() < this.deadlineMs) {
      try {
        const { chain } = await limited(client.submit(application, input, { key }));
        entry.acknowledgements += 1;
        entry.chains.add(chain);
        return chain;
      } catch {
        entry.errors += 1;
        await delay(retryDelayMs);
      }
    }
    this.note(entry, "it was never acknowledged");
    return undefined;
  }

  private async follow(client: Client, entry: LedgerEntry, chain: string): Promise<void> {
    while (performance.now() < this.deadlineMs) {
      try {
        const snapshot = await limited(client.getChain(chain));
        if (settledStates.has(snapshot.state) || snapshot.state === "suspended") {
          const mistake = findMistake(entry, snapshot);
          if (mistake === undefined) this.completed += 1;
          else this.note(entry, mistake);
          return;
        }
      } catch {
        // The hub is down: it is asked again until it is back.
      }
      await delay(retryDelayMs);
    }
    this.note(entry, `chain ${chain} did not end in time`);
  }

  private note(entry: LedgerEntry, what: string): void {
    this.wrong.push({ key: entry.submission.key, what });
  }
}

/** Rejects when the call takes too long; a late answer of the call itself is then of no use. */
async function limited<Result>(call: Promise<Result>): Promise<Result> {
  call.catch(() => undefined);
  const patience = new AbortController();
  const tooLate = delay(patienceMs, undefined, { signal: patience.signal }).then(() => {
    throw new Error("no answer in time");
  });
  tooLate.catch(() => undefined);
  try {
    return await Promise.race([call, tooLate]);
  } finally {
    patience.abort();
  }
}
