// Steps: chains that a step starts, and how the two go on together.
//
//   F1  A child is named after the run of the step that starts it: it can't be started twice.
//   F2  The end of a child is the end of its step, decided in the same commit.
//   F3  A child that its step no longer waits for is cancelled, unless its step says `leave`.
//   F4  Chains stand at most `limits.subflowDepthMax` deep: applications that call each other end.

import {
  type Application,
  type JsonValue,
  limits,
  type Scope,
  type SubflowStep,
  utf8Length,
} from "@cloudbrain/sdk/domain";
import { findApplication, publicationOf, whyNotFound } from "./application-versions.ts";
import { applicationKey, runId } from "./apply-chain.ts";
import type { Deciding } from "./deciding.ts";
import type { HubFact } from "./facts.ts";
import { type Chain, endedChainStates, type HubState, type StepRun } from "./state.ts";
import { beginCancel, endStep, failStep, inputText, suspend } from "./step-chain.ts";
import { priorityOf } from "./step-submit.ts";
import { chainDue, stepDue } from "./working-due.ts";

export function startSubflow(
  deciding: Deciding,
  chain: Chain,
  step: SubflowStep,
  scope: Scope,
): void {
  const run = chain.steps.get(step.id);
  if (run === undefined) return;
  const depth = (chain.parent?.depth ?? 0) + 1;
  if (depth > limits.subflowDepthMax) {
    // Waiting would help nobody, and would keep all the chains above waiting, too.
    const told = `${limits.subflowDepthMax} chains stand above it, which is the limit`;
    failStep(deciding, chain, run, `${step.subflow.application}: ${told}`);
    return;
  }
  const ready = prepareChild(deciding, step, scope);
  if (typeof ready === "string") {
    suspend(deciding, chain, step, ready);
    return;
  }
  const { application, input, dueMs, totalDueMs, priority } = ready;
  const child = runId(chain.id, step.id, run.visit + 1);
  const leave = step.subflow.onParentCancel === "leave";
  const wait = { kind: "subflow", dueMs, child, leave } as const;
  deciding.decide({ t: "waitBegun", chain: chain.id, step: step.id, wait });
  deciding.decide({
    t: "chainStarted",
    chain: child,
    application: applicationKey(application),
    key: child,
    bodyHash: "",
    input,
    submitter: chain.submitter,
    parent: { chain: chain.id, step: step.id, depth },
    ...(totalDueMs === undefined ? {} : { dueMs: totalDueMs }),
    ...(priority === undefined ? {} : { priority }),
  });
  deciding.review(child);
}

interface ReadyChild {
  readonly application: Application;
  readonly input: JsonValue;
  /** Of the step. */
  readonly dueMs: number;
  /** Of the child; absent where `apply` finds it. */
  readonly totalDueMs: number | undefined;
  readonly priority: number | undefined;
}

/** What the child begins with, or why it can't begin now. */
function prepareChild(deciding: Deciding, step: SubflowStep, scope: Scope): ReadyChild | string {
  const { state } = deciding;
  const { subflow } = step;
  const application = findApplication(state, subflow.application, subflow.version);
  if (application === undefined) {
    const what = `${subflow.application} ${subflow.version}`.trim();
    const why = whyNotFound(state, subflow.application, subflow.version);
    return why === "" ? `application ${what} is not published at this hub` : why;
  }
  if (publicationOf(state, application).state === "retired") {
    return `application ${application.id} ${application.version} is retired and takes no chains`;
  }
  if (state.chains.size >= limits.liveChainsMax) {
    return `${state.chains.size} chains are under way, which is the limit of this hub`;
  }
  const text = inputText(deciding, subflow.input, scope);
  if (!text.ok) return text.reason;
  if (utf8Length(text.text) > limits.inputBytesMax) {
    return `input: it is over the limit of ${limits.inputBytesMax} bytes`;
  }
  const input = JSON.parse(text.text) as JsonValue;
  const { inputSchema } = application;
  const wrong = inputSchema === undefined ? undefined : deciding.validate(inputSchema, input);
  if (wrong !== undefined) return `input: ${wrong}`;
  const priority = priorityOf(deciding, application, input);
  if (!priority.ok) return priority.reason;
  const due = stepDue(deciding, step.deadlines);
  if (!due.ok) return `deadline.calendar: ${due.reason}`;
  const total = chainDue(deciding, application, deciding.nowMs);
  if (total?.ok === false) return `${application.id}: ${total.reason}`;
  return {
    application,
    input,
    dueMs: due.dueMs,
    totalDueMs: total?.dueMs,
    priority: priority.value,
  };
}

/** Nearly every fact leaves nobody: it costs nothing to say so. */
const none: readonly string[] = [];

/**
 * Chains that nobody waits for once this fact is applied. Asked before, since applying it ends the
 * wait that names them.
 */
export function childrenLeftBy(state: HubState, fact: HubFact): readonly string[] {
  switch (fact.t) {
    case "chainEnded":
    case "chainCancelling":
    case "chainCompensating": {
      const chain = state.chains.get(fact.chain);
      return chain === undefined ? none : [...chain.steps.values()].flatMap(childOf);
    }
    case "stepEnded":
    case "stepSkipped": {
      const run = state.chains.get(fact.chain)?.steps.get(fact.step);
      return run === undefined ? none : childOf(run);
    }
    default:
      return none;
  }
}

function childOf({ wait }: StepRun): readonly string[] {
  return wait?.kind === "subflow" && !wait.leave ? [wait.child] : [];
}

/** What a fact about a chain means for the chains below and above it. */
export function followFact(deciding: Deciding, fact: HubFact, left: readonly string[]): void {
  for (const id of left) cancelChild(deciding, id);
  switch (fact.t) {
    case "chainEnded":
      endParentStep(deciding, fact.chain);
      return;
    case "chainSuspended":
    case "chainResumed":
    case "chainRetried":
    case "chainCompensating":
    case "stepRetried":
    case "stepSkipped":
      tellWatchersAbove(deciding, fact.chain);
      return;
    default:
      return;
  }
}

function cancelChild(deciding: Deciding, id: string): void {
  const child = deciding.state.chains.get(id);
  if (child === undefined || endedChainStates.has(child.state)) return;
  const reason = `chain ${child.parent?.chain ?? ""} does not wait for it any more`;
  beginCancel(deciding, child, reason);
}

function endParentStep(deciding: Deciding, id: string): void {
  const child = deciding.state.chains.get(id);
  if (child?.parent === undefined) return;
  const parent = deciding.state.chains.get(child.parent.chain);
  const run = parent?.steps.get(child.parent.step);
  if (parent === undefined || run?.wait?.kind !== "subflow" || run.wait.child !== id) return;
  const told = `chain ${id} ${child.state === "failed" ? "has failed" : "was cancelled"}`;
  const reason = `${told}: ${child.reason}`;
  if (child.state === "succeeded") endStep(deciding, parent, run, "succeeded", "", child.output);
  else if (parent.state === "cancelling") {
    endStep(deciding, parent, run, "cancelled", reason, null);
  } else failStep(deciding, parent, run, reason);
}

function tellWatchersAbove(deciding: Deciding, id: string): void {
  let chain = deciding.state.chains.get(id);
  while (chain?.parent !== undefined) {
    chain = deciding.state.chains.get(chain.parent.chain);
    if (chain !== undefined) deciding.changed(chain.id);
  }
}
