// Hub blobs: the attachments of one hub, put together: what it holds, what others hold, and the
// sweep.

import { join } from "node:path";
import { limits, parentOf } from "@cloudbrain/sdk/domain";
import type { HubOptions } from "../hub.ts";
import { BlobExchange } from "./blob-exchange.ts";
import { BlobStore } from "./blob-store.ts";
import { ParentBlobs } from "./parent-blobs.ts";

/** How often what nothing refers to is removed once its time is over. */
const sweepMs = 3_600_000;

export class HubBlobs {
  readonly store: BlobStore;
  readonly exchange = new BlobExchange();
  private readonly parent: ParentBlobs | undefined;
  private readonly sweeper: NodeJS.Timeout;
  private readonly log: HubOptions["log"];

  /** Reads what is there. Nothing connects before `linked`. */
  constructor(options: HubOptions, now: () => number) {
    const { dataDirectory, blobQuotaBytes, parent, credentials, description, log } = options;
    const blobs = new BlobStore({
      directory: join(dataDirectory, "blobs"),
      quotaBytes: blobQuotaBytes ?? limits.blobQuotaBytesDefault,
      now,
    });
    this.store = blobs;
    this.log = log;
    const expected = parentOf(description.address);
    if (parent !== undefined && expected !== undefined) {
      const { exchange } = this;
      this.parent = new ParentBlobs({ parent, expected, credentials, blobs, exchange, log });
      exchange.above = this.parent;
    }
    this.sweeper = setInterval(() => blobs.sweep(), sweepMs).unref();
  }

  /** Something with this text is about to be taken, or passed on: what it refers to is kept. */
  mentioned(text: string | Uint8Array): void {
    try {
      this.store.keepMentioned(text);
    } catch (error) {
      // What mentions it must not wait for an attachment that is damaged already.
      this.log("attachment not kept", { error: String(error) });
    }
  }

  /** The link to the hub above is there: it may ask. */
  linked(): void {
    this.parent?.linked();
  }

  close(): void {
    clearInterval(this.sweeper);
    this.parent?.close();
  }
}
