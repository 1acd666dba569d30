// Chain snapshots: a chain of a kernel as `client.getChain` tells it: what a test has learnt here
// holds for a real hub.

import type { ChainSnapshot, StepSnapshot, StepWait } from "../client/results.ts";
import type { HubChain, HubStep } from "./hub-contract.ts";

/** What a chain has that says nothing else. */
const priorityDefault = 50;

export function snapshotOf(chain: HubChain): ChainSnapshot {
  const { id, application, hash, state, reason, key, submitter, input, output } = chain;
  const { startedAtMs, endedAtMs, dueMs, revision, parent } = chain;
  return {
    id,
    application,
    hash,
    state,
    reason,
    key,
    submitter,
    input,
    output,
    startedAtMs,
    endedAtMs,
    dueMs,
    revision,
    steps: chain.steps.map((step) => stepOf(step, chain)),
    priority: chain.priority ?? priorityDefault,
    parent: parent === undefined ? undefined : { chain: parent.chain, step: parent.step },
    held: chain.held ?? false,
    notes: chain.notes ?? [],
  };
}

function stepOf(step: HubStep, { compensation }: HubChain): StepSnapshot {
  const { id, type, state, reason, output, visit, node, attempt, startedAtMs, endedAtMs } = step;
  const undone = compensation?.tasks.filter((task) => task.step === id) ?? [];
  return {
    id,
    type,
    state,
    reason,
    output,
    visit,
    node,
    attempt,
    startedAtMs,
    endedAtMs,
    fanout: step.summary,
    revised: step.revised,
    wait: step.wait === undefined ? undefined : waitOf(step.wait),
    compensated: undone.length > 0 && undone.every((task) => task.state === "done"),
  };
}

function waitOf(wait: NonNullable<HubStep["wait"]>): StepWait {
  const { kind, dueMs } = wait;
  const signal = wait.kind === "gate" ? wait.signal : "";
  const chain = wait.kind === "subflow" ? wait.child : "";
  return { kind, dueMs, signal, chain };
}
