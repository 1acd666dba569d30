// Steps: instructions on their way: accepted, answered, silent, offered again.
//
//   I7  At most one attempt of an assignment is live; attempts only grow. What an older attempt
//       says is recorded; it may still win as long as the newer one has not been accepted.
//   I8  Every assignment waits for something that ends: a due time here, or the fan-out's or the
//       chain's above it.
//   I9  A lease is bound to the link of its node: when the node is gone, the grace begins; when
//       that has passed, or when another node could start at once, the work is offered again.

import {
  type Address,
  type FeedbackBody,
  type JsonValue,
  limits,
  type Match,
  type ProgressBody,
  type RetryRule,
} from "@cloudbrain/sdk/domain";
import { ruleOf } from "./apply-assignment.ts";
import { chainScope, type Deciding } from "./deciding.ts";
import type { OfferFact } from "./facts.ts";
import { assignmentsTo, findCandidates, pinPolicy, submitterArea } from "./registry.ts";
import type { Assignment } from "./state.ts";
import { endStep, failStep, suspend } from "./step-chain.ts";
import { endTask } from "./step-compensate.ts";
import {
  candidatesFor,
  isForOperator,
  type OtherOffer,
  openHere,
  otherDesk,
  sameDesk,
} from "./step-human.ts";
import { contributionIn, parseOutput, type Refuse, stepLateFeedback } from "./step-late.ts";
import { patienceFor } from "./task-spec.ts";

export function stepAccepted(deciding: Deciding, id: string, attempt: number): void {
  const assignment = deciding.state.assignments.get(id);
  if (assignment?.attempt !== attempt || assignment.state !== "offered") return;
  deciding.decide({ t: "accepted", id, attempt });
}

export function stepProgress(deciding: Deciding, body: Omit<ProgressBody, "kind">): void {
  const { id, attempt, ratio, note, dueInMs = 0 } = body;
  const assignment = deciding.state.assignments.get(id);
  if (assignment?.attempt !== attempt || assignment.state === "backoff") return;
  const isBound = assignment.task !== undefined && dueInMs > 0;
  const bound = isBound ? { safetyDueMs: deciding.nowMs + patienceFor(dueInMs) } : {};
  deciding.decide({ t: "progressed", id, ratio, note, ...bound });
}

export function stepFeedback(
  deciding: Deciding,
  from: Address,
  body: FeedbackBody,
  refuse?: Refuse,
): void {
  const { id, attempt } = body;
  const assignment = deciding.state.assignments.get(id);
  const isCurrent = assignment?.attempt === attempt && assignment.state !== "backoff";
  // Testimony of an earlier attempt is adopted when it succeeded and nobody has begun anew.
  const isAdopted =
    assignment !== undefined &&
    attempt < assignment.attempt &&
    assignment.state !== "accepted" &&
    body.outcome === "succeeded";
  if (
    assignment === undefined ||
    !(isCurrent || isAdopted) ||
    !isFrom(assignment, from, isAdopted)
  ) {
    // While an attempt is live it is the one that counts.
    if (assignment === undefined) stepLateFeedback(deciding, from, body, refuse);
    else deciding.decide({ t: "late", id, attempt, outcome: body.outcome, output: body.output });
    return;
  }
  if (body.outcome === "succeeded") {
    succeed(deciding, assignment, from, body);
    return;
  }
  if (body.outcome === "returned" && offerElsewhere(deciding, assignment, from)) return;
  const code = body.errorCode === "" ? body.outcome : body.errorCode;
  const why = body.message === "" ? code : `${code}: ${body.message}`;
  if (assignment.task !== undefined && !isRecalled(deciding, assignment)) {
    if (body.outcome === "returned" && code === "RETURNED" && rematch(deciding, assignment)) return;
    if (isForOperator(deciding, assignment, code)) {
      suspendFor(deciding, assignment, why);
      return;
    }
  }
  retryOrFail(deciding, assignment, why, body.retryable, code);
}

