// Steps: what a chain does next.
//
//   I2  A step starts when every need is satisfied; skipped satisfies, a failed need skips.
//   I3  A chain that can't go on is suspended with a reason that a person can read.

import {
  canonicalJson,
  evaluateMapping,
  type JsonValue,
  limits,
  type Mapping,
  type Scope,
  type ServiceStep,
  type Step,
  utf8Length,
} from "@cloudbrain/sdk/domain";
import { assignmentsOf, fanoutsOf } from "./apply-chain.ts";
import { chainScope, type Deciding, feedOf, refuse, reply } from "./deciding.ts";
import type { HubEvent } from "./events.ts";
import { findCandidates, pinPolicy, submitterArea } from "./registry.ts";
import {
  type Chain,
  endedChainStates,
  endedStepStates,
  type HubState,
  type StepRun,
} from "./state.ts";
import { advanceCompensation, closeAllLate, stepBack } from "./step-compensate.ts";
import { openOrigin } from "./step-fanout-open.ts";
import { settleRecalled, startHuman } from "./step-human.ts";
import { closeGrown } from "./step-items.ts";
import { mapOutput } from "./step-output.ts";
import { startSignal } from "./step-signal.ts";
import { startSubflow } from "./step-subflow.ts";
import { startGate, startTimer } from "./step-wait.ts";

type EventOf<Type extends HubEvent["type"]> = Extract<HubEvent, { type: Type }>;

export function stepCancel(deciding: Deciding, event: EventOf<"cancel">): void {
  const chain = chainFor(deciding, event.request, event.chain);
  if (chain === undefined) return;
  const { compensation } = chain;
  const { reason, by } = event;
  if (chain.state === "suspended" && compensation !== undefined) {
    // What could not be undone stays as it is: a person has decided so.
    const left = `${compensation.reason}; not all is undone: ${chain.reason}`;
    const asked = by === undefined ? {} : { by, why: reason };
    endChain(deciding, chain, compensation.outcome, left, asked);
  } else {
    beginCancel(deciding, chain, reason, by);
  }
  reply(deciding, event.request, { kind: "done" });
}

/** Asks everybody who works for the chain to stop, unless it is on its way to its end already. */
export function beginCancel(deciding: Deciding, chain: Chain, reason: string, by?: string): void {
  if (chain.state === "cancelling" || chain.compensation !== undefined) return;
  closeAllLate(deciding, chain);
  const asked = by === undefined ? {} : { by };
  deciding.decide({ t: "chainCancelling", chain: chain.id, reason, ...asked });
  settleRecalled(deciding, assignmentsOf(deciding.state, chain));
  for (const { id } of fanoutsOf(deciding.state, chain)) deciding.reviewFanout(id);
  deciding.review(chain.id);
}

/** The live chain that a request is about, or undefined when it was refused. */
export function chainFor(deciding: Deciding, request: number, id: string): Chain | undefined {
  const chain = deciding.state.chains.get(id);
  if (chain === undefined) {
    refuse(deciding, request, "CHAIN_UNKNOWN", `no chain ${id} is under way at this hub`);
    return undefined;
  }
  if (endedChainStates.has(chain.state)) {
    refuse(deciding, request, "CHAIN_ENDED", `chain ${id} has ended: ${chain.state}`);
    return undefined;
  }
  return chain;
}

/** Starts what can start and ends what has ended, until nothing changes. */
export function advanceChain(deciding: Deciding, chain: Chain): void {
  deciding.changed(chain.id);
  if (chain.state === "cancelling") {
    endCancelled(deciding, chain);
    return;
  }
  if (chain.state === "compensating") {
    advanceCompensation(deciding, chain);
    return;
  }
  closeGrown(deciding, chain);
  if (chain.state !== "running") return;
  const lost = unhandledFailure(chain);
  if (lost !== undefined) {
    endChain(deciding, chain, "failed", `step ${lost.id}: ${lost.reason}`);
    return;
  }
  for (let round = 0; round < limits.continuationsMax; round += 1) {
    let moved = false;
    for (const step of chain.application.steps) {
      const run = chain.steps.get(step.id);
      if (run?.state !== "waiting" || chain.state !== "running") continue;
      const readiness = readinessOf(deciding.state, chain, step);
      if (readiness === "waits") continue;
      moved = true;
      if (readiness === "skips") skip(deciding, chain, step, "a need has failed");
      else startStep(deciding, chain, step);
    }
    if (!moved || chain.state !== "running") break;
  }
  endIfDone(deciding, chain);
  suspendIfStuck(deciding, chain);
}

