// Plan target: who would get a step of a plan, and why.
//
//   E1  Nodes are found and explained in one place, `findNodes`, as the kernel finds them.
//   E2  A condition that reads what earlier steps give is left out, and the step says so: what is
//       shown then is the most that can be.

import {
  childTowards,
  compareText,
  type Evaluate,
  evaluateMapping,
  type FanoutStep,
  type HumanStep,
  isWithin,
  type JsonValue,
  type Match,
  type NodeRecord,
  type Scope,
  type ServiceStep,
  type Title,
} from "@cloudbrain/sdk/domain";
import { noTarget, type PlannedNode, type PlannedShare, type PlannedTarget } from "./chain-plan.ts";
import { stepsReadBy, stepsReadByMapping } from "./expression-steps.ts";
import { findCandidates, findDesks, type MatchResult, recordOf, resolveScope } from "./registry.ts";
import type { HubState } from "./state.ts";

const othersMax = 10;
const sharesMax = 200;
const sampleMax = 20;
/** Matching anew for each of thousands of items would take longer than a person waits. */
const itemsMatchedMax = 200;

export interface Planning {
  readonly state: HubState;
  readonly evaluate: Evaluate;
  /** {input, steps}; `steps` is empty, nothing has run. */
  readonly scope: Scope;
}

/** What is known of a target, and which steps decide what is not. */
export interface FoundTarget {
  readonly target: PlannedTarget;
  readonly dependsOn: readonly string[];
  /** Why nobody would get it; empty when somebody would, or when that is not known yet. */
  readonly problem: string;
}

/** The only place where nodes are matched and explained (E1). */
function findNodes(
  planning: Planning,
  match: Match,
  scope: Scope,
  forPeople: boolean,
): MatchResult {
  const find = forPeople ? findDesks : findCandidates;
  return find(planning.state, match, scope, planning.evaluate);
}

/** The match without what reads the output of steps (E2), and those steps. */
function knownPart(match: Match, needs: readonly string[]) {
  const region = stepsReadByMapping(match.region, needs);
  const industry = stepsReadByMapping(match.industry, needs);
  const where = match.where === undefined ? [] : stepsReadBy(match.where, needs);
  const prefer = match.prefer?.filter((source) => stepsReadBy(source, needs).length === 0);
  const known: Match = {
    ...match,
    region: region.length > 0 ? undefined : match.region,
    industry: industry.length > 0 ? undefined : match.industry,
    where: where.length > 0 ? undefined : match.where,
    ...(prefer === undefined ? {} : { prefer }),
  };
  return { known, dependsOn: [...new Set([...region, ...industry, ...where])] };
}

export function planNode(
  planning: Planning,
  step: ServiceStep | HumanStep,
  needs: readonly string[],
): FoundTarget {
  const { known, dependsOn } = knownPart(step.match, needs);
  const forPeople = step.type === "human";
  const { candidates, explanation } = findNodes(planning, known, planning.scope, forPeople);
  const [best, ...others] = candidates;
  const target = {
    ...noTarget,
    node: best === undefined ? undefined : plannedNode(best),
    others: others.slice(0, othersMax).map(plannedNode),
    candidates: candidates.length,
    explanation,
  };
  return { target, dependsOn, problem: best === undefined ? "no node matches" : "" };
}

export function planFanout(
  planning: Planning,
  step: FanoutStep,
  needs: readonly string[],
): FoundTarget {
  const { members } = step;
  if (members.by === "items") return planItems(planning, step, needs);
  const level = members.by === "level" ? members.level : undefined;
  const match = { ...step.each.match, level: step.each.match.level ?? level };
  const { known, dependsOn } = knownPart(match, needs);
  // The members of a level stand below this hub.
  const forPeople = members.by === "match" && step.each.human !== undefined;
  const { candidates, explanation } = findNodes(planning, known, planning.scope, forPeople);
  if (members.by === "match") {
    return membersOf(planning, candidates, explanation, dependsOn);
  }
  const scopeReads = stepsReadByMapping(members.scope, needs);
  let root: string = planning.state.self;
  if (scopeReads.length === 0) {
    const wanted = evaluateMapping(members.scope, planning.scope, planning.evaluate);
    const text = wanted.ok && typeof wanted.value === "string" ? wanted.value : undefined;
    const found = text === undefined ? undefined : resolveScope(planning.state, text);
    if (found === undefined) {
      const why = wanted.ok
        ? `no node has the address or code ${JSON.stringify(wanted.value)}`
        : wanted.reason;
      const target = { ...noTarget, candidates: candidates.length, explanation };
      return { target, dependsOn, problem: `fanout.scope: ${why}` };
    }
    root = found;
  }
  const inside = candidates.filter(
    ({ description }) => description.level === level && isWithin(description.address, root),
  );
  const told = `${explanation}, ${inside.length} at level ${level} in ${root}`;
  return membersOf(planning, inside, told, [...new Set([...dependsOn, ...scopeReads])]);
}

