// Entry of the chaos run: a city of real processes under load, killed at random moments and at
// named points, then healed and compared with what its driver knows.
//
// Usage: npm run test:chaos -- [--kills N] [--seed S] [--workers N] [--json]

import { parseArgs } from "node:util";
import { type Client, createClient } from "@cloudbrain/sdk/client";
import type { Address } from "@cloudbrain/sdk/domain";
import { Dice } from "../simulation/dice.ts";
import { applicationTexts } from "../support/mesh-applications.ts";
import { auditNode } from "../support/mesh-audit.ts";
import { Ledger, type Wrong } from "../support/mesh-ledger.ts";
import { makeTree, type PreparedMesh, prepareMesh, type TreeNode } from "../support/mesh-shape.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { HostedProcess, stopAll } from "../support/process-host.ts";
import { type HostedNode, killPoints } from "../support/process-messages.ts";
import { withScratch } from "../support/process-scratch.ts";
import { type KillCounts, killAll } from "./killer.ts";
import { Load } from "./load.ts";

const shape = { districts: 2, streetsPerDistrict: 2, communitiesPerStreet: 4 };
/** A run with less work than this for each kill has not disturbed anything. */
const chainsPerKillMin = 2;
const startLimitMs = 60_000;
/** After the last restart every open chain must end within this. */
const healLimitMs = 90_000;

interface Options {
  readonly kills: number;
  readonly seed: number;
  readonly workers: number;
  readonly isJson: boolean;
}

