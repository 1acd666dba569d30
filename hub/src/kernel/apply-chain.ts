// Apply: facts about applications, chains and their steps.

import { compareText } from "@cloudbrain/sdk/domain";
import { type Applying, sendFrame } from "./apply.ts";
import { createAssignment, dropAssignment } from "./apply-assignment.ts";
import { applyCompensationFact, retryCompensation } from "./apply-compensation.ts";
import { dropFanout, releaseKept } from "./apply-fanout-end.ts";
import { dropQueue } from "./apply-member.ts";
import { sendCancel } from "./apply-task.ts";
import { closeWaits, dropWait, tellAbove } from "./apply-wait.ts";
import { noteChain } from "./chain-notes.ts";
import type { HubFact } from "./facts.ts";
import { type Chain, type Fanout, type HubState, type StepRun, taskId } from "./state.ts";

type ChainFact = Extract<
  HubFact,
  {
    t:
      | "chainStarted"
      | "serviceStarted"
      | "stepEnded"
      | "chainSuspended"
      | "chainRetried"
      | "chainCancelling"
      | "chainEnded"
      | "chainCompensating"
      | "compensationStarted"
      | "compensationEnded";
  }
>;

/** How long a cancelled chain waits for its nodes to confirm before it ends without them. */
const cancelPatienceMs = 30_000;

export function applicationKey(application: { id: string; version: string }): string {
  return `${application.id}@${application.version}`;
}

export function applyChainFact(applying: Applying, fact: ChainFact): void {
  const { state, atMs } = applying;
  if (fact.t === "chainStarted") {
    startChain(applying, fact);
    return;
  }
  const chain = state.chains.get(fact.chain);
  if (chain === undefined) return;
  touchChain(applying, chain);
  switch (fact.t) {
    case "serviceStarted":
      startService(applying, chain, fact);
      return;
    case "stepEnded":
      dropWait(state, chain.id, stepOf(chain, fact.step));
      endStep(stepOf(chain, fact.step), fact, atMs);
      return;
    case "chainSuspended":
      chain.state = "suspended";
      chain.reason = fact.reason;
      if (fact.by !== undefined) chain.held = true;
      noteWhole(applying, chain, "suspended", fact);
      tellAbove(applying, chain);
      return;
    case "chainRetried":
      noteWhole(applying, chain, "retried", fact);
      if (chain.compensation !== undefined) {
        retryCompensation(chain);
        tellAbove(applying, chain);
        return;
      }
      chain.state = "running";
      chain.reason = "";
      chain.held = false;
      if (fact.dueMs !== undefined) setDue(state, chain, fact.dueMs);
      for (const step of chain.steps.values()) {
        if (step.state === "suspended") step.state = "waiting";
      }
      tellAbove(applying, chain);
      return;
    case "chainCancelling":
      chain.state = "cancelling";
      chain.reason = fact.reason;
      setDue(state, chain, atMs + cancelPatienceMs);
      recallWork(applying, chain, fact.reason);
      closeWaits(applying, chain);
      noteWhole(applying, chain, "cancelled", { by: fact.by, why: fact.reason });
      return;
    case "chainEnded":
      chain.state = fact.state;
      chain.reason = fact.reason;
      chain.output = fact.output;
      chain.endedAtMs = atMs;
      chain.dueMs = 0;
      noteWhole(applying, chain, "cancelled", fact);
      endWork(applying, chain, fact.state);
      return;
    case "chainCompensating":
    case "compensationStarted":
    case "compensationEnded":
      applyCompensationFact(applying, chain, fact);
  }
}

function setDue(state: HubState, chain: Chain, dueMs: number): void {
  chain.dueMs = dueMs;
  state.due.push("chain", chain.id, dueMs);
}

/** Only what somebody asked for leaves a note. */
function noteWhole(
  applying: Applying,
  chain: Chain,
  action: "suspended" | "retried" | "cancelled",
  fact: { readonly by?: string | undefined; readonly why?: string | undefined },
): void {
  const { by, why = "" } = fact;
  if (by !== undefined) noteChain(applying, chain, { by, action, step: "", reason: why });
}

