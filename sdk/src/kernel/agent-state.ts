// State of an agent's kernel. Only `applyAgentFact` writes it.

import {
  type Address,
  type FeedbackBody,
  type Frame,
  type FrameBody,
  limits,
  type Outcome,
} from "../domain/index.ts";
import { Session } from "../session/index.ts";
import type { AgentFact } from "./agent-facts.ts";
import { agentLimits } from "./agent-limits.ts";

export interface AgentInstruction {
  readonly id: string;
  readonly chain: string;
  readonly step: string;
  readonly capability: string;
  readonly input: string;
  /** Who asked: feedback goes there. */
  readonly origin: Address;
  readonly heartbeatMs: number;
  /** An emergency: what it answers travels on the lane that it came on. */
  readonly lane?: "control";
  attempt: number;
  /** Journal time at which it is answered without its handler; 0 for none. */
  finishDueMs: number;
  /** Why it was asked to stop; empty if it was not. */
  cancelReason: string;
  /** The outcome once there is one. */
  outcome: Outcome | "";
  output: string;
  errorCode: string;
  message: string;
  retryable: boolean;
  /** Counts the outputs that stood in place of the first; absent: none did. */
  revision?: number;
  /** Order of ending, for forgetting the oldest. */
  endedNo: number;
  /** Its handler has put the outcome off: it comes from outside, in this life or a later one. */
  deferred: boolean;
  /** Who has claimed it while it is deferred; empty for nobody. */
  holder: string;
  /** It was ended without whoever works on it, who has not been told yet. */
  untold: boolean;
}

/** A row of the store; those of before there were deferrals lack the last three fields. */
export type StoredInstruction = Omit<AgentInstruction, "deferred" | "holder" | "untold"> &
  Partial<Pick<AgentInstruction, "deferred" | "holder" | "untold">>;

export type AgentTable = "instruction" | "tombstone" | "session";

/** A cancellation that came before its instruction. */
export interface Tombstone {
  /** Attempts up to this one are cancelled. */
  readonly attempt: number;
  /** Order of coming, for forgetting the oldest. */
  readonly no: number;
}

export class AgentState {
  readonly self: Address;
  readonly parent: Address;
  session: Session;
  readonly instructions = new Map<string, AgentInstruction>();
  readonly tombstones = new Map<string, Tombstone>();
  tombstoneNo = 0;
  /** Ids without an outcome yet. */
  readonly running = new Set<string>();
  /** Those of them whose handler has put the outcome off. */
  readonly deferred = new Set<string>();
  /** Ended instructions whose worker has not been told. */
  readonly untold = new Set<string>();
  /** Ids of ended instructions, oldest first. */
  ended: string[] = [];
  endedNo = 0;
  epoch = 0;
  draining = false;

  constructor(self: Address, parent: Address) {
    this.self = self;
    this.parent = parent;
    this.session = new Session(parent);
  }
}

export interface AgentApplying {
  readonly state: AgentState;
  readonly mark: (table: AgentTable, key: string) => void;
  readonly atMs: number;
}

export function applyAgentFact(applying: AgentApplying, fact: AgentFact): void {
  const { state, mark } = applying;
  switch (fact.t) {
    case "started":
      state.epoch = fact.epoch;
      state.draining = false;
      return;
    case "drained":
      state.draining = true;
      return;
    case "received":
      receive(applying, fact);
      return;
    case "linkUp":
      if (fact.reset) state.session.reset(fact.storeId, () => true);
      state.session.peerStoreId = fact.storeId;
      state.session.peerEpoch = fact.epoch;
      mark("session", fact.peer);
      return;
    case "seen":
      for (let seq = fact.from; seq <= fact.to; seq += 1) state.session.accept(fact.lane, seq);
      mark("session", state.parent);
      return;
    case "acked":
      state.session.acknowledge(fact.lane, fact.seq);
      mark("session", state.parent);
      forget(applying);
      return;
    case "cancelAsked":
      askCancel(applying, fact);
      return;
    default:
      applyToInstruction(applying, fact);
  }
}

function receive(applying: AgentApplying, fact: Extract<AgentFact, { t: "received" }>): void {
  const { state, atMs } = applying;
  const known = state.instructions.get(fact.id);
  // It runs again: it will end anew, and until then it is not among the ended.
  if (known !== undefined) state.ended = state.ended.filter((id) => id !== fact.id);
  state.instructions.set(fact.id, {
    id: fact.id,
    chain: fact.chain,
    step: fact.step,
    capability: fact.capability,
    input: fact.input,
    origin: fact.origin,
    attempt: fact.attempt,
    finishDueMs: fact.finishMs === 0 ? 0 : atMs + fact.finishMs,
    heartbeatMs: fact.heartbeatMs,
    ...(fact.lane === undefined ? {} : { lane: fact.lane }),
    cancelReason: "",
    outcome: "",
    output: "",
    errorCode: "",
    message: "",
    retryable: false,
    // Kept, since the rows are where the count of endings is found again after a start.
    endedNo: known?.endedNo ?? 0,
    deferred: false,
    holder: "",
    untold: false,
  });
  state.untold.delete(fact.id);
  state.running.add(fact.id);
  applying.mark("instruction", fact.id);
}

type InstructionFact =
  | "adopted"
  | "accepted"
  | "progressed"
  | "ended"
  | "revised"
  | "repeated"
  | "deferred"
  | "claimed"
  | "withdrawn"
  | "told";

