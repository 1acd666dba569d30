// Task search: ids that people can type. An id is long because a chain's is; its end tells the
// tasks of one worklist apart.

import type { Client, TaskInfo } from "@cloudbrain/sdk/client";
import { isMeshError, MeshError } from "@cloudbrain/sdk/domain";
import type { Say } from "./texts.ts";

/** As long as that nobody mistypes it, and a few hundred tasks mostly differ in it. */
const shortCharsMin = 6;
/** A chain's id has 26 characters. */
const chainCharsMax = 26;

/**
 * For each id a short part that tells it from the others: the end of its chain's id, if need be
 * with the step behind it.
 */
export function shortIds(ids: readonly string[]): ReadonlyMap<string, string> {
  const short = new Map<string, string>();
  for (const partOf of shorteners()) {
    const left = ids.filter((id) => !short.has(id));
    const counts = new Map<string, number>();
    for (const id of ids) counts.set(partOf(id), (counts.get(partOf(id)) ?? 0) + 1);
    for (const id of left) if (counts.get(partOf(id)) === 1) short.set(id, partOf(id));
  }
  return short;
}

function shorteners(): readonly ((id: string) => string)[] {
  const chainOf = (id: string): string => id.split(".")[0] ?? id;
  const shorteners: ((id: string) => string)[] = [];
  for (let chars = shortCharsMin; chars <= chainCharsMax; chars += 2) {
    shorteners.push((id) => chainOf(id).slice(-chars));
  }
  shorteners.push((id) => id.slice(Math.max(0, chainOf(id).length - shortCharsMin)));
  return [...shorteners, (id) => id];
}

/**
 * The task that has this text in its id, among those of the caller; a whole id is asked for as it
 * is. Refuses with TASK_UNKNOWN, or INPUT_INVALID where several have it.
 */
export async function findTask(
  client: Client,
  text: string,
  say: Say,
  signal: AbortSignal,
): Promise<TaskInfo> {
  if (text.includes("#")) return await client.tasks.get(text, { signal });
  const found = new Map<string, TaskInfo>();
  for (const filter of ["mine", "offered", "department", "history", "all"] as const) {
    try {
      for await (const task of client.tasks.list({ filter, text }, { signal })) {
        if (task.id.includes(text)) found.set(task.id, task);
      }
    } catch (error) {
      // The list of everything is for supervisors.
      if (filter !== "all" || !isMeshError(error) || error.code !== "NOT_ALLOWED") throw error;
    }
  }
  const [task, ...others] = found.values();
  if (task === undefined) {
    throw new MeshError("TASK_UNKNOWN", { subject: text, detail: say("usage.taskNone", { text }) });
  }
  if (others.length === 0) return task;
  const ids = [...found.keys()].slice(0, 5).join(" ");
  throw new MeshError("INPUT_INVALID", {
    subject: text,
    detail: say("usage.taskUnclear", { ids }),
  });
}
