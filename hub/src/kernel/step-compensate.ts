// Steps: compensation. What a chain has done is undone, the last thing first.
//
//   I11  Only what succeeded is undone, once each, in reverse order of the chain's graph. The set
//        is pinned when the compensation begins; what succeeds later is recorded, no more.
//
// Members of a fan-out are undone where their rows are: by a fan-out over those rows, which the
// hubs below are asked for as for any other. It takes the place of the rows, so that nobody can
// undo them a second time. What failed to be undone stays, for an operator to try again.

import {
  type Address,
  type Compensation,
  compareText,
  type DelegateBody,
  type FanoutEach,
  type Match,
  type Scope,
} from "@cloudbrain/sdk/domain";
import { runId } from "./apply-chain.ts";
import { eachOf, taskOf } from "./apply-compensation.ts";
import { isWhole, mayHaveReplied } from "./apply-fanout-end.ts";
import { chainScope, type Deciding } from "./deciding.ts";
import type { OpenedMember } from "./facts.ts";
import { nodeScope } from "./node-scope.ts";
import { findCandidates, recordOf } from "./registry.ts";
import { type Chain, type CompensationTask, type Fanout, taskId } from "./state.ts";
import { endChain, inputText } from "./step-chain.ts";
import { closeLate } from "./step-fanout.ts";
import { childHubsTowards } from "./step-fanout-open.ts";
import { reverseOrder, undoerOf } from "./undo-order.ts";

type Task = Pick<CompensationTask, "step" | "of" | "run">;

/** True when the chain, instead of ending so, goes back on what it did. */
export function stepBack(
  deciding: Deciding,
  chain: Chain,
  outcome: "failed" | "cancelled",
  reason: string,
): boolean {
  const { onFailure, onCancel } = chain.application;
  const rule = outcome === "failed" ? onFailure : onCancel;
  if (rule !== "compensate" || chain.compensation !== undefined) return false;
  const tasks = findTasks(deciding, chain);
  if (tasks.length === 0) return false;
  closeAllLate(deciding, chain);
  deciding.decide({ t: "chainCompensating", chain: chain.id, outcome, reason, tasks });
  deciding.review(chain.id);
  return true;
}

/** Results that were given are no longer revised. */
export function closeAllLate(deciding: Deciding, chain: Chain): void {
  for (const step of chain.steps.values()) {
    const fanout = deciding.state.fanouts.get(runId(chain.id, step.id, step.visit));
    if (fanout?.stage === "late") closeLate(deciding, fanout);
  }
}

function findTasks(deciding: Deciding, chain: Chain): readonly Task[] {
  const tasks: Task[] = [];
  for (const step of reverseOrder(chain.application.steps)) {
    const run = chain.steps.get(step.id);
    if (run === undefined) continue;
    const hasDone = run.state === "succeeded" && run.substituted !== true;
    if (step.compensate !== undefined && hasDone) {
      tasks.push({ step: step.id, of: "step", run: runId(chain.id, step.id, run.visit) });
    }
    for (let visit = run.visit; step.type === "fanout" && visit > 0; visit -= 1) {
      const id = runId(chain.id, step.id, visit);
      const fanout = deciding.state.fanouts.get(id);
      if (fanout?.each.compensate === undefined || !hasPartToUndo(fanout)) continue;
      tasks.push({ step: step.id, of: "members", run: id });
    }
  }
  return tasks;
}

function hasPartToUndo(fanout: Fanout): boolean {
  if (fanout.replied > 0) return true;
  return [...fanout.children.values()].some((child) => !child.final || mayHaveReplied(child));
}

/** Starts what is to be undone next, or ends the chain when nothing is left. */
export function advanceCompensation(deciding: Deciding, chain: Chain): void {
  const { compensation } = chain;
  if (compensation === undefined) return;
  const next = compensation.tasks.find(({ state }) => state !== "done");
  if (next === undefined) {
    endChain(deciding, chain, compensation.outcome, compensation.reason);
  } else if (next.state === "waiting") {
    if (next.of === "step") startStep(deciding, chain, next);
    else startMembers(deciding, chain, next);
  }
}

function startStep(deciding: Deciding, chain: Chain, task: CompensationTask): void {
  const step = chain.application.steps.find(({ id }) => id === task.step);
  const run = chain.steps.get(task.step);
  if (step?.compensate === undefined || run === undefined) {
    endTask(deciding, chain, taskId(task), "its rule is gone");
    return;
  }
  const each = eachOf(chain.application, step.compensate);
  const scope = { ...chainScope(chain, deciding.state), out: run.output };
  const found = chooseNode(deciding, each.match, scope, run.node);
  const input = inputText(deciding, each.input ?? outAsInput, scope);
  if (found.node === undefined) endTask(deciding, chain, taskId(task), found.explanation);
  else if (!input.ok) endTask(deciding, chain, taskId(task), input.reason);
  else {
    const { node } = found;
    const { text } = input;
    const id = taskId(task);
    deciding.decide({ t: "compensationStarted", chain: chain.id, task: id, node, input: text });
  }
}

