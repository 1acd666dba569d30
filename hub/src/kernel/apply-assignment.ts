// Apply: facts about instructions that are on their way.

import type { Address, Deadlines, Match, RetryRule } from "@cloudbrain/sdk/domain";
import { type Applying, sendFrame } from "./apply.ts";
import { memberAssignmentId, stepOf, touchChain } from "./apply-chain.ts";
import { compensationRule } from "./apply-compensation.ts";
import { noteMemberEnded } from "./apply-member.ts";
import type { HubFact } from "./facts.ts";
import { type Assignment, type AssignmentOwner, assignmentDueMs, type HubState } from "./state.ts";

type AssignmentFact = Extract<
  HubFact,
  { t: "offered" | "accepted" | "progressed" | "backedOff" | "ended" }
>;

export interface NewAssignment {
  readonly id: string;
  readonly owner: AssignmentOwner;
  readonly chain: string;
  readonly step: string;
  readonly input: string;
  readonly node: Address;
}

/** What the definition says about an instruction. */
export interface WorkRule {
  readonly match: Match;
  readonly deadlines: Deadlines;
  readonly retry: RetryRule;
}

export function ruleOf(state: HubState, owner: AssignmentOwner): WorkRule | undefined {
  if (owner.kind === "member") return state.fanouts.get(owner.fanout)?.each;
  if (owner.kind === "compensation") return compensationRule(state, owner);
  const steps = state.chains.get(owner.chain)?.application.steps;
  const step = steps?.find(({ id }) => id === owner.step);
  return step?.type === "service" ? step : undefined;
}

/** Makes the assignment and sends its first attempt. */
export function createAssignment(applying: Applying, fresh: NewAssignment): void {
  const { state, atMs } = applying;
  const rule = ruleOf(state, fresh.owner);
  const totalMs = rule?.deadlines.totalMs;
  // Written out: a spread costs more than all the rest of a dispatch.
  const assignment: Assignment = {
    id: fresh.id,
    owner: fresh.owner,
    chain: fresh.chain,
    step: fresh.step,
    input: fresh.input,
    node: fresh.node,
    attempt: 1,
    state: "offered",
    startDueMs: 0,
    finishDueMs: 0,
    leaseDueMs: 0,
    retryDueMs: 0,
    totalDueMs: totalMs === undefined ? 0 : atMs + totalMs,
    progress: 0,
    note: "",
  };
  state.assignments.set(assignment.id, assignment);
  offer(applying, assignment, fresh.node);
}

function offer(applying: Applying, assignment: Assignment, node: Address): void {
  const { state, atMs } = applying;
  const rule = ruleOf(state, assignment.owner);
  unindex(state, assignment);
  assignment.node = node;
  index(state, assignment);
  assignment.state = "offered";
  assignment.retryDueMs = 0;
  assignment.leaseDueMs = 0;
  assignment.finishDueMs = 0;
  const startMs = rule?.deadlines.startMs;
  assignment.startDueMs = startMs === undefined ? 0 : atMs + startMs;
  arm(state, assignment);
  sendFrame(applying, node, {
    kind: "instruction",
    id: assignment.id,
    chain: assignment.chain,
    step: assignment.step,
    attempt: assignment.attempt,
    capability: rule?.match.capability ?? "",
    input: assignment.input,
    finishMs: rule?.deadlines.finishMs ?? 0,
    heartbeatMs: rule?.deadlines.heartbeatMs ?? 0,
  });
}

/** Work that moves to another node is taken back from the one that had it (I3). */
function recallFrom(applying: Applying, assignment: Assignment, next: Address): void {
  const { id, attempt, node } = assignment;
  if (node === next) return;
  sendFrame(applying, node, { kind: "cancel", id, attempt, reason: `offered to ${next}` });
}

export function arm(state: HubState, assignment: Assignment): void {
  state.due.push("assignment", assignment.id, assignmentDueMs(assignment));
}

function index(state: HubState, assignment: Assignment): void {
  const ids = state.assignmentsByNode.get(assignment.node);
  if (ids === undefined) state.assignmentsByNode.set(assignment.node, new Set([assignment.id]));
  else ids.add(assignment.id);
}

