// Task auditor: what must hold of the tasks of a desk between any two commits.

import type { HubState } from "./state.ts";
import { isOpen, type Task } from "./task-state.ts";
import { taskDueMs } from "./task-times.ts";
import { keysOf } from "./worklist-keys.ts";

type Note = (rule: "I8" | "I10" | "I15", subject: string, detail: string) => void;

export function auditTasks(state: HubState, note: Note): void {
  let open = 0;
  for (const task of state.tasks.values()) {
    if (!isOpen(task)) continue;
    open += 1;
    if (taskDueMs(task) <= 0) note("I8", task.id, "an open task without any deadline");
    if (state.openTasks.get(task.instruction) !== task.id) {
      note("I15", task.id, "two tasks are open for one instruction");
    }
    if (task.origin === state.self && !isWaitedFor(state, task)) {
      note("I10", task.id, "an open task that nobody waits for");
    }
  }
  if (open !== state.openTasks.size) note("I15", state.self, `${open} tasks are open`);
  auditWorklists(state, note);
}

/** By its instruction, or by a fan-out whose members may revise what they have answered. */
function isWaitedFor(state: HubState, task: Task): boolean {
  if (state.assignments.get(task.instruction)?.attempt === task.attempt) return true;
  const end = task.instruction.indexOf("!");
  if (!task.spec.revise || end <= 0) return false;
  const fanout = state.fanouts.get(task.instruction.slice(0, end));
  return fanout !== undefined && fanout.stage !== "kept";
}

/** Counts every list anew from the tasks themselves. */
function auditWorklists(state: HubState, note: Note): void {
  const counted = new Map<string, number>();
  const keysById = new Map<string, ReadonlySet<string>>();
  for (const task of state.tasks.values()) {
    const keys = keysOf(task);
    keysById.set(task.id, keys);
    for (const key of keys) counted.set(key, (counted.get(key) ?? 0) + 1);
  }
  for (const key of state.worklists.keys()) {
    if (!counted.has(key)) note("I15", key, "a worklist of tasks that are not there");
  }
  for (const [key, count] of counted) {
    const ids = new Set(state.worklists.list(key, "due").map(({ id }) => id));
    if (state.worklists.count(key) !== count || ids.size !== count) {
      note("I15", key, `${state.worklists.count(key)} tasks are listed, there are ${count}`);
    }
    for (const id of ids) {
      if (keysById.get(id)?.has(key) !== true) note("I15", id, `it does not belong to ${key}`);
    }
  }
}
