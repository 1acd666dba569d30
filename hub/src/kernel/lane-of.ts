// Lanes: on which lane a frame of ours travels.
//
//   E1  What belongs to a chain of an emergency application travels on the control lane, which is
//       sent ahead of all others, whatever its size. A hub below tells it by the lane that the
//       delegation came on, and an agent answers on the lane of the instruction.

import type { FrameBody, Lane } from "@cloudbrain/sdk/domain";
import type { Assignment, Fanout, HubState } from "./state.ts";

/** Above this size an input or output travels on the bulk lane, so that it delays nobody. */
const bulkFrom = 32 * 1024;

/** Frames between hubs about the mesh itself. */
const ofHubs: ReadonlySet<FrameBody["kind"]> = new Set(["nodes", "register", "registered"]);

export function laneOf(state: HubState, body: FrameBody): Lane {
  if (ofHubs.has(body.kind) || isUrgent(state, body)) return "control";
  // Its cancellation must not overtake it: a desk remembers no task that it never saw.
  if (body.kind === "instruction" && body.task !== undefined) return "chain";
  if (body.kind === "instruction" && body.input.length > bulkFrom) return "bulk";
  if (body.kind === "feedback" && body.output.length > bulkFrom) return "bulk";
  return "chain";
}

function isUrgent(state: HubState, body: FrameBody): boolean {
  switch (body.kind) {
    case "instruction":
    case "cancel":
      return isUrgentWork(state, state.assignments.get(body.id));
    case "delegate":
    case "withdraw":
    case "partial":
      return isUrgentFanout(state.fanouts.get(body.fanout));
    default:
      return false;
  }
}

function isUrgentWork(state: HubState, assignment: Assignment | undefined): boolean {
  if (assignment === undefined) return false;
  const { owner } = assignment;
  if (owner.kind === "member") return isUrgentFanout(state.fanouts.get(owner.fanout));
  return state.chains.get(owner.chain)?.application.urgency === "emergency";
}

function isUrgentFanout(fanout: Fanout | undefined): boolean {
  return fanout?.urgent === true;
}
