// Story report: what became of stories, line by line, and which branches they took.

import { type Branch, branches } from "./story.ts";

export interface Played {
  /** With the application before it. */
  readonly name: string;
  readonly takes: readonly Branch[];
  readonly ms: number;
  /** Empty when all went as told. */
  readonly mistake: string;
}

export interface StoryReport {
  readonly played: readonly Played[];
  /** Names of the stories that took each branch as told. */
  readonly taken: Readonly<Record<Branch, readonly string[]>>;
  /** What the whole mesh was found to have done wrong. */
  readonly problems: readonly string[];
  readonly seconds: number;
  readonly isGood: boolean;
}

/** `isWhole`: all stories were to be played, so that every branch must be taken. */
export function makeReport(
  played: readonly Played[],
  problems: readonly string[],
  { isWhole, seconds }: { readonly isWhole: boolean; readonly seconds: number },
): StoryReport {
  const taken = Object.fromEntries(
    branches.map((branch) => [
      branch,
      played.filter(({ takes, mistake }) => mistake === "" && takes.includes(branch)),
    ]),
  );
  const names = Object.fromEntries(
    Object.entries(taken).map(([branch, stories]) => [branch, stories.map(({ name }) => name)]),
  ) as Record<Branch, string[]>;
  const isPlayed = played.length > 0 && played.every(({ mistake }) => mistake === "");
  const isCovered = branches.every((branch) => names[branch].length > 0);
  const isGood = isPlayed && problems.length === 0 && (isCovered || !isWhole);
  return { played, taken: names, problems, seconds, isGood };
}

export function lineOf({ name, takes, ms, mistake }: Played): string {
  const verdict = mistake === "" ? "ok    " : "FAILED";
  const line = `${verdict} ${seconds(ms)}  ${name}\n                ${takes.join(", ")}`;
  return mistake === "" ? line : `${line}\n${mistake}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`.padStart(7);
}

/** The table of branches, what was found in the mesh, and the summary. */
export function textOf(report: StoryReport): string {
  const { played, taken, problems } = report;
  const width = Math.max(...branches.map(({ length }) => length));
  const rows = branches.map((branch) => {
    const [first = "NOT TAKEN", ...more] = taken[branch];
    return `${branch.padEnd(width)}  ${[first, ...more].join(`\n${" ".repeat(width)}  `)}`;
  });
  const failed = played.filter(({ mistake }) => mistake !== "").length;
  const count = branches.filter((branch) => taken[branch].length > 0).length;
  const summary = [
    `${played.length - failed} stories as told, ${failed} not`,
    `${count} of ${branches.length} branches taken`,
    `${problems.length} problems in the mesh`,
    `${report.seconds} s`,
  ];
  return [
    "",
    ...rows,
    "",
    ...problems.map((what) => `PROBLEM ${what}`),
    `applications: ${summary.join(", ")}`,
  ].join("\n");
}
