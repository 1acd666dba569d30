// Chain views: a chain as people read it.

import { type Column, cleanText, formatTable, type Output } from "@cloudbrain/sdk/cli";
import type { ChainSnapshot, StepSnapshot } from "@cloudbrain/sdk/client";
import { formatClock, formatTime, formatTook, toneOf } from "./formats.ts";
import type { Say } from "./texts.ts";

export function chainColumns(say: Say, nowMs: number): readonly Column<ChainSnapshot>[] {
  return [
    { heading: say("column.chain"), text: ({ id }) => id },
    { heading: say("column.application"), text: ({ application }) => application },
    {
      heading: say("column.state"),
      text: ({ state }) => state,
      tone: ({ state }) => toneOf(state),
    },
    { heading: say("column.started"), text: ({ startedAtMs }) => formatTime(startedAtMs) },
    {
      heading: say("column.took"),
      text: ({ startedAtMs, endedAtMs }) => formatTook(startedAtMs, endedAtMs, nowMs),
    },
    { heading: say("column.key"), text: ({ key }) => key },
    { heading: say("column.note"), text: ({ reason }) => reason },
  ];
}

/** How far a step is, in few words. */
export function stepNote(step: StepSnapshot): string {
  const { fanout, revised, compensated, reason, attempt, wait } = step;
  const parts: string[] = [];
  if (wait !== undefined) {
    const due = wait.dueMs === 0 ? "" : `→ ${formatTime(wait.dueMs)}`;
    parts.push([wait.signal, wait.chain, due].filter((part) => part !== "").join(" "));
  }
  if (fanout !== undefined) {
    parts.push(`${fanout.replied}/${fanout.members}`);
    if (fanout.failed > 0) parts.push(`✖ ${fanout.failed}`);
  }
  // What late feedback has made of it, and what has been undone.
  if (revised !== undefined) parts.push(`✎ ${revised.replied}/${revised.members}`);
  if (compensated) parts.push("↺");
  if (attempt > 1) parts.push(`#${attempt}`);
  if (reason !== "") parts.push(reason);
  return parts.join("  ");
}

/** The chain with its fields, its steps and its output. */
export function describeChain(
  chain: ChainSnapshot,
  say: Say,
  output: Output,
  nowMs: number,
): string {
  const took = formatTook(chain.startedAtMs, chain.endedAtMs, nowMs);
  const fields: readonly (readonly [string, string])[] = [
    [say("column.chain"), chain.id],
    [say("column.application"), chain.application],
    [say("column.state"), output.paint(toneOf(chain.state), chain.state)],
    [say("field.reason"), cleanText(chain.reason)],
    [say("column.started"), `${formatTime(chain.startedAtMs)}  (${took})`],
    [say("field.due"), chain.dueMs === 0 ? "" : formatTime(chain.dueMs)],
    [say("field.key"), cleanText(chain.key)],
    [say("field.priority"), String(chain.priority)],
    [say("field.parent"), chain.parent === undefined ? "" : formatParent(chain.parent)],
    [say("field.submitter"), chain.submitter],
    [say("field.input"), cleanText(JSON.stringify(chain.input))],
    [say("field.output"), chain.output === null ? "" : cleanText(JSON.stringify(chain.output))],
  ];
  const shown = fields.filter(([, value]) => value !== "").map(([name, value]) => [name, value]);
  const [first = [], ...rest] = shown;
  const parts = [formatTable(first, rest), "", describeSteps(chain, say, output, nowMs)];
  if (chain.notes.length > 0) parts.push("", describeNotes(chain, say, output));
  return parts.join("\n");
}

function formatParent({ chain, step }: { readonly chain: string; readonly step: string }): string {
  return `${chain} (${step})`;
}

/** What people did to it by hand. */
function describeNotes(chain: ChainSnapshot, say: Say, output: Output): string {
  const headings = [
    say("column.time"),
    say("column.action"),
    say("column.step"),
    say("column.by"),
    say("column.note"),
  ].map((heading) => output.paint("heading", heading));
  const rows = chain.notes.map(({ atMs, action, step, by, reason }) => {
    return [formatTime(atMs), action, step, by, cleanText(reason)];
  });
  return formatTable(headings, rows);
}

function describeSteps(chain: ChainSnapshot, say: Say, output: Output, nowMs: number): string {
  const headings = [
    say("column.step"),
    say("column.type"),
    say("column.state"),
    say("column.node"),
    say("column.took"),
    say("column.note"),
  ].map((heading) => output.paint("heading", heading));
  const rows = chain.steps.map((step) => [
    step.id,
    step.type,
    output.paint(toneOf(step.state), step.state),
    step.node,
    formatTook(step.startedAtMs, step.endedAtMs, nowMs),
    cleanText(stepNote(step)),
  ]);
  return formatTable(headings, rows);
}

/** One line for a terminal: how long, which steps run, how far they are. */
export function formatProgress(chain: ChainSnapshot, nowMs: number, columns: number): string {
  const running = chain.steps
    .filter(({ state }) => state === "running" || state === "suspended")
    .map((step) => `${step.id} ${stepNote(step)}`.trim());
  const done = chain.steps.filter(({ endedAtMs }) => endedAtMs > 0).length;
  const took = formatTook(chain.startedAtMs, chain.endedAtMs, nowMs);
  const told = [chain.state, `${done}/${chain.steps.length}`, took, ...running].join("  ");
  // Chinese characters may take two cells: half of the columns never wraps.
  return cleanText(told).slice(0, Math.max(20, Math.floor(columns / 2)));
}

/** One line per step that is not as it was before. */
export function describeChanges(
  chain: ChainSnapshot,
  before: ChainSnapshot | undefined,
  output: Output,
  nowMs: number,
): readonly string[] {
  const known = new Map(before?.steps.map((step) => [step.id, lineOf(step)]));
  const changed = chain.steps.filter(
    (step) => step.state !== "waiting" && known.get(step.id) !== lineOf(step),
  );
  const lines = changed.map((step) => {
    const state = output.paint(toneOf(step.state), step.state);
    return [formatClock(nowMs), step.id, state, step.node, cleanText(stepNote(step))]
      .filter((part) => part !== "")
      .join("  ");
  });
  if (before?.state === chain.state) return lines;
  const state = output.paint(toneOf(chain.state), chain.state);
  const told = [formatClock(nowMs), chain.id, state, cleanText(chain.reason)];
  return [...lines, told.filter((part) => part !== "").join("  ")];
}

function lineOf(step: StepSnapshot): string {
  return [step.state, step.node, stepNote(step)].join(" ");
}
