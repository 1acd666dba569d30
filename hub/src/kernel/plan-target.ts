// Plan target: who would get a step of a plan, and why.

import {
  type Address,
  childTowards,
  compareText,
  evaluateMapping,
  type FanoutStep,
  type JsonValue,
  type Match,
  type NodeRecord,
  type Scope,
  type Title,
} from "@cloudbrain/sdk/domain";
import { noTarget, type PlannedNode, type PlannedShare, type PlannedTarget } from "./chain-plan.ts";
import type { ExplainedMatch } from "./explain-match.ts";
import { stepsReadBy, stepsReadByMapping } from "./expression-steps.ts";
import { levelConditions } from "./match-conditions.ts";
import { chooseNodes, explainNodes, knownPart, type Planning, readsItself } from "./plan-match.ts";
import { recordOf, resolveScope } from "./registry.ts";
import type { HubState } from "./state.ts";

const othersMax = 10;
const sharesMax = 200;
const sampleMax = 20;
/** Matching anew for each of thousands of items would take longer than a person waits. */
export const matchedOneByOneMax = 200;

/** What is known of a target, and which steps decide what is not. */
export interface FoundTarget {
  readonly target: PlannedTarget;
  readonly dependsOn: readonly string[];
  /** Why nobody would get it; empty when somebody would, or when that is not known yet. */
  readonly problem: string;
  /** Who would do it, as far as that is known. */
  readonly doers: readonly PlannedDoer[];
}

export interface PlannedDoer {
  readonly record: NodeRecord;
  /** {item, index} of what it would get; empty for a step and for a member that is its node. */
  readonly scope: Scope;
}

export function planNode(planning: Planning, match: Match, needs: readonly string[]): FoundTarget {
  const { known, dependsOn } = knownPart(planning, match, (source) => stepsReadBy(source, needs));
  const found = explainNodes(planning, known, planning.scope);
  const [best, ...others] = found.candidates;
  const target = {
    ...explained(found),
    node: best === undefined ? undefined : plannedNode(best),
    others: others.slice(0, othersMax).map(plannedNode),
  };
  if (best === undefined) return { target, dependsOn, problem: "no node matches", doers: [] };
  return { target, dependsOn, problem: "", doers: [{ record: best, scope: {} }] };
}

export function planFanout(
  given: Planning,
  step: FanoutStep,
  needs: readonly string[],
): FoundTarget {
  const { members } = step;
  const reads = (source: string) => stepsReadBy(source, needs);
  const { known, dependsOn } = knownPart(given, step.each.match, reads);
  // The members of a level stand below this hub.
  const forPeople = members.by !== "level" && step.each.human !== undefined;
  const planning = { ...given, forPeople };
  if (members.by === "items") return planItems(planning, { ...step, members }, known, dependsOn);
  if (members.by === "match") {
    return membersOf(planning, explainNodes(planning, known, planning.scope), dependsOn);
  }
  const scopeReads = stepsReadByMapping(members.scope, needs);
  let root = planning.state.self;
  if (scopeReads.length === 0) {
    const wanted = evaluateMapping(members.scope, planning.scope, planning.evaluate);
    const text = wanted.ok && typeof wanted.value === "string" ? wanted.value : undefined;
    const named = text === undefined ? undefined : resolveScope(planning.state, text);
    if (named === undefined) {
      const why = wanted.ok
        ? `no node has the address or code ${JSON.stringify(wanted.value)}`
        : wanted.reason;
      const target = explained(explainNodes(planning, known, planning.scope));
      return { target, dependsOn, problem: `fanout.scope: ${why}`, doers: [] };
    }
    root = named;
  }
  const also = levelConditions(members.level, root);
  const found = explainNodes(planning, known, planning.scope, also);
  return membersOf(planning, found, [...new Set([...dependsOn, ...scopeReads])]);
}

function membersOf(
  planning: Planning,
  found: ExplainedMatch,
  dependsOn: readonly string[],
): FoundTarget {
  const { candidates } = found;
  const target = {
    ...explained(found),
    members: candidates.length,
    ...sharesOf(planning.state, candidates),
    sample: sampleOf(candidates),
  };
  const problem = candidates.length === 0 ? "it would have no members" : "";
  return { target, dependsOn, problem, doers: candidates.map((record) => ({ record, scope: {} })) };
}

