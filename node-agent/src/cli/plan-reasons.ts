// Plan reasons: why nodes are matched or not, and what would be undone, as people read it.

import { cleanText, type Output } from "@cloudbrain/sdk/cli";
import type {
  ChainPlanInfo,
  NodeVerdictInfo,
  PlannedCompensationInfo,
  PlannedMatchInfo,
  PlannedNodeInfo,
} from "@cloudbrain/sdk/client";
import { formatDuration, titleIn } from "./formats.ts";
import type { Say } from "./texts.ts";
import type { TextKey } from "./texts-en.ts";

/** Counts of all nodes, with whom each condition turned away; then the nodes asked for. */
export function describeMatch(match: PlannedMatchInfo, say: Say): readonly string[] {
  const { known, conditions, nodes, nodesMore, problem, item } = match;
  if (problem !== "") return [say("plan.why", { text: cleanText(problem) })];
  const turnedAway = conditions.reduce((sum, condition) => sum + condition.nodes, 0);
  const counts = { matching: known - turnedAway, known };
  const lines = [
    item === undefined ? say("plan.match", counts) : say("plan.match.item", { ...counts, item }),
  ];
  for (const { name, wanted, nodes: count, examples } of conditions) {
    if (count === 0) continue;
    lines.push(`  ${say("plan.turnedAway", { count, name, wanted: cleanText(wanted) })}`);
    for (const example of examples) {
      lines.push(`    ${example.address}  ${seenText(example, say)}`);
    }
    if (count > examples.length) {
      lines.push(`    ${say("app.more", { count: count - examples.length })}`);
    }
  }
  for (const verdict of nodes) lines.push(`  ${verdict.address}  ${verdictText(verdict, say)}`);
  if (nodes.length > 0 && nodesMore > 0) lines.push(`  ${say("app.more", { count: nodesMore })}`);
  return lines;
}

function verdictText(verdict: NodeVerdictInfo, say: Say): string {
  const { state, rank, condition } = verdict;
  if (state === undefined) return say("plan.verdict.unknown");
  if (rank > 0) return say("plan.verdict.matches", { rank, state });
  return say("plan.verdict.fails", { condition, seen: seenText(verdict, say) });
}

function seenText({ seen }: NodeVerdictInfo, say: Say): string {
  return say("plan.seen", { seen: seen === "" ? say("plan.seen.nothing") : cleanText(seen) });
}

/** What would be undone, first things first; nothing where no step can be undone. */
export function describeCompensation(
  { onFailure, onCancel, compensation }: ChainPlanInfo,
  say: Say,
  output: Output,
): readonly string[] {
  if (compensation.length === 0 && onFailure !== "compensate" && onCancel !== "compensate") {
    return [];
  }
  const lines = [say("plan.undo.title", { onFailure, onCancel })];
  if (compensation.length === 0) lines.push(`   ${say("plan.undo.nothing")}`);
  compensation.forEach((undo, index) => {
    const [head = "", ...rest] = describeUndo(undo, say, output);
    lines.push(`${index + 1}. ${head}`, ...rest.map((line) => `   ${line}`));
  });
  return lines;
}

function describeUndo(
  undo: PlannedCompensationInfo,
  say: Say,
  { lang }: Output,
): readonly string[] {
  const { step, members, capability, count, bySame, byOther, byNobody } = undo;
  const { node, dependsOn, explanation, problem, finishMs, attemptsMax } = undo;
  const lines = [say(undoKey(members, count), { step, count, capability })];
  if (dependsOn.length > 0) lines.push(say("plan.dependsOn", { steps: dependsOn.join(", ") }));
  if (node !== undefined) lines.push(say("plan.node", { node: nodeText(node, lang) }));
  if (members && count > 0) {
    lines.push(say("plan.undo.counts", { bySame, byOther, byNobody }));
    const unseen = count - bySame - byOther - byNobody;
    if (unseen > 0) lines.push(say("plan.undo.unseen", { count: unseen }));
  }
  const why = [problem, explanation].filter((text) => text !== "").join(": ");
  if (why !== "") lines.push(say("plan.why", { text: cleanText(why) }));
  const within = formatDuration(finishMs);
  lines.push(say("plan.undo.tries", { attempts: attemptsMax, within }));
  return lines;
}

function undoKey(members: boolean, count: number): TextKey {
  if (!members) return "plan.undo.step";
  return count > 0 ? "plan.undo.members" : "plan.undo.members.open";
}

export function nodeText({ address, title, state }: PlannedNodeInfo, lang: string): string {
  return [address, cleanText(titleIn(title, lang)), state].filter((word) => word !== "").join(" ");
}
