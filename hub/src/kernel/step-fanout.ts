// Steps: fan-outs under way: delegated, told of by partials, complete. Partials replace, never add.
//
//   I4  A member contributes at most once: its row is written by the first feedback that counts.
//   I6  A final partial is the last one, and all members below it are settled or given up.

import {
  type Address,
  type DelegateBody,
  foldContributions,
  type JsonValue,
  type Lane,
  levels,
  type PartialBody,
  resultOf,
  type WithdrawBody,
} from "@cloudbrain/sdk/domain";
import type { Deciding } from "./deciding.ts";
import { accumulate, countFanout, type FanoutCounts, missingOf, summaryOf } from "./fanout-fold.ts";
import type { Chain, ChildPart, Fanout } from "./state.ts";
import { failStep } from "./step-chain.ts";
import { endTask, undonePart } from "./step-compensate.ts";
import { levelPart } from "./step-fanout-open.ts";
import { openMembersHere, prepareFanout, settleWithdrawn } from "./step-human.ts";
import { dispatchQueued, stepFeedDue } from "./step-items.ts";
import { mapOutput } from "./step-output.ts";

/** A hub above asks for our part. Asked again, we answer with what we have: ids are derived. */
export function stepDelegate(
  deciding: Deciding,
  from: Address,
  body: DelegateBody,
  lane: Lane,
): void {
  const { state } = deciding;
  if (!levels.some((level) => level === body.level)) return;
  const known = state.fanouts.get(body.fanout);
  if (known !== undefined && known.stage !== "kept") {
    // A hub that has lost its store may ask for what it was told before.
    if (known.version > 0) emitPartial(deciding, known, countFanout(known), false);
    return;
  }
  const { each, heading } = body;
  const human =
    heading === undefined ? undefined : prepareFanout(deciding, each, body.context, heading);
  const part =
    body.compensates === ""
      ? levelPart(deciding, body.scope, body.level, { each, human }, body.context)
      : undonePart(deciding, body.compensates, each, body);
  deciding.decide({
    t: "fanoutOpened",
    fanout: body.fanout,
    chain: body.chain,
    step: body.step,
    upstream: from,
    by: "level",
    scope: body.scope,
    level: body.level,
    context: body.context,
    finishMs: body.budgetMs,
    each,
    aggregate: body.aggregate,
    membersMax: body.membersMax,
    // The lane that it came on tells an emergency (E1 of lane-of.ts).
    ...(lane === "control" ? { urgent: true } : {}),
    ...(body.compensates === "" ? {} : { compensates: body.compensates }),
    ...part,
    ...(human === undefined || typeof human === "string" ? {} : { human }),
  });
  openMembersHere(deciding, body.fanout, part.members);
  deciding.reviewFanout(body.fanout);
}

export function stepWithdraw(deciding: Deciding, from: Address, body: WithdrawBody): void {
  const fanout = deciding.state.fanouts.get(body.fanout);
  if (fanout === undefined || fanout.upstream !== from) return;
  // What is kept is kept until nothing of it will be undone.
  const isFirst = fanout.stage !== "kept" && !fanout.withdrawn;
  if (!isFirst && !(body.forgets && !fanout.forgets)) return;
  const forgets = body.forgets ? ({ forgets: true } as const) : {};
  deciding.decide({ t: "withdrawn", fanout: fanout.id, ...forgets });
  if (isFirst) settleWithdrawn(deciding, fanout);
  deciding.reviewFanout(fanout.id);
}

export function stepPartial(deciding: Deciding, from: Address, body: PartialBody): void {
  const fanout = deciding.state.fanouts.get(body.fanout);
  const child = fanout?.children.get(from);
  if (fanout === undefined || child === undefined || fanout.stage === "kept") return;
  // Old news, or news after the end: what is final stays (I6).
  if (child.final || body.version <= child.version) return;
  const { kind: _kind, ...partial } = body;
  deciding.decide({ t: "partialReceived", child: from, ...partial });
  deciding.reviewFanout(fanout.id);
}

/** Nobody will tell the end of this part: its last word is the one that we have had. */
export function stepPartLost(deciding: Deciding, fanout: Fanout, part: ChildPart): void {
  const { address: child, version, members, replied, failed, missing } = part;
  deciding.decide({
    t: "partialReceived",
    fanout: fanout.id,
    child,
    version: version + 1,
    // There may have been more members, and more replies, than it has told of.
    closed: false,
    final: true,
    members,
    replied,
    failed,
    accumulators: version > 0 ? part.accumulators : foldContributions(fanout.aggregate.into, []),
    missing,
  });
  deciding.reviewFanout(fanout.id);
}

