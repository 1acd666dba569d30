// Simulated disk of one node, at the level of the store's atomic batches.
//
//   K1  A batch is pending from its write to the end of its sync; only then is it durable.
//   K2  A killed process leaves what it has written, a power cut the durable rows and a random
//       prefix of the pending batches, each whole or not at all.
//   K3  Rows lie in the checked form of the real store: a flipped byte is found when it is read.
//   K4  A failed sync leaves open whether its batch was kept.

import { MeshError } from "@cloudbrain/sdk/domain";
import type { AnchorPosition } from "@cloudbrain/sdk/internal/journal/recovery";
import {
  decodeCheckedValue,
  encodeCheckedValue,
  type StoreOperation,
  type StoreRow,
} from "@cloudbrain/sdk/store";
import type { Dice } from "./dice.ts";
import type { Timeline } from "./timeline.ts";

/**
 * Rows by key, one char per byte, in their stored form. Stored values are never changed in place.
 */
export type Rows = ReadonlyMap<string, Uint8Array>;

export interface DiskCopy {
  readonly rows: Rows;
  readonly anchor: AnchorPosition | undefined;
}

export interface DiskOptions {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly node: string;
  /** Latency of the next sync, and whether it fails. */
  readonly syncMs: () => number;
  readonly syncFails: () => boolean;
}

interface PendingBatch {
  readonly operations: readonly (readonly [string, Uint8Array | undefined])[];
}

export class SimDisk {
  private rows = new Map<string, Uint8Array>();
  private pending: PendingBatch[] = [];
  private anchorNow: AnchorPosition | undefined;
  private anchorBefore: AnchorPosition | undefined;
  private life = 0;
  private lastSyncMs = 0;
  private readonly options: DiskOptions;

  constructor(options: DiskOptions) {
    this.options = options;
  }

  get anchor(): AnchorPosition | undefined {
    return this.anchorNow;
  }

  rememberAnchor(position: AnchorPosition): void {
    this.anchorBefore = this.anchorNow;
    this.anchorNow = position;
  }

  commit(operations: readonly StoreOperation[], done: (error?: unknown) => void): void {
    const { timeline } = this.options;
    const batch: PendingBatch = {
      operations: operations.map((operation) => [
        textOf(operation.key),
        operation.type === "put" ? encodeCheckedValue(operation.key, operation.value) : undefined,
      ]),
    };
    this.pending.push(batch);
    const life = this.life;
    const fails = this.options.syncFails();
    // Syncs end in the order of their writes.
    this.lastSyncMs = Math.max(this.lastSyncMs, timeline.nowMs + this.options.syncMs());
    timeline.schedule(this.lastSyncMs - timeline.nowMs, () => {
      if (this.life !== life) return;
      this.pending.shift();
      if (!fails) {
        this.write(batch);
        done();
        return;
      }
      if (this.options.dice.chance("sync kept", this.options.node, 0.5)) this.write(batch);
      done(new MeshError("STORE_FAULT", { detail: "the simulated sync failed" }));
    });
  }

  private write(batch: PendingBatch): void {
    for (const [key, stored] of batch.operations) {
      if (stored === undefined) this.rows.delete(key);
      else this.rows.set(key, stored);
    }
  }

  crash(mode: "process" | "power"): void {
    const { dice, node } = this.options;
    this.life += 1;
    this.lastSyncMs = 0;
    const kept =
      mode === "process"
        ? this.pending.length
        : dice.whole("power prefix", node, { low: 0, high: this.pending.length });
    for (const batch of this.pending.slice(0, kept)) this.write(batch);
    this.pending = [];
    // The anchor is written after the commit and not synced: a power cut may leave the older one.
    if (mode === "power" && dice.chance("anchor lags", node, 0.5))
      this.anchorNow = this.anchorBefore;
  }

  copy(): DiskCopy {
    return { rows: new Map(this.rows), anchor: this.anchorNow };
  }

  /** Puts a copy back; without its anchor the one beside the store stays. */
  restore(copy: DiskCopy, withAnchor: boolean): void {
    this.life += 1;
    this.pending = [];
    this.rows = new Map(copy.rows);
    if (!withAnchor) return;
    this.anchorNow = copy.anchor;
    this.anchorBefore = copy.anchor;
  }

  /** An empty store under the old name. */
  wipe(): void {
    this.restore({ rows: new Map(), anchor: undefined }, true);
  }

  read(key: Uint8Array): Uint8Array | undefined {
    const stored = this.rows.get(textOf(key));
    return stored === undefined ? undefined : decodeCheckedValue(key, stored);
  }

  list(range: { readonly gte: Uint8Array; readonly lt: Uint8Array }): readonly StoreRow[] {
    return this.keysOf(range).map((text) => {
      const key = keyOf(text);
      return { key, value: decodeCheckedValue(key, this.rows.get(text) ?? new Uint8Array()) };
    });
  }

  private keysOf(range: { readonly gte: Uint8Array; readonly lt: Uint8Array }): readonly string[] {
    const low = textOf(range.gte);
    const high = textOf(range.lt);
    return [...this.rows.keys()].filter((key) => key >= low && key < high).sort();
  }

  /** Flips one byte of one value in one of the ranges; false when there is none. */
  flip(ranges: readonly { readonly gte: Uint8Array; readonly lt: Uint8Array }[]): boolean {
    const { dice, node } = this.options;
    const keys = ranges.flatMap((range) => this.keysOf(range));
    if (keys.length === 0) return false;
    const key = dice.pick("flipped row", node, keys);
    const damaged = (this.rows.get(key) ?? new Uint8Array()).slice();
    const at = dice.whole("flipped byte", node, { low: 0, high: damaged.length - 1 });
    damaged[at] = (damaged[at] ?? 0) ^ (1 << dice.whole("flipped bit", node, { low: 0, high: 7 }));
    this.rows.set(key, damaged);
    return true;
  }
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}

function keyOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
