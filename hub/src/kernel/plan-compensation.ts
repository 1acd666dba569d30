// Plan compensation: what would undo the steps of a plan, and who would do it.
//
//   E6  Who would be chosen to undo is found as the kernel finds it (`undoerOf`), for what the plan
//       says would be done. What reads an output (`out`, `steps`) is left out of the match, as E2
//       has it.

import type { Compensation, Step } from "@cloudbrain/sdk/domain";
import type { PlannedCompensation } from "./chain-plan.ts";
import { stepsReadBy } from "./expression-steps.ts";
import { nodeScope } from "./node-scope.ts";
import { chooseNodes, explainNodes, knownPart, type Planning, readsItself } from "./plan-match.ts";
import { type FoundTarget, matchedOneByOneMax, plannedNode } from "./plan-target.ts";
import { reverseOrder, undoerOf } from "./undo-order.ts";

/** `found`: who would do each step; a step that is skipped is not there. */
export function planCompensation(
  planning: Planning,
  found: ReadonlyMap<string, FoundTarget>,
): readonly PlannedCompensation[] {
  const plans: PlannedCompensation[] = [];
  for (const step of reverseOrder(planning.application.steps)) {
    const target = found.get(step.id);
    if (target === undefined) continue;
    const { compensate } = step;
    if (compensate !== undefined) {
      plans.push({ ...planUndoing(planning, step, compensate, target), of: "step" });
    }
    const each = step.type === "fanout" ? step.each.compensate : undefined;
    if (each !== undefined) {
      plans.push({ ...planUndoing(planning, step, each, target), of: "members", node: undefined });
    }
  }
  return plans;
}

function planUndoing(
  planning: Planning,
  step: Step,
  rule: Compensation,
  { doers, dependsOn: open }: FoundTarget,
): Omit<PlannedCompensation, "of"> {
  const all = planning.application.steps.map(({ id }) => id);
  const { known, dependsOn } = knownPart(planning, rule.match, (source) => [
    ...stepsReadBy(source, all),
    // `out` by itself is what the step gave.
    ...(/(?<![.\w])out\b/.test(source) ? [step.id] : []),
  ]);
  const isShared = !readsItself(known);
  const scopeOf = ({ record, scope }: (typeof doers)[number]) => ({
    ...planning.scope,
    ...scope,
    member: nodeScope(record),
  });
  const first = doers[0];
  const firstScope = first === undefined ? planning.scope : scopeOf(first);
  const found = explainNodes(planning, known, isShared ? planning.scope : firstScope);
  const counts = { bySame: 0, byOther: 0, byNobody: 0 };
  const looked = isShared ? doers : doers.slice(0, matchedOneByOneMax);
  const sharedCandidates = new Set(found.candidates);
  for (const doer of looked) {
    const candidates = isShared
      ? sharedCandidates
      : new Set(chooseNodes(planning, known, scopeOf(doer)).candidates);
    if (candidates.has(doer.record)) counts.bySame += 1;
    else if (candidates.size > 0) counts.byOther += 1;
    else counts.byNobody += 1;
  }
  const undoer = undoerOf(found.candidates, first?.record.description.address ?? "");
  const isKnown = isShared || first !== undefined;
  return {
    step: step.id,
    capability: rule.match.capability,
    count: doers.length,
    ...counts,
    node: undoer === undefined ? undefined : plannedNode(undoer),
    explanation: isKnown ? found.explanation : "each member is matched by itself",
    dependsOn: [...new Set([...open, ...dependsOn])],
    problem: isKnown && undoer === undefined ? "no node matches" : "",
    finishMs: rule.finishMs,
    attemptsMax: rule.retry.max,
  };
}
