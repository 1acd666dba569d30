// Apply: facts about fan-outs, their members and the partials of the hubs below.

import { type Address, limits } from "@cloudbrain/sdk/domain";
import { type Applying, sendFrame } from "./apply.ts";
import { createAssignment, dropAssignment } from "./apply-assignment.ts";
import { beginStep, memberAssignmentId, stepOf, touchChain } from "./apply-chain.ts";
import { sendCancel } from "./apply-task.ts";
import type { HubFact, OpenedMember } from "./facts.ts";
import type { AssignmentTask, ChildPart, Fanout, HubState, Member } from "./state.ts";

type FanoutFact = Extract<
  HubFact,
  {
    t:
      | "fanoutOpened"
      | "fanoutEnded"
      | "partialReceived"
      | "partialEmitted"
      | "withdrawn"
      | "delegatedAgain";
  }
>;
type OpenedFact = Extract<HubFact, { t: "fanoutOpened" }>;

/**
 * What a hub keeps back of the time it was given, so that its answer arrives before its parent's
 * patience ends: 3 %, at least 5 ms.
 */
export function budgetBelow(budgetMs: number): number {
  return Math.max(1, Math.floor(budgetMs - Math.max(5, budgetMs * 0.03)));
}

export function applyFanoutFact(applying: Applying, fact: FanoutFact): void {
  if (fact.t === "fanoutOpened") {
    openFanout(applying, fact);
    return;
  }
  const { state } = applying;
  const fanout = state.fanouts.get(fact.fanout);
  if (fanout === undefined) return;
  applying.dirty.mark("fanout", fanout.id);
  switch (fact.t) {
    case "partialReceived": {
      const child = fanout.children.get(fact.child);
      if (child === undefined) return;
      Object.assign(child, {
        version: fact.version,
        closed: fact.closed,
        final: fact.final,
        members: fact.members,
        replied: fact.replied,
        failed: fact.failed,
        accumulators: fact.accumulators,
        missing: fact.missing,
      } satisfies Partial<ChildPart>);
      noteChange(applying, fanout);
      return;
    }
    case "partialEmitted":
      emit(applying, fanout, fact);
      return;
    case "withdrawn":
      fanout.withdrawn = true;
      recall(applying, fanout, "withdrawn");
      return;
    case "delegatedAgain":
      delegate(applying, fanout, fact.child, fanout.membersMax);
      return;
    case "fanoutEnded": {
      const chain = state.chains.get(fanout.chain);
      dropFanout(applying, fanout, fact.state);
      if (chain === undefined) return;
      const step = stepOf(chain, fanout.step);
      step.summary = fact.summary;
      step.state = fact.state;
      step.reason = fact.reason;
      if (fact.output !== undefined) step.output = fact.output;
      step.endedAtMs = applying.atMs;
      touchChain(applying, chain);
    }
  }
}

function openFanout(applying: Applying, fact: OpenedFact): void {
  const { state, atMs } = applying;
  const chain = state.chains.get(fact.chain);
  const origin = fact.upstream === undefined;
  const definition = chain?.application.steps.find(({ id }) => id === fact.step);
  const fromStep = definition?.type === "fanout" ? definition : undefined;
  const each = fact.each ?? fromStep?.each;
  const aggregate = fact.aggregate ?? fromStep?.aggregate;
  if (each === undefined || aggregate === undefined) return;
  if (origin && chain !== undefined) {
    beginStep(chain, fact.step, atMs);
    touchChain(applying, chain);
  }
  const fanout: Fanout = {
    id: fact.fanout,
    chain: fact.chain,
    step: fact.step,
    upstream: fact.upstream,
    by: fact.by,
    scope: fact.scope,
    level: fact.level,
    each,
    aggregate,
    context: fact.context,
    openedAtMs: atMs,
    membersMax: fact.membersMax,
    dueMs: atMs + fact.finishMs,
    members: new Map(),
    children: new Map(),
    live: 0,
    replied: 0,
    failed: 0,
    version: 0,
    emitDueMs: 0,
    changed: false,
    withdrawn: false,
    ...(fact.urgent === true || (origin && chain?.application.urgency === "emergency")
      ? { urgent: true as const }
      : {}),
    human: fact.human,
  };
  state.fanouts.set(fanout.id, fanout);
  applying.dirty.mark("fanout", fanout.id);
  state.due.push("fanout", fanout.id, fanout.dueMs);
  for (const member of fact.members) addMember(applying, fanout, member, fact.input);
  for (const child of fact.children) delegate(applying, fanout, child, fact.membersMax);
  noteChange(applying, fanout);
}

function addMember(
  applying: Applying,
  fanout: Fanout,
  opened: OpenedMember,
  sharedInput: string,
): void {
  const matched = opened.node !== "";
  const member: Member = {
    key: opened.key,
    node: opened.node as Address,
    state: matched ? "live" : "failed",
    contribution: [],
    atMs: matched ? 0 : applying.atMs,
    reason: opened.reason ?? "",
    item: opened.item ?? null,
    ...(opened.desk === undefined ? {} : { desk: opened.desk }),
  };
  fanout.members.set(member.key, member);
  if (!matched) {
    fanout.failed += 1;
    return;
  }
  fanout.live += 1;
  createAssignment(applying, {
    id: memberAssignmentId(fanout.id, member.key),
    owner: { kind: "member", fanout: fanout.id, member: member.key },
    chain: fanout.chain,
    step: fanout.step,
    input: opened.input ?? sharedInput,
    node: opened.desk ?? member.node,
    task: taskOf(fanout, opened, member.node),
  });
}

