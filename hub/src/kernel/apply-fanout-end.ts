// Apply: the end of a fan-out and what stays of it.
//
// Where nothing runs any more, its rows are kept as long as late feedback is to be refused, or as
// its members may have to be undone; then they go, here and at the hubs below.

import { limits } from "@cloudbrain/sdk/domain";
import { type Applying, sendFrame } from "./apply.ts";
import { memberAssignmentId } from "./apply-chain.ts";
import { dropMembers, freezeMembers } from "./apply-member.ts";
import { sendCancel } from "./apply-task.ts";
import { type Chain, type ChildPart, endedChainStates, type Fanout } from "./state.ts";
import { lateUntilMs } from "./time-left.ts";

export function moveTo(
  applying: Applying,
  fanout: Fanout,
  stage: "late" | "kept",
  keepDueMs: number,
): void {
  fanout.stage = stage;
  fanout.keepDueMs = keepDueMs;
  fanout.emitDueMs = 0;
  applying.state.due.push("fanout", fanout.id, keepDueMs);
  applying.dirty.mark("fanout", fanout.id);
}

/** Nothing runs any more at the origin: the rows stay as long as they are needed. */
export function retire(applying: Applying, fanout: Fanout, why: string): void {
  const chain = applying.state.chains.get(fanout.chain);
  const isUndoable = chain !== undefined && mayBeUndone(fanout, chain);
  const refusesUntilMs = fanout.aggregate.late === "reject" ? lateUntilMs(fanout) : 0;
  if (!isUndoable && refusesUntilMs <= applying.atMs) {
    dropFanout(applying, fanout, why);
    return;
  }
  if (!fanout.withdrawn) recall(applying, fanout, why, !isUndoable);
  freezeMembers(applying, fanout, why);
  moveTo(applying, fanout, "kept", isUndoable ? 0 : refusesUntilMs);
}

function mayBeUndone(fanout: Fanout, chain: Chain): boolean {
  if (fanout.compensates !== undefined) return true;
  return fanout.each.compensate !== undefined && !endedChainStates.has(chain.state);
}

/** Nothing will be undone any more; late feedback may still have to be refused. */
export function releaseKept(applying: Applying, fanout: Fanout): void {
  const untilMs = fanout.aggregate.late === "reject" ? lateUntilMs(fanout) : 0;
  forgetBelow(applying, fanout);
  if (fanout.compensates === undefined && untilMs > applying.atMs) {
    moveTo(applying, fanout, "kept", untilMs);
    return;
  }
  removeRow(applying, fanout);
}

export function removeRow(applying: Applying, { id, upstream, chain }: Fanout): void {
  applying.state.fanouts.delete(id);
  applying.dirty.mark("fanout", id);
  // The row of an ended chain is a live one as long as it has fan-outs.
  if (upstream === undefined) applying.dirty.mark("chain", chain);
}

function forgetBelow(applying: Applying, fanout: Fanout): void {
  if (fanout.each.compensate === undefined && fanout.compensates === undefined) return;
  for (const { address } of fanout.children.values()) {
    const { id } = fanout;
    sendFrame(applying, address, { kind: "withdraw", fanout: id, reason: "ended", forgets: true });
  }
}

export type PartCounts = Pick<ChildPart, "closed" | "members" | "replied" | "failed">;

/** All members are known, and each has replied: of a part that undoes, nothing is left of it. */
export function isWhole({ closed, members, replied }: PartCounts): boolean {
  return closed && replied === members;
}

/** Members that a part has not told of, or not told the end of, may have replied all the same. */
export function mayHaveReplied({ closed, members, replied, failed }: PartCounts): boolean {
  return replied > 0 || !closed || replied + failed < members;
}

/** The part of a hub below is final. It remembers what it may be asked to undo. */
export function retireBelow(applying: Applying, fanout: Fanout, told: PartCounts): void {
  const isUndoing = fanout.compensates !== undefined;
  // Where there is nothing to ask for, the hub above says nothing more.
  const mayBeUndone = isUndoing
    ? !isWhole(told)
    : fanout.each.compensate !== undefined && mayHaveReplied(told);
  const isUndoable = mayBeUndone && !fanout.forgets;
  const refusesUntilMs = fanout.aggregate.late === "reject" ? lateUntilMs(fanout) : 0;
  const keepUntilMs = isUndoable ? applying.atMs + limits.undoKeepMs : refusesUntilMs;
  if (keepUntilMs <= applying.atMs) {
    dropFanout(applying, fanout, "final");
    return;
  }
  if (!fanout.withdrawn) recall(applying, fanout, "final", false);
  freezeMembers(applying, fanout, "final");
  moveTo(applying, fanout, "kept", keepUntilMs);
}

/** Asks everybody below to stop. */
export function recall(applying: Applying, fanout: Fanout, reason: string, forgets: boolean): void {
  const { state } = applying;
  for (const member of fanout.live > 0 ? fanout.members.values() : []) {
    const assignment = state.assignments.get(memberAssignmentId(fanout.id, member.key));
    if (assignment === undefined) continue;
    const { id, attempt } = assignment;
    sendCancel(applying, assignment.node, { id, attempt, reason });
  }
  recallReported(applying, fanout, reason);
  const isKeptBelow = fanout.each.compensate !== undefined || fanout.compensates !== undefined;
  for (const child of fanout.children.values()) {
    if (child.final && !(forgets && isKeptBelow)) continue;
    const { id } = fanout;
    sendFrame(applying, child.address, { kind: "withdraw", fanout: id, reason, forgets });
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
  if (!fanout.withdrawn) recall(applying, fanout, why, true);
  if (fanout.live > 0) dropMembers(applying.state, fanout);
  removeRow(applying, fanout);
}