function isFrom(assignment: Assignment, from: Address, isAdopted: boolean): boolean {
  return isAdopted || assignment.node === from;
}

function succeed(
  deciding: Deciding,
  assignment: Assignment,
  from: Address,
  body: FeedbackBody,
): void {
  const output = parseOutput(body.output);
  if (output === undefined) {
    retryOrFail(deciding, assignment, "the output is not JSON", false, "OUTPUT_INVALID");
    return;
  }
  const { owner } = assignment;
  if (owner.kind !== "member") {
    deciding.decide({
      t: "ended",
      id: assignment.id,
      outcome: "succeeded",
      value: null,
      reason: "",
    });
    const chain = deciding.state.chains.get(owner.chain);
    const run = chain?.steps.get(owner.step);
    if (chain === undefined || run === undefined) return;
    if (owner.kind === "compensation") endTask(deciding, chain, assignment.id, "");
    else endStep(deciding, chain, run, "succeeded", "", output);
    return;
  }
  const fanout = deciding.state.fanouts.get(owner.fanout);
  if (fanout === undefined) return;
  const result = contributionIn(deciding, fanout, owner.member, output);
  deciding.decide({
    t: "ended",
    id: assignment.id,
    outcome: result.ok ? "succeeded" : "failed",
    value: result.ok ? result.value : null,
    reason: result.ok ? "" : result.reason,
    ...(body.revision === 0 ? {} : { revision: body.revision }),
    ...(fanout.each.compensate === undefined ? {} : { output }),
    ...(assignment.node === from ? {} : { from }),
  });
  deciding.reviewFanout(fanout.id);
}

/** What a node gave back goes to another that matches, until there is none that has not. */
function offerElsewhere(deciding: Deciding, assignment: Assignment, from: Address): boolean {
  // People have rules of their own for what is given back.
  if (assignment.task !== undefined) return false;
  if (retryOf(deciding, assignment)?.rematch !== true || !isMovable(assignment)) return false;
  if (assignment.attempt >= limits.attemptsMax || isRecalled(deciding, assignment)) return false;
  const other = findOther(deciding, assignment, ruleOf(deciding.state, assignment.owner)?.match);
  if (other === undefined) return false;
  offerTo(deciding, assignment, other, { refusedBy: from });
  return true;
}

/**
 * Another attempt after a delay while the rule allows one, else the end of the assignment. With
 * `isOurs` the patience was ours: the node knows nothing of it and is told to stop.
 */
function retryOrFail(
  deciding: Deciding,
  assignment: Assignment,
  why: string,
  retryable: boolean,
  code: string,
  isOurs = false,
): void {
  const retry = retryOf(deciding, assignment);
  const attemptsMax = Math.min(retry?.max ?? 1, limits.attemptsMax);
  const mayRetry =
    retry !== undefined &&
    retryable &&
    assignment.attempt < attemptsMax &&
    !retry.notOn.includes(code) &&
    !isRecalled(deciding, assignment);
  if (mayRetry) {
    const delayMs = delayBefore(deciding, assignment, retry);
    deciding.decide({ t: "backedOff", id: assignment.id, delayMs, why });
    return;
  }
  failAssignment(deciding, assignment, why, isOurs);
}

/** Human steps have none: what people have decided is not asked again. */
function retryOf(deciding: Deciding, assignment: Assignment): RetryRule | undefined {
  const rule = ruleOf(deciding.state, assignment.owner);
  return rule === undefined || !("retry" in rule) ? undefined : rule.retry;
}

/** A node has returned its task and nobody at its desk decides: others may be asked. */
function rematch(deciding: Deciding, assignment: Assignment): boolean {
  if (!isMovable(assignment) || assignment.attempt >= limits.attemptsMax) return false;
  const other = otherDesk(deciding, assignment, candidatesFor(deciding, assignment));
  if (other === undefined) return false;
  offerTo(deciding, assignment, other);
  return true;
}

