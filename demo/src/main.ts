// The demo: a real mesh of processes over every community of a city, and a typhoon drill that runs
// down to each and comes back as one aggregate, level by level.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exitCodeOf } from "@cloudbrain/sdk/cli";
import { type Client, createClient } from "@cloudbrain/sdk/client";
import { type Address, isMeshError, MeshError } from "@cloudbrain/sdk/domain";
import { createAuthority, issueOperatorCredentials } from "./authority.ts";
import { formatDistricts } from "./district-table.ts";
import { type Division, readDivisions, selectDivisions } from "./divisions.ts";
import { type Drill, runDrill } from "./drill.ts";
import { type DemoOptions, parseDemoOptions } from "./options.ts";
import { makePlan } from "./plan.ts";
import { type Mesh, startMesh } from "./processes.ts";
import { createProgress, progressBar } from "./progress.ts";
import { expectedEvacuated } from "./report.ts";
import { demoTexts } from "./texts.ts";

const root = new URL("../../", import.meta.url);
const defaultDivisions = fileURLToPath(new URL("test/data/qingdao-divisions.csv", root));
const applicationFile = fileURLToPath(new URL("docs/examples/typhoon-drill.yaml", root));
const mesh = "qd.mesh";

async function run(options: DemoOptions): Promise<number> {
  const text = demoTexts[options.language];
  if (options.help) {
    process.stdout.write(`${text.help}\n`);
    return 0;
  }
  const divisions = selectDivisions(readDivisions(options.divisions), options.only);
  const communities = divisions.filter(({ level }) => level === "community");
  const expectedSum = expectedEvacuated(communities.map(({ code }) => code));
  const directory = mkdtempSync(join(tmpdir(), "cloudbrain-demo-"));
  const progress = createProgress(process.stderr);
  const startedAt = performance.now();
  const authority = await createAuthority(directory, mesh, rootOf(divisions));
  const plan = makePlan(divisions);
  progress.settle(text.starting(divisions.length, plan.flat().length));
  const up = new Map<string, number>();
  let running: Mesh | undefined;
  let client: Client | undefined;
  const cleanUp = async (): Promise<void> => {
    client?.close();
    await running?.close();
    rmSync(directory, { recursive: true, force: true });
  };
  const interrupted = waitForSignal();
  try {
    running = await Promise.race([
      startMesh({
        directory,
        mesh,
        plan,
        onUp: (level, count) => {
          up.set(level, (up.get(level) ?? 0) + count);
          const total = divisions.filter((division) => division.level === level).length;
          progress.show(`${text.level[level]} ${progressBar(up.get(level) ?? 0, total)}`);
        },
        onLost: (name) => progress.settle(text.lost(name)),
      }),
      interrupted.then((code) => Promise.reject(new Interrupted(code))),
    ]);
    const cityAddress = divisions[0]?.address ?? "";
    const hub = running.hubs.get(cityAddress) ?? "";
    const identity = await issueOperatorCredentials(authority, directory, cityAddress);
    client = createClient({ hub, identity });
    await waitUntilKnown(client, divisions.length);
    const startMs = Math.round(performance.now() - startedAt);
    progress.settle(text.up((startMs / 1000).toFixed(1)));
    await client.publish(readFileSync(applicationFile, "utf8"));
    const drills: Drill[] = [];
    for (let round = 1; round <= options.rounds; round += 1) {
      const drill = await runDrill(client, {
        scope: cityAddress,
        key: `drill-${round}`,
        onProgress: (replied, members) =>
          progress.show(`${text.drill(round, options.rounds)} ${progressBar(replied, members)}`),
      });
      drills.push(drill);
      const seconds = (drill.chainMs / 1000).toFixed(2);
      progress.settle(
        `${text.drill(round, options.rounds)}: ${text.result(drill.replied, drill.members, seconds)}`,
      );
    }
    return await report(options, drills, {
      divisions,
      expectedSum,
      startMs,
      running,
      hub,
      directory,
      interrupted,
    });
  } catch (error) {
    if (error instanceof Interrupted) return error.code;
    throw error;
  } finally {
    await cleanUp();
  }
}

function rootOf(divisions: readonly Division[]): Address {
  const root = divisions.find(({ parent }) => parent === undefined);
  if (root === undefined) throw new MeshError("CONFIG_INVALID", { detail: "no root division" });
  return root.address;
}

interface Outcome {
  readonly divisions: ReturnType<typeof readDivisions>;
  readonly expectedSum: number;
  readonly startMs: number;
  readonly running: Mesh;
  readonly hub: string;
  readonly directory: string;
  readonly interrupted: Promise<number>;
}

async function report(
  options: DemoOptions,
  drills: readonly Drill[],
  outcome: Outcome,
): Promise<number> {
  const text = demoTexts[options.language];
  const last = drills.at(-1);
  if (last === undefined) return 1;
  const { divisions, expectedSum, running } = outcome;
  const isExact = drills.every(
    (drill) => drill.sum === expectedSum && drill.replied === drill.members,
  );
  const sentence = isExact ? text.matches(last.sum) : text.differs(last.sum, expectedSum);
  const table = `${formatDistricts(last, divisions, text)}\n${sentence}\n`;
  (options.json ? process.stderr : process.stdout).write(table);
  if (options.json) {
    const chainMs = drills.map((drill) => drill.chainMs).sort((a, b) => a - b);
    // The first drill also warms the processes up: with several rounds it is left out of the
    // median.
    const warm = drills.length > 1 ? drills.slice(1).map((drill) => drill.chainMs) : chainMs;
    warm.sort((a, b) => a - b);
    process.stdout.write(
      `${JSON.stringify({
        hubs: divisions.filter(({ level }) => level !== "community").length,
        agents: divisions.filter(({ level }) => level === "community").length,
        processes: running.processes,
        members: last.members,
        replied: last.replied,
        coverage: last.members === 0 ? 0 : last.replied / last.members,
        sum: last.sum,
        expectedSum,
        startMs: outcome.startMs,
        chainMs: {
          p50: Math.round(warm[Math.floor((warm.length - 1) / 2)] ?? 0),
          max: Math.round(chainMs.at(-1) ?? 0),
        },
        cityFrames: last.cityFrames,
        rssMb: Math.round(running.memoryMb()),
        durable: true,
      })}\n`,
    );
  }
  if (options.keep) {
    process.stderr.write(`${text.keep(outcome.hub, join(outcome.directory, "operator"))}\n`);
    return await outcome.interrupted;
  }
  return isExact ? 0 : 1;
}

class Interrupted extends Error {
  readonly code: number;
  constructor(code: number) {
    super("interrupted");
    this.code = code;
  }
}

function waitForSignal(): Promise<number> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve(130));
    process.once("SIGTERM", () => resolve(143));
  });
}

/** Patience until the registrations of all nodes have come up to the city. */
const registryPatienceMs = 60_000;

async function waitUntilKnown(client: Client, nodes: number): Promise<void> {
  const until = performance.now() + registryPatienceMs;
  for (;;) {
    const { nodesOnline } = await client.status();
    // The city itself is not among the nodes below it.
    if (nodesOnline >= nodes - 1 || performance.now() > until) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  try {
    process.exitCode = await run(parseDemoOptions(argv, process.env, defaultDivisions));
  } catch (error) {
    process.stderr.write(`${isMeshError(error) ? error.message : String(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}

await main();
process.exit();
