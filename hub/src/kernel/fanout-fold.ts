// Fold: what a fan-out has come to so far, read from its rows. Writes nothing.
//
//   I5  An aggregate is folded from the rows whenever it is needed; nothing is kept incrementally.

import {
  type Accumulators,
  type Address,
  foldContributions,
  mergeAccumulators,
  resultOf,
} from "@cloudbrain/sdk/domain";
import type { Fanout, FanoutSummary } from "./state.ts";

/** How many of those that did not reply are named. */
const missingMax = 20;

export function coverageOf(counts: { readonly members: number; readonly replied: number }): number {
  return counts.members === 0 ? 0 : counts.replied / counts.members;
}

export interface FanoutCounts {
  readonly members: number;
  readonly replied: number;
  readonly failed: number;
  readonly closed: boolean;
  /** Every member has answered or was given up. */
  readonly settled: boolean;
}

/** Own members and the latest partial of every child. */
export function countFanout(fanout: Fanout): FanoutCounts {
  let members = fanout.members.size;
  let { replied, failed } = fanout;
  let closed = !fanout.growing;
  let settled = fanout.live === 0 && fanout.queue.length === 0 && !fanout.growing;
  for (const child of fanout.children.values()) {
    members += child.members;
    replied += child.replied;
    failed += child.failed;
    if (!child.closed) closed = false;
    // Where answers may be revised a part is complete long before its last word.
    const isComplete = child.closed && child.replied + child.failed === child.members;
    if (!child.final && !isComplete) settled = false;
  }
  return { members, replied, failed, closed, settled };
}

/** The fold of own members and the latest partial of every child (I5). */
export function accumulate(fanout: Fanout): Accumulators {
  const { into } = fanout.aggregate;
  let accumulators = foldContributions(into, repliedOf(fanout));
  for (const child of fanout.children.values()) {
    if (child.version > 0) {
      accumulators = mergeAccumulators(into, accumulators, child.accumulators);
    }
  }
  return accumulators;
}

function* repliedOf(fanout: Fanout) {
  for (const { key, state, atMs, contribution } of fanout.members.values()) {
    if (state === "replied") yield { key, atMs, contribution };
  }
}

export function missingOf(fanout: Fanout): readonly Address[] {
  const missing: Address[] = [];
  for (const member of fanout.members.values()) {
    if (missing.length >= missingMax) return missing;
    if (member.state !== "replied" && member.node !== "") missing.push(member.node as Address);
  }
  for (const child of fanout.children.values()) {
    // A hub that has told nothing is missing itself.
    const below = child.version === 0 ? [child.address] : child.missing;
    missing.push(...below.slice(0, missingMax - missing.length));
    if (missing.length >= missingMax) return missing;
  }
  return missing;
}

/** What people see of a fan-out, running or ended. */
export function summaryOf(fanout: Fanout): FanoutSummary {
  const { into } = fanout.aggregate;
  const counts = countFanout(fanout);
  return {
    members: counts.members,
    replied: counts.replied,
    failed: counts.failed,
    closed: counts.closed,
    aggregate: resultOf(into, accumulate(fanout)),
    children: [...fanout.children.values()].map((child) => ({
      address: child.address,
      members: child.members,
      replied: child.replied,
      failed: child.failed,
      final: child.final,
      version: child.version,
      aggregate: resultOf(into, child.accumulators),
    })),
    missing: missingOf(fanout),
  };
}