/** Whether the fan-out is complete, and whether the parent should hear of it. */
export function reviewFanout(deciding: Deciding, fanout: Fanout): void {
  if (fanout.stage === "kept") return;
  const chain = deciding.state.chains.get(fanout.chain);
  if (fanout.upstream !== undefined) {
    reviewPart(deciding, fanout);
  } else if (chain !== undefined) {
    if (fanout.compensates === undefined) reviewOrigin(deciding, chain, fanout);
    else reviewUndoing(deciding, chain, fanout);
  }
}

/** Our part of what was delegated to us. */
function reviewPart(deciding: Deciding, fanout: Fanout): void {
  const counts = countFanout(fanout);
  if (!counts.settled) return;
  // An answer may be revised until the parent says that it is over.
  const isLast = fanout.each.revise !== true || fanout.withdrawn;
  if (isLast) emitPartial(deciding, fanout, counts, true);
  else if (!fanout.toldSettled) emitPartial(deciding, fanout, counts, false);
}

function reviewOrigin(deciding: Deciding, chain: Chain, fanout: Fanout): void {
  if (chain.state === "cancelling") {
    const { settled } = countFanout(fanout);
    if (fanout.stage === "late") closeLate(deciding, fanout);
    else if (settled) endOrigin(deciding, chain, fanout, "cancelled", chain.reason);
    return;
  }
  if (fanout.queue.length > 0) dispatchQueued(deciding, chain, fanout);
  const counts = countFanout(fanout);
  if (fanout.stage === "late") {
    if (counts.settled && fanout.each.revise !== true) closeLate(deciding, fanout);
    return;
  }
  // Steps that need its first partial may begin.
  if (fanout.feeds && counts.replied > 0) deciding.review(chain.id);
  const { aggregate } = fanout;
  const isDone =
    counts.settled ||
    (counts.closed && counts.members > 0 && counts.replied / counts.members >= aggregate.quorum) ||
    isTrue(deciding, fanout);
  if (isDone) completeOrigin(deciding, chain, fanout, counts, "");
}

function isTrue(deciding: Deciding, fanout: Fanout): boolean {
  const { or } = fanout.aggregate;
  if (or === undefined) return false;
  const agg = resultOf(fanout.aggregate.into, accumulate(fanout));
  const result = deciding.evaluate(or, { ...fanout.context, agg });
  return result.ok && result.value === true;
}

export function stepFanoutDue(deciding: Deciding, fanout: Fanout): void {
  const counts = countFanout(fanout);
  if (fanout.upstream !== undefined) {
    stepPartDue(deciding, fanout, counts);
    return;
  }
  const chain = deciding.state.chains.get(fanout.chain);
  if (chain === undefined) return;
  if (fanout.stage !== "open") {
    closeLate(deciding, fanout);
    return;
  }
  const why = "the finish deadline has passed";
  if (fanout.compensates !== undefined) endUndoing(deciding, chain, fanout, counts, why);
  else if (chain.state === "cancelling") {
    endOrigin(deciding, chain, fanout, "cancelled", chain.reason);
  } else completeOrigin(deciding, chain, fanout, counts, why);
}

function stepPartDue(deciding: Deciding, fanout: Fanout, counts: FanoutCounts): void {
  if (fanout.stage === "kept") {
    deciding.decide({ t: "fanoutClosed", fanout: fanout.id });
    return;
  }
  const goesOn =
    fanout.stage === "open" &&
    fanout.aggregate.late === "revise" &&
    !fanout.withdrawn &&
    (fanout.each.revise === true || !counts.settled);
  emitPartial(deciding, fanout, counts, !goesOn, goesOn);
}

/** Late feedback counts no more; what it has made of the result stays with the step. */
export function closeLate(deciding: Deciding, fanout: Fanout): void {
  const hasChanged = fanout.stage === "late" && fanout.lateChanges > 0;
  const summary = hasChanged ? { summary: summaryOf(fanout) } : {};
  deciding.decide({ t: "fanoutClosed", fanout: fanout.id, ...summary });
  deciding.changed(fanout.chain);
}

export function stepEmitDue(deciding: Deciding, fanout: Fanout): void {
  if (!fanout.changed || fanout.stage === "kept") return;
  if (fanout.upstream !== undefined) emitPartial(deciding, fanout, countFanout(fanout), false);
  else if (fanout.feeds) stepFeedDue(deciding, fanout);
}

