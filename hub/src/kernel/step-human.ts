// Steps: work for people, seen from the chain: it starts, moves to another node, and is answered.
// The task itself is the desk's (step-task*.ts), here or at a hub below.

import type {
  Address,
  FanoutEach,
  FeedbackBody,
  HumanStep,
  NodeRecord,
  Scope,
  TaskHeading,
} from "@cloudbrain/sdk/domain";
import { assignmentSpec, humanWorkOf, ruleOf } from "./apply-assignment.ts";
import { memberAssignmentId, runId } from "./apply-chain.ts";
import { chainScope, type Deciding } from "./deciding.ts";
import type { OpenedMember } from "./facts.ts";
import { nodeScope } from "./node-scope.ts";
import { findCandidates, pinPolicy, recordOf, submitterArea } from "./registry.ts";
import type { Assignment, AssignmentTask, Chain, Fanout, FanoutHuman } from "./state.ts";
import { inputText, suspend } from "./step-chain.ts";
import { memberScope } from "./step-late.ts";
import { stepTaskInstruction } from "./step-task-change.ts";
import { stepFeedback } from "./step-work.ts";
import { deskOf, type HumanWork, headingOf, resolvePeople, safetyDueAfter } from "./task-spec.ts";
import { addTime } from "./task-times.ts";

export function startHuman(deciding: Deciding, chain: Chain, step: HumanStep, scope: Scope): void {
  const input = inputText(deciding, step.input, scope);
  if (!input.ok) {
    suspend(deciding, chain, step, input.reason);
    return;
  }
  const match = pinPolicy(chain.application, step.match);
  const from = submitterArea(deciding.state, chain.submitter);
  const detail = { from, forPeople: true };
  const found = findCandidates(deciding.state, match, scope, deciding.evaluate, detail);
  const best = found.candidates[0];
  if (best === undefined) {
    suspend(deciding, chain, step, `no node matches: ${found.explanation}`);
    return;
  }
  const heading = headingOf(chain, step.id);
  const task = prepareTask(deciding, step, scope, best);
  if (typeof task === "string") {
    suspend(deciding, chain, step, task);
    return;
  }
  const { totalMs, calendar = "" } = step.deadlines;
  const totalDueMs =
    totalMs === undefined
      ? undefined
      : addTime(deciding.addWorkingTime, calendar, deciding.nowMs, totalMs);
  deciding.decide({
    t: "serviceStarted",
    chain: chain.id,
    step: step.id,
    node: deskOf(deciding.state, best.description.address),
    input: input.text,
    task: { ...task, heading },
    ...(totalDueMs === undefined ? {} : { totalDueMs }),
  });
  openHere(deciding, runId(chain.id, step.id, chain.steps.get(step.id)?.visit ?? 1));
}

/** Names and bounds of a task about this node; a text answers why it can't be done. */
function prepareTask(
  deciding: Deciding,
  work: HumanWork,
  scope: Scope,
  about: NodeRecord,
): AssignmentTask | string {
  const people = resolvePeople(deciding, work, { ...scope, node: nodeScope(about) });
  if (!people.ok) return people.reason;
  const safetyDueMs = safetyDueAfter(deciding, work.deadlines);
  if (safetyDueMs === undefined) return unknownCalendar(work);
  const { address } = about.description;
  return { about: address, people: people.value, safetyDueMs, returnedBy: [] };
}

/** When a member that comes now gives a silent desk up; a text: its calendar is unknown here. */
export function safetyOf(
  deciding: Deciding,
  each: FanoutEach,
): Pick<AssignmentTask, "safetyDueMs"> | string | undefined {
  const work = workOfEach(each);
  if (work === undefined) return undefined;
  const safetyDueMs = safetyDueAfter(deciding, work.deadlines);
  return safetyDueMs === undefined ? unknownCalendar(work) : { safetyDueMs };
}

function unknownCalendar(work: HumanWork): string {
  return `deadline.calendar: no calendar ${work.deadlines.calendar ?? ""} is known at this hub`;
}

/** A task of this very hub opens in the commit that makes its instruction. */
export function openHere(deciding: Deciding, id: string): void {
  const { state } = deciding;
  const assignment = state.assignments.get(id);
  if (assignment?.node !== state.self) return;
  const task = assignmentSpec(state, assignment);
  if (task === undefined) return;
  const { chain, step, attempt, input } = assignment;
  stepTaskInstruction(deciding, state.self, { id, chain, step, attempt, input, task });
}

/** Opens the tasks of members that have just come, whose desk this hub is. */
export function openMembersHere(
  deciding: Deciding,
  fanout: string,
  members: Iterable<Pick<OpenedMember, "key" | "desk">>,
): void {
  for (const { key, desk } of members) {
    if (desk === deciding.state.self) openHere(deciding, memberAssignmentId(fanout, key));
  }
}

function workOfEach(each: FanoutEach): HumanWork | undefined {
  const { human, escalate, deadlines } = each;
  return human === undefined ? undefined : { human, escalate: escalate ?? [], deadlines };
}

/**
 * What the members of a fan-out have in common. People are resolved once where no mapping reads the
 * member, as with inputs. A text answers why nobody can be asked; undefined: nodes do it.
 */
export function prepareFanout(
  deciding: Deciding,
  each: FanoutEach,
  scope: Scope,
  heading: TaskHeading,
): FanoutHuman | string | undefined {
  const work = workOfEach(each);
  if (work === undefined) return undefined;
  const safety = safetyOf(deciding, each);
  if (typeof safety !== "object") return safety;
  const shared = resolvePeople(deciding, work, scope);
  return shared.ok ? { heading, people: shared.value, ...safety } : { heading, ...safety };
}

