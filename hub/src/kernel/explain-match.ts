// Explanation of a match, for people: why this node and why not that one.
//
//   M3  Choosing and explaining are one piece of code, so that no explanation differs from what is
//       done.

import type {
  Address,
  Evaluate,
  Match,
  NodeRecord,
  NodeState,
  Scope,
} from "@cloudbrain/sdk/domain";
import { type Condition, conditionsOf, findCandidates, holdersOf } from "./registry.ts";
import type { HubState } from "./state.ts";

/** What became of one node in a match. */
export interface NodeVerdict {
  readonly node: Address;
  readonly state: NodeState;
  /** From 1, best first; 0: it does not match. */
  readonly rank: number;
  readonly chosen: boolean;
  /** The first condition that it fails, and the value that was seen there. */
  readonly failed:
    | { readonly condition: string; readonly wanted: string; readonly seen: string }
    | undefined;
}

export interface MatchExplanation {
  readonly withCapability: number;
  readonly matching: number;
  readonly chosen: number;
  /** How many nodes each condition turned away, in the order of the conditions. */
  readonly turnedAway: readonly { readonly condition: string; readonly nodes: number }[];
  /** Those that match first, then the others by address; at most `explainedNodesMax`. */
  readonly nodes: readonly NodeVerdict[];
  /** Why the match itself can't be evaluated; empty when it can. */
  readonly problem: string;
}

/** So many nodes are told of one by one; the counts are of all. */
const explainedNodesMax = 200;

/** Why this node and why not that one: the same conditions and order as `findCandidates`. */
export function explainMatch(
  state: HubState,
  match: Match,
  scope: Scope,
  evaluate: Evaluate,
  from: Address = state.self,
): MatchExplanation {
  const holders = holdersOf(state, match);
  const withCapability = holders.length;
  const conditions = conditionsOf(match, scope, evaluate);
  if (typeof conditions === "string") {
    const none = { withCapability, matching: 0, chosen: 0, turnedAway: [], nodes: [] };
    return { ...none, problem: conditions };
  }
  const { candidates } = findCandidates(state, match, scope, evaluate, from);
  const chosen = match.pick === "all" ? candidates.length : Math.min(1, candidates.length);
  const verdicts: NodeVerdict[] = candidates.map((record, index) => ({
    node: record.description.address,
    state: record.state,
    rank: index + 1,
    chosen: index < chosen,
    failed: undefined,
  }));
  const counts = new Map<string, number>(conditions.map(({ name }) => [name, 0]));
  const matching = new Set(candidates);
  const others = holders.filter((record) => !matching.has(record));
  others.sort((a, b) => (a.description.address < b.description.address ? -1 : 1));
  for (const record of others) {
    const failed = firstFailure(conditions, record);
    counts.set(failed.condition, (counts.get(failed.condition) ?? 0) + 1);
    const { address } = record.description;
    verdicts.push({ node: address, state: record.state, rank: 0, chosen: false, failed });
  }
  return {
    withCapability,
    matching: candidates.length,
    chosen,
    turnedAway: [...counts].map(([condition, nodes]) => ({ condition, nodes })),
    nodes: verdicts.slice(0, explainedNodesMax),
    problem: "",
  };
}

function firstFailure(
  conditions: readonly Condition[],
  record: NodeRecord,
): NonNullable<NodeVerdict["failed"]> {
  for (const { name, wanted, check } of conditions) {
    const verdict = check(record);
    if (!verdict.holds) return { condition: name, wanted, seen: verdict.trouble ?? verdict.seen };
  }
  return { condition: "state", wanted: "not retired", seen: record.state };
}
