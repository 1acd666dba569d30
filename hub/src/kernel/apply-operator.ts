// Apply: facts about what an operator did to a chain by hand.

import type { Applying } from "./apply.ts";
import { dropAssignment } from "./apply-assignment.ts";
import { runId, stepOf, touchChain } from "./apply-chain.ts";
import { retire } from "./apply-fanout-end.ts";
import { sendCancel } from "./apply-task.ts";
import { dropWait, tellAbove } from "./apply-wait.ts";
import { noteChain } from "./chain-notes.ts";
import type { HubFact } from "./facts.ts";
import type { Chain, StepRun } from "./state.ts";

type OperatorFact = Extract<HubFact, { t: "chainResumed" | "stepRetried" | "stepSkipped" }>;

export function applyOperatorFact(applying: Applying, fact: OperatorFact): void {
  const chain = applying.state.chains.get(fact.chain);
  if (chain === undefined) return;
  touchChain(applying, chain);
  const { by, why: reason } = fact;
  if (fact.t === "chainResumed") {
    chain.held = false;
    goOn(applying, chain);
    noteChain(applying, chain, { by, action: "resumed", step: "", reason });
    return;
  }
  const step = stepOf(chain, fact.step);
  if (fact.t === "stepRetried") {
    step.state = "waiting";
    step.reason = "";
    noteChain(applying, chain, { by, action: "retried", step: step.id, reason });
  } else {
    dropWork(applying, chain, step, reason);
    step.state = "skipped";
    step.reason = `skipped by ${by}: ${reason}`;
    step.output = fact.output;
    step.summary = fact.summary ?? step.summary;
    step.endedAtMs = applying.atMs;
    noteChain(applying, chain, { by, action: "skipped", step: step.id, reason });
  }
  goOn(applying, chain);
}

/** Unless a person holds it: what still can't go on suspends the chain again. */
function goOn(applying: Applying, chain: Chain): void {
  if (chain.state !== "suspended" || chain.held) return;
  chain.state = "running";
  chain.reason = "";
  tellAbove(applying, chain);
}

/** Takes back whatever works for this run of the step. */
function dropWork(applying: Applying, chain: Chain, step: StepRun, reason: string): void {
  const { state } = applying;
  const run = runId(chain.id, step.id, step.visit);
  const assignment = state.assignments.get(run);
  if (assignment !== undefined) {
    const { id, attempt, node } = assignment;
    sendCancel(applying, node, { id, attempt, reason });
    dropAssignment(state, assignment);
  }
  const fanout = state.fanouts.get(run);
  // What its members did may have to be undone.
  if (fanout !== undefined && fanout.stage !== "kept") retire(applying, fanout, reason);
  dropWait(state, chain.id, step);
}
