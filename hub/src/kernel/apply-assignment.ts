// Apply: facts about instructions that are on their way.

import type { Address, FanoutEach, HumanStep, ServiceStep, TaskSpec } from "@cloudbrain/sdk/domain";
import { type Applying, sendFrame } from "./apply.ts";
import { memberAssignmentId, stepOf, touchChain } from "./apply-chain.ts";
import { compensationRule } from "./apply-compensation.ts";
import { noteMemberEnded, noteMemberMoved } from "./apply-member.ts";
import { sendCancel } from "./apply-task.ts";
import { noteChain } from "./chain-notes.ts";
import type { HubFact } from "./facts.ts";
import {
  type Assignment,
  type AssignmentOwner,
  type AssignmentTask,
  assignmentDueMs,
  type HubState,
} from "./state.ts";
import { type HumanWork, specOf } from "./task-spec.ts";
import { timeLeftMs } from "./time-left.ts";

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
  readonly task?: AssignmentTask | undefined;
  /** Decided already; absent: from the definition. */
  readonly totalDueMs?: number | undefined;
}

/** What the definition says about an instruction: deadlines, retry, capability. */
export function ruleOf(
  state: HubState,
  owner: AssignmentOwner,
): FanoutEach | ServiceStep | HumanStep | undefined {
  if (owner.kind === "member") return state.fanouts.get(owner.fanout)?.each;
  if (owner.kind === "compensation") return compensationRule(state, owner);
  const steps = state.chains.get(owner.chain)?.application.steps;
  const step = steps?.find(({ id }) => id === owner.step);
  return step?.type === "service" || step?.type === "human" ? step : undefined;
}

/** What the definition says about work for people; undefined when a node does it. */
export function humanWorkOf(state: HubState, owner: AssignmentOwner): HumanWork | undefined {
  const rule = ruleOf(state, owner);
  if (rule === undefined || !("human" in rule) || rule.human === undefined) return undefined;
  return { human: rule.human, escalate: rule.escalate ?? [], deadlines: rule.deadlines };
}

/** The task of an assignment, as its desk gets it. */
export function assignmentSpec(state: HubState, assignment: Assignment): TaskSpec | undefined {
  const { owner, task } = assignment;
  const fanout = owner.kind === "member" ? state.fanouts.get(owner.fanout) : undefined;
  const work = humanWorkOf(state, owner);
  const people = task?.people ?? fanout?.human?.people;
  const heading = task?.heading ?? fanout?.human?.heading;
  if (task === undefined || work === undefined || people === undefined || heading === undefined) {
    return undefined;
  }
  return specOf(work, people, heading, task.about, fanout?.each.revise === true);
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
    totalDueMs: fresh.totalDueMs ?? (totalMs === undefined ? 0 : atMs + totalMs),
    progress: 0,
    note: "",
    task: fresh.task,
  };
  state.assignments.set(assignment.id, assignment);
  offer(applying, assignment, fresh.node, fresh.task);
}

function offer(
  applying: Applying,
  assignment: Assignment,
  node: Address,
  task: AssignmentTask | undefined,
): void {
  const { state, atMs } = applying;
  const rule = ruleOf(state, assignment.owner);
  unindex(state, assignment);
  assignment.node = node;
  assignment.task = task;
  index(state, assignment);
  assignment.state = "offered";
  assignment.retryDueMs = 0;
  assignment.leaseDueMs = 0;
  assignment.finishDueMs = 0;
  const startMs = task === undefined ? rule?.deadlines.startMs : undefined;
  assignment.startDueMs = startMs === undefined ? 0 : atMs + startMs;
  arm(state, assignment);
  if (task !== undefined) {
    sendTask(applying, assignment);
    return;
  }
  sendFrame(applying, node, {
    kind: "instruction",
    id: assignment.id,
    chain: assignment.chain,
    step: assignment.step,
    attempt: assignment.attempt,
    capability: rule?.match.capability ?? "",
    input: assignment.input,
    finishMs: timeLeftMs(state, assignment, rule?.deadlines.finishMs, atMs),
    heartbeatMs: rule?.deadlines.heartbeatMs ?? 0,
  });
}

