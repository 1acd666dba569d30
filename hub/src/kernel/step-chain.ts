// Steps: what a request does to a chain, and what a chain does next.
//
//   I1  One submit key, one chain: the key row and the chain are decided together (I12).
//   I2  A step starts when every need is satisfied; skipped satisfies, a failed need skips.
//   I3  A chain that can't go on is suspended with a reason that a person can read.

import {
  type Application,
  canonicalJson,
  type ErrorCode,
  evaluateMapping,
  limits,
  type Mapping,
  type Scope,
  type ServiceStep,
  type Step,
  utf8Length,
} from "@cloudbrain/sdk/domain";
import { findApplication, publicationOf } from "./application-versions.ts";
import { applicationKey, assignmentsOf, fanoutsOf, keyOf } from "./apply-chain.ts";
import { chainScope, type Deciding, reply } from "./deciding.ts";
import type { HubEvent } from "./events.ts";
import { findCandidates } from "./registry.ts";
import { type Chain, endedChainStates, endedStepStates, type StepRun } from "./state.ts";
import { refuseUnknown } from "./step-application.ts";
import { openOrigin } from "./step-fanout.ts";

type EventOf<Type extends HubEvent["type"]> = Extract<HubEvent, { type: Type }>;

function refuse(
  deciding: Deciding,
  request: number,
  code: ErrorCode,
  detail: string,
  retryAfterMs?: number,
): void {
  const later = retryAfterMs === undefined ? {} : { retryAfterMs };
  reply(deciding, request, { kind: "refused", code, detail, ...later });
}

export function stepSubmit(deciding: Deciding, event: EventOf<"submit">): void {
  const { state } = deciding;
  const { request } = event;
  const application = findApplication(state, event.application, event.version);
  if (application === undefined) {
    refuseUnknown(deciding, request, event.application, event.version);
    return;
  }
  const key = keyFor(deciding, application, event);
  const holder = state.keys.get(keyOf(application, key)) ?? event.holder;
  if (holder !== undefined && holder.expiresAtMs > deciding.nowMs) {
    if (holder.bodyHash !== event.bodyHash) {
      const detail = `key ${key} belongs to chain ${holder.chain} with another input`;
      refuse(deciding, request, "KEY_CONFLICT", detail);
      return;
    }
    reply(deciding, request, { kind: "accepted", chain: holder.chain, existed: true });
    return;
  }
  if (publicationOf(state, application).state === "retired") {
    const detail = `${event.application} ${event.version} is retired: name another version or none`;
    refuse(deciding, request, "APPLICATION_RETIRED", detail);
    return;
  }
  if (state.draining) {
    refuse(deciding, request, "DRAINING", "the hub is draining; submit at another or later", 5_000);
    return;
  }
  if (state.chains.size >= limits.liveChainsMax) {
    const detail = `${state.chains.size} chains are under way, which is the limit`;
    refuse(deciding, request, "HUB_BUSY", detail, 1_000);
    return;
  }
  if (application.inputSchema !== undefined) {
    const wrong = deciding.validate(application.inputSchema, event.input);
    if (wrong !== undefined) {
      refuse(deciding, request, "INPUT_INVALID", wrong);
      return;
    }
  }
  deciding.decide({
    t: "chainStarted",
    chain: event.chain,
    application: applicationKey(application),
    key,
    bodyHash: event.bodyHash,
    input: event.input,
    submitter: event.submitter,
  });
  reply(deciding, request, { kind: "accepted", chain: event.chain, existed: false });
  deciding.review(event.chain);
}

/** The caller's key, else the application's own expression, else one that nobody repeats. */
function keyFor(deciding: Deciding, application: Application, event: EventOf<"submit">): string {
  if (event.key !== "") return event.key;
  if (application.keyExpression !== undefined) {
    const result = deciding.evaluate(application.keyExpression, { input: event.input });
    if (result.ok && typeof result.value === "string" && result.value !== "") return result.value;
  }
  return event.chain;
}

