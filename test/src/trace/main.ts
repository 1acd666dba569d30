// Entry of the trace test: a hub under strace, one submission at a time; no byte of an answer
// leaves before the sync that makes it durable has ended. A store that leaves its syncs out must
// fail.
//
// Usage: npm run test:trace -- [--submits N] [--keep FILE]

import { cpSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { prepareLoneHub, publishAll } from "../store/lone-hub.ts";
import { NoteLoad } from "../store/note-load.ts";
import { cityAddress } from "../support/mesh-shape.ts";
import { withScratch } from "../support/process-scratch.ts";
import { readStraceLog, straceCommand, whyNoStrace } from "../support/process-strace.ts";
import { type Judgement, judgeTrace, type Submitted } from "./checker.ts";

const calls =
  "fdatasync,fsync,sync_file_range,read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg";
/** Between two submissions, so that late frames of one are not taken for the next one's. */
const pauseMs = 30;
const submitsMin = 20;

interface TraceOptions {
  readonly directory: string;
  readonly submits: number;
  readonly unsynced: boolean;
  readonly keep: string | undefined;
}

async function trace(options: TraceOptions): Promise<Judgement> {
  const hub = await prepareLoneHub(
    join(options.directory, options.unsynced ? "unsynced" : "synced"),
  );
  const file = join(options.directory, options.unsynced ? "unsynced.trace" : "synced.trace");
  const hosted = hub.makeProcess(straceCommand({ file, calls }), options.unsynced);
  const client = hub.connect();
  const load = new NoteLoad(client, { prefix: "trace", paddingChars: 10 });
  const submitted: Submitted[] = [];
  const nowMs = (): number => performance.timeOrigin + performance.now();
  try {
    await hosted.start();
    await publishAll(client);
    // The first one also opens what the connection needs once.
    await load.submitOne();
    for (let index = 0; index < options.submits; index += 1) {
      await delay(pauseMs);
      const sentMs = nowMs();
      await load.submitOne();
      submitted.push({ sentMs, answeredMs: nowMs() });
    }
  } finally {
    client.close();
    await hosted.stop();
  }
  if (options.keep !== undefined) cpSync(file, options.keep);
  const port = Number(hub.mesh.target(cityAddress).split(":")[1]);
  return judgeTrace(readStraceLog(file), port, submitted);
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: { submits: { type: "string", default: "25" }, keep: { type: "string" } },
  });
  const submits = Number(values.submits);
  if (!Number.isInteger(submits) || submits < submitsMin) {
    console.error(`--submits is a whole number of at least ${submitsMin}`);
    return false;
  }
  console.log(
    `no chance in this test, hence no seed; repeat: npm run test:trace -- --submits ${submits}`,
  );
  const reason = whyNoStrace();
  if (reason !== undefined) {
    console.error(reason);
    return false;
  }
  return await withScratch("trace", async (directory) => {
    const common = { directory, submits, keep: values.keep };
    const synced = await trace({ ...common, unsynced: false });
    for (const violation of synced.violations) console.log(`WRONG ${violation}`);
    const unsynced = await trace({ ...common, unsynced: true, keep: undefined });
    const isCaught = unsynced.violations.length === submits;
    console.log(`control without syncs: ${unsynced.violations.length} of ${submits} found out`);
    console.log(
      `trace: ${submits} submits, ${synced.proved} answered after their sync, ${synced.violations.length} wrong`,
    );
    return isCaught && synced.violations.length === 0 && synced.proved === submits;
  });
}

// Exit codes: 0 proved, 1 an answer came before its sync, the control was not found out, no strace.
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
process.exit();