function parseOptions(): Options {
  const { values } = parseArgs({
    options: {
      kills: { type: "string", default: "50" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      workers: { type: "string", default: "20" },
      json: { type: "boolean", default: false },
    },
  });
  const options = {
    kills: Number(values.kills),
    seed: Number(values.seed),
    workers: Number(values.workers),
    isJson: values.json,
  };
  for (const number of [options.kills, options.seed, options.workers]) {
    if (!Number.isInteger(number) || number < 1)
      throw new Error("--kills, --seed and --workers are whole numbers");
  }
  return options;
}

/** One process for each hub, one for the agents of each street. */
function makeProcesses(tree: readonly TreeNode[], mesh: PreparedMesh): readonly HostedProcess[] {
  const hosted = (nodes: readonly TreeNode[]): readonly HostedNode[] =>
    nodes.flatMap(({ address }) => mesh.nodes.get(address) ?? []);
  const hubs = tree.filter(({ role }) => role === "hub");
  const agentsOf = (parent: Address): readonly TreeNode[] =>
    tree.filter((node) => node.role === "agent" && node.parent === parent);
  return [
    ...hubs.map((hub) => new HostedProcess({ name: hub.address, nodes: hosted([hub]) })),
    ...hubs
      .filter(({ level }) => level === "street")
      .map(
        ({ address }) =>
          new HostedProcess({ name: `agents of ${address}`, nodes: hosted(agentsOf(address)) }),
      ),
  ];
}

async function prepareCity(
  clients: ReadonlyMap<Address, Client>,
  tree: readonly TreeNode[],
): Promise<void> {
  for (const [address, client] of clients) {
    for (const text of applicationTexts) {
      await waitFor({ what: "an application is published", limitMs: startLimitMs }, async () => {
        await client.publish(text);
        return true;
      });
    }
    const below = tree.filter((node) => node.address.startsWith(`${address}/`)).length;
    await waitFor(
      { what: `all nodes below ${address} are online`, limitMs: startLimitMs },
      async () => {
        const { nodesOnline } = await client.status();
        return nodesOnline >= below ? true : undefined;
      },
    );
  }
}

interface Outcome {
  readonly counts: KillCounts;
  readonly load: Load;
  readonly ledger: Ledger;
  readonly failures: readonly string[];
  readonly wrong: readonly Wrong[];
  readonly records: number;
}

async function run(options: Options, directory: string): Promise<Outcome> {
  const dice = new Dice(options.seed);
  const tree = makeTree(shape);
  const mesh = await prepareMesh(directory, tree);
  const processes = makeProcesses(tree, mesh);
  const failures: string[] = [];
  const ledger = new Ledger();
  const clients = new Map<Address, Client>();
  for (const { address, role } of tree) {
    if (role !== "hub") continue;
    clients.set(address, createClient({ hub: mesh.target(address), identity: mesh.operator }));
  }
  const communities = tree.filter(({ level }) => level === "community");
  const load = new Load({ ledger, dice, clients, communities, workers: options.workers });
  let counts: KillCounts;
  try {
    await Promise.all(processes.map((hosted) => hosted.start()));
    await prepareCity(clients, tree);
    load.start();
    await waitFor({ what: "the first chain has ended", limitMs: startLimitMs }, () => {
      return load.completed > 0 ? true : undefined;
    });
    counts = await killAll({
      kills: options.kills,
      dice,
      processes,
      onKill: (name, moment, total) =>
        say(`kill ${total}: ${name}, ${moment}; ${load.completed} chains so far`),
      onFailure: (what) => failures.push(what),
    });
    await load.finish(healLimitMs);
  } finally {
    for (const client of clients.values()) client.close();
    await stopAll(processes.toReversed());
  }
  const { wrong, records } = await compareWithStores(mesh, ledger);
  return { counts, load, ledger, failures, wrong, records };
}

/** Every store, reopened offline: whole by itself, and equal to the ledger. */
async function compareWithStores(
  mesh: PreparedMesh,
  ledger: Ledger,
): Promise<{ readonly wrong: readonly Wrong[]; readonly records: number }> {
  const wrong: Wrong[] = [];
  let records = 0;
  for (const node of mesh.nodes.values()) {
    const audited = await auditNode(node);
    records += audited.records;
    wrong.push(...audited.problems.map((what) => ({ key: node.address, what })));
    if (node.role !== "hub") continue;
    const chainOf = new Map([...audited.chains.values()].map(({ key, id }) => [key, id]));
    for (const entry of ledger.entries.filter(({ hub }) => hub === node.address)) {
      const { key } = entry.submission;
      const stored = chainOf.get(key);
      const named = [...entry.chains];
      if (named.length > 1) wrong.push({ key, what: `acknowledged as ${named.join(" and ")}` });
      if (named.length > 0 && named[0] !== stored)
        wrong.push({ key, what: `the store has ${stored}` });
      chainOf.delete(key);
    }
    for (const key of chainOf.keys()) wrong.push({ key, what: "nobody submitted this chain" });
  }
  return { wrong, records };
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function judge(options: Options, outcome: Outcome): readonly string[] {
  const { counts, load, ledger } = outcome;
  const problems = [...outcome.failures];
  const share = Math.floor(options.kills / 5);
  for (const point of killPoints) {
    const kills = counts.byMoment.get(point) ?? 0;
    if (kills < share)
      problems.push(`only ${kills} kills fell at ${point}, ${share} were asked for`);
  }
  if (counts.total < options.kills) problems.push(`only ${counts.total} of ${options.kills} kills`);
  if (load.completed < options.kills * chainsPerKillMin) {
    problems.push(`only ${load.completed} chains ended: the load was too small to prove anything`);
  }
  const errors = ledger.entries.reduce((sum, entry) => sum + entry.errors, 0);
  if (errors === 0 && options.kills >= 10) problems.push("no submit ever failed: no kill was felt");
  return problems;
}

async function main(): Promise<boolean> {
  const options = parseOptions();
  const repeat = `npm run test:chaos -- --kills ${options.kills} --seed ${options.seed}`;
  (options.isJson ? process.stderr : process.stdout).write(
    `seed ${options.seed}; repeat: ${repeat}\n`,
  );
  const startedMs = performance.now();
  const outcome = await withScratch("chaos", (directory) => run(options, directory));
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  const wrong = [...outcome.load.wrong, ...outcome.wrong];
  const problems = judge(options, outcome);
  const { counts, ledger } = outcome;
  const chains = ledger.acknowledged.length;
  const isGood = wrong.length === 0 && problems.length === 0;
  const errors = ledger.entries.reduce((sum, entry) => sum + entry.errors, 0);
  const report = {
    seed: options.seed,
    seconds,
    kills: counts.total,
    byMoment: Object.fromEntries(counts.byMoment),
    byProcess: Object.fromEntries(counts.byProcess),
    chains,
    completed: outcome.load.completed,
    submitErrors: errors,
    records: outcome.records,
    wrong,
    problems,
    isGood,
  };
  if (options.isJson) console.log(JSON.stringify(report));
  else printReport(report, ledger);
  return isGood;
}

interface Report {
  readonly kills: number;
  readonly seconds: number;
  readonly byMoment: Readonly<Record<string, number>>;
  readonly byProcess: Readonly<Record<string, number>>;
  readonly chains: number;
  readonly completed: number;
  readonly submitErrors: number;
  readonly records: number;
  readonly wrong: readonly Wrong[];
  readonly problems: readonly string[];
}

function printReport(report: Report, ledger: Ledger): void {
  console.log(`kills by point: ${formatCounts(report.byMoment)}`);
  console.log(`kills by process: ${formatCounts(report.byProcess)}`);
  const byApplication: Record<string, number> = {};
  for (const { submission } of ledger.acknowledged) {
    byApplication[submission.application] = (byApplication[submission.application] ?? 0) + 1;
  }
  console.log(
    `chains: ${formatCounts(byApplication)}; ${report.completed} ended with the right result`,
  );
  console.log(
    `${report.submitErrors} submits failed and were repeated; ${report.records} records verified`,
  );
  for (const { key, what } of report.wrong.slice(0, 20)) console.log(`WRONG ${key}: ${what}`);
  for (const problem of report.problems) console.log(`PROBLEM ${problem}`);
  console.log(`${report.seconds} s`);
  console.log(
    `chaos: ${report.kills} kills, ${report.chains} chains, ${report.wrong.length} wrong`,
  );
}

function formatCounts(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
}

// Exit codes: 0 all is well, 1 something is wrong or the run has proved too little.
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
process.exit();
