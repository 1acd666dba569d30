// Task times: when a task is due, when its light turns, and what is left of that while it hangs.
// Computed when deciding, in the calendar of the task; the facts hold absolute times.

import { type AddWorkingTime, limits, type TaskLight, type TaskSpec } from "@cloudbrain/sdk/domain";
import type { Task, TaskTimes, TaskTimesLeft } from "./task-state.ts";

/** Yellow with a quarter of the time left, red with a tenth. */
const yellowShare = 0.75;
const redShare = 0.9;
const noneLeft = -1;

/** Elapsed time needs no calendar; undefined for a calendar that is not known here. */
export function addTime(
  add: AddWorkingTime,
  calendar: string,
  fromMs: number,
  durationMs: number,
): number | undefined {
  if (calendar === "") return fromMs + durationMs;
  return add(calendar, fromMs, Math.ceil(durationMs));
}

/** Of a calendar that was known when the task opened; should it be gone, time simply elapses. */
function addKnownTime(
  add: AddWorkingTime,
  calendar: string,
  fromMs: number,
  durationMs: number,
): number {
  return addTime(add, calendar, fromMs, durationMs) ?? fromMs + durationMs;
}

/** The working time between two times: the least that, added to the first, reaches the second. */
export function timeBetween(
  add: AddWorkingTime,
  calendar: string,
  fromMs: number,
  toMs: number,
): number {
  if (toMs <= fromMs) return 0;
  if (calendar === "") return toMs - fromMs;
  let low = 0;
  let high = Math.ceil(toMs - fromMs);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (addKnownTime(add, calendar, fromMs, middle) >= toMs) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Undefined when the calendar is not known here. */
export function openingTimes(
  add: AddWorkingTime,
  spec: TaskSpec,
  nowMs: number,
): TaskTimes | undefined {
  const { calendar, claimMs, finishMs } = spec.deadlines;
  if (addTime(add, calendar, nowMs, 0) === undefined) return undefined;
  const after = (ms: number): number => addKnownTime(add, calendar, nowMs, ms);
  const wholeMs = finishMs > 0 ? finishMs : claimMs;
  return {
    claimDueMs: claimMs > 0 ? after(claimMs) : 0,
    finishDueMs: finishMs > 0 ? after(finishMs) : 0,
    yellowAtMs: wholeMs > 0 ? after(wholeMs * yellowShare) : 0,
    redAtMs: wholeMs > 0 ? after(wholeMs * redShare) : 0,
    escalateAtMs: spec.escalations.map(({ afterMs }) => after(afterMs)),
  };
}

/** The claim deadline of whom a task goes to now. */
export function claimDueAfter(add: AddWorkingTime, task: Task, nowMs: number): number {
  const { calendar, claimMs } = task.spec.deadlines;
  return claimMs > 0 ? addKnownTime(add, calendar, nowMs, claimMs) : 0;
}

/** Later by so much working time; the lights divide what is left now. */
export function extendedTimes(
  add: AddWorkingTime,
  task: Task,
  extraMs: number,
  nowMs: number,
): TaskTimes {
  const { calendar } = task.spec.deadlines;
  const finishDueMs = addKnownTime(add, calendar, task.times.finishDueMs, extraMs);
  const leftMs = timeBetween(add, calendar, nowMs, finishDueMs);
  return {
    ...task.times,
    finishDueMs,
    yellowAtMs: addKnownTime(add, calendar, nowMs, leftMs * yellowShare),
    redAtMs: addKnownTime(add, calendar, nowMs, leftMs * redShare),
  };
}

export function timesLeft(add: AddWorkingTime, task: Task, nowMs: number): TaskTimesLeft {
  const { calendar } = task.spec.deadlines;
  const left = (atMs: number): number =>
    atMs === 0 ? noneLeft : timeBetween(add, calendar, nowMs, atMs);
  const { claimDueMs, finishDueMs, yellowAtMs, redAtMs, escalateAtMs } = task.times;
  return {
    claimMs: left(claimDueMs),
    finishMs: left(finishDueMs),
    yellowMs: left(yellowAtMs),
    redMs: left(redAtMs),
    escalateMs: escalateAtMs.map(left),
  };
}

/** The clock goes on at `fromMs` with what was left. */
export function resumedTimes(
  add: AddWorkingTime,
  spec: TaskSpec,
  left: TaskTimesLeft,
  fromMs: number,
): TaskTimes {
  const after = (ms: number): number =>
    ms === noneLeft ? 0 : addKnownTime(add, spec.deadlines.calendar, fromMs, ms);
  return {
    claimDueMs: after(left.claimMs),
    finishDueMs: after(left.finishMs),
    yellowAtMs: after(left.yellowMs),
    redAtMs: after(left.redMs),
    escalateAtMs: left.escalateMs.map(after),
  };
}

/** When the task has to be looked at again. */
export function taskDueMs(task: Task): number {
  if (task.archived) return 0;
  if (task.endedAtMs > 0) return task.endedAtMs + limits.taskKeepMs;
  if (task.state.kind === "hanging") return task.state.untilMs;
  const { claimDueMs } = task.times;
  let dueMs = finishOrLastMs(task);
  if (task.state.kind === "offered" && !task.claimMissed && claimDueMs > 0) {
    dueMs = Math.min(dueMs, claimDueMs);
  }
  const next = nextEscalation(task);
  return next === undefined ? dueMs : Math.min(dueMs, task.times.escalateAtMs[next] ?? dueMs);
}

/** A task without a deadline ends some day too: its origin may be gone for good. */
export function finishOrLastMs(task: Task): number {
  const { finishDueMs } = task.times;
  return finishDueMs > 0 ? finishDueMs : task.openedAtMs + limits.taskWaitMsMax;
}

/** The earliest escalation that has not happened and that the state of the task allows. */
export function nextEscalation(task: Task): number | undefined {
  let next: number | undefined;
  for (const [index, { on }] of task.spec.escalations.entries()) {
    if ((task.escalatedAtMs[index] ?? 0) > 0) continue;
    if (on === "unclaimed" && task.state.kind !== "offered") continue;
    const { escalateAtMs } = task.times;
    const atMs = escalateAtMs[index] ?? 0;
    if (next === undefined || atMs < (escalateAtMs[next] ?? 0)) next = index;
  }
  return next;
}

/** A missed claim is red whatever time is left; a task that hangs has all the time. */
export function lightOf(task: Task, nowMs: number): TaskLight {
  if (task.endedAtMs > 0 || task.state.kind === "hanging") return "green";
  const { yellowAtMs, redAtMs } = task.times;
  if (task.claimMissed || (redAtMs > 0 && redAtMs <= nowMs)) return "red";
  return yellowAtMs > 0 && yellowAtMs <= nowMs ? "yellow" : "green";
}