function taskOf(
  fanout: Fanout,
  { desk, people }: OpenedMember,
  about: Address,
): AssignmentTask | undefined {
  if (desk === undefined || fanout.human === undefined) return undefined;
  const { safetyDueMs } = fanout.human;
  return { about, safetyDueMs, returnedBy: [], ...(people === undefined ? {} : { people }) };
}

function delegate(applying: Applying, fanout: Fanout, child: Address, membersMax: number): void {
  fanout.children.set(child, {
    address: child,
    version: 0,
    closed: false,
    final: false,
    members: 0,
    replied: 0,
    failed: 0,
    accumulators: [],
    missing: [],
  });
  sendFrame(applying, child, {
    kind: "delegate",
    fanout: fanout.id,
    chain: fanout.chain,
    step: fanout.step,
    scope: fanout.scope as Address,
    level: fanout.level,
    membersMax,
    each: fanout.each,
    aggregate: fanout.aggregate,
    context: fanout.context,
    budgetMs: budgetBelow(fanout.dueMs - applying.atMs),
    ...(fanout.human === undefined ? {} : { heading: fanout.human.heading }),
  });
}

export function noteMemberEnded(
  applying: Applying,
  owner: { readonly fanout: string; readonly member: string },
  fact: Extract<HubFact, { t: "ended" }>,
): void {
  const fanout = applying.state.fanouts.get(owner.fanout);
  const member = fanout?.members.get(owner.member);
  if (fanout === undefined || member === undefined || member.state !== "live") return;
  member.state = fact.outcome === "succeeded" ? "replied" : "failed";
  member.contribution = Array.isArray(fact.value) ? fact.value : [];
  member.atMs = applying.atMs;
  member.reason = fact.reason;
  fanout.live -= 1;
  if (member.state === "replied") fanout.replied += 1;
  else fanout.failed += 1;
  noteChange(applying, fanout);
}

/** The next partial is due `emitEvery` after the first change that no partial has told. */
function noteChange(applying: Applying, fanout: Fanout): void {
  fanout.changed = true;
  if (fanout.upstream === undefined) {
    const chain = applying.state.chains.get(fanout.chain);
    if (chain !== undefined) touchChain(applying, chain);
    return;
  }
  if (fanout.emitDueMs > 0) return;
  fanout.emitDueMs = applying.atMs + fanout.aggregate.emitEveryMs;
  applying.state.due.push("emit", fanout.id, fanout.emitDueMs);
}

function emit(
  applying: Applying,
  fanout: Fanout,
  fact: Extract<FanoutFact, { t: "partialEmitted" }>,
): void {
  fanout.version = fact.version;
  fanout.changed = false;
  fanout.emitDueMs = 0;
  const { t: _kind, ...partial } = fact;
  if (fanout.upstream !== undefined) {
    sendFrame(applying, fanout.upstream, { kind: "partial", ...partial });
  }
  if (fact.final) dropFanout(applying, fanout, "final");
}

/** Asks everybody below to stop. */
function recall(applying: Applying, fanout: Fanout, reason: string): void {
  const { state } = applying;
  for (const member of fanout.live > 0 ? fanout.members.values() : []) {
    const assignment = state.assignments.get(memberAssignmentId(fanout.id, member.key));
    if (assignment === undefined) continue;
    const { id, attempt } = assignment;
    sendCancel(applying, assignment.node, { id, attempt, reason });
  }
  recallReported(applying, fanout, reason);
  for (const child of fanout.children.values()) {
    if (child.final) continue;
    sendFrame(applying, child.address, { kind: "withdraw", fanout: fanout.id, reason });
  }
}

/** Members that may revise keep their task open after their first answer. */
function recallReported(applying: Applying, fanout: Fanout, reason: string): void {
  if (fanout.human === undefined || fanout.each.revise !== true) return;
  for (const { key, state, desk } of fanout.members.values()) {
    if (state !== "replied" || desk === undefined) continue;
    const id = memberAssignmentId(fanout.id, key);
    sendCancel(applying, desk, { id, attempt: limits.attemptsMax, reason });
  }
}

/** The fan-out is over here: what still runs is recalled and forgotten. */
export function dropFanout(applying: Applying, fanout: Fanout, why: string): void {
  if (!fanout.withdrawn) recall(applying, fanout, why);
  if (fanout.live > 0) dropMembers(applying.state, fanout);
  applying.state.fanouts.delete(fanout.id);
  applying.dirty.mark("fanout", fanout.id);
}

function dropMembers(state: HubState, fanout: Fanout): void {
  for (const member of fanout.members.values()) {
    const assignment = state.assignments.get(memberAssignmentId(fanout.id, member.key));
    if (assignment !== undefined) dropAssignment(state, assignment);
  }
}
