// Plan view: a dry run as people read it: the steps in order, and below each who, when and why.

import { cleanText, type Output, type Tone } from "@cloudbrain/sdk/cli";
import type { ChainPlanInfo, PlannedFate, PlannedStepInfo } from "@cloudbrain/sdk/client";
import { formatTime, titleIn } from "./formats.ts";
import { describeCompensation, describeMatch, nodeText } from "./plan-reasons.ts";
import type { Say } from "./texts.ts";

const toneOfFate: Readonly<Record<PlannedFate, Tone>> = {
  runs: "good",
  skipped: "faint",
  depends: "warning",
  stuck: "bad",
};
/** Shares that a person reads at a glance; `--json` has them all. */
const sharesShown = 30;

export function describePlan(plan: ChainPlanInfo, say: Say, output: Output): string {
  const { id, version, atMs, dueMs, steps } = plan;
  const lines = [say("plan.title", { id, version, time: formatTime(atMs) })];
  if (dueMs !== 0) lines.push(say("plan.due", { time: formatTime(dueMs) }));
  steps.forEach((step, index) => {
    const isLast = index === steps.length - 1;
    const [head = "", ...rest] = describeStep(step, say, output);
    lines.push(`${isLast ? "└─ " : "├─ "}${head}`);
    for (const line of rest) lines.push(`${isLast ? "   " : "│  "}  ${line}`);
  });
  return [...lines, ...describeCompensation(plan, say, output)].join("\n");
}

function describeStep(step: PlannedStepInfo, say: Say, output: Output): readonly string[] {
  const { id, type, fate, reason, dependsOn, explanation } = step;
  const title = cleanText(titleIn(step.title, output.lang));
  const told = output.paint(toneOfFate[fate], say(`plan.fate.${fate}`));
  const lines = [[id, `(${type})`, title, told].filter((word) => word !== "").join("  ")];
  if (step.needs.length > 0) lines.push(`← ${step.needs.join(", ")}`);
  if (dependsOn.length > 0) lines.push(say("plan.dependsOn", { steps: dependsOn.join(", ") }));
  if (reason !== "") lines.push(say("plan.why", { text: cleanText(reason) }));
  if (fate === "skipped") return lines;
  lines.push(...describeTarget(step, say, output.lang));
  if (step.match !== undefined) lines.push(...describeMatch(step.match, say));
  else if (explanation !== "") lines.push(say("plan.why", { text: cleanText(explanation) }));
  lines.push(...describeTimes(step, say));
  return lines;
}

function describeTarget(step: PlannedStepInfo, say: Say, lang: string): readonly string[] {
  const lines: string[] = [];
  if (step.node !== undefined) {
    lines.push(say("plan.node", { node: nodeText(step.node, lang) }));
    const count = step.candidates - 1;
    if (count > 0) lines.push(say("plan.others", { count }));
  }
  if (step.desk !== "") lines.push(say("plan.desk", { hub: step.desk }));
  for (const kind of new Set(step.people.map((candidate) => candidate.kind))) {
    const names = step.people.filter((candidate) => candidate.kind === kind);
    const told = cleanText(names.map(({ name }) => name).join(", "));
    lines.push(say("plan.people", { kind, names: told }));
  }
  if (step.type !== "fanout" || step.members === 0) return lines;
  lines.push(say("plan.members", { count: step.members }));
  if (step.unmatched > 0) lines.push(say("plan.unmatched", { count: step.unmatched }));
  for (const { address, title, members } of step.shares.slice(0, sharesShown)) {
    lines.push(`  ${members}  ${address}  ${cleanText(titleIn(title, lang))}`);
  }
  const more = step.sharesMore + Math.max(0, step.shares.length - sharesShown);
  if (more > 0) lines.push(`  ${say("app.more", { count: more })}`);
  return lines;
}

function describeTimes(step: PlannedStepInfo, say: Say): readonly string[] {
  const time = (ms: number): string => (ms === 0 ? say("plan.unknown") : formatTime(ms));
  const range = { start: time(step.latestStartMs), end: time(step.latestEndMs) };
  return [
    say("plan.latest", range),
    ...step.deadlines.map(({ name, atMs, calendar }) =>
      calendar === ""
        ? say("plan.deadline", { name, time: time(atMs) })
        : say("plan.deadline.calendar", { name, time: time(atMs), calendar }),
    ),
  ];
}
