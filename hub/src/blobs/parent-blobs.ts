// Parent blobs: the blobs of the hub above, over a connection of its own. Asks it for what is not
// here, and puts what it asks for.
//
//   B9  The parent asks over a call that this hub makes once its link is there, which is when the
//       parent knows it as a hub, and makes again, later each time, while it runs.

import { BlobChannel, type BlobServing } from "@cloudbrain/sdk/client";
import { type Address, type BlobRef, isMeshError } from "@cloudbrain/sdk/domain";
import type { Credentials } from "@cloudbrain/sdk/identity";
import type { BlobExchange, BlobsAbove } from "./blob-exchange.ts";
import type { BlobStore } from "./blob-store.ts";

export interface ParentBlobsOptions {
  /** host:port. */
  readonly parent: string;
  readonly expected: Address;
  readonly credentials: Credentials;
  readonly blobs: BlobStore;
  readonly exchange: BlobExchange;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

const redialMsMin = 500;
const redialMsMax = 30_000;
/** Answers that are made at one time. */
const answersMax = 4;

export class ParentBlobs implements BlobsAbove {
  private readonly options: ParentBlobsOptions;
  private readonly channel: BlobChannel;
  /** By blob and chain. */
  private readonly fetches = new Map<string, Promise<boolean>>();
  private readonly asked = new Set<BlobRef>();
  private answers = 0;
  private serving: BlobServing | undefined;
  private redial: NodeJS.Timeout | undefined;
  private redialMs = redialMsMin;
  private isOver = false;

  constructor(options: ParentBlobsOptions) {
    this.options = options;
    const { parent: hub, expected, credentials } = options;
    this.channel = new BlobChannel({ hub, expected, credentials });
  }

  /** The link to the parent is there: it may ask from now on. */
  linked(): void {
    this.redialMs = redialMsMin;
    clearTimeout(this.redial);
    if (this.serving === undefined && !this.isOver) this.serve();
  }

  async fetch(ref: BlobRef, chain: string): Promise<boolean> {
    const name = `${ref} ${chain}`;
    const running = this.fetches.get(name);
    if (running !== undefined) return await running;
    const fetch = this.fetchNow(ref, chain).finally(() => this.fetches.delete(name));
    this.fetches.set(name, fetch);
    return await fetch;
  }

  close(): void {
    this.isOver = true;
    clearTimeout(this.redial);
    this.channel.close();
  }

  private serve(): void {
    this.serving = this.channel.serve({
      asked: (ref) => {
        this.asked.add(ref);
        this.answerNext();
      },
      ended: () => this.lost(),
    });
  }

  private async fetchNow(ref: BlobRef, chain: string): Promise<boolean> {
    const { blobs } = this.options;
    try {
      const { size, mediaType, fileName } = await this.channel.calls.stat(ref, { chain });
      if (!blobs.has(ref)) {
        const copy = { size, mediaType, fileName, ref, uploader: "" };
        await blobs.put(copy, this.channel.calls.get(ref, { chain }));
      }
      return true;
    } catch (error) {
      if (isMeshError(error) && error.code === "BLOB_UNKNOWN") return false;
      throw error;
    }
  }

  private answerNext(): void {
    const [ref] = this.asked;
    if (ref === undefined || this.answers >= answersMax || this.isOver) return;
    this.asked.delete(ref);
    this.answers += 1;
    void this.answerOne(ref);
  }

  private async answerOne(ref: BlobRef): Promise<void> {
    try {
      if (!(await this.give(ref))) this.serving?.absent(ref);
    } catch (error) {
      this.serving?.absent(ref);
      this.options.log("attachment not given to the parent", { ref, error: String(error) });
    }
    this.answers -= 1;
    this.answerNext();
  }

  /** False when it can't be got. */
  private async give(ref: BlobRef): Promise<boolean> {
    const { blobs, exchange } = this.options;
    if (!blobs.has(ref) && !(await exchange.fetchBelow(ref))) return false;
    const record = blobs.record(ref);
    if (record === undefined) return false;
    const { size, mediaType, fileName } = record;
    await this.channel.calls.put(blobs.read(ref, 0), { size, mediaType, fileName, ref });
    return true;
  }

  private lost(): void {
    this.serving = undefined;
    if (this.isOver) return;
    this.redial = setTimeout(() => this.serve(), this.redialMs).unref();
    this.redialMs = Math.min(this.redialMs * 2, redialMsMax);
  }
}
