// Entry of the simulation: runs seeds, each twice, over two processes, and reports.
//
// Usage: npm run test:sim -- [--seeds N] [--first S] [--seed S] [--applications]
//                            [--plant NAME] [--plants] [--json]
// With --applications every seed plays the worked applications of docs/examples, and nothing else.

import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isPlant, type Plant, plants } from "./plants.ts";
import { regressionSeeds } from "./seeds.ts";
import { runSeed, type WorldOptions, type WorldReport } from "./world.ts";

/** What all seeds of a run have in common. */
interface Mode {
  readonly plant: Plant | undefined;
  /** Only the worked applications. */
  readonly worked: boolean;
}

interface Work {
  readonly seeds: readonly number[];
  readonly mode: Mode;
}

interface Tally {
  seeds: number;
  events: number;
  chains: number;
  /** Seeds whose two runs differed. */
  unequal: number[];
  failures: WorldReport[];
}

/** Seeds that a child takes at a time: small enough to share the work evenly. */
const seedsPerTurn = 10;
/** A planted bug that needs more seeds than this is not caught. */
const plantSeedsMax = 300;

function optionsOf(seed: number, { plant, worked }: Mode): WorldOptions {
  return { seed, plant, ...(worked ? { worked } : {}) };
}

function runTwice(seed: number, mode: Mode, tally: Tally): void {
  const first = runSeed(optionsOf(seed, mode));
  const second = runSeed(optionsOf(seed, mode));
  tally.seeds += 1;
  tally.events += first.events + second.events;
  tally.chains += first.chains;
  if (first.traceHash !== second.traceHash) tally.unequal.push(seed);
  if (first.violations.length > 0) tally.failures.push(first);
}

function emptyTally(): Tally {
  return { seeds: 0, events: 0, chains: 0, unequal: [], failures: [] };
}

function addTally(total: Tally, part: Tally): void {
  total.seeds += part.seeds;
  total.events += part.events;
  total.chains += part.chains;
  total.unequal.push(...part.unequal);
  total.failures.push(...part.failures);
}

/** The child's side: a list of seeds in, a tally out. */
function serve(): void {
  process.on("message", (work: Work) => {
    const tally = emptyTally();
    for (const seed of work.seeds) runTwice(seed, work.mode, tally);
    process.send?.(tally);
  });
}

/** Shares the seeds over child processes; ends early once `failuresMax` have failed. */
async function runAll(seeds: readonly number[], mode: Mode, failuresMax: number): Promise<Tally> {
  const total = emptyTally();
  const waiting = [...seeds];
  const jobs = Math.max(
    1,
    Math.min(2, availableParallelism(), Math.ceil(seeds.length / seedsPerTurn)),
  );
  const runOne = (child: ChildProcess): Promise<void> =>
    new Promise((resolve, reject) => {
      const next = (): void => {
        const turn = total.failures.length >= failuresMax ? [] : waiting.splice(0, seedsPerTurn);
        if (turn.length > 0) {
          child.send({ seeds: turn, mode } satisfies Work);
          return;
        }
        child.disconnect();
        resolve();
      };
      child.on("message", (part: Tally) => {
        addTally(total, part);
        next();
      });
      child.on("error", reject);
      child.on("exit", (code) => {
        if (code !== 0) reject(new Error(`a simulation process ended with ${code}`));
      });
      next();
    });
  const children = Array.from({ length: jobs }, () =>
    fork(fileURLToPath(import.meta.url), ["--serve"]),
  );
  await Promise.all(children.map(runOne));
  return total;
}

function describeFailure(report: WorldReport, { plant, worked }: Mode): string {
  const rates = Object.entries(report.vector).filter(([, rate]) => rate > 0);
  const faults = rates.map(([kind, rate]) => `${kind} ${rate === 1 ? "low" : "high"}`).join(", ");
  const lines = report.violations
    .slice(0, 5)
    .map(
      ({ rule, subject, detail, atMs }) => `  at ${atMs} ms, rule ${rule}, ${subject}: ${detail}`,
    );
  const planted = plant === undefined ? "" : ` --plant ${plant}`;
  const how = `${worked ? " --applications" : ""}${planted}`;
  return [
    `seed ${report.seed}: ${report.violations.length} violations`,
    `  faults: ${faults === "" ? "none" : faults}`,
    ...lines,
    `  replay: npm run test:sim -- --seed ${report.seed}${how}`,
  ].join("\n");
}

