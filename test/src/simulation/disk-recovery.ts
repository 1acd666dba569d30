// Disk recovery: what a simulated disk holds becomes the state of a kernel, by the real Recovery.

import type { Kernel } from "@cloudbrain/sdk/domain";
import { journalKey, metaKey, tableRange } from "@cloudbrain/sdk/internal/journal/keys";
import { decodeMeta, newMeta, Recovery } from "@cloudbrain/sdk/internal/journal/recovery";
import type { SimDisk } from "./sim-disk.ts";

/** From the checkpointed rows and the facts after them, or from all facts since the first. */
export function recoverFrom<Event, Output>(options: {
  readonly disk: SimDisk;
  readonly tables: readonly string[];
  readonly kernel: Kernel<Event, Output>;
  readonly from: "checkpoint" | "genesis";
}): Recovery {
  const { disk, tables, kernel, from } = options;
  const meta = decodeMeta(disk.read(metaKey));
  const start = from === "checkpoint" ? meta : newMeta(meta.storeId);
  const recovery = new Recovery(kernel as Kernel<never, unknown>, start, disk.anchor);
  for (const table of from === "checkpoint" ? tables : []) {
    for (const row of disk.list(tableRange(table))) recovery.row(row.key, row.value);
  }
  const range = { gte: journalKey(recovery.nextSeq()), lt: journalKey(Number.MAX_SAFE_INTEGER) };
  for (const row of disk.list(range)) recovery.record(row.key, row.value);
  return recovery;
}