/** The next attempt, at this node; a task of this very hub opens at once. */
export function offerTo(
  deciding: Deciding,
  assignment: Assignment,
  offer: OtherOffer,
  cause: Pick<OfferFact, "by" | "why" | "refusedBy"> = {},
): void {
  const { id } = assignment;
  const task = offer.task ?? sameDesk(deciding, assignment);
  const attempt = assignment.attempt + 1;
  const more = task === undefined ? {} : { task };
  deciding.decide({ t: "offered", id, node: offer.node, attempt, ...more, ...cause });
  openHere(deciding, id);
}

/** Only a person can go on from here. */
function suspendFor(deciding: Deciding, assignment: Assignment, why: string): void {
  const { id, owner } = assignment;
  deciding.decide({ t: "ended", id, outcome: "failed", value: null, reason: why });
  if (owner.kind !== "step") return;
  const chain = deciding.state.chains.get(owner.chain);
  const step = chain?.application.steps.find((it) => it.id === owner.step);
  if (chain !== undefined && step !== undefined) suspend(deciding, chain, step, why);
}

/** Taken back from above or by a cancellation: it is waited for, and never offered again. */
function isRecalled(deciding: Deciding, assignment: Assignment): boolean {
  const { owner } = assignment;
  if (deciding.state.chains.get(assignment.chain)?.state === "cancelling") return true;
  return owner.kind === "member" && deciding.state.fanouts.get(owner.fanout)?.withdrawn === true;
}

/** min(cap, initial * factor^(n-1)), spread by +-jitter: retries of many must not march in step. */
function delayBefore(deciding: Deciding, assignment: Assignment, retry: RetryRule): number {
  const plain = Math.min(
    retry.capMs,
    retry.initialMs * retry.factor ** Math.max(0, assignment.attempt - 1),
  );
  const spread = deciding.spread(assignment.id, assignment.attempt) * 2 - 1;
  return Math.max(1, Math.round(plain * (1 + spread * retry.jitter)));
}

function failAssignment(
  deciding: Deciding,
  assignment: Assignment,
  why: string,
  isOurs = false,
): void {
  const { owner } = assignment;
  deciding.decide({
    t: "ended",
    id: assignment.id,
    outcome: "failed",
    value: null,
    reason: why,
    ...(isOurs && assignment.state !== "backoff" ? { recalled: true } : {}),
  });
  if (owner.kind === "member") {
    deciding.reviewFanout(owner.fanout);
    return;
  }
  const chain = deciding.state.chains.get(owner.chain);
  const run = chain?.steps.get(owner.step);
  if (chain === undefined || run === undefined) return;
  if (owner.kind === "compensation") endTask(deciding, chain, assignment.id, why);
  else if (chain.state === "cancelling") endStep(deciding, chain, run, "cancelled", why, null);
  else failStep(deciding, chain, run, why);
}

/** A due time has come: what it means depends on the state. */
export function stepAssignmentDue(deciding: Deciding, assignment: Assignment): void {
  const { nowMs } = deciding;
  if (assignment.totalDueMs > 0 && assignment.totalDueMs <= nowMs) {
    failAssignment(deciding, assignment, "the total deadline has passed", true);
    return;
  }
  if (assignment.state === "backoff") {
    offerAgain(deciding, assignment, "retry");
    return;
  }
  if (assignment.task !== undefined) {
    const why = `the desk ${assignment.node} has not answered in its time`;
    retryOrFail(deciding, assignment, why, true, "DESK_SILENT", true);
    return;
  }
  if (assignment.state === "offered") {
    const why = `${assignment.node} did not accept in time`;
    retryOrFail(deciding, assignment, why, true, "START_DEADLINE", true);
    return;
  }
  if (assignment.finishDueMs > 0 && assignment.finishDueMs <= nowMs) {
    const why = "the finish deadline has passed";
    retryOrFail(deciding, assignment, why, true, "FINISH_DEADLINE", true);
    return;
  }
  if (deciding.state.nodes.get(assignment.node)?.state === "online") {
    // Its handler is silent: that is an attempt that failed, and attempts are limited.
    retryOrFail(deciding, assignment, "its heartbeats ceased", true, "HEARTBEAT_DEADLINE", true);
    return;
  }
  offerAgain(deciding, assignment, "lease");
}

