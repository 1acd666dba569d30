// Part c: when a sync fails the hub ends at once, acknowledges nothing more, and comes back whole.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Dice } from "../simulation/dice.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { readStraceLog, straceCommand, whyNoStrace } from "../support/process-strace.ts";
import { prepareLoneHub, publishAll } from "./lone-hub.ts";
import { findLost, NoteLoad } from "./note-load.ts";
import type { PartReport } from "./report.ts";

export interface FsyncErrorOptions {
  readonly directory: string;
  readonly seed: number;
}

/** Runs, each with another sync that fails. strace counts them in each thread by itself. */
const runs = 5;
/** How long the process may live on after the error. */
const endLimitMs = 1_000;
const submitsMax = 2_000;

export async function runFsyncErrorPart(options: FsyncErrorOptions): Promise<PartReport> {
  const part = "fsync error";
  const skipped = whyNoStrace();
  if (skipped !== undefined) {
    return { part, summary: "", silentlyWrong: 0, lost: 0, problems: [], skipped };
  }
  const dice = new Dice(options.seed);
  const problems: string[] = [];
  let acknowledged = 0;
  let lost = 0;
  let slowestMs = 0;
  for (let run = 1; run <= runs; run += 1) {
    const when = 4 + run * 3 + dice.whole("sync", "", { low: 0, high: 2 });
    const result = await failOnce(join(options.directory, `run-${run}`), when);
    acknowledged += result.acknowledged;
    lost += result.lost;
    slowestMs = Math.max(slowestMs, result.endedAfterMs);
    problems.push(...result.problems.map((problem) => `sync ${when} of a thread: ${problem}`));
  }
  const ended = `ended within ${Math.round(slowestMs)} ms`;
  const summary = `${runs} failed syncs, ${ended}, ${acknowledged} rows acknowledged before, ${lost} lost`;
  return { part, summary, silentlyWrong: 0, lost, problems };
}

interface FailedRun {
  readonly acknowledged: number;
  readonly lost: number;
  readonly endedAfterMs: number;
  readonly problems: readonly string[];
}

async function failOnce(directory: string, when: number): Promise<FailedRun> {
  mkdirSync(directory, { recursive: true });
  const hub = await prepareLoneHub(join(directory, "mesh"));
  const client = hub.connect();
  const load = new NoteLoad(client, { prefix: "sync", paddingChars: 10 });
  const file = join(directory, "trace");
  const problems: string[] = [];
  // Published in a life of its own, so that every sync of the traced one belongs to a submission.
  const first = hub.makeProcess();
  const inject = `fdatasync:error=EIO:when=${when}+`;
  const traced = hub.makeProcess(straceCommand({ file, calls: "fdatasync", inject }));
  const last = hub.makeProcess();
  try {
    await first.start();
    await publishAll(client);
    await first.stop();
    await traced.start();
    await load.submitUntilError(1, submitsMax);
    if (load.error === undefined) problems.push(`${submitsMax} submits and no error`);
    const what = "the process has ended by itself";
    const end = await waitFor({ what, limitMs: 5 * endLimitMs }, () => {
      return traced.isUp ? undefined : traced.ended();
    });
    const failed = readStraceLog(file).find(({ isInjected }) => isInjected);
    const failedMs = failed?.endedMs ?? Number.NaN;
    if (failed === undefined) problems.push("no sync has failed");
    if (end.code === 0) problems.push("the process ended with code 0");
    const endedAfterMs = end.atMs - failedMs;
    if (endedAfterMs > endLimitMs) problems.push(`it lived on for ${endedAfterMs} ms`);
    const late = load.acknowledged.filter(({ atMs }) => atMs > failedMs);
    if (late.length > 0) problems.push(`${late.length} rows were acknowledged after the error`);
    await last.start();
    await load.submitOne();
    const lost = await findLost(client, load.acknowledged);
    return { acknowledged: load.acknowledged.length, lost: lost.length, endedAfterMs, problems };
  } finally {
    client.close();
    for (const hosted of [first, traced, last]) await hosted.stop();
  }
}