export function stepCancel(deciding: Deciding, event: EventOf<"cancel">): void {
  const chain = chainFor(deciding, event.request, event.chain);
  if (chain === undefined) return;
  if (chain.state !== "cancelling") {
    deciding.decide({ t: "chainCancelling", chain: chain.id, reason: event.reason });
    deciding.review(chain.id);
  }
  reply(deciding, event.request, { kind: "done" });
}

export function stepRetry(deciding: Deciding, event: EventOf<"retry">): void {
  const chain = chainFor(deciding, event.request, event.chain);
  if (chain === undefined) return;
  if (chain.state !== "suspended") {
    refuse(
      deciding,
      event.request,
      "CHAIN_INVALID",
      `the chain is ${chain.state}; only a suspended chain is retried`,
    );
    return;
  }
  deciding.decide({ t: "chainRetried", chain: chain.id });
  deciding.review(chain.id);
  reply(deciding, event.request, { kind: "done" });
}

function chainFor(deciding: Deciding, request: number, id: string): Chain | undefined {
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
  if (chain.state !== "running") return;
  for (let round = 0; round < limits.continuationsMax; round += 1) {
    let moved = false;
    for (const step of chain.application.steps) {
      const run = chain.steps.get(step.id);
      if (run?.state !== "waiting" || chain.state !== "running") continue;
      const readiness = readinessOf(chain, step);
      if (readiness === "waits") continue;
      moved = true;
      if (readiness === "skips") skip(deciding, chain, step, "a need has failed");
      else startStep(deciding, chain, step);
    }
    if (!moved || chain.state !== "running") break;
  }
  endIfDone(deciding, chain);
}

function readinessOf(chain: Chain, step: Step): "starts" | "waits" | "skips" {
  let answer: "starts" | "skips" = "starts";
  for (const need of step.needs) {
    const needed = chain.steps.get(need.step);
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
  const scope = chainScope(chain);
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
  if (step.type === "fanout") openOrigin(deciding, chain, step, scope);
  else if (step.type === "service") startService(deciding, chain, step, scope);
  else suspend(deciding, chain, step, `this hub can't run a step of type ${step.type}`);
}

function startService(deciding: Deciding, chain: Chain, step: ServiceStep, scope: Scope): void {
  const input = inputText(deciding, step.input, scope);
  if (!input.ok) {
    suspend(deciding, chain, step, input.reason);
    return;
  }
  const found = findCandidates(deciding.state, step.match, scope, deciding.evaluate);
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
    const result = evaluateMapping(step.onError, chainScope(chain), deciding.evaluate);
    if (result.ok) {
      endStep(deciding, chain, run, "succeeded", `continued after: ${reason}`, result.value);
      return;
    }
  }
  const isHandled = chain.application.steps.some(({ needs }) =>
    needs.some((need) => need.step === run.id && need.on === "failed"),
  );
  if (!isHandled && chain.application.onFailure === "suspend" && chain.state === "running") {
    endStep(deciding, chain, run, "suspended", reason, null);
    const why = `step ${run.id}: ${reason}`;
    deciding.decide({ t: "chainSuspended", chain: chain.id, reason: why });
    return;
  }
  endStep(deciding, chain, run, "failed", reason, null);
  if (isHandled || chain.state !== "running") return;
  endChain(deciding, chain, "failed", `step ${run.id}: ${reason}`);
}

export function endStep(
  deciding: Deciding,
  chain: Chain,
  run: StepRun,
  state: "succeeded" | "failed" | "suspended" | "cancelled",
  reason: string,
  output: import("@cloudbrain/sdk/domain").JsonValue,
): void {
  deciding.decide({ t: "stepEnded", chain: chain.id, step: run.id, state, reason, output });
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
  const result = evaluateMapping(mapping, chainScope(chain), deciding.evaluate);
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
): void {
  deciding.decide({ t: "chainEnded", chain: chain.id, state, reason, output: null });
  deciding.changed(chain.id);
}

/** Cancelled once nobody works for the chain any more. */
function endCancelled(deciding: Deciding, chain: Chain): void {
  const { state } = deciding;
  if (assignmentsOf(state, chain).length > 0 || fanoutsOf(state, chain).length > 0) return;
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
