// Part b: after a power cut everything that was acknowledged is there.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Dice } from "../simulation/dice.ts";
import { noteApplication } from "../support/mesh-applications.ts";
import { cityAddress } from "../support/mesh-shape.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { undoAtEnd } from "../support/process-scratch.ts";
import { prepareLoneHub, publishAll } from "./lone-hub.ts";
import { copyLoopDisk, createLoopDisk, type LoopDisk, whyNoLoopDisks } from "./loop-disk.ts";
import { NoteLoad } from "./note-load.ts";
import { Questioner } from "./questioner.ts";
import type { PartReport } from "./report.ts";

export interface PowerCutOptions {
  readonly directory: string;
  readonly seed: number;
  readonly cuts: number;
}

/** Rows that the cuts of one run must have at stake together. */
const rowsMin = 20_000;
const controlRows = 2_000;
const diskMiB = 256;
const inFlight = 64;
const loadLimitMs = 120_000;

export async function runPowerCutPart(options: PowerCutOptions): Promise<PartReport> {
  const report = { part: "power cut", silentlyWrong: 0, lost: 0, problems: [] as string[] };
  const skipped = whyNoLoopDisks(options.directory);
  if (skipped !== undefined) return { ...report, summary: "", skipped };
  const real = await cutPower(join(options.directory, "real"), {
    seed: options.seed,
    cuts: options.cuts,
    rows: rowsMin,
    unsynced: false,
  });
  // A store that syncs nothing must be found out, or the cuts above prove nothing.
  const control = await cutPower(join(options.directory, "control"), {
    seed: options.seed,
    cuts: 2,
    rows: controlRows,
    unsynced: true,
  });
  const isCaught = control.lost > 0 || control.problems.length > 0;
  const told = `${options.cuts} cuts, ${real.rows} rows acknowledged, ${real.lost} lost`;
  const found = isCaught ? "found out" : "NOT found out";
  return {
    ...report,
    summary: `${told}; control without syncs ${found}`,
    lost: real.lost,
    problems: isCaught ? real.problems : [...real.problems, "the control lost nothing"],
  };
}

interface Cuts {
  readonly seed: number;
  readonly cuts: number;
  /** Acknowledged before the last cut, at least. */
  readonly rows: number;
  readonly unsynced: boolean;
}

interface CutResult {
  readonly rows: number;
  readonly lost: number;
  readonly problems: readonly string[];
}

async function cutPower(directory: string, cuts: Cuts): Promise<CutResult> {
  const disk = createLoopDisk(join(directory, "disk"), diskMiB);
  const questioner = new Questioner();
  try {
    return await cutOften(directory, cuts, disk, questioner);
  } finally {
    await questioner.close();
    disk.close();
  }
}

async function cutOften(
  directory: string,
  cuts: Cuts,
  disk: LoopDisk,
  questioner: Questioner,
): Promise<CutResult> {
  const dice = new Dice(cuts.seed);
  const hub = await prepareLoneHub(disk.mountPoint);
  const hosted = hub.makeProcess(undefined, cuts.unsynced);
  // A process that stands still could not end when its driver is gone.
  undoAtEnd(() => hosted.signal("SIGCONT"));
  const client = hub.connect();
  const load = new NoteLoad(client, { prefix: "cut", paddingChars: 40 });
  const problems: string[] = [];
  let lost = 0;
  let checked = 0;
  let running: Promise<void> = Promise.resolve();
  try {
    await hosted.start();
    await publishAll(client);
    running = load.submitUntilError(inFlight, Number.POSITIVE_INFINITY);
    for (let cut = 1; cut <= cuts.cuts; cut += 1) {
      const wanted = Math.ceil((cuts.rows * cut) / cuts.cuts);
      await waitFor(
        { what: `${wanted} rows are acknowledged`, limitMs: loadLimitMs, everyMs: 5 },
        () => {
          return load.acknowledged.length >= wanted ? true : undefined;
        },
      );
      await delay(dice.whole("moment", "", { low: 0, high: 150 }));
      const missing = await cutOnce(directory, { disk, questioner, hosted, load }, cut);
      if (typeof missing === "string") problems.push(`cut ${cut}: ${missing}`);
      else lost += missing;
      checked = load.acknowledged.length;
      if (load.error !== undefined) problems.push(`the load ended: ${String(load.error)}`);
    }
  } finally {
    load.stop();
    hosted.signal("SIGCONT");
    await running;
    client.close();
    await hosted.stop();
  }
  return { rows: checked, lost, problems };
}

interface Running {
  readonly disk: LoopDisk;
  readonly questioner: Questioner;
  readonly hosted: { signal(name: NodeJS.Signals): void };
  readonly load: NoteLoad;
}

/** Rows that are missing on the disk as it was at the cut, or why it can't be read at all. */
async function cutOnce(parent: string, running: Running, cut: number): Promise<number | string> {
  const { disk, questioner, hosted, load } = running;
  const directory = join(parent, `cut-${cut}`);
  hosted.signal("SIGSTOP");
  let copy: LoopDisk;
  let acknowledged: NoteLoad["acknowledged"];
  try {
    // What arrives after the signal had left the hub before it: durable as well.
    await delay(20);
    acknowledged = [...load.acknowledged];
    copy = copyLoopDisk(disk, directory);
  } finally {
    hosted.signal("SIGCONT");
  }
  try {
    const answered = await questioner.ask({
      directory: join(copy.mountPoint, cityAddress.slice(1), "data"),
      address: cityAddress,
      chains: [],
      keys: acknowledged.map(({ key }) => ({ application: noteApplication, key })),
      withJournal: true,
    });
    if (answered.kind !== "answered") return answered.message;
    return acknowledged.filter(({ key, chain }) => answered.holders[key] !== chain).length;
  } finally {
    await questioner.close();
    copy.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
