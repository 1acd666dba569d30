// Note load: chains that end at once, submitted many at a time, and what was acknowledged of them.

import type { Client } from "@cloudbrain/sdk/client";
import { noteApplication } from "../support/mesh-applications.ts";

export interface Acknowledged {
  readonly key: string;
  readonly chain: string;
  /** ms since 1970, with fractions, as the driver saw the answer. */
  readonly atMs: number;
}

export class NoteLoad {
  readonly acknowledged: Acknowledged[] = [];
  /** The first error that ended a run of `submitUntilError`. */
  error: unknown;
  private readonly client: Client;
  private readonly padding: string;
  private readonly prefix: string;
  private count = 0;
  private isStopping = false;

  /** `paddingChars` make each input as long as a test needs it. */
  constructor(client: Client, options: { readonly prefix: string; readonly paddingChars: number }) {
    this.client = client;
    this.prefix = options.prefix;
    this.padding = "x".repeat(options.paddingChars);
  }

  /** One submission; rejects with what the hub said, and then its outcome is unknown. */
  async submitOne(): Promise<void> {
    this.count += 1;
    const key = `${this.prefix}-${this.count}`;
    const input = { nonce: key, padding: this.padding };
    const { chain } = await this.client.submit(noteApplication, input, { key });
    const atMs = performance.timeOrigin + performance.now();
    this.acknowledged.push({ key, chain, atMs });
  }

  /** Keeps `inFlight` submissions under way until `stop` or an error; resolves after the last. */
  async submitUntilError(inFlight: number, submitsMax: number): Promise<void> {
    this.isStopping = false;
    this.error = undefined;
    const run = async (): Promise<void> => {
      while (!this.isStopping && this.error === undefined && this.count < submitsMax) {
        try {
          await this.submitOne();
        } catch (error) {
          this.error ??= error;
        }
      }
    };
    await Promise.all(Array.from({ length: inFlight }, run));
  }

  stop(): void {
    this.isStopping = true;
  }
}

/** Keys whose chain is not the acknowledged one. Asks the running hub, some at a time. */
export async function findLost(
  client: Client,
  acknowledged: readonly Acknowledged[],
): Promise<readonly string[]> {
  const lost: string[] = [];
  const waiting = [...acknowledged];
  const run = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { key, chain } = next;
      const found = await client.getChain(chain).catch(() => undefined);
      if (found?.state !== "succeeded") lost.push(key);
    }
  };
  await Promise.all(Array.from({ length: 16 }, run));
  return lost;
}