function applyToInstruction(
  applying: AgentApplying,
  fact: Extract<AgentFact, { t: InstructionFact }>,
): void {
  const { state, atMs } = applying;
  const instruction = state.instructions.get(fact.id);
  if (instruction === undefined) return;
  applying.mark("instruction", fact.id);
  const { id } = instruction;
  switch (fact.t) {
    case "adopted":
      instruction.attempt = fact.attempt;
      if (instruction.cancelReason === "") {
        instruction.finishDueMs = fact.finishMs === 0 ? 0 : atMs + fact.finishMs;
      } else {
        // It is being stopped for an older attempt: the newer one is worth another try, unless
        // it was taken back with it.
        instruction.retryable = fact.attempt > (state.tombstones.get(id)?.attempt ?? 0);
      }
      return;
    case "accepted":
      send(applying, instruction, { kind: "accepted", id, attempt: instruction.attempt });
      return;
    case "progressed": {
      const { ratio, note } = fact;
      const { attempt } = instruction;
      send(applying, instruction, { kind: "progress", id, attempt, ratio, note });
      return;
    }
    case "ended":
      endInstruction(applying, instruction, fact);
      return;
    case "deferred":
      instruction.deferred = true;
      state.deferred.add(id);
      return;
    case "claimed":
      instruction.holder = fact.holder;
      return;
    case "withdrawn":
      instruction.untold = true;
      state.untold.add(id);
      return;
    case "told":
      instruction.untold = false;
      state.untold.delete(id);
      return;
    case "revised":
      instruction.output = fact.output;
      instruction.revision = (instruction.revision ?? 0) + 1;
      send(applying, instruction, feedbackOf(instruction));
      return;
    case "repeated":
      instruction.attempt = fact.attempt;
      send(applying, instruction, feedbackOf(instruction));
  }
}

function endInstruction(
  applying: AgentApplying,
  instruction: AgentInstruction,
  fact: Extract<AgentFact, { t: "ended" }>,
): void {
  const { state } = applying;
  const { id } = instruction;
  instruction.outcome = fact.outcome;
  instruction.output = fact.output;
  instruction.errorCode = fact.errorCode;
  instruction.message = fact.message;
  instruction.retryable = fact.retryable;
  instruction.deferred = false;
  state.running.delete(id);
  state.deferred.delete(id);
  state.endedNo += 1;
  instruction.endedNo = state.endedNo;
  rememberEnded(state, instruction);
  send(applying, instruction, feedbackOf(instruction));
  forget(applying);
}

function feedbackOf(instruction: AgentInstruction): FeedbackBody {
  return {
    kind: "feedback",
    id: instruction.id,
    attempt: instruction.attempt,
    outcome: instruction.outcome === "" ? "failed" : instruction.outcome,
    output: instruction.output,
    errorCode: instruction.errorCode,
    message: instruction.message,
    retryable: instruction.retryable,
    revision: instruction.revision ?? 0,
  };
}

/** Above this an output travels on the bulk lane, so that it delays nobody. */
const bulkFrom = 32 * 1024;

function send(applying: AgentApplying, instruction: AgentInstruction, body: FrameBody): void {
  const { state } = applying;
  const frame: Frame = {
    from: state.self,
    to: instruction.origin,
    body,
    hopLimit: limits.addressSegmentsMax,
    traceparent: "",
  };
  const isLarge = body.kind === "feedback" && body.output.length > bulkFrom;
  state.session.enqueue(instruction.lane ?? (isLarge ? "bulk" : "chain"), frame);
  applying.mark("session", state.parent);
}

/** Keeps `ended` ordered by the number of the ending, which rows don't come in. */
export function rememberEnded(state: AgentState, instruction: AgentInstruction): void {
  const numberAt = (index: number): number =>
    state.instructions.get(state.ended[index] ?? "")?.endedNo ?? 0;
  let index = state.ended.length;
  if (index > 0 && numberAt(index - 1) > instruction.endedNo) {
    let low = 0;
    while (low < index) {
      const middle = (low + index) >>> 1;
      if (numberAt(middle) < instruction.endedNo) low = middle + 1;
      else index = middle;
    }
  }
  state.ended.splice(index, 0, instruction.id);
}

/**
 * Forgets the oldest outcomes. As many more are kept as frames wait for the hub's acknowledgement:
 * an outcome that has not arrived there is always remembered, but for one that waits on the slower
 * bulk lane while a thousand others pass it; its frame stays in the outbox all the same.
 */
function forget(applying: AgentApplying): void {
  const { state } = applying;
  while (state.ended.length > agentLimits.endedMax + state.session.unacknowledged()) {
    const id = state.ended.shift();
    if (id === undefined) return;
    state.instructions.delete(id);
    state.untold.delete(id);
    applying.mark("instruction", id);
  }
}

function askCancel(applying: AgentApplying, fact: Extract<AgentFact, { t: "cancelAsked" }>): void {
  const { state, mark, atMs } = applying;
  const { id, attempt, reason } = fact;
  const known = state.instructions.get(id);
  if (known === undefined || attempt > known.attempt) bury(applying, id, attempt);
  if (known?.outcome !== "") return;
  const graceDueMs = atMs + agentLimits.cancelGraceMs;
  known.cancelReason = reason;
  known.retryable = false;
  known.finishDueMs =
    known.finishDueMs === 0 ? graceDueMs : Math.min(known.finishDueMs, graceDueMs);
  mark("instruction", id);
}

function bury(applying: AgentApplying, id: string, attempt: number): void {
  const { state, mark } = applying;
  const { tombstones } = state;
  state.tombstoneNo += 1;
  const highest = Math.max(attempt, tombstones.get(id)?.attempt ?? 0);
  tombstones.set(id, { attempt: highest, no: state.tombstoneNo });
  mark("tombstone", id);
  if (tombstones.size <= agentLimits.tombstonesMax) return;
  let oldest = id;
  for (const [other, { no }] of tombstones) {
    if (no < (tombstones.get(oldest)?.no ?? 0)) oldest = other;
  }
  tombstones.delete(oldest);
  mark("tombstone", oldest);
}