type ItemsStep = FanoutStep & {
  readonly members: Extract<FanoutStep["members"], { readonly by: "items" }>;
};

/** One member per item; items that read nothing of themselves in the match share one search. */
function planItems(
  planning: Planning,
  { members, needs }: ItemsStep,
  known: Match,
  dependsOn: readonly string[],
): FoundTarget {
  const shared = readsItself(known) ? undefined : explainNodes(planning, known, planning.scope);
  const reads = stepsReadByMapping(
    members.items,
    needs.map(({ step }) => step),
  );
  const growsWith = members.growsWith === undefined ? [] : [members.growsWith];
  const open = [...new Set([...dependsOn, ...reads, ...growsWith])];
  const unknown = () => ({
    target: explained(shared ?? explainAnyItem(planning, known)),
    doers: [],
  });
  if (open.length > dependsOn.length) return { ...unknown(), dependsOn: open, problem: "" };
  const result = evaluateMapping(members.items, planning.scope, planning.evaluate);
  if (!result.ok || !Array.isArray(result.value)) {
    const why = result.ok ? "it is not a list" : result.reason;
    return { ...unknown(), dependsOn, problem: `fanout.items: ${why}` };
  }
  const items = result.value as readonly JsonValue[];
  const doers: PlannedDoer[] = [];
  const unmatched: number[] = [];
  const looked = shared === undefined ? items.slice(0, matchedOneByOneMax) : items;
  for (const [index, item] of looked.entries()) {
    const scope = { item, index };
    const { candidates, equals } =
      shared ?? chooseNodes(planning, known, { ...planning.scope, ...scope });
    // Equally good nodes take items in turn.
    const record = candidates[index % Math.max(1, equals)];
    if (record === undefined) unmatched.push(index);
    else doers.push({ record, scope });
  }
  const records = doers.map(({ record }) => record);
  const target = {
    ...(shared === undefined
      ? explainedItem(planning, known, items, unmatched[0] ?? 0)
      : explained(shared)),
    members: items.length,
    ...sharesOf(planning.state, records),
    sample: sampleOf(records),
    unmatched: unmatched.length,
  };
  return { target, dependsOn, problem: "", doers };
}

/** Items that are not known: what reads them is left out, so that it is the most that can be. */
function explainAnyItem(planning: Planning, known: Match): ExplainedMatch {
  const reads = (source: string) => (/\b(?:item|index)\b/.test(source) ? ["item"] : []);
  return explainNodes(planning, knownPart(planning, known, reads).known, planning.scope);
}

/** The first item that nobody gets stands for all, else the first. */
function explainedItem(
  planning: Planning,
  known: Match,
  items: readonly JsonValue[],
  index: number,
): PlannedTarget {
  if (items.length === 0) return explained(explainAnyItem(planning, known));
  const scope = { ...planning.scope, item: items[index] ?? null, index };
  const target = explained(explainNodes(planning, known, scope), index);
  return { ...target, explanation: `item ${index}: ${target.explanation}` };
}

function explained(found: ExplainedMatch, item?: number): PlannedTarget {
  const { candidates, explanation, explained: match } = found;
  return {
    ...noTarget,
    candidates: candidates.length,
    explanation,
    match: { ...match, item },
  };
}

function sharesOf(state: HubState, nodes: readonly NodeRecord[]) {
  const counts = new Map<Address, number>();
  for (const { description } of nodes) {
    const child = childTowards(state.self, description.address) ?? description.address;
    counts.set(child, (counts.get(child) ?? 0) + 1);
  }
  const all: PlannedShare[] = [...counts]
    .map(([address, members]) => ({ address, title: titleOf(state, address), members }))
    .sort((a, b) => b.members - a.members || compareText(a.address, b.address));
  return { shares: all.slice(0, sharesMax), sharesMore: Math.max(0, all.length - sharesMax) };
}

function titleOf(state: HubState, address: Address): Title {
  return recordOf(state, address)?.description.title ?? { zh: "" };
}

function sampleOf(nodes: readonly NodeRecord[]): readonly PlannedNode[] {
  return nodes.slice(0, sampleMax).map(plannedNode);
}

export function plannedNode({ description, state }: NodeRecord): PlannedNode {
  return { address: description.address, title: description.title, state };
}
