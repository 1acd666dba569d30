// Part e: on a full disk a hub stops with a clear error, and goes on after space and a restart.

import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "../support/mesh-waiting.ts";
import { prepareLoneHub, publishAll } from "./lone-hub.ts";
import { createLoopDisk, type LoopDisk, whyNoLoopDisks } from "./loop-disk.ts";
import { findLost, NoteLoad } from "./note-load.ts";
import type { PartReport } from "./report.ts";

const part = "disk full";
const diskMiB = 48;
/** What the filler leaves: some seconds of submissions with long inputs. */
const leftBytes = 10 * 1024 * 1024;
const paddingChars = 16_000;
const submitsMax = 20_000;
const endLimitMs = 10_000;

export async function runDiskFullPart(options: {
  readonly directory: string;
}): Promise<PartReport> {
  const skipped = whyNoLoopDisks(options.directory);
  if (skipped !== undefined) {
    return { part, summary: "", silentlyWrong: 0, lost: 0, problems: [], skipped };
  }
  const disk = createLoopDisk(join(options.directory, "disk"), diskMiB);
  try {
    return await fillDisk(disk);
  } finally {
    disk.close();
  }
}

async function fillDisk(disk: LoopDisk): Promise<PartReport> {
  const problems: string[] = [];
  const filler = join(disk.mountPoint, "filler");
  const hub = await prepareLoneHub(disk.mountPoint);
  const client = hub.connect();
  const load = new NoteLoad(client, { prefix: "full", paddingChars });
  const first = hub.makeProcess();
  const second = hub.makeProcess();
  try {
    await first.start();
    await publishAll(client);
    const free = statfsSync(disk.mountPoint);
    writeFileSync(filler, new Uint8Array(Math.max(0, free.bavail * free.bsize - leftBytes)));
    await load.submitUntilError(8, submitsMax);
    const before = load.acknowledged.length;
    if (load.error === undefined) problems.push(`${submitsMax} submits fitted on a full disk`);
    const said = await waitFor(
      { what: "the hub says why it ends", limitMs: endLimitMs },
      () => first.failure,
    );
    const isClear = said.code === "STORE_FAULT" && /no space left/i.test(said.reason);
    if (!isClear) problems.push(`the error is not clear: ${said.reason}`);
    const end = await first.ended();
    if (end.code === 0) problems.push("the process ended with code 0");
    rmSync(filler);
    await second.start();
    const lost = await findLost(client, load.acknowledged);
    await load.submitOne();
    const stopped = `${before} rows acknowledged, then ${said.code} (no space left)`;
    const summary = `${stopped}; after space and a restart ${lost.length} lost`;
    return { part, summary, silentlyWrong: 0, lost: lost.length, problems };
  } finally {
    client.close();
    await first.stop();
    await second.stop();
  }
}