function startChain(applying: Applying, fact: Extract<ChainFact, { t: "chainStarted" }>): void {
  const { state, dirty, atMs } = applying;
  const application = state.applications.get(fact.application);
  if (application === undefined) return;
  const steps = new Map<string, StepRun>();
  for (const step of application.steps) steps.set(step.id, waitingStep(step.id, step.type));
  const plainDueMs = application.totalMs === undefined ? 0 : atMs + application.totalMs;
  const dueMs = fact.dueMs ?? plainDueMs;
  state.chains.set(fact.chain, {
    id: fact.chain,
    application,
    key: fact.key,
    bodyHash: fact.bodyHash,
    input: fact.input,
    submitter: fact.submitter,
    priority: fact.priority ?? defaultPriority,
    parent: fact.parent,
    startedAtMs: atMs,
    state: "running",
    reason: "",
    output: null,
    endedAtMs: 0,
    dueMs,
    revision: 1,
    held: false,
    notes: [],
    signals: [],
    steps,
  });
  state.due.push("chain", fact.chain, dueMs);
  dirty.mark("chain", fact.chain);
  // Its id is its key: nobody else can hold that.
  if (fact.parent !== undefined) return;
  const key = keyOf(application, fact.key);
  state.keys.set(key, {
    chain: fact.chain,
    bodyHash: fact.bodyHash,
    expiresAtMs: atMs + application.keyKeepMs,
  });
  dirty.mark("key", key);
}

/** Of a chain whose application says nothing. */
export const defaultPriority = 50;

/** Keys are scoped by application: two applications may use the same. */
export function keyOf(application: { id: string }, key: string): string {
  return `${application.id}\u0001${key}`;
}

function waitingStep(id: string, type: StepRun["type"]): StepRun {
  return {
    id,
    type,
    state: "waiting",
    visit: 0,
    output: null,
    reason: "",
    startedAtMs: 0,
    endedAtMs: 0,
    node: "",
    attempt: 0,
    summary: undefined,
  };
}

export function stepOf(chain: Chain, id: string): StepRun {
  const step = chain.steps.get(id);
  if (step !== undefined) return step;
  const created = waitingStep(id, "service");
  chain.steps.set(id, created);
  return created;
}

export function touchChain(applying: Applying, chain: Chain): void {
  chain.revision += 1;
  applying.dirty.mark("chain", chain.id);
}

/** Identity of a run of a step: the same for every replay and every hub. */
export function runId(chain: string, step: string, visit: number): string {
  return `${chain}.${step}.${visit}`;
}

function startService(
  applying: Applying,
  chain: Chain,
  fact: Extract<ChainFact, { t: "serviceStarted" }>,
): void {
  const step = beginStep(chain, fact.step, applying.atMs);
  step.node = fact.task?.about ?? fact.node;
  step.attempt = 1;
  createAssignment(applying, {
    id: runId(chain.id, step.id, step.visit),
    owner: { kind: "step", chain: chain.id, step: step.id },
    chain: chain.id,
    step: step.id,
    input: fact.input,
    node: fact.node,
    task: fact.task,
    totalDueMs: fact.totalDueMs,
  });
}

export function beginStep(chain: Chain, id: string, atMs: number): StepRun {
  const step = stepOf(chain, id);
  step.state = "running";
  step.visit += 1;
  step.startedAtMs = atMs;
  step.endedAtMs = 0;
  step.reason = "";
  return step;
}

function endStep(step: StepRun, fact: Extract<ChainFact, { t: "stepEnded" }>, atMs: number): void {
  step.state = fact.state;
  step.reason = fact.reason;
  step.output = fact.output;
  step.endedAtMs = atMs;
  if (fact.substituted === true) step.substituted = true;
}

/** Asks everybody who works for the chain to stop; their answers end it. */
function recallWork(applying: Applying, chain: Chain, reason: string): void {
  const { state } = applying;
  for (const assignment of assignmentsOf(state, chain)) {
    const { id, attempt } = assignment;
    sendCancel(applying, assignment.node, { id, attempt, reason });
  }
  for (const fanout of fanoutsOf(state, chain)) {
    if (fanout.stage === "kept") continue;
    dropQueue(fanout, reason);
    fanout.growing = false;
    applying.dirty.mark("fanout", fanout.id);
    for (const child of fanout.children.values()) {
      if (child.final) continue;
      const { id } = fanout;
      sendFrame(applying, child.address, { kind: "withdraw", fanout: id, reason, forgets: false });
    }
  }
}

