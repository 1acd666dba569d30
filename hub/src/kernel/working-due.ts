// Working due: absolute times by a calendar, computed when something is decided.

import type { Application, Deadlines } from "@cloudbrain/sdk/domain";
import type { Deciding } from "./deciding.ts";

/** Where a time can't be told: a sentence for a person. */
export type Due =
  | { readonly ok: true; readonly dueMs: number }
  | { readonly ok: false; readonly reason: string };

/** So much working time after `fromMs`; without a calendar, elapsed time. */
export function dueAfter(
  deciding: Deciding,
  fromMs: number,
  durationMs: number,
  calendar: string | undefined,
): Due {
  if (calendar === undefined || calendar === "") return { ok: true, dueMs: fromMs + durationMs };
  const dueMs = deciding.addWorkingTime(calendar, fromMs, durationMs);
  if (dueMs !== undefined) return { ok: true, dueMs };
  return { ok: false, reason: `this hub has no working calendar ${calendar}` };
}

/** The earlier of the finish and the total deadline of a step that begins now; 0 for none. */
export function stepDue(deciding: Deciding, deadlines: Deadlines): Due {
  const { finishMs, totalMs, calendar } = deadlines;
  const durationMs = Math.min(finishMs ?? Infinity, totalMs ?? Infinity);
  if (durationMs === Infinity) return { ok: true, dueMs: 0 };
  return dueAfter(deciding, deciding.nowMs, durationMs, calendar);
}

/**
 * The total deadline of a chain that began at `fromMs`, or undefined where the hub finds it without
 * being told: elapsed time, or none.
 */
export function chainDue(
  deciding: Deciding,
  application: Application,
  fromMs: number,
): Due | undefined {
  const { totalMs, calendar } = application;
  if (totalMs === undefined || calendar === undefined) return undefined;
  return dueAfter(deciding, fromMs, totalMs, calendar);
}