/** The times of a task stand in its spec; here, nobody sends a frame to themselves. */
function sendTask(applying: Applying, assignment: Assignment): void {
  const { state } = applying;
  const task = assignmentSpec(state, assignment);
  if (task === undefined) return;
  sendFrame(applying, assignment.node, {
    kind: "instruction",
    id: assignment.id,
    chain: assignment.chain,
    step: assignment.step,
    attempt: assignment.attempt,
    capability: ruleOf(state, assignment.owner)?.match.capability ?? "",
    input: assignment.input,
    finishMs: 0,
    heartbeatMs: 0,
    task,
  });
}

/** Work that moves to another node is taken back from the one that had it (I3). */
function recallFrom(applying: Applying, assignment: Assignment, next: Address): void {
  const { id, attempt, node } = assignment;
  if (node === next) return;
  sendCancel(applying, node, { id, attempt, reason: `offered to ${next}` });
}

export function arm(state: HubState, assignment: Assignment): void {
  state.due.push("assignment", assignment.id, assignmentDueMs(assignment));
}

function index(state: HubState, assignment: Assignment): void {
  const ids = state.assignmentsByNode.get(assignment.node);
  if (ids === undefined) state.assignmentsByNode.set(assignment.node, new Set([assignment.id]));
  else ids.add(assignment.id);
  countAbout(state, assignment, 1);
}

/** A task weighs on the node that it is about, too. */
function countAbout(state: HubState, { node, task }: Assignment, change: 1 | -1): void {
  if (task === undefined || task.about === node) return;
  const count = (state.tasksAbout.get(task.about) ?? 0) + change;
  if (count === 0) state.tasksAbout.delete(task.about);
  else state.tasksAbout.set(task.about, count);
}

function unindex(state: HubState, assignment: Assignment): void {
  const ids = state.assignmentsByNode.get(assignment.node);
  if (ids?.delete(assignment.id) !== true) return;
  countAbout(state, assignment, -1);
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
      offer(applying, assignment, fact.node, fact.task);
      noteMemberMoved(state, assignment);
      noteAttempt(applying, assignment);
      noteByHand(applying, assignment, fact);
      return;
    case "accepted": {
      const rule = ruleOf(state, assignment.owner);
      // A task's own deadline is the desk's; we have the safety bound.
      const finishMs = assignment.task === undefined ? rule?.deadlines.finishMs : undefined;
      assignment.state = "accepted";
      assignment.finishDueMs = finishMs === undefined ? 0 : atMs + finishMs;
      renewLease(applying, assignment);
      arm(state, assignment);
      return;
    }
    case "progressed": {
      assignment.progress = fact.ratio;
      assignment.note = fact.note;
      if (assignment.task !== undefined && fact.safetyDueMs !== undefined) {
        assignment.task = { ...assignment.task, safetyDueMs: fact.safetyDueMs };
      }
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
        sendCancel(applying, node, { id, attempt, reason: fact.reason });
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
  // People go on working while their desk is away; the safety bound ends the wait.
  if (assignment.task !== undefined) return;
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
  step.node = assignment.task?.about ?? assignment.node;
  step.attempt = assignment.attempt;
}

function noteByHand(
  applying: Applying,
  { chain: id, step }: Assignment,
  { by, why = "", node }: Extract<AssignmentFact, { t: "offered" }>,
): void {
  const chain = applying.state.chains.get(id);
  if (by === undefined || chain === undefined) return;
  const reason = why === "" ? `to ${node}` : `to ${node}: ${why}`;
  touchChain(applying, chain);
  noteChain(applying, chain, { by, action: "rematched", step, reason });
}

export { memberAssignmentId };
