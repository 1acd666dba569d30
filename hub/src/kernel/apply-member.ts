// Apply: members of a fan-out: they come, wait for their turn, answer, and answer again.
//
//   I4  A member has one row, and its row one contribution: what comes later replaces it.

import { type Address, compareText } from "@cloudbrain/sdk/domain";
import type { Applying } from "./apply.ts";
import { createAssignment, dropAssignment } from "./apply-assignment.ts";
import { memberAssignmentId, touchChain } from "./apply-chain.ts";
import type { HubFact, OpenedMember } from "./facts.ts";
import type { Assignment, AssignmentTask, Fanout, HubState, Member } from "./state.ts";

/** Puts a member if its key is new, or dispatches it if it has waited for its turn. */
export function putMember(
  applying: Applying,
  fanout: Fanout,
  opened: OpenedMember,
  sharedInput: string,
): void {
  const known = fanout.members.get(opened.key);
  if (known !== undefined && (known.state !== "queued" || opened.queued === true)) return;
  if (known !== undefined) unqueue(fanout, known.key);
  if (opened.queued === true) {
    fanout.members.set(opened.key, memberOf(opened, "queued", 0));
    enqueue(fanout, opened.key);
    return;
  }
  if (opened.node === "") {
    fanout.members.set(opened.key, memberOf(opened, "failed", applying.atMs));
    fanout.failed += 1;
    return;
  }
  const member = memberOf(opened, "live", 0);
  fanout.members.set(member.key, member);
  fanout.live += 1;
  createAssignment(applying, {
    id: memberAssignmentId(fanout.id, member.key),
    owner: { kind: "member", fanout: fanout.id, member: member.key },
    chain: fanout.chain,
    step: fanout.step,
    input: opened.input ?? sharedInput,
    node: opened.desk ?? member.node,
    task: deskTask(fanout, opened, member.node),
  });
}

/** What a member's desk is asked; undefined when its node does it. */
function deskTask(
  fanout: Fanout,
  { desk, people, safetyDueMs }: OpenedMember,
  about: Address,
): AssignmentTask | undefined {
  if (desk === undefined || fanout.human === undefined) return undefined;
  return {
    about,
    safetyDueMs: safetyDueMs ?? fanout.human.safetyDueMs,
    returnedBy: [],
    ...(people === undefined ? {} : { people }),
  };
}

function memberOf(opened: OpenedMember, state: Member["state"], atMs: number): Member {
  const member: Member = {
    key: opened.key,
    node: opened.node as Address,
    state,
    contribution: [],
    revision: -1,
    atMs,
    reason: opened.reason ?? "",
    item: opened.item ?? null,
  };
  if (opened.desk !== undefined) member.desk = opened.desk;
  if (opened.index !== undefined) member.index = opened.index;
  if (opened.output !== undefined) member.output = opened.output;
  return member;
}

/** Numbers by value, since the default keys of items are their places in the list. */
export function compareKeys(a: string, b: string): number {
  const order = /^\d{1,15}$/.test(a) && /^\d{1,15}$/.test(b) ? Number(a) - Number(b) : 0;
  return order !== 0 ? order : compareText(a, b);
}

function enqueue(fanout: Fanout, key: string): void {
  const { queue } = fanout;
  let low = 0;
  let high = queue.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(queue[middle] ?? "", key) < 0) low = middle + 1;
    else high = middle;
  }
  queue.splice(low, 0, key);
}

function unqueue(fanout: Fanout, key: string): void {
  const at = fanout.queue.indexOf(key);
  if (at >= 0) fanout.queue.splice(at, 1);
}

/** The work of a member is another node's now: that one will answer, revise and undo it. */
export function noteMemberMoved(state: HubState, { owner, node, task }: Assignment): void {
  if (owner.kind !== "member") return;
  const member = state.fanouts.get(owner.fanout)?.members.get(owner.member);
  if (member === undefined) return;
  if (task !== undefined) member.node = task.about;
  noteDoer(member, node);
}

function noteDoer(member: Member, from: Address): void {
  if (member.desk === undefined) member.node = from;
  else member.desk = from;
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
  member.revision = fact.outcome === "succeeded" ? (fact.revision ?? 0) : -1;
  if (fact.output !== undefined) member.output = fact.output;
  if (fact.from !== undefined) noteDoer(member, fact.from);
  member.atMs = applying.atMs;
  member.reason = fact.reason;
  fanout.live -= 1;
  if (member.state === "replied") fanout.replied += 1;
  else fanout.failed += 1;
  noteChange(applying, fanout);
}

/** A later answer in place of the earlier one: the counts change only if that was a failure. */
export function reviseMember(
  applying: Applying,
  fanout: Fanout,
  fact: Extract<HubFact, { t: "revised" }>,
): void {
  const member = fanout.members.get(fact.member);
  if (member === undefined || fact.revision <= member.revision) return;
  if (member.state === "failed") {
    fanout.failed -= 1;
    fanout.replied += 1;
    member.state = "replied";
    member.atMs = applying.atMs;
    member.reason = "";
  }
  member.contribution = fact.value;
  member.revision = fact.revision;
  if (fact.output !== undefined) member.output = fact.output;
  noteChange(applying, fanout);
}

/**
 * Whoever reads the fan-out is shown a change `emitEvery` after the first that it has not been
 * shown: the parent by a partial, steps of the chain by what grows with it.
 */
export function noteChange(applying: Applying, fanout: Fanout): void {
  fanout.changed = true;
  if (fanout.upstream === undefined) {
    if (fanout.stage === "late") fanout.lateChanges += 1;
    const chain = applying.state.chains.get(fanout.chain);
    if (chain !== undefined) touchChain(applying, chain);
    if (!fanout.feeds || fanout.stage !== "open") return;
  }
  if (fanout.emitDueMs > 0) return;
  fanout.emitDueMs = applying.atMs + fanout.aggregate.emitEveryMs;
  applying.state.due.push("emit", fanout.id, fanout.emitDueMs);
}

/** Nobody works for the fan-out any more; who had not answered has failed. */
export function freezeMembers(applying: Applying, fanout: Fanout, why: string): void {
  dropQueue(fanout, why);
  fanout.growing = false;
  if (fanout.live === 0) return;
  dropMembers(applying.state, fanout);
  for (const member of fanout.members.values()) {
    if (member.state !== "live") continue;
    member.state = "failed";
    member.reason = why;
    fanout.failed += 1;
  }
  fanout.live = 0;
}

/** Members that were not dispatched yet never will be. */
export function dropQueue(fanout: Fanout, why: string): void {
  for (const key of fanout.queue) {
    const member = fanout.members.get(key);
    if (member === undefined) continue;
    member.state = "failed";
    member.reason = why;
    fanout.failed += 1;
  }
  fanout.queue = [];
}

export function dropMembers(state: HubState, fanout: Fanout): void {
  for (const member of fanout.members.values()) {
    const assignment = state.assignments.get(memberAssignmentId(fanout.id, member.key));
    if (assignment !== undefined) dropAssignment(state, assignment);
  }
}