function membersOf(
  planning: Planning,
  nodes: readonly NodeRecord[],
  explanation: string,
  dependsOn: readonly string[],
): FoundTarget {
  const target = {
    ...noTarget,
    candidates: nodes.length,
    explanation,
    members: nodes.length,
    ...sharesOf(planning.state, nodes),
    sample: sampleOf(nodes),
  };
  return { target, dependsOn, problem: nodes.length === 0 ? "it would have no members" : "" };
}

/** One member per item; items that read nothing of themselves in the match share one search. */
function planItems(planning: Planning, step: FanoutStep, needs: readonly string[]): FoundTarget {
  const { known, dependsOn } = knownPart(step.each.match, needs);
  const readsItem = JSON.stringify(known).includes("item");
  const find = (scope: Scope) => findNodes(planning, known, scope, step.each.human !== undefined);
  const shared = readsItem ? undefined : find(planning.scope);
  const base = {
    ...noTarget,
    candidates: shared?.candidates.length ?? 0,
    explanation: shared?.explanation ?? "each item is matched by itself",
  };
  if (step.members.by !== "items") return { target: base, dependsOn, problem: "" };
  const reads = stepsReadByMapping(step.members.items, needs);
  const growsWith = step.members.growsWith === undefined ? [] : [step.members.growsWith];
  const open = [...new Set([...dependsOn, ...reads, ...growsWith])];
  if (open.length > dependsOn.length) return { target: base, dependsOn: open, problem: "" };
  const result = evaluateMapping(step.members.items, planning.scope, planning.evaluate);
  if (!result.ok || !Array.isArray(result.value)) {
    const why = result.ok ? "it is not a list" : result.reason;
    return { target: base, dependsOn, problem: `fanout.items: ${why}` };
  }
  const items = result.value as readonly JsonValue[];
  const chosen: NodeRecord[] = [];
  let unmatched = 0;
  let explanation = base.explanation;
  const looked = shared === undefined ? items.slice(0, itemsMatchedMax) : items;
  for (const [index, item] of looked.entries()) {
    const found = shared ?? find({ ...planning.scope, item, index });
    // Equally good nodes take items in turn.
    const best = found.candidates.filter(({ state }) => state === found.candidates[0]?.state);
    const node = best[(shared === undefined ? 0 : index) % Math.max(1, best.length)];
    if (node !== undefined) chosen.push(node);
    else {
      unmatched += 1;
      explanation = `item ${index}: ${found.explanation}`;
    }
  }
  const target = {
    ...base,
    explanation,
    members: items.length,
    ...sharesOf(planning.state, chosen),
    sample: sampleOf(chosen),
    unmatched,
  };
  return { target, dependsOn, problem: "" };
}

function sharesOf(state: HubState, nodes: readonly NodeRecord[]) {
  const counts = new Map<string, number>();
  for (const { description } of nodes) {
    const child = childTowards(state.self, description.address) ?? description.address;
    counts.set(child, (counts.get(child) ?? 0) + 1);
  }
  const all: PlannedShare[] = [...counts]
    .map(([address, members]) => ({ address, title: titleOf(state, address), members }))
    .sort((a, b) => b.members - a.members || compareText(a.address, b.address));
  return { shares: all.slice(0, sharesMax), sharesMore: Math.max(0, all.length - sharesMax) };
}

function titleOf(state: HubState, address: string): Title {
  return (
    recordOf(state, address as NodeRecord["description"]["address"])?.description.title ?? {
      zh: "",
    }
  );
}

function sampleOf(nodes: readonly NodeRecord[]): readonly PlannedNode[] {
  return nodes.slice(0, sampleMax).map(plannedNode);
}

function plannedNode({ description, state }: NodeRecord): PlannedNode {
  return { address: description.address, title: description.title, state };
}
