// Steps: fan-outs under way: delegated, told of by partials, complete. Partials replace, never add.
//
//   I4  A member contributes at most once: its row is written by the first feedback that counts.
//   I6  A final partial is the last one, and all members below it are settled or given up.

import {
  type Address,
  type DelegateBody,
  type JsonObject,
  levels,
  type PartialBody,
  resultOf,
} from "@cloudbrain/sdk/domain";
import type { Deciding } from "./deciding.ts";
import { accumulate, countFanout, type FanoutCounts, missingOf, summaryOf } from "./fanout-fold.ts";
import { nodeScope } from "./registry.ts";
import type { Chain, Fanout } from "./state.ts";
import { failStep } from "./step-chain.ts";
import { levelPart } from "./step-fanout-open.ts";

/** A hub above asks for our part. A repeated request changes nothing: ids are derived. */
export function stepDelegate(deciding: Deciding, from: Address, body: DelegateBody): void {
  const { state } = deciding;
  if (state.fanouts.has(body.fanout)) return;
  if (!levels.some((level) => level === body.level)) return;
  const part = levelPart(deciding, body.scope, body.level, body.each, body.context);
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
    each: body.each,
    aggregate: body.aggregate,
    membersMax: body.membersMax,
    ...part,
  });
  deciding.reviewFanout(body.fanout);
}

export function stepWithdraw(deciding: Deciding, from: Address, id: string): void {
  const fanout = deciding.state.fanouts.get(id);
  if (fanout === undefined || fanout.upstream !== from || fanout.withdrawn) return;
  deciding.decide({ t: "withdrawn", fanout: id });
  deciding.reviewFanout(id);
}

export function stepPartial(deciding: Deciding, from: Address, body: PartialBody): void {
  const fanout = deciding.state.fanouts.get(body.fanout);
  const child = fanout?.children.get(from);
  if (fanout === undefined || child === undefined) return;
  // Old news, or news after the end: what is final stays (I6).
  if (child.final || body.version <= child.version) return;
  const { kind: _kind, ...partial } = body;
  deciding.decide({ t: "partialReceived", child: from, ...partial });
  deciding.reviewFanout(fanout.id);
}

/** Whether the fan-out is complete, and whether the parent should hear of it. */
export function reviewFanout(deciding: Deciding, fanout: Fanout): void {
  const counts = countFanout(fanout);
  if (fanout.upstream !== undefined) {
    if (counts.settled) emitPartial(deciding, fanout, counts, true);
    return;
  }
  const chain = deciding.state.chains.get(fanout.chain);
  if (chain === undefined) return;
  if (chain.state === "cancelling") {
    if (counts.settled) endOrigin(deciding, chain, fanout, "cancelled", chain.reason);
    return;
  }
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
    emitPartial(deciding, fanout, counts, true);
    return;
  }
  const chain = deciding.state.chains.get(fanout.chain);
  if (chain === undefined) return;
  if (chain.state === "cancelling") {
    endOrigin(deciding, chain, fanout, "cancelled", chain.reason);
    return;
  }
  completeOrigin(deciding, chain, fanout, counts, "the finish deadline has passed");
}

export function stepEmitDue(deciding: Deciding, fanout: Fanout): void {
  if (!fanout.changed || fanout.upstream === undefined) return;
  emitPartial(deciding, fanout, countFanout(fanout), false);
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
  const isEnough = counts.members > 0 && (ratio >= aggregate.minimum || isTrue(deciding, fanout));
  if (isEnough || aggregate.onShort === "partial") {
    endOrigin(deciding, chain, fanout, "succeeded", ratio < 1 ? reason : "");
    return;
  }
  const short = `${reason}, at least ${aggregate.minimum} was asked`;
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

function endOrigin(
  deciding: Deciding,
  chain: Chain,
  fanout: Fanout,
  state: "succeeded" | "failed" | "suspended" | "cancelled",
  reason: string,
): void {
  const summary = summaryOf(fanout);
  deciding.decide({ t: "fanoutEnded", fanout: fanout.id, state, reason, summary });
  deciding.review(chain.id);
}

function emitPartial(
  deciding: Deciding,
  fanout: Fanout,
  counts: FanoutCounts,
  final: boolean,
): void {
  deciding.decide({
    t: "partialEmitted",
    fanout: fanout.id,
    version: fanout.version + 1,
    closed: counts.closed || final,
    final,
    members: counts.members,
    replied: counts.replied,
    failed: counts.failed,
    accumulators: accumulate(fanout),
    missing: missingOf(fanout),
  });
}

/** What the reducers' expressions read beside `out`. */
export function memberScope(deciding: Deciding, fanout: Fanout, memberKey: string): JsonObject {
  const member = fanout.members.get(memberKey);
  const record = member === undefined ? undefined : deciding.state.nodes.get(member.node);
  return {
    member: record === undefined ? { address: memberKey } : nodeScope(record),
    item: member?.item ?? null,
  };
}
