// Apply: facts about compensation: what chains have done is undone, one thing after the other.

import type { Application, Compensation, FanoutEach, Step } from "@cloudbrain/sdk/domain";
import type { Applying } from "./apply.ts";
import { createAssignment, dropAssignment } from "./apply-assignment.ts";
import { assignmentsOf, fanoutsOf } from "./apply-chain.ts";
import { dropFanout, retire } from "./apply-fanout-end.ts";
import { sendCancel } from "./apply-task.ts";
import { dropWait, tellAbove } from "./apply-wait.ts";
import type { HubFact } from "./facts.ts";
import { pinPolicy } from "./registry.ts";
import { type Chain, type CompensationTask, type HubState, taskId } from "./state.ts";

type CompensationFact = Extract<
  HubFact,
  { t: "chainCompensating" | "compensationStarted" | "compensationEnded" }
>;

export function applyCompensationFact(
  applying: Applying,
  chain: Chain,
  fact: CompensationFact,
): void {
  if (fact.t === "chainCompensating") {
    begin(applying, chain, fact);
    return;
  }
  const task = taskOf(chain, fact.task);
  if (task === undefined) return;
  if (fact.t === "compensationStarted") {
    task.state = "running";
    createAssignment(applying, {
      id: fact.task,
      owner: { kind: "compensation", chain: chain.id, step: task.step },
      chain: chain.id,
      step: task.step,
      input: fact.input,
      node: fact.node,
    });
    return;
  }
  task.state = fact.state;
  task.reason = fact.reason;
  const fanout = applying.state.fanouts.get(fact.task);
  if (fanout === undefined) return;
  if (fact.state === "done") dropFanout(applying, fanout, "done");
  else retire(applying, fanout, fact.reason);
}

export function taskOf(chain: Chain, id: string): CompensationTask | undefined {
  return chain.compensation?.tasks.find((task) => taskId(task) === id);
}

/** Whoever still works for the chain is asked to stop; what they answer is recorded, no more. */
function begin(
  applying: Applying,
  chain: Chain,
  fact: Extract<CompensationFact, { t: "chainCompensating" }>,
): void {
  const { outcome, reason, tasks } = fact;
  chain.state = "compensating";
  chain.reason = reason;
  chain.dueMs = 0;
  // Whoever held it held what it did, not what undoes it.
  chain.held = false;
  chain.compensation = {
    outcome,
    reason,
    tasks: tasks.map((task) => ({ ...task, tries: 1, state: "waiting", reason: "" })),
  };
  for (const assignment of assignmentsOf(applying.state, chain)) {
    if (assignment.owner.kind !== "step") continue;
    const { id, attempt } = assignment;
    sendCancel(applying, assignment.node, { id, attempt, reason });
    dropAssignment(applying.state, assignment);
  }
  for (const fanout of fanoutsOf(applying.state, chain)) {
    if (fanout.stage !== "kept") retire(applying, fanout, reason);
  }
  for (const step of chain.steps.values()) {
    dropWait(applying.state, chain.id, step);
    if (step.state === "running" || step.state === "suspended" || step.state === "waiting") {
      step.state = "cancelled";
      step.endedAtMs = applying.atMs;
    }
  }
  tellAbove(applying, chain);
}

/** What failed is tried again under a new id: the old one has had its answer. */
export function retryCompensation(chain: Chain): void {
  chain.state = "compensating";
  chain.reason = chain.compensation?.reason ?? "";
  for (const task of chain.compensation?.tasks ?? []) {
    if (task.state !== "failed") continue;
    task.tries += 1;
    task.state = "waiting";
  }
}

export function compensationRule(
  state: HubState,
  owner: { readonly chain: string; readonly step: string },
): FanoutEach | undefined {
  const application = state.chains.get(owner.chain)?.application;
  const step = application?.steps.find(({ id }) => id === owner.step);
  if (application === undefined || step?.compensate === undefined) return undefined;
  return eachOf(application, step.compensate);
}

/** Compensation as a rule of work. Not accepted in its time, it is tried again as well. */
export function eachOf(application: Application, rule: Compensation): FanoutEach {
  const { finishMs, retry, input } = rule;
  return {
    match: pinPolicy(application, rule.match),
    input,
    deadlines: { startMs: finishMs, finishMs, heartbeatMs: undefined, totalMs: undefined },
    retry,
  };
}

/** Whether the application ever undoes anything. */
export function compensates(application: Application): boolean {
  return application.onFailure === "compensate" || application.onCancel === "compensate";
}

/** `each` as the hubs that run it need it: with conditions of policies, without idle rules. */
export function pinEach(application: Application, step: Step & { type: "fanout" }): FanoutEach {
  const { each } = step;
  const { compensate, ...rest } = each;
  if (compensate === undefined && each.match.policy === undefined) return each;
  const pinned = { ...rest, match: pinPolicy(application, each.match) };
  if (compensate === undefined || !compensates(application)) return pinned;
  return {
    ...pinned,
    compensate: { ...compensate, match: pinPolicy(application, compensate.match) },
  };
}