function unindex(state: HubState, assignment: Assignment): void {
  const ids = state.assignmentsByNode.get(assignment.node);
  if (ids === undefined) return;
  ids.delete(assignment.id);
  if (ids.size === 0) state.assignmentsByNode.delete(assignment.node);
}

/** After a restore: the index is derived from the rows. */
export function indexAssignment(state: HubState, assignment: Assignment): void {
  state.assignments.set(assignment.id, assignment);
  index(state, assignment);
  arm(state, assignment);
}

export function dropAssignment(state: HubState, assignment: Assignment): void {
  unindex(state, assignment);
  state.assignments.delete(assignment.id);
}

export function applyAssignmentFact(applying: Applying, fact: AssignmentFact): void {
  const { state, atMs } = applying;
  const assignment = state.assignments.get(fact.id);
  if (assignment === undefined) return;
  markOwner(applying, assignment, fact.t !== "accepted");
  switch (fact.t) {
    case "offered":
      recallFrom(applying, assignment, fact.node);
      assignment.attempt = fact.attempt;
      if (fact.refusedBy !== undefined) {
        assignment.refusedBy = [...(assignment.refusedBy ?? []), fact.refusedBy];
      }
      offer(applying, assignment, fact.node);
      noteAttempt(applying, assignment);
      return;
    case "accepted": {
      const rule = ruleOf(state, assignment.owner);
      const finishMs = rule?.deadlines.finishMs;
      assignment.state = "accepted";
      assignment.finishDueMs = finishMs === undefined ? 0 : atMs + finishMs;
      renewLease(applying, assignment);
      arm(state, assignment);
      return;
    }
    case "progressed": {
      assignment.progress = fact.ratio;
      assignment.note = fact.note;
      renewLease(applying, assignment);
      arm(state, assignment);
      return;
    }
    case "backedOff":
      assignment.state = "backoff";
      assignment.retryDueMs = atMs + fact.delayMs;
      assignment.note = fact.why;
      assignment.leaseDueMs = 0;
      arm(state, assignment);
      return;
    case "ended":
      if (fact.recalled === true) {
        const { id, attempt, node } = assignment;
        sendFrame(applying, node, { kind: "cancel", id, attempt, reason: fact.reason });
      }
      dropAssignment(state, assignment);
      if (assignment.owner.kind === "member") noteMemberEnded(applying, assignment.owner, fact);
  }
}

/** Grace for an accepted instruction whose node is not connected: then it is offered again. */
export const leaseGraceMs = 30_000;

/**
 * A handler that promised heartbeats is given up after one silence; the lease doubles as that. Word
 * of a node that is away by now (it was relayed late) begins the grace, since its end of the link
 * will not be seen a second time.
 */
export function renewLease(applying: Applying, assignment: Assignment): void {
  const { state, atMs } = applying;
  const heartbeatMs = ruleOf(state, assignment.owner)?.deadlines.heartbeatMs;
  const isAway = state.nodes.get(assignment.node)?.state === "offline";
  if (isAway) assignment.leaseDueMs = atMs + leaseGraceMs;
  else assignment.leaseDueMs = heartbeatMs === undefined ? 0 : atMs + heartbeatMs;
}

/** The row that holds an assignment has to be written; `visible` when people see the change. */
export function markOwner(applying: Applying, assignment: Assignment, visible: boolean): void {
  const { owner } = assignment;
  if (owner.kind === "member") {
    applying.dirty.mark("fanout", owner.fanout);
    return;
  }
  const chain = applying.state.chains.get(owner.chain);
  if (chain === undefined) return;
  if (visible) touchChain(applying, chain);
  else applying.dirty.mark("chain", chain.id);
}

function noteAttempt(applying: Applying, assignment: Assignment): void {
  if (assignment.owner.kind !== "step") return;
  const chain = applying.state.chains.get(assignment.owner.chain);
  if (chain === undefined) return;
  const step = stepOf(chain, assignment.owner.step);
  step.node = assignment.node;
  step.attempt = assignment.attempt;
}

export { memberAssignmentId };
