// Steps: a task of this desk opens, changes and ends, and its origin hears of it.

import {
  type Address,
  type CancelBody,
  type FeedbackBody,
  type InstructionBody,
  limits,
  type TaskPerson,
  type TaskSpec,
} from "@cloudbrain/sdk/domain";
import type { Deciding } from "./deciding.ts";
import { resumption } from "./step-task-decision.ts";
import { stepAccepted, stepFeedback, stepProgress } from "./step-work.ts";
import type { TaskChange } from "./task-facts.ts";
import { answerOf, refusalAnswer, reportOf } from "./task-feedback.ts";
import { isOpen, type Task, type TaskTimes, taskId } from "./task-state.ts";
import { finishOrLastMs, nextEscalation, openingTimes } from "./task-times.ts";
import { endedKey } from "./worklist-keys.ts";

export interface TaskInstruction
  extends Pick<InstructionBody, "id" | "chain" | "step" | "attempt" | "input"> {
  readonly task: TaskSpec;
}

/** An instruction for people has come: from a hub above, or made here. Twice is once. */
export function stepTaskInstruction(
  deciding: Deciding,
  origin: Address,
  body: TaskInstruction,
): void {
  const { state } = deciding;
  const { id: instruction, attempt } = body;
  const open = state.tasks.get(state.openTasks.get(instruction) ?? "");
  if (state.tasks.has(taskId(instruction, attempt))) return;
  if (open !== undefined) {
    // The origin has given the older attempt up.
    if (open.attempt > attempt) return;
    changeTask(deciding, open, { kind: "cancelled" }, { why: "offered anew" });
  }
  const times = openingTimes(deciding.addWorkingTime, body.task, deciding.nowMs);
  if (times === undefined || state.openTasks.size >= limits.openTasksMax) {
    refuseTask(deciding, origin, body, times === undefined);
    return;
  }
  const { chain, step, input, task: spec } = body;
  const dueInMs = dueInAfter(deciding, times);
  deciding.decide({
    t: "taskOpened",
    instruction,
    attempt,
    origin,
    chain,
    step,
    input,
    spec,
    times,
    dueInMs,
  });
  deciding.changedTask(taskId(instruction, attempt));
  if (origin !== state.self) return;
  stepAccepted(deciding, instruction, attempt);
  if (dueInMs > 0)
    stepProgress(deciding, { id: instruction, attempt, ratio: 0, note: "offered", dueInMs });
}

function refuseTask(
  deciding: Deciding,
  origin: Address,
  body: TaskInstruction,
  isUnknownCalendar: boolean,
): void {
  const { id: instruction, attempt } = body;
  const code = isUnknownCalendar ? "CALENDAR_UNKNOWN" : "DESK_FULL";
  const why = isUnknownCalendar
    ? `no calendar ${body.task.deadlines.calendar} is known at ${deciding.state.self}`
    : `${deciding.state.self} holds ${limits.openTasksMax} tasks, which is the limit`;
  deciding.decide({ t: "taskRefused", instruction, attempt, origin, code, why });
  if (origin === deciding.state.self) {
    stepFeedback(deciding, origin, refusalAnswer(instruction, attempt, code, why));
  }
}

/** How long the origin waits at most; 0 without a deadline: then it has its own bound. */
export function dueInAfter(deciding: Deciding, times: TaskTimes): number {
  return times.finishDueMs === 0 ? 0 : Math.max(1, times.finishDueMs - deciding.nowMs);
}

export interface ChangeCause {
  readonly why: string;
  readonly by?: TaskPerson;
  readonly command?: { readonly id: string; readonly kind: string };
}

/** Decides a change; what the origin must hear goes there by frame, or is heard here at once. */
export function changeTask(
  deciding: Deciding,
  task: Task,
  change: TaskChange,
  cause: ChangeCause,
): void {
  const { state } = deciding;
  const wasOpen = isOpen(task);
  deciding.decide({ t: "taskChanged", task: task.id, change, ...cause });
  deciding.changedTask(task.id);
  if (task.origin === state.self) hearHere(deciding, task, change);
  if (wasOpen && !isOpen(task)) archiveOldest(deciding);
}

function hearHere(deciding: Deciding, task: Task, change: TaskChange): void {
  const { instruction: id, attempt } = task;
  let answer: FeedbackBody | undefined;
  if (change.kind === "reported") answer = reportOf(task, change.output);
  else if (change.kind !== "evaluated") answer = answerOf(task);
  if (answer !== undefined) stepFeedback(deciding, deciding.state.self, answer);
  else if ("dueInMs" in change && change.dueInMs > 0) {
    const { dueInMs } = change;
    stepProgress(deciding, { id, attempt, ratio: 0, note: task.state.kind, dueInMs });
  }
}

/** Memory is bounded: beyond the limit the task that ended first leaves for the archive. */
function archiveOldest(deciding: Deciding): void {
  const { worklists } = deciding.state;
  while (worklists.count(endedKey) > limits.endedTasksMax) {
    const oldest = worklists.list(endedKey, "due")[0];
    if (oldest === undefined) return;
    deciding.decide({ t: "taskArchived", task: oldest.id });
  }
}

/** The origin takes the instruction back; an ended task has answered already. */
export function stepTaskCancel(deciding: Deciding, from: Address, body: CancelBody): void {
  const { state } = deciding;
  const task = state.tasks.get(state.openTasks.get(body.id) ?? "");
  if (task === undefined || task.origin !== from || task.attempt > body.attempt) return;
  changeTask(deciding, task, { kind: "cancelled" }, { why: body.reason });
}

/** A due time of a task has come: what it means depends on the state. */
export function stepTaskDue(deciding: Deciding, task: Task): void {
  const { nowMs } = deciding;
  if (!isOpen(task)) {
    deciding.decide({ t: "taskArchived", task: task.id });
    return;
  }
  if (task.state.kind === "hanging") {
    const change = resumption(deciding, task, task.state);
    changeTask(deciding, task, change, { why: "the date has come" });
    return;
  }
  if (finishOrLastMs(task) <= nowMs) {
    changeTask(deciding, task, { kind: "expired" }, { why: "the finish deadline has passed" });
    return;
  }
  const { claimDueMs } = task.times;
  const isUnclaimed = task.state.kind === "offered" && !task.claimMissed;
  if (isUnclaimed && claimDueMs > 0 && claimDueMs <= nowMs) {
    const why = "nobody claimed it before the claim deadline";
    changeTask(deciding, task, { kind: "claimMissed" }, { why });
    return;
  }
  const index = nextEscalation(task);
  const rule = index === undefined ? undefined : task.spec.escalations[index];
  if (index === undefined || rule === undefined) return;
  if ((task.times.escalateAtMs[index] ?? 0) > nowMs) return;
  const why = `${rule.on} when its time had come`;
  changeTask(deciding, task, { kind: "escalated", index }, { why });
}
