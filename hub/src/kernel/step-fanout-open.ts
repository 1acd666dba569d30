// Steps: a fan-out opens. The member set is pinned here; hubs below pin their part and say so
// (closed).

import {
  type Address,
  childTowards,
  compareText,
  evaluateMapping,
  type FanoutStep,
  isWithin,
  type JsonObject,
  limits,
  type NodeRecord,
  type Scope,
} from "@cloudbrain/sdk/domain";
import { runId } from "./apply-chain.ts";
import { pinEach } from "./apply-compensation.ts";
import type { Deciding } from "./deciding.ts";
import type { OpenedMember } from "./facts.ts";
import { levelConditions } from "./match-conditions.ts";
import { nodeScope } from "./node-scope.ts";
import { findCandidates, resolveScope, submitterArea } from "./registry.ts";
import type { Chain } from "./state.ts";
import { inputText, suspend } from "./step-chain.ts";
import { type MemberWork, openMembersHere, prepareFanout, withTask } from "./step-human.ts";
import { itemMembers } from "./step-items.ts";
import { headingOf } from "./task-spec.ts";

export function openOrigin(
  deciding: Deciding,
  chain: Chain,
  step: FanoutStep,
  scope: Scope & JsonObject,
): void {
  const run = chain.steps.get(step.id);
  const fanout = runId(chain.id, step.id, (run?.visit ?? 0) + 1);
  const each = pinEach(chain.application, step);
  const human = prepareFanout(deciding, each, scope, headingOf(chain, step.id));
  if (typeof human === "string") {
    suspend(deciding, chain, step, human);
    return;
  }
  const work = { each, human };
  const common = {
    t: "fanoutOpened",
    fanout,
    chain: chain.id,
    step: step.id,
    finishMs: step.aggregate.finishMs,
    membersMax: step.members.membersMax,
    ...(each === step.each ? {} : { each }),
    ...(human === undefined ? {} : { human }),
  } as const;
  const nowhere = { scope: "", level: "", context: {}, children: [], input: "null" } as const;
  if (step.members.by === "items") {
    const opening = itemMembers(deciding, chain, step, scope, human);
    if (typeof opening === "string") {
      suspend(deciding, chain, step, opening);
      return;
    }
    deciding.decide({ ...common, ...nowhere, by: "items", ...opening });
  } else if (step.members.by === "match") {
    const part = matchPart(deciding, chain, step, work, scope);
    if (typeof part === "string") {
      suspend(deciding, chain, step, part);
      return;
    }
    deciding.decide({ ...common, ...nowhere, by: "match", ...part });
  } else {
    const wanted = evaluateMapping(step.members.scope, scope, deciding.evaluate);
    const text = wanted.ok ? wanted.value : null;
    const root = typeof text === "string" ? resolveScope(deciding.state, text) : undefined;
    if (root === undefined) {
      const why = wanted.ok ? `no node has the address or code ${String(text)}` : wanted.reason;
      suspend(deciding, chain, step, `fanout.scope: ${why}`);
      return;
    }
    const { level } = step.members;
    const part = levelPart(deciding, root, level, work, scope);
    deciding.decide({ ...common, by: "level", scope: root, level, context: scope, ...part });
  }
  openMembersHere(deciding, fanout, deciding.state.fanouts.get(fanout)?.members.values() ?? []);
  deciding.reviewFanout(fanout);
}

type LevelPart = {
  readonly members: readonly OpenedMember[];
  readonly children: readonly Address[];
  readonly expected: readonly number[];
  readonly input: string;
};

/** Our direct nodes of the level, and the child hubs that have more of them below. */
export function levelPart(
  deciding: Deciding,
  root: Address,
  level: string,
  work: MemberWork,
  scope: Scope,
): LevelPart {
  const { state } = deciding;
  const { each } = work;
  const also = levelConditions(level, root);
  const found = findCandidates(state, each.match, scope, deciding.evaluate, { also });
  const members: OpenedMember[] = [];
  const below = new Map<Address, number>();
  // One text for all where the input does not read the member: it is stored and encoded once.
  const shared = inputText(deciding, each.input, scope);
  for (const record of found.candidates) {
    const { address } = record.description;
    const child = childTowards(state.self, address);
    if (child === undefined) continue;
    if (child !== address) {
      below.set(child, (below.get(child) ?? 0) + 1);
      continue;
    }
    members.push(nodeMember(deciding, work, scope, record, shared.ok));
  }
  members.sort((a, b) => compareText(a.key, b.key));
  const children = [...below.keys()].sort(compareText);
  return {
    members,
    children,
    expected: children.map((child) => below.get(child) ?? 0),
    input: shared.ok ? shared.text : "null",
  };
}

/** Our child hubs that lie towards the scope and may have nodes of the level below them. */
export function childHubsTowards(
  deciding: Deciding,
  root: Address,
  level: string,
): readonly Address[] {
  const { state } = deciding;
  const children = new Set<Address>();
  for (const [address, { description }] of state.nodes) {
    if (description.level !== level || !isWithin(address, root)) continue;
    const child = childTowards(state.self, address);
    if (child !== undefined && child !== address) children.add(child);
  }
  return [...children].sort(compareText);
}

/** Every node that matches, wherever below us it stands; a text answers why it can't be done. */
function matchPart(
  deciding: Deciding,
  chain: Chain,
  step: FanoutStep,
  work: MemberWork,
  scope: Scope,
): { readonly members: readonly OpenedMember[]; readonly input: string } | string {
  const { each } = work;
  const from = submitterArea(deciding.state, chain.submitter);
  const forPeople = work.human !== undefined;
  const detail = { from, forPeople };
  const found = findCandidates(deciding.state, each.match, scope, deciding.evaluate, detail);
  const max = Math.min(step.members.membersMax, limits.fanoutMembersPerHubMax);
  const { length } = found.candidates;
  if (length > max) return `fanout: ${length} nodes match, which is over the limit of ${max}`;
  const shared = inputText(deciding, each.input, scope);
  const members = found.candidates.map((record) =>
    nodeMember(deciding, work, scope, record, shared.ok),
  );
  members.sort((a, b) => compareText(a.key, b.key));
  return { members, input: shared.ok ? shared.text : "null" };
}

/** A member that is its node. Its input is its own where the shared one can't be evaluated. */
function nodeMember(
  deciding: Deciding,
  work: MemberWork,
  scope: Scope,
  record: NodeRecord,
  isShared: boolean,
): OpenedMember {
  const { address } = record.description;
  const member = { key: address, node: address };
  if (isShared) return withTask(deciding, work, scope, member);
  const own = inputText(deciding, work.each.input, { ...scope, member: nodeScope(record) });
  return own.ok
    ? withTask(deciding, work, scope, { ...member, input: own.text })
    : { key: address, node: "", reason: own.reason };
}
