// Plan match: who a match of a plan finds, and why.
//
//   E1  Nodes are found and explained here alone, by the code with which the kernel finds them.
//   E2  A condition that reads what earlier steps give is left out, and the step says so: what is
//       shown then is the most that can be.

import type { Address, Application, Evaluate, Mapping, Match, Scope } from "@cloudbrain/sdk/domain";
import { type ExplainDetail, type ExplainedMatch, explainMatch } from "./explain-match.ts";
import { sourcesOf } from "./expression-steps.ts";
import { findCandidates, type MatchDetail, type MatchResult, pinPolicy } from "./registry.ts";
import type { HubState } from "./state.ts";

export interface Planning extends Pick<ExplainDetail, "nodesMax" | "named"> {
  readonly state: HubState;
  readonly application: Application;
  readonly evaluate: Evaluate;
  /** {input, steps}; `steps` is empty, nothing has run. */
  readonly scope: Scope;
  /** Where the chain would be submitted. */
  readonly from: Address;
  /** The step is for people. */
  readonly forPeople?: boolean;
}

/** Who matches, without a word about the others. */
export function chooseNodes(planning: Planning, match: Match, scope: Scope): MatchResult {
  const { state, evaluate, from, forPeople = false } = planning;
  return findCandidates(state, match, scope, evaluate, { from, forPeople });
}

/** Who matches, and why every other node does not. */
export function explainNodes(
  planning: Planning,
  match: Match,
  scope: Scope,
  also: MatchDetail["also"] = [],
): ExplainedMatch {
  return explainMatch(planning.state, match, scope, planning.evaluate, { ...planning, also });
}

/** The match without what reads the output of steps (E2), and those steps. */
export function knownPart(
  planning: Planning,
  match: Match,
  reads: (source: string) => readonly string[],
) {
  const pinned = pinPolicy(planning.application, match);
  const readBy = (mapping: Mapping | undefined) => sourcesOf(mapping).flatMap(reads);
  const region = readBy(pinned.region);
  const industry = readBy(pinned.industry);
  const where = pinned.where === undefined ? [] : reads(pinned.where);
  const policy = pinned.allow === undefined ? [] : reads(pinned.allow);
  const prefer = pinned.prefer?.filter((source) => reads(source).length === 0);
  const known: Match = {
    ...pinned,
    region: region.length > 0 ? undefined : pinned.region,
    industry: industry.length > 0 ? undefined : pinned.industry,
    where: where.length > 0 ? undefined : pinned.where,
    policy: policy.length > 0 ? undefined : pinned.policy,
    ...(prefer === undefined ? {} : { prefer }),
  };
  return { known, dependsOn: [...new Set([...region, ...industry, ...where, ...policy])] };
}

/** Whether each item or member is matched by itself. */
export function readsItself(match: Match): boolean {
  return match.pick === "nearest" || /\b(?:item|index|member)\b/.test(JSON.stringify(match));
}
