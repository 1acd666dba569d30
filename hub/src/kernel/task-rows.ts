// Task rows: the tasks of a desk as a checkpoint keeps them. Archived ones leave the live table for
// `pastTask`, where they are read one by one.

import type { Row } from "@cloudbrain/sdk/domain";
import { indexTask } from "./apply-task.ts";
import type { HubState } from "./state.ts";
import type { TakenCommand, Task } from "./task-state.ts";

export interface StoredTask extends Omit<Task, "commands"> {
  readonly commands: readonly (readonly [string, TakenCommand])[];
}

export function rowsOfTask(state: HubState, key: string): readonly Row[] {
  const task = state.tasks.get(key);
  if (task === undefined) return [{ table: "task", key, value: undefined }];
  const value: StoredTask = { ...task, commands: [...task.commands] };
  if (!task.archived) return [{ table: "task", key, value }];
  return [
    { table: "task", key, value: undefined },
    { table: "pastTask", key, value },
  ];
}

/** What the next eviction takes from memory. */
export function archivedTasks(state: HubState): string[] {
  const ids: string[] = [];
  for (const task of state.tasks.values()) if (task.archived) ids.push(task.id);
  return ids;
}

export function restoreTask(state: HubState, stored: StoredTask): void {
  // Fields without a value are left out of a row.
  const { extension, hanging, supervision, evaluation } = stored;
  const rest = { ...stored, extension, hanging, supervision, evaluation };
  indexTask(state, { ...rest, commands: new Map(stored.commands) });
}
