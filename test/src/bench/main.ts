// Entry of the benchmarks. Nothing is asserted about absolute time: figures belong to a machine, so
// every one is printed beside its floor of the same run, and beside its target.
//
// Usage: npm run bench -- [--json] [--only NAME[,NAME]] [--short] [--load NxC] [--profile
// DIRECTORY]

import { mkdirSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { withScratch } from "../support/process-scratch.ts";
import { type BenchRun, formatJson, formatText } from "./bench-result.ts";
import { runCatalog } from "./catalog.ts";
import { runDrill } from "./drill.ts";
import { runFanOut } from "./fan-out.ts";
import { runFloor } from "./floor.ts";
import { runIdleLinks } from "./idle-link.ts";
import { runLinkThroughput } from "./link-throughput.ts";
import { runTasks } from "./tasks.ts";

const benchNames = ["floor", "w1", "link", "idle-link", "drill", "tasks", "catalog"] as const;

interface Options {
  readonly json: boolean;
  readonly isShort: boolean;
  readonly only: readonly string[];
  /** One load of W1 alone, such as 16x64. */
  readonly load: string | undefined;
  readonly profile: string | undefined;
}

function parseOptions(): Options {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean", default: false },
      short: { type: "boolean", default: false },
      only: { type: "string", default: benchNames.join(",") },
      load: { type: "string" },
      profile: { type: "string" },
    },
  });
  const only = values.only.split(",");
  const unknown = only.filter((name) => !benchNames.some((known) => known === name));
  if (unknown.length > 0) {
    throw new Error(`--only knows ${benchNames.join(", ")}, not ${unknown.join(", ")}`);
  }
  const { json, short: isShort, load, profile } = values;
  return { json, isShort, only, load, profile };
}

async function runAll(options: Options, directory: string): Promise<void> {
  for (const name of benchNames) {
    if (!options.only.includes(name)) continue;
    const place = join(directory, name);
    mkdirSync(place);
    const run: BenchRun = {
      directory: place,
      isShort: options.isShort,
      profile: options.profile,
      report: (result) => console.log(options.json ? formatJson(result) : formatText(result)),
      note: (text) => process.stderr.write(`bench: ${text} ...\n`),
    };
    await benches[name](run, options);
  }
}

type Bench = (run: BenchRun, options: Options) => Promise<void>;
const benches: Readonly<Record<(typeof benchNames)[number], Bench>> = {
  floor: runFloor,
  w1: (run, { load }) => runFanOut(run, load),
  link: runLinkThroughput,
  "idle-link": runIdleLinks,
  drill: runDrill,
  tasks: runTasks,
  catalog: runCatalog,
};

// Exit codes: 0 measured, 1 something gave a wrong result or could not be measured.
try {
  const options = parseOptions();
  const [first] = cpus();
  process.stderr.write(`bench: ${cpus().length} x ${first?.model}, Node.js ${process.version}\n`);
  await withScratch("bench", (directory) => runAll(options, directory));
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