/** What was given is what has to be taken back, unless the rule says what else to send. */
const outAsInput = { kind: "expression", source: "out" } as const;

function chooseNode(
  deciding: Deciding,
  match: Match,
  scope: Scope,
  doer: string,
): { readonly node: Address | undefined; readonly explanation: string } {
  const found = findCandidates(deciding.state, match, scope, deciding.evaluate);
  const explanation = `no node matches: ${found.explanation}`;
  return { node: undoerOf(found.candidates, doer)?.description.address, explanation };
}

function startMembers(deciding: Deciding, chain: Chain, task: CompensationTask): void {
  const undone = task.tries === 1 ? task.run : taskId({ ...task, tries: task.tries - 1 });
  const source = deciding.state.fanouts.get(undone);
  if (source === undefined) {
    endTask(deciding, chain, taskId(task), "");
    return;
  }
  const each = undoingEach(chain, source);
  const { scope, level } = source;
  const context = { ...source.context, ...chainScope(chain, deciding.state) };
  const part = undonePart(deciding, undone, each, { scope: scope as Address, level, context });
  deciding.decide({
    t: "fanoutOpened",
    fanout: taskId(task),
    chain: chain.id,
    step: task.step,
    by: source.by,
    scope,
    level,
    context,
    finishMs: longestMs(each),
    each,
    aggregate: {
      into: [],
      emitEveryMs: source.aggregate.emitEveryMs,
      quorum: 1,
      or: undefined,
      minimum: 1,
      onShort: "fail",
      late: "record",
      finishMs: longestMs(each),
    },
    membersMax: source.membersMax,
    compensates: undone,
    ...part,
  });
  deciding.reviewFanout(taskId(task));
}

function undoingEach(chain: Chain, source: Fanout): FanoutEach {
  const rule: Compensation | undefined = source.each.compensate;
  return rule === undefined ? source.each : eachOf(chain.application, rule);
}

/** All attempts, each not accepted until the last moment and then not answered until the last. */
function longestMs({ deadlines, retry }: FanoutEach): number {
  const attemptMs = (deadlines.startMs ?? 0) + (deadlines.finishMs ?? 0);
  return Math.max(1, retry.max) * (attemptMs + retry.capMs * (1 + retry.jitter));
}

/** Members that are to be undone here, and the hubs below that may have more of them. */
export function undonePart(
  deciding: Deciding,
  undone: string,
  each: FanoutEach,
  body: Pick<DelegateBody, "scope" | "level" | "context">,
): {
  readonly members: readonly OpenedMember[];
  readonly children: readonly Address[];
  readonly input: string;
} {
  const source = deciding.state.fanouts.get(undone);
  if (source === undefined) {
    // We have begun anew since: the hubs below may remember what we do not.
    const children = childHubsTowards(deciding, body.scope, body.level);
    return { members: [], children, input: "null" };
  }
  const isRetry = source.compensates !== undefined;
  const members: OpenedMember[] = [];
  for (const member of source.members.values()) {
    if (member.state !== (isRetry ? "failed" : "replied")) continue;
    const { key, item, output = null } = member;
    const record = recordOf(deciding.state, member.node);
    const view = record === undefined ? { address: key } : nodeScope(record);
    const scope = { ...body.context, member: view, item, out: output };
    const found = chooseNode(deciding, each.match, scope, member.node);
    const input = inputText(deciding, each.input ?? outAsInput, scope);
    const opened = { key, item, output };
    if (found.node === undefined) members.push({ ...opened, node: "", reason: found.explanation });
    else if (!input.ok) members.push({ ...opened, node: "", reason: input.reason });
    else members.push({ ...opened, node: found.node, input: input.text });
  }
  members.sort((a, b) => compareText(a.key, b.key));
  const children = [...source.children.values()]
    .filter((child) => !child.final || (isRetry ? !isWhole(child) : mayHaveReplied(child)))
    .map(({ address }) => address);
  return { members, children: children.sort(compareText), input: "null" };
}

/** One thing is undone, or has failed for good: then a person has to look at it. */
export function endTask(deciding: Deciding, chain: Chain, id: string, reason: string): void {
  const state = reason === "" ? "done" : "failed";
  const step = taskOf(chain, id)?.step ?? "";
  deciding.decide({ t: "compensationEnded", chain: chain.id, task: id, state, reason });
  if (state === "failed") {
    const why = `compensation of step ${step}: ${reason}`;
    deciding.decide({ t: "chainSuspended", chain: chain.id, reason: why });
  }
  deciding.review(chain.id);
}
