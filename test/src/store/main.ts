// Entry of the store test: damage, power cuts, failing syncs, old copies and full disks, against
// real hubs in processes of their own.
//
// Usage: npm run test:store -- [--flips N] [--truncations N] [--cuts N] [--seed S] [--allow-skip]
//        [--only damage,power,fsync,old,full]

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { withScratch } from "../support/process-scratch.ts";
import { runDamagePart } from "./damage-part.ts";
import { runDiskFullPart } from "./disk-full-part.ts";
import { runFsyncErrorPart } from "./fsync-error-part.ts";
import { runOldCopyPart } from "./old-copy-part.ts";
import { runPowerCutPart } from "./power-cut-part.ts";
import { isPassed, type PartReport, printReports } from "./report.ts";

interface Options {
  readonly flips: number;
  readonly truncations: number;
  readonly cuts: number;
  readonly seed: number;
  readonly only: readonly string[];
  readonly allowSkip: boolean;
}

const partNames = ["damage", "power", "fsync", "old", "full"] as const;

function parseOptions(): Options {
  const { values } = parseArgs({
    options: {
      flips: { type: "string", default: "300" },
      truncations: { type: "string", default: "40" },
      cuts: { type: "string", default: "12" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      only: { type: "string", default: partNames.join(",") },
      "allow-skip": { type: "boolean", default: false },
    },
  });
  const options = {
    flips: Number(values.flips),
    truncations: Number(values.truncations),
    cuts: Number(values.cuts),
    seed: Number(values.seed),
    only: values.only.split(","),
    allowSkip: values["allow-skip"],
  };
  const unknown = options.only.filter((name) => !partNames.some((part) => part === name));
  if (unknown.length > 0)
    throw new Error(`--only knows ${partNames.join(", ")}, not ${unknown.join(", ")}`);
  for (const number of [options.flips, options.truncations, options.cuts, options.seed]) {
    if (!Number.isInteger(number) || number < 0)
      throw new Error("flips, truncations, cuts and seed are whole numbers");
  }
  return options;
}

async function runParts(options: Options, directory: string): Promise<readonly PartReport[]> {
  const place = (name: string): string => {
    const own = join(directory, name);
    mkdirSync(own);
    return own;
  };
  const parts: Readonly<Record<(typeof partNames)[number], () => Promise<PartReport>>> = {
    damage: () => runDamagePart({ ...options, directory: place("damage") }),
    power: () => runPowerCutPart({ ...options, directory: place("power") }),
    fsync: () => runFsyncErrorPart({ ...options, directory: place("fsync") }),
    old: () => runOldCopyPart({ ...options, directory: place("old") }),
    full: () => runDiskFullPart({ directory: place("full") }),
  };
  const reports: PartReport[] = [];
  for (const name of partNames) {
    if (!options.only.includes(name)) continue;
    const startedMs = performance.now();
    try {
      reports.push(await parts[name]());
    } catch (error) {
      const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
      reports.push({
        part: name,
        summary: "it could not be run",
        silentlyWrong: 0,
        lost: 0,
        problems: [problem],
      });
    }
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    process.stderr.write(`${name}: ${seconds} s\n`);
  }
  return reports;
}

async function main(): Promise<boolean> {
  const options = parseOptions();
  const { flips, truncations, cuts, seed } = options;
  const flags = `--flips ${flips} --truncations ${truncations} --cuts ${cuts} --seed ${seed}`;
  console.log(`seed ${seed}; repeat: npm run test:store -- ${flags}`);
  const reports = await withScratch("store", (directory) => runParts(options, directory));
  printReports(reports);
  const sum = (count: (report: PartReport) => number): number =>
    reports.reduce((total, report) => total + count(report), 0);
  const failed = sum(({ problems }) => problems.length);
  const skipped = reports.filter((report) => report.skipped !== undefined).length;
  console.log(
    `store: ${reports.length - skipped} parts, ${skipped} skipped, ${failed} problems, ` +
      `${sum(({ silentlyWrong }) => silentlyWrong)} silently wrong, ${sum(({ lost }) => lost)} lost`,
  );
  return isPassed(reports, options.allowSkip);
}

// Exit codes: 0 all is well, 1 something is wrong, lost or was skipped without --allow-skip.
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
process.exit();
