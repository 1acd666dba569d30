// Worklist index: for every key (a person, a group, a role, a department) its tasks in each order,
// kept with every change, so that a page costs what the page holds. Derived from the tasks.

import { type TaskOrder, taskOrders } from "@cloudbrain/sdk/domain";
import type { Task } from "./task-state.ts";
import { finishOrLastMs } from "./task-times.ts";
import { keysOf } from "./worklist-keys.ts";

/** A place in an order: by the numbers, then by the id. */
export interface Place {
  readonly first: number;
  readonly second: number;
  readonly id: string;
}

type Places = Readonly<Record<TaskOrder, Place>>;
type Lists = Readonly<Record<TaskOrder, Place[]>>;

export class WorklistIndex {
  private readonly byKey = new Map<string, Lists>();
  private readonly placed = new Map<
    string,
    { readonly keys: ReadonlySet<string>; readonly places: Places }
  >();

  /** Puts a task where it belongs now; what has not moved stays. */
  put(task: Task): void {
    const keys = keysOf(task);
    const places = placesOf(task);
    const before = this.placed.get(task.id);
    const moved = before === undefined || !isSame(before.places, places);
    for (const key of before?.keys ?? []) {
      if (before !== undefined && (moved || !keys.has(key))) this.remove(key, before.places);
    }
    for (const key of keys) {
      if (moved || before?.keys.has(key) !== true) this.insert(key, places);
    }
    this.placed.set(task.id, { keys, places });
  }

  drop(id: string): void {
    const before = this.placed.get(id);
    if (before === undefined) return;
    for (const key of before.keys) this.remove(key, before.places);
    this.placed.delete(id);
  }

  count(key: string): number {
    return this.byKey.get(key)?.due.length ?? 0;
  }

  keys(): Iterable<string> {
    return this.byKey.keys();
  }

  list(key: string, order: TaskOrder): readonly Place[] {
    return this.byKey.get(key)?.[order] ?? [];
  }

  private insert(key: string, places: Places): void {
    let lists = this.byKey.get(key);
    if (lists === undefined) {
      lists = { due: [], priority: [], newest: [] };
      this.byKey.set(key, lists);
    }
    for (const order of taskOrders) {
      const place = places[order];
      lists[order].splice(placeAfter(lists[order], place), 0, place);
    }
  }

  private remove(key: string, places: Places): void {
    const lists = this.byKey.get(key);
    if (lists === undefined) return;
    for (const order of taskOrders) {
      const at = placeAfter(lists[order], places[order]) - 1;
      if (lists[order][at]?.id === places[order].id) lists[order].splice(at, 1);
    }
    if (lists.due.length === 0) this.byKey.delete(key);
  }
}

function placesOf(task: Task): Places {
  const { id } = task;
  const dueMs = shownDueMs(task);
  return {
    due: { first: dueMs, second: 0, id },
    priority: { first: 100 - task.spec.priority, second: dueMs, id },
    newest: { first: -task.openedAtMs, second: 0, id },
  };
}

/** What a worklist shows as the due time; of an ended task, its end. */
export function shownDueMs(task: Task): number {
  if (task.endedAtMs > 0) return task.endedAtMs;
  if (task.state.kind === "hanging") return task.state.untilMs;
  return finishOrLastMs(task);
}

function isSame(a: Places, b: Places): boolean {
  return taskOrders.every((order) => comparePlaces(a[order], b[order]) === 0);
}

export function comparePlaces(a: Place, b: Place): number {
  if (a.first !== b.first) return a.first - b.first;
  if (a.second !== b.second) return a.second - b.second;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Index of the first place behind `place`. */
export function placeAfter(list: readonly Place[], place: Place): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comparePlaces(list[middle] as Place, place) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