function completeOrigin(
  deciding: Deciding,
  chain: Chain,
  fanout: Fanout,
  counts: FanoutCounts,
  why: string,
): void {
  const { aggregate } = fanout;
  const ratio = counts.members === 0 ? 0 : counts.replied / counts.members;
  const told = `${counts.replied} of ${counts.members} replied`;
  const reason = why === "" ? told : `${why}: ${told}`;
  if (isEnough(deciding, fanout, counts) || aggregate.onShort === "partial") {
    const isWhole = !fanout.growing && (ratio === 1 || counts.members === 0);
    succeedOrigin(deciding, chain, fanout, isWhole ? "" : reason);
    return;
  }
  const { overflow, membersMax } = fanout;
  const over = overflow === 0 ? "" : `, ${overflow} items could not be taken beside ${membersMax}`;
  const short = `${reason}, at least ${aggregate.minimum} was asked${over}`;
  if (aggregate.onShort === "suspend") {
    endOrigin(deciding, chain, fanout, "suspended", short);
    const text = `step ${fanout.step}: ${short}`;
    deciding.decide({ t: "chainSuspended", chain: chain.id, reason: text });
    return;
  }
  endOrigin(deciding, chain, fanout, "failed", short);
  const run = chain.steps.get(fanout.step);
  if (run !== undefined) failStep(deciding, chain, run, short);
}

/** A mapping of its own reads the aggregate as `out`; where it fails, so does the step. */
function succeedOrigin(deciding: Deciding, chain: Chain, fanout: Fanout, reason: string): void {
  const { aggregate } = summaryOf(fanout);
  const mapped = mapOutput(deciding, chain, fanout.step, aggregate);
  if (mapped?.ok !== false) {
    endOrigin(deciding, chain, fanout, "succeeded", reason, mapped?.value);
    return;
  }
  endOrigin(deciding, chain, fanout, "failed", mapped.reason);
  const run = chain.steps.get(fanout.step);
  if (run !== undefined) failStep(deciding, chain, run, mapped.reason);
}

/** Nobody to ask is enough only where members could have come and none were needed. */
function isEnough(deciding: Deciding, fanout: Fanout, counts: FanoutCounts): boolean {
  const { aggregate } = fanout;
  if (fanout.overflow > 0) return false;
  if (counts.members === 0) return isGrown(deciding, fanout) && aggregate.minimum === 0;
  return counts.replied / counts.members >= aggregate.minimum || isTrue(deciding, fanout);
}

function isGrown(deciding: Deciding, fanout: Fanout): boolean {
  const steps = deciding.state.chains.get(fanout.chain)?.application.steps;
  const step = steps?.find(({ id }) => id === fanout.step);
  if (step?.type !== "fanout" || step.members.by !== "items") return false;
  return step.members.growsWith !== undefined;
}

function endOrigin(
  deciding: Deciding,
  chain: Chain,
  fanout: Fanout,
  state: "succeeded" | "failed" | "suspended" | "cancelled",
  reason: string,
  output?: JsonValue,
): void {
  const summary = summaryOf(fanout);
  const mapped = output === undefined ? {} : { output };
  deciding.decide({ t: "fanoutEnded", fanout: fanout.id, state, reason, summary, ...mapped });
  deciding.review(chain.id);
}

function emitPartial(
  deciding: Deciding,
  fanout: Fanout,
  counts: FanoutCounts,
  final: boolean,
  isLate = false,
): void {
  deciding.decide({
    t: "partialEmitted",
    fanout: fanout.id,
    version: fanout.version + 1,
    closed: counts.closed,
    final,
    members: counts.members,
    replied: counts.replied,
    failed: counts.failed,
    accumulators: accumulate(fanout),
    missing: missingOf(fanout),
    ...(isLate ? { late: true } : {}),
  });
}

/** A fan-out that undoes: it is done when everybody has, and anything less has failed. */
function reviewUndoing(deciding: Deciding, chain: Chain, fanout: Fanout): void {
  const counts = countFanout(fanout);
  if (counts.settled) endUndoing(deciding, chain, fanout, counts, "");
}

function endUndoing(
  deciding: Deciding,
  chain: Chain,
  fanout: Fanout,
  counts: FanoutCounts,
  why: string,
): void {
  const left = counts.members - counts.replied;
  const isDone = left === 0 && counts.settled && counts.closed;
  const failed = [...fanout.members.values()].find(({ state }) => state === "failed");
  const first = failed === undefined ? "" : `; ${failed.key}: ${failed.reason}`;
  const silent = [...fanout.children.values()].find(({ closed }) => !closed);
  const unknown = silent === undefined ? "" : `; ${silent.address} has not told of all of its part`;
  const told = `${left} of ${counts.members} members are not undone${first}${unknown}`;
  const reason = isDone ? "" : why === "" ? told : `${why}: ${told}`;
  endTask(deciding, chain, fanout.id, reason);
}