function offerAgain(deciding: Deciding, assignment: Assignment, why: "retry" | "lease"): void {
  if (isRecalled(deciding, assignment)) {
    failAssignment(deciding, assignment, "it was taken back");
    return;
  }
  if (assignment.attempt >= limits.attemptsMax) {
    failAssignment(deciding, assignment, "it was offered too often", true);
    return;
  }
  const rule = ruleOf(deciding.state, assignment.owner);
  const mayMove =
    why === "lease" ? isMovable(assignment) : retryOf(deciding, assignment)?.rematch === true;
  const other = mayMove ? findOther(deciding, assignment, rule?.match) : undefined;
  offerTo(deciding, assignment, other ?? { node: assignment.node });
}

/** Members by level are their nodes; steps and items are done by whoever matches. */
export function isMovable(assignment: Assignment): boolean {
  const { owner } = assignment;
  return owner.kind !== "member" || owner.member !== (assignment.task?.about ?? assignment.node);
}

export function findOther(
  deciding: Deciding,
  assignment: Assignment,
  match: Match | undefined,
): OtherOffer | undefined {
  if (match === undefined) return undefined;
  if (assignment.task !== undefined) {
    return otherDesk(deciding, assignment, candidatesFor(deciding, assignment));
  }
  const chain = deciding.state.chains.get(assignment.chain);
  const item = itemOf(deciding, assignment);
  const scope = chain === undefined ? {} : { ...chainScope(chain, deciding.state), item };
  const from = submitterArea(deciding.state, chain?.submitter ?? "");
  const pinned = chain === undefined ? match : pinPolicy(chain.application, match);
  const found = findCandidates(deciding.state, pinned, scope, deciding.evaluate, {
    from,
  }).candidates;
  const best = found.find(
    ({ state, description: { address } }) =>
      state === "online" &&
      address !== assignment.node &&
      assignment.refusedBy?.includes(address) !== true,
  );
  return best === undefined ? undefined : { node: best.description.address };
}

function itemOf(deciding: Deciding, assignment: Assignment): JsonValue {
  const { owner } = assignment;
  if (owner.kind !== "member") return null;
  return deciding.state.fanouts.get(owner.fanout)?.members.get(owner.member)?.item ?? null;
}

/**
 * A node is not reachable any more. What it has not accepted goes to another node at once if there
 * is one; otherwise it stays in the outbox and is delivered when the node is back.
 */
export function stepNodeGone(deciding: Deciding, node: Address): void {
  for (const assignment of assignmentsTo(deciding.state, node)) {
    if (assignment.state !== "offered" || !isMovable(assignment)) continue;
    // A task may be on somebody's screen already: it stays with its desk until that is back.
    if (assignment.task !== undefined) continue;
    if (isRecalled(deciding, assignment)) continue;
    const rule = ruleOf(deciding.state, assignment.owner);
    const other = findOther(deciding, assignment, rule?.match);
    if (other === undefined || assignment.attempt >= limits.attemptsMax) continue;
    offerTo(deciding, assignment, other);
  }
}

/** The node has come back with another store: nothing that it was given is left there. */
export function stepNodeReborn(deciding: Deciding, node: Address): void {
  for (const assignment of assignmentsTo(deciding.state, node)) {
    if (assignment.state === "backoff") continue;
    if (isRecalled(deciding, assignment)) {
      failAssignment(deciding, assignment, `${node} has begun anew`);
      continue;
    }
    offerTo(deciding, assignment, { node });
  }
}