/** What members are asked; a text says why no people can be asked here. */
export interface MemberWork {
  readonly each: FanoutEach;
  readonly human: FanoutHuman | string | undefined;
}

/** What a member needs beside its node when people do it; its desk, and people of its own. */
export function memberTask(
  deciding: Deciding,
  member: MemberWork,
  scope: Scope,
  about: Address,
): Pick<OpenedMember, "desk" | "people"> | string {
  const work = workOfEach(member.each);
  if (typeof member.human === "string") return member.human;
  if (work === undefined || member.human === undefined) return {};
  const desk = deskOf(deciding.state, about);
  if (member.human.people !== undefined) return { desk };
  const record = recordOf(deciding.state, about);
  const node = record === undefined ? { address: about } : nodeScope(record);
  const own = resolvePeople(deciding, work, { ...scope, node, member: node });
  return own.ok ? { desk, people: own.value } : own.reason;
}

/** The desk and the people of an item that people do. */
export function withTask(
  deciding: Deciding,
  work: MemberWork,
  scope: Scope,
  member: OpenedMember,
): OpenedMember {
  if (member.node === "") return member;
  const task = memberTask(deciding, work, scope, member.node);
  return typeof task === "string" ? { ...member, node: "", reason: task } : { ...member, ...task };
}

export interface OtherOffer {
  readonly node: Address;
  readonly task?: AssignmentTask;
}

/** Another node for a task: none that has returned it, and none that holds it now. */
export function otherDesk(
  deciding: Deciding,
  assignment: Assignment,
  candidates: readonly NodeRecord[],
): OtherOffer | undefined {
  const { task } = assignment;
  const work = humanWorkOf(deciding.state, assignment.owner);
  if (task === undefined || work === undefined) return undefined;
  const tried = new Set([...task.returnedBy, task.about]);
  for (const record of candidates) {
    const { address } = record.description;
    if (tried.has(address)) continue;
    const other = prepareTask(deciding, work, scopeOf(deciding, assignment), record);
    if (typeof other === "string") continue;
    const { heading } = task;
    return {
      node: deskOf(deciding.state, address),
      task: { ...other, returnedBy: [...tried], ...(heading === undefined ? {} : { heading }) },
    };
  }
  return undefined;
}

/** The same node once more; the origin's patience begins anew. */
export function sameDesk(deciding: Deciding, assignment: Assignment): AssignmentTask | undefined {
  const { task } = assignment;
  const work = humanWorkOf(deciding.state, assignment.owner);
  if (task === undefined || work === undefined) return undefined;
  return { ...task, safetyDueMs: safetyDueAfter(deciding, work.deadlines) ?? task.safetyDueMs };
}

function scopeOf(deciding: Deciding, assignment: Assignment): Scope {
  const { owner } = assignment;
  const chain = deciding.state.chains.get(assignment.chain);
  const scope = chain === undefined ? {} : chainScope(chain, deciding.state);
  if (owner.kind !== "member") return scope;
  const fanout = deciding.state.fanouts.get(owner.fanout);
  if (fanout === undefined) return scope;
  return { ...fanout.context, ...scope, ...memberScope(deciding, fanout, owner.member) };
}

/** Nodes that match the work of an assignment, best first. */
export function candidatesFor(deciding: Deciding, assignment: Assignment): readonly NodeRecord[] {
  const { state } = deciding;
  const { owner } = assignment;
  const chain = state.chains.get(assignment.chain);
  const match = ruleOf(state, owner)?.match;
  if (match === undefined) return [];
  const scope = scopeOf(deciding, assignment);
  const pinned = chain === undefined ? match : pinPolicy(chain.application, match);
  const from = submitterArea(state, chain?.submitter ?? "");
  const detail = { from, forPeople: true };
  return findCandidates(state, pinned, scope, deciding.evaluate, detail).candidates;
}

/** Answers of a desk that ask a person to look into the chain. */
export function isForOperator(deciding: Deciding, assignment: Assignment, code: string): boolean {
  if (assignment.owner.kind !== "step") return false;
  if (code === "CALENDAR_UNKNOWN") return true;
  const rule = humanWorkOf(deciding.state, assignment.owner)?.human.onReturn;
  return code === "RETURNS_EXCEEDED" && rule?.then === "suspend";
}

/** The desk is this hub: what it was told to stop has stopped, and says so at once. */
export function settleRecalled(deciding: Deciding, assignments: readonly Assignment[]): void {
  const { state } = deciding;
  for (const { id, attempt, node, task } of assignments) {
    if (task === undefined || node !== state.self || state.openTasks.has(id)) continue;
    const answer: FeedbackBody = {
      kind: "feedback",
      id,
      attempt,
      outcome: "cancelled",
      output: "",
      errorCode: "",
      message: "",
      retryable: false,
      revision: 0,
    };
    stepFeedback(deciding, state.self, answer);
  }
}

/** As `settleRecalled`, for the members of a fan-out that is taken back. */
export function settleWithdrawn(deciding: Deciding, fanout: Fanout): void {
  const found: Assignment[] = [];
  for (const key of fanout.live > 0 ? fanout.members.keys() : []) {
    const assignment = deciding.state.assignments.get(memberAssignmentId(fanout.id, key));
    if (assignment !== undefined) found.push(assignment);
  }
  settleRecalled(deciding, found);
}