/** One seed, with its whole trace when it fails. */
function replay(seed: number, mode: Mode, withTrace: boolean): boolean {
  const lines: string[] = [];
  const listener = (atMs: number, text: string): void => {
    lines.push(`${String(atMs).padStart(8)} ${text}`);
  };
  const report = runSeed({ ...optionsOf(seed, mode), listener });
  const isGood = report.violations.length === 0;
  if (withTrace || !isGood) console.log(lines.slice(withTrace ? 0 : -200).join("\n"));
  console.log(isGood ? `seed ${seed}: no violation` : describeFailure(report, mode));
  return isGood;
}

async function runPlants(worked: boolean): Promise<boolean> {
  let areCaught = true;
  for (const plant of plants) {
    const seeds = Array.from({ length: plantSeedsMax }, (_, index) => index + 1);
    const tally = await runAll(seeds, { plant, worked }, 1);
    const first = tally.failures.at(0);
    if (first === undefined) areCaught = false;
    const rule = first?.violations.at(0)?.rule;
    console.log(
      first === undefined
        ? `plant ${plant}: NOT caught in ${tally.seeds} seeds`
        : `plant ${plant}: caught by rule ${rule} at seed ${first.seed} (${tally.seeds} seeds run)`,
    );
  }
  return areCaught;
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "200" },
      first: { type: "string", default: "1" },
      seed: { type: "string" },
      plant: { type: "string" },
      applications: { type: "boolean", default: false },
      plants: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      trace: { type: "boolean", default: false },
      serve: { type: "boolean", default: false },
    },
  });
  if (values.serve) {
    serve();
    return true;
  }
  const { plant } = values;
  if (plant !== undefined && !isPlant(plant)) {
    console.error(`no plant is called ${plant}; there are: ${plants.join(", ")}`);
    return false;
  }
  const mode = { plant, worked: values.applications };
  if (values.seed !== undefined) return replay(Number(values.seed), mode, values.trace);
  if (values.plants) return await runPlants(mode.worked);
  const first = Number(values.first);
  const seeds = [
    ...(mode.worked ? [] : regressionSeeds.map(({ seed }) => seed)),
    ...Array.from({ length: Number(values.seeds) }, (_, index) => first + index),
  ];
  const startedMs = performance.now();
  const tally = await runAll(seeds, mode, Number.POSITIVE_INFINITY);
  const seconds = (performance.now() - startedMs) / 1_000;
  return conclude(tally, seconds, { mode, isJson: values.json });
}

function conclude(
  tally: Tally,
  seconds: number,
  how: { readonly mode: Mode; readonly isJson: boolean },
): boolean {
  const isGood = tally.failures.length === 0 && tally.unequal.length === 0;
  const hashes =
    tally.unequal.length === 0 ? "trace hashes equal" : `hashes differ: ${tally.unequal.join(" ")}`;
  if (how.isJson) {
    console.log(JSON.stringify({ ...tally, seconds, isGood }));
    return isGood;
  }
  for (const failure of tally.failures.slice(0, 10))
    console.log(describeFailure(failure, how.mode));
  const speed = `${(tally.seeds / seconds).toFixed(1)} seeds/s`;
  const events = `${Math.round(tally.events / seconds)} events/s`;
  console.log(`${seconds.toFixed(1)} s, ${speed}, ${events}, ${tally.chains} submits`);
  console.log(
    `${tally.seeds} seeds, ${tally.failures.length} violations, ${tally.events} events, ${hashes}`,
  );
  return isGood;
}

// Exit codes: 0 all is well, 1 a violation, a difference or a plant that was not caught.
process.exitCode = (await main()) ? 0 : 1;