/**
 * A terminal chain has no timers and no live instructions (I10). Of its fan-outs stay those that
 * late feedback may still revise, or of which it is to be refused; they have an end of their own.
 */
function endWork(applying: Applying, chain: Chain, why: string): void {
  for (const assignment of assignmentsOf(applying.state, chain)) {
    if (assignment.owner.kind === "member" && isLate(applying.state, assignment.owner)) continue;
    const { id, attempt } = assignment;
    sendCancel(applying, assignment.node, { id, attempt, reason: why });
    dropAssignment(applying.state, assignment);
  }
  for (const fanout of fanoutsOf(applying.state, chain)) {
    if (fanout.stage === "late") continue;
    if (fanout.stage === "kept") releaseKept(applying, fanout);
    else dropFanout(applying, fanout, why);
  }
  for (const step of chain.steps.values()) {
    dropWait(applying.state, chain.id, step);
    if (step.state === "running" || step.state === "suspended" || step.state === "waiting") {
      step.state = "cancelled";
      step.endedAtMs = applying.atMs;
    }
  }
}

function isLate(state: HubState, owner: { readonly fanout: string }): boolean {
  return state.fanouts.get(owner.fanout)?.stage === "late";
}

export function assignmentsOf(state: HubState, chain: Chain) {
  const found = [];
  const own = [...chain.steps.values()].map(({ id, visit }) => runId(chain.id, id, visit));
  for (const id of [...own, ...(chain.compensation?.tasks ?? []).map(taskId)]) {
    const assignment = state.assignments.get(id);
    if (assignment !== undefined) found.push(assignment);
  }
  for (const fanout of fanoutsOf(state, chain)) {
    for (const member of fanout.live > 0 ? fanout.members.values() : []) {
      const assignment = state.assignments.get(memberAssignmentId(fanout.id, member.key));
      if (assignment !== undefined) found.push(assignment);
    }
  }
  return found;
}

/** Fan-outs of the chain that have rows here, whatever their stage: of all visits of its steps. */
export function fanoutsOf(state: HubState, chain: Chain): readonly Fanout[] {
  const found: Fanout[] = [];
  for (const step of chain.steps.values()) {
    if (step.type !== "fanout") continue;
    for (let visit = step.visit; visit > 0; visit -= 1) {
      const fanout = state.fanouts.get(runId(chain.id, step.id, visit));
      if (fanout !== undefined) found.push(fanout);
    }
  }
  for (const task of chain.compensation?.tasks ?? []) {
    if (task.of !== "members") continue;
    for (let tries = task.tries; tries > 0; tries -= 1) {
      const fanout = state.fanouts.get(taskId({ ...task, tries }));
      if (fanout !== undefined) found.push(fanout);
    }
  }
  return found;
}

export function memberAssignmentId(fanout: string, member: string): string {
  return `${fanout}!${member}`;
}

/**
 * Precedence of Semantic Versioning 2.0.0: a pre-release comes before its release. Where that is
 * the same, what follows `+` decides as text, so that two versions are never equal.
 */
export function compareVersions(a: string, b: string): number {
  const left = partsOf(a);
  const right = partsOf(b);
  const byCore = compareParts(left.core, right.core);
  if (byCore !== 0) return byCore;
  if ((left.pre === "") !== (right.pre === "")) return left.pre === "" ? 1 : -1;
  return compareParts(left.pre, right.pre) || compareText(left.build, right.build);
}

function partsOf(version: string) {
  const [plain = "", build = ""] = version.split("+", 2);
  const cut = plain.indexOf("-");
  if (cut < 0) return { core: plain, pre: "", build };
  return { core: plain.slice(0, cut), pre: plain.slice(cut + 1), build };
}

/** Numbers by value and before words; a longer list after its beginning. */
function compareParts(a: string, b: string): number {
  const left = a.split(".");
  const right = b.split(".");
  for (const [index, x] of left.entries()) {
    const y = right[index];
    if (y === undefined) return 1;
    if (x === y) continue;
    const areNumbers = [/^\d+$/.test(x), /^\d+$/.test(y)];
    if (areNumbers[0] !== areNumbers[1]) return areNumbers[0] === true ? -1 : 1;
    return areNumbers[0] === true ? Number(x) - Number(y) : compareText(x, y);
  }
  return left.length - right.length;
}