/** A step that failed while the chain was suspended: what that means is seen when it goes on. */
function unhandledFailure(chain: Chain): StepRun | undefined {
  for (const run of chain.steps.values()) {
    if (run.state === "failed" && !isHandled(chain, run)) return run;
  }
  return undefined;
}

/** Another step begins when this one fails. */
function isHandled(chain: Chain, run: StepRun): boolean {
  return chain.application.steps.some(({ needs }) =>
    needs.some((need) => need.step === run.id && need.on === "failed"),
  );
}

/** Nothing moves, and a step waits for a person: so does the chain (I3). */
function suspendIfStuck(deciding: Deciding, chain: Chain): void {
  if (chain.state !== "running") return;
  let stuck: StepRun | undefined;
  for (const run of chain.steps.values()) {
    if (run.state === "running") return;
    if (run.state === "suspended") stuck ??= run;
  }
  if (stuck === undefined) return;
  const reason = `step ${stuck.id}: ${stuck.reason}`;
  deciding.decide({ t: "chainSuspended", chain: chain.id, reason });
}

function readinessOf(state: HubState, chain: Chain, step: Step): "starts" | "waits" | "skips" {
  let answer: "starts" | "skips" = "starts";
  for (const need of step.needs) {
    const needed = chain.steps.get(need.step);
    if (need.on === "partial" && needed !== undefined && feedOf(state, chain, needed)) continue;
    if (needed === undefined || !endedStepStates.has(needed.state)) return "waits";
    const failed = needed.state === "failed";
    if (need.on === "failed" ? !failed : failed) answer = "skips";
  }
  return answer;
}

function skip(deciding: Deciding, chain: Chain, step: Step, reason: string): void {
  deciding.decide({
    t: "stepEnded",
    chain: chain.id,
    step: step.id,
    state: "skipped",
    reason,
    output: null,
  });
}

function startStep(deciding: Deciding, chain: Chain, step: Step): void {
  const scope = chainScope(chain, deciding.state);
  if (step.when !== undefined) {
    const result = deciding.evaluate(step.when, scope);
    if (!result.ok) {
      suspend(deciding, chain, step, `when: ${result.reason}`);
      return;
    }
    if (result.value !== true) {
      skip(deciding, chain, step, `when: ${step.when} is false`);
      return;
    }
  }
  switch (step.type) {
    case "fanout":
      openOrigin(deciding, chain, step, scope);
      return;
    case "service":
      startService(deciding, chain, step, scope);
      return;
    case "timer":
      startTimer(deciding, chain, step, scope);
      return;
    case "gate":
      startGate(deciding, chain, step);
      return;
    case "signal":
      startSignal(deciding, chain, step, scope);
      return;
    case "subflow":
      startSubflow(deciding, chain, step, scope);
      return;
    case "human":
      startHuman(deciding, chain, step, scope);
  }
}

function startService(deciding: Deciding, chain: Chain, step: ServiceStep, scope: Scope): void {
  const input = inputText(deciding, step.input, scope);
  if (!input.ok) {
    suspend(deciding, chain, step, input.reason);
    return;
  }
  const match = pinPolicy(chain.application, step.match);
  const from = submitterArea(deciding.state, chain.submitter);
  const found = findCandidates(deciding.state, match, scope, deciding.evaluate, { from });
  const best = found.candidates[0];
  if (best === undefined) {
    suspend(deciding, chain, step, `no node matches: ${found.explanation}`);
    return;
  }
  deciding.decide({
    t: "serviceStarted",
    chain: chain.id,
    step: step.id,
    node: best.description.address,
    input: input.text,
  });
}

/** The JSON text of an instruction's input; without a mapping it is the chain's own input. */
export function inputText(
  deciding: Deciding,
  mapping: Mapping | undefined,
  scope: Scope,
): { readonly ok: true; readonly text: string } | { readonly ok: false; readonly reason: string } {
  const result =
    mapping === undefined
      ? { ok: true as const, value: scope["input"] ?? null }
      : evaluateMapping(mapping, scope, deciding.evaluate);
  if (!result.ok) return { ok: false, reason: `input: ${result.reason}` };
  const text = JSON.stringify(result.value);
  const bytes = utf8Length(text);
  if (bytes > limits.outputBytesMax) {
    return { ok: false, reason: `input: ${bytes} bytes are over the limit` };
  }
  return { ok: true, text };
}

export function suspend(deciding: Deciding, chain: Chain, step: Step, reason: string): void {
  deciding.decide({
    t: "stepEnded",
    chain: chain.id,
    step: step.id,
    state: "suspended",
    reason,
    output: null,
  });
  deciding.decide({ t: "chainSuspended", chain: chain.id, reason: `step ${step.id}: ${reason}` });
}

