// Entry of the stories of the worked applications on a mesh of real processes: three levels of
// hubs, an industry brain, agents, business systems behind drivers, people who sign in.
//
// Usage: npm run test:applications -- [--only TEXT] [--json]
//
// --only: the stories of which the application or the name has this text in it.

import { parseArgs } from "node:util";
import { withScratch } from "../support/process-scratch.ts";
import { cast, citizens, command, permits } from "./cast.ts";
import { auditStores, endChains } from "./mesh-check.ts";
import { MeshStage } from "./mesh-stage.ts";
import { applicationOf, stories } from "./stories.ts";
import type { Story } from "./story.ts";
import { lineOf, makeReport, type Played, type StoryReport, textOf } from "./story-report.ts";

/** Business systems that a driver of the agent reaches; the others embed the SDK. */
const driven = { [citizens]: "http", [permits]: "http", [command]: "inbox" } as const;

/** What `--only` looks in. */
function labelOf(story: Story): string {
  return `${applicationOf(story)}: ${story.name}`;
}

async function play(stage: MeshStage, story: Story): Promise<Played> {
  const { takes } = story;
  const beganMs = performance.now();
  let mistake = "";
  try {
    await stage.passesTo(story.startsAt);
    await story.plot(stage);
  } catch (error) {
    mistake = error instanceof Error ? (error.stack ?? error.message) : String(error);
    await stage.world.mendAll();
  }
  return { name: labelOf(story), takes, ms: performance.now() - beganMs, mistake };
}

async function playAll(
  wanted: readonly Story[],
  directory: string,
  say: (text: string) => void,
): Promise<{ readonly played: readonly Played[]; readonly problems: readonly string[] }> {
  const startsAt = wanted[0]?.startsAt ?? new Date();
  const stage = await MeshStage.open({ cast, driven, startsAt, directory });
  const played: Played[] = [];
  let problems: readonly string[] = [];
  try {
    for (const story of wanted) {
      const one = await play(stage, story);
      say(lineOf(one));
      played.push(one);
    }
    problems = await endChains(stage.world);
  } finally {
    await stage.close();
  }
  return { played, problems: [...problems, ...(await auditStores(stage))] };
}

async function main(): Promise<StoryReport> {
  const { values } = parseArgs({
    options: { only: { type: "string" }, json: { type: "boolean", default: false } },
  });
  const { only = "", json } = values;
  const say = (text: string): void => {
    (json ? process.stderr : process.stdout).write(`${text}\n`);
  };
  const wanted = stories.filter((story) => labelOf(story).includes(only));
  if (wanted.length === 0) throw new Error(`--only: no story has "${only}" in it`);
  const beganMs = performance.now();
  const { played, problems } = await withScratch("applications", (directory) =>
    playAll(wanted, directory, say),
  );
  const seconds = Math.round((performance.now() - beganMs) / 1_000);
  const report = makeReport(played, problems, { isWhole: only === "", seconds });
  if (json) console.log(JSON.stringify(report));
  else console.log(textOf(report));
  return report;
}

// Exit codes: 0 every story went as told and every branch was taken, 1 otherwise.
try {
  process.exitCode = (await main()).isGood ? 0 : 1;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
process.exit();
