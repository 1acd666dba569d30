// Explanation of a match, for people: why this node and why not that one.
//
//   M3  Choosing and explaining are one piece of code, so that no explanation differs from what is
//       done: `findCandidates` chooses and tells whom it turns away.

import {
  type Address,
  compareText,
  type Evaluate,
  type Match,
  type NodeRecord,
  type NodeState,
  type Scope,
} from "@cloudbrain/sdk/domain";
import { findCandidates, type MatchDetail, type MatchResult } from "./registry.ts";
import type { HubState } from "./state.ts";

/** What became of one node in a match. */
export interface NodeVerdict {
  readonly node: Address;
  /** Undefined: this hub does not know the node. */
  readonly state: NodeState | undefined;
  /** From 1, best first; 0: it does not match. */
  readonly rank: number;
  /** The first condition that it fails; empty when it matches. */
  readonly condition: string;
  /** What was seen there instead of what was wanted. */
  readonly seen: string;
}

export interface ConditionCount {
  readonly condition: string;
  readonly wanted: string;
  /** How many nodes it turned away that had passed all conditions before it. */
  readonly nodes: number;
  /** The first of them by address. */
  readonly examples: readonly NodeVerdict[];
}

export interface MatchExplanation {
  /** Nodes that this hub knows. With those that match, the turned away ones make this number. */
  readonly known: number;
  /** In the order in which they are asked; the capability is the first. */
  readonly conditions: readonly ConditionCount[];
  /** Those asked for by name, then those that match, then the others, condition by condition. */
  readonly nodes: readonly NodeVerdict[];
  /** How many more there are. */
  readonly nodesMore: number;
  /** Why the match itself can't be evaluated; empty when it can. */
  readonly problem: string;
}

export interface ExplainDetail extends Pick<MatchDetail, "from" | "forPeople" | "also"> {
  /** Nodes that are told of one by one; the counts are of all. */
  readonly nodesMax: number;
  /** Told of in any case, beside `nodesMax`. */
  readonly named: readonly Address[];
}

export interface ExplainedMatch extends MatchResult {
  readonly explained: MatchExplanation;
}

export const noExplanation: MatchExplanation = {
  known: 0,
  conditions: [],
  nodes: [],
  nodesMore: 0,
  problem: "",
};

const examplesMax = 3;
/** An expression may see a long text; its beginning is what tells. */
const seenCharsMax = 200;
const capabilityCondition = "capability";

/** `findCandidates`, and why every node this hub knows was matched or not. */
export function explainMatch(
  state: HubState,
  match: Match,
  scope: Scope,
  evaluate: Evaluate,
  { from, forPeople, also, nodesMax, named }: ExplainDetail,
): ExplainedMatch {
  const turnedAway = new Map<string, NodeVerdict[]>();
  const turnAway = (record: NodeRecord, condition: string, seen: string): void => {
    const node = record.description.address;
    const verdict = { node, state: record.state, rank: 0, condition, seen: bounded(seen) };
    const before = turnedAway.get(condition);
    if (before === undefined) turnedAway.set(condition, [verdict]);
    else before.push(verdict);
  };
  const found = findCandidates(state, match, scope, evaluate, {
    from,
    ...(forPeople === undefined ? {} : { forPeople }),
    ...(also === undefined ? {} : { also }),
    onTurnedAway: (record, { name }, seen) => turnAway(record, name, seen),
  });
  // This hub is one of those that people work at.
  const self = forPeople === true ? state.own : undefined;
  const known = state.nodes.size + (self === undefined ? 0 : 1);
  if (found.problem !== "") {
    const { problem } = found;
    return { ...found, explained: { ...noExplanation, known, nodesMore: known, problem } };
  }
  const holders = state.nodesByCapability.get(match.capability);
  const tell = (record: NodeRecord): void =>
    turnAway(record, capabilityCondition, record.description.capabilities.join(", "));
  for (const [address, record] of state.nodes) if (holders?.has(address) !== true) tell(record);
  if (self?.description.capabilities.includes(match.capability) === false) tell(self);
  const asked = [{ name: capabilityCondition, wanted: match.capability }, ...found.conditions];
  const conditions = asked.map(({ name, wanted }): ConditionCount => {
    const verdicts = turnedAway.get(name) ?? [];
    verdicts.sort((a, b) => compareText(a.node, b.node));
    const examples = verdicts.slice(0, examplesMax);
    return { condition: name, wanted, nodes: verdicts.length, examples };
  });
  const verdicts = [
    ...found.candidates.map((record, index) => ({
      node: record.description.address,
      state: record.state,
      rank: index + 1,
      condition: "",
      seen: "",
    })),
    ...asked.flatMap(({ name }) => turnedAway.get(name) ?? []),
  ];
  const others = verdicts.filter(({ node }) => !named.includes(node));
  const nodes = [...verdictsOn(named, verdicts), ...others.slice(0, nodesMax)];
  const nodesMore = Math.max(0, others.length - nodesMax);
  return { ...found, explained: { known, conditions, nodes, nodesMore, problem: "" } };
}

function verdictsOn(
  named: readonly Address[],
  verdicts: readonly NodeVerdict[],
): readonly NodeVerdict[] {
  if (named.length === 0) return [];
  const byNode = new Map(verdicts.map((verdict) => [verdict.node, verdict]));
  const unknown = { state: undefined, rank: 0, condition: "known", seen: "" };
  return named.map((node) => byNode.get(node) ?? { node, ...unknown });
}

function bounded(seen: string): string {
  return seen.length > seenCharsMax ? `${seen.slice(0, seenCharsMax - 1)}\u2026` : seen;
}