/** A step has failed: continue with a substitute, let others handle it, fail or ask a person. */
export function failStep(deciding: Deciding, chain: Chain, run: StepRun, reason: string): void {
  const step = chain.application.steps.find(({ id }) => id === run.id);
  if (step?.onError !== undefined) {
    const result = evaluateMapping(
      step.onError,
      chainScope(chain, deciding.state),
      deciding.evaluate,
    );
    if (result.ok) {
      const why = `continued after: ${reason}`;
      conclude(deciding, chain, run, {
        state: "succeeded",
        reason: why,
        output: result.value,
        substituted: true,
      });
      return;
    }
  }
  const handled = isHandled(chain, run);
  const isOpen = chain.state === "running" || chain.state === "suspended";
  if (!handled && chain.application.onFailure === "suspend" && isOpen) {
    endStep(deciding, chain, run, "suspended", reason, null);
    if (chain.state === "suspended") return;
    const why = `step ${run.id}: ${reason}`;
    deciding.decide({ t: "chainSuspended", chain: chain.id, reason: why });
    return;
  }
  endStep(deciding, chain, run, "failed", reason, null);
  if (handled || chain.state !== "running") return;
  endChain(deciding, chain, "failed", `step ${run.id}: ${reason}`);
}

/** The end of a step; where it succeeds, its own mapping decides what later steps read. */
export function endStep(
  deciding: Deciding,
  chain: Chain,
  run: StepRun,
  state: "succeeded" | "failed" | "suspended" | "cancelled",
  reason: string,
  output: JsonValue,
): void {
  const mapped = state === "succeeded" ? mapOutput(deciding, chain, run.id, output) : undefined;
  if (mapped === undefined) conclude(deciding, chain, run, { state, reason, output });
  else if (mapped.ok) conclude(deciding, chain, run, { state, reason, output: mapped.value });
  else failStep(deciding, chain, run, mapped.reason);
}

interface StepEnd {
  readonly state: "succeeded" | "failed" | "suspended" | "cancelled";
  readonly reason: string;
  readonly output: JsonValue;
  readonly substituted?: true;
}

function conclude(deciding: Deciding, chain: Chain, run: StepRun, end: StepEnd): void {
  deciding.decide({ t: "stepEnded", chain: chain.id, step: run.id, ...end });
  deciding.review(chain.id);
}

function endIfDone(deciding: Deciding, chain: Chain): void {
  if (chain.state !== "running") return;
  for (const step of chain.steps.values()) {
    if (!endedStepStates.has(step.state)) return;
  }
  const mapping = chain.application.output;
  if (mapping === undefined) {
    endChain(deciding, chain, "succeeded", "");
    return;
  }
  const result = evaluateMapping(mapping, chainScope(chain, deciding.state), deciding.evaluate);
  if (!result.ok) {
    endChain(deciding, chain, "failed", `output: ${result.reason}`);
    return;
  }
  if (utf8Length(canonicalJson(result.value)) > limits.outputBytesMax) {
    endChain(deciding, chain, "failed", "output: it is over the limit");
    return;
  }
  deciding.decide({
    t: "chainEnded",
    chain: chain.id,
    state: "succeeded",
    reason: "",
    output: result.value,
  });
}

export function endChain(
  deciding: Deciding,
  chain: Chain,
  state: "succeeded" | "failed" | "cancelled",
  reason: string,
  asked: { readonly by?: string; readonly why?: string } = {},
): void {
  if (state !== "succeeded" && stepBack(deciding, chain, state, reason)) return;
  deciding.decide({ t: "chainEnded", chain: chain.id, state, reason, output: null, ...asked });
  deciding.changed(chain.id);
}

/** Cancelled once nobody works for the chain any more. */
function endCancelled(deciding: Deciding, chain: Chain): void {
  const { state } = deciding;
  if (assignmentsOf(state, chain).length > 0) return;
  if (fanoutsOf(state, chain).some(({ stage }) => stage !== "kept")) return;
  // Chains below it that are being cancelled with it.
  for (const { wait } of chain.steps.values()) if (wait !== undefined) return;
  endChain(deciding, chain, "cancelled", chain.reason);
}

/** The chain's own deadline, or the end of patience with a cancellation. */
export function stepChainDue(deciding: Deciding, chain: Chain): void {
  if (chain.state === "cancelling") {
    endChain(deciding, chain, "cancelled", `${chain.reason}; not all nodes confirmed`);
    return;
  }
  endChain(deciding, chain, "failed", "the total deadline has passed");
}
