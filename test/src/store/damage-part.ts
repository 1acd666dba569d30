// Part a: damage to a stopped hub's files is refused, quarantined or without any effect.

import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@cloudbrain/sdk/client";
import { Dice } from "../simulation/dice.ts";
import { applicationTexts, drawSubmission } from "../support/mesh-applications.ts";
import { findMistake, Ledger, settledStates } from "../support/mesh-ledger.ts";
import { cityAddress, makeTree, prepareMesh } from "../support/mesh-shape.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { HostedProcess, stopAll } from "../support/process-host.ts";
import {
  type Damage,
  drawCut,
  drawFlip,
  formatDamage,
  listFiles,
  makeDamagedCopy,
} from "./damage.ts";
import { Questioner } from "./questioner.ts";
import { type Answered, compareAnswers, type Verdict } from "./questions.ts";
import type { PartReport } from "./report.ts";

export interface DamageOptions {
  readonly directory: string;
  readonly seed: number;
  readonly flips: number;
  readonly truncations: number;
}

/** Lives of the hub before it is damaged: each one turns its log into a table. */
const lives = 4;
const chainsPerLife = 40;
const chainLimitMs = 30_000;
/** As many children ask as there are cores to ask on. */
const questioners = 2;

type Reference = Extract<Answered, { kind: "answered" }>;

export async function runDamagePart(options: DamageOptions): Promise<PartReport> {
  const source = join(options.directory, "reference");
  await buildStore(options, source);
  const reference = await readReference(source, join(options.directory, "asked"));
  const dice = new Dice(options.seed);
  const damages = [
    ...Array.from({ length: options.flips }, () => drawFlip(dice, source)),
    ...Array.from({ length: options.truncations }, () => drawCut(dice, source)),
  ];
  const verdicts = new Map<string, number>();
  const problems: string[] = [];
  let silentlyWrong = 0;
  await runTrials(options, damages, source, reference, (damage, verdict, what) => {
    const name = `${damage.kind} ${verdict}`;
    verdicts.set(name, (verdicts.get(name) ?? 0) + 1);
    if (verdict !== "silently wrong" && verdict !== "crashed") return;
    silentlyWrong += 1;
    problems.push(`${verdict}: ${formatDamage(damage)}: ${what.slice(0, 300)}`);
  });
  const counts = [...verdicts].sort().map(([name, count]) => `${name} ${count}`);
  const tried = `${options.flips} flips, ${options.truncations} cuts`;
  return {
    part: "damage",
    summary: `${tried} of ${reference.chains.length} chains: ${counts.join(", ")}`,
    silentlyWrong,
    lost: 0,
    problems,
  };
}

async function runTrials(
  options: DamageOptions,
  damages: readonly Damage[],
  source: string,
  reference: Reference,
  onVerdict: (damage: Damage, verdict: Verdict, what: string) => void,
): Promise<void> {
  const waiting = [...damages];
  const runOne = async (index: number): Promise<void> => {
    const questioner = new Questioner();
    const copy = join(options.directory, `trial-${index}`);
    try {
      for (let damage = waiting.shift(); damage !== undefined; damage = waiting.shift()) {
        makeDamagedCopy(source, copy, damage);
        const answered = await questioner.ask({
          directory: copy,
          address: cityAddress,
          chains: reference.chains,
          keys: reference.keys,
          withJournal: true,
        });
        const { verdict, what } = compareAnswers(reference, answered);
        onVerdict(damage, isNamed(answered) ? verdict : "crashed", what);
      }
    } finally {
      await questioner.close();
      rmSync(copy, { recursive: true, force: true });
    }
  };
  await Promise.all(Array.from({ length: questioners }, (_, index) => runOne(index)));
}

const refusals: ReadonlySet<string> = new Set(["STORE_CORRUPT", "STORE_MISSING", "AMNESIA"]);

/** A refusal that an operator can act on: a code of damage, and the place in brackets. */
function isNamed(answered: Answered): boolean {
  if (answered.kind !== "refused") return true;
  return refusals.has(answered.code) && /\[.+\]$/.test(answered.message);
}

/** The answers of the undamaged store; asked twice, since a second opening must say the same. */
async function readReference(source: string, copy: string): Promise<Reference> {
  const questioner = new Questioner();
  const ask = async (): Promise<Reference> => {
    rmSync(copy, { recursive: true, force: true });
    cpSync(source, copy, { recursive: true });
    const questions = {
      directory: copy,
      address: cityAddress,
      chains: [],
      keys: [],
      withJournal: true,
    };
    const answered = await questioner.ask(questions);
    if (answered.kind !== "answered")
      throw new Error(`the reference can't be read: ${answered.message}`);
    return answered;
  };
  try {
    const first = await ask();
    const { verdict, what } = compareAnswers(first, await ask());
    if (verdict !== "equal") throw new Error(`two readings of one store differ at ${what}`);
    return first;
  } finally {
    await questioner.close();
    rmSync(copy, { recursive: true, force: true });
  }
}

/** A hub with two agents and some lives behind it, cleanly stopped. */
async function buildStore(options: DamageOptions, source: string): Promise<void> {
  const tree = makeTree({ districts: 0, streetsPerDistrict: 0, communitiesPerStreet: 2 });
  const mesh = await prepareMesh(join(options.directory, "build"), tree);
  const nodes = [...mesh.nodes.values()];
  const hub = new HostedProcess({ name: "hub", nodes: nodes.filter(({ role }) => role === "hub") });
  const agents = new HostedProcess({
    name: "agents",
    nodes: nodes.filter(({ role }) => role === "agent"),
  });
  const dice = new Dice(options.seed);
  const ledger = new Ledger();
  const client = createClient({ hub: mesh.target(cityAddress), identity: mesh.operator });
  try {
    for (let life = 0; life < lives; life += 1) {
      await Promise.all([hub.start(), agents.start()]);
      await waitFor({ what: "the agents are online", limitMs: chainLimitMs }, async () => {
        return (await client.status()).nodesOnline >= 2 ? true : undefined;
      });
      for (const text of life === 0 ? applicationTexts : []) await client.publish(text);
      const runs = Array.from({ length: chainsPerLife }, async (_, index) => {
        const submission = drawSubmission(
          dice,
          `life-${life}-${index}`,
          cityAddress,
          tree.slice(1),
        );
        const entry = ledger.open(cityAddress, submission);
        const { chain } = await client.submit(submission.application, submission.input, {
          key: submission.key,
        });
        await waitFor({ what: `chain ${chain} has ended`, limitMs: chainLimitMs }, async () => {
          const snapshot = await client.getChain(chain);
          if (!settledStates.has(snapshot.state)) return undefined;
          const mistake = findMistake(entry, snapshot);
          if (mistake !== undefined) throw new Error(mistake);
          return true;
        });
      });
      await Promise.all(runs);
      await stopAll([agents, hub]);
    }
  } finally {
    client.close();
    await stopAll([agents, hub]);
  }
  cpSync(join(mesh.nodes.get(cityAddress)?.directory ?? "", "data"), source, { recursive: true });
  listFiles(source);
}
