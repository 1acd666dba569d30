// Time left: how long the answer to an instruction can still change anything here.
//
// An instruction carries it, so that its node ends by itself what nobody waits for any more
// (ADR 0032). A hub takes back what it gives up; one that has lost its store can't, and a handler
// may never end. The node counts from the receipt, hence ends after us: nobody is stopped whose
// answer would have counted.

import type { Assignment, Fanout, HubState } from "./state.ts";

/** Late feedback is awaited as long again as the fan-out had. */
export function lateUntilMs(fanout: Fanout): number {
  return fanout.dueMs + fanout.aggregate.finishMs;
}

/**
 * Milliseconds that an attempt which begins at `atMs` has: what its rule gives to one attempt, or
 * what is left for all of them, for the fan-out or for the chain, whichever is least. 0 for no end.
 */
export function timeLeftMs(
  state: HubState,
  { owner, totalDueMs }: Pick<Assignment, "owner" | "totalDueMs">,
  finishMs: number | undefined,
  atMs: number,
): number {
  let leftMs = finishMs ?? Number.POSITIVE_INFINITY;
  for (const dueMs of [totalDueMs, ownerDueMs(state, owner)]) {
    if (dueMs > 0) leftMs = Math.min(leftMs, Math.max(1, dueMs - atMs));
  }
  return leftMs === Number.POSITIVE_INFINITY ? 0 : leftMs;
}

function ownerDueMs(state: HubState, owner: Assignment["owner"]): number {
  if (owner.kind !== "member") return state.chains.get(owner.chain)?.dueMs ?? 0;
  const fanout = state.fanouts.get(owner.fanout);
  if (fanout === undefined) return 0;
  return fanout.aggregate.late === "revise" ? lateUntilMs(fanout) : fanout.dueMs;
}
