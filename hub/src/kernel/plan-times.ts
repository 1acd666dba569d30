// Plan times: when the steps of a plan begin and end at the latest, and their deadlines as times.

import type { AddWorkingTime, Application, Deadlines, Step } from "@cloudbrain/sdk/domain";
import type { PlannedDeadline } from "./chain-plan.ts";

export interface PlanClock {
  readonly nowMs: number;
  /** Undefined: every working calendar is unknown. */
  readonly addWorkingTime: AddWorkingTime | undefined;
}

/** Undefined for a calendar that is not known here, or a start that is not. */
function after(
  clock: PlanClock,
  fromMs: number | undefined,
  durationMs: number,
  calendar: string,
): number | undefined {
  if (fromMs === undefined) return undefined;
  if (calendar === "") return fromMs + durationMs;
  return clock.addWorkingTime?.(calendar, fromMs, durationMs);
}

export function chainDue(clock: PlanClock, application: Application): number | undefined {
  const { totalMs, calendar = "" } = application;
  return totalMs === undefined ? undefined : after(clock, clock.nowMs, totalMs, calendar);
}

/** When all that the step needs has ended; undefined when one of them has no end that is known. */
export function latestStart(
  clock: PlanClock,
  step: Step,
  ends: ReadonlyMap<string, number | undefined>,
): number | undefined {
  let startMs = clock.nowMs;
  for (const need of step.needs) {
    const endMs = ends.get(need.step);
    if (endMs === undefined) return undefined;
    startMs = Math.max(startMs, endMs);
  }
  return startMs;
}

/** Deadlines of a step, the one that ends it last. `until`: of a timer that names a time. */
export function deadlinesOf(
  clock: PlanClock,
  step: Step,
  startMs: number | undefined,
  until: number | undefined,
): readonly PlannedDeadline[] {
  const at = (name: string, durationMs: number | undefined, calendar = ""): PlannedDeadline[] =>
    durationMs === undefined
      ? []
      : [{ name, durationMs, calendar, atMs: after(clock, startMs, durationMs, calendar) }];
  const all = (deadlines: Deadlines, prefix = ""): PlannedDeadline[] => [
    // Accepting is a matter of machines: it is never counted in working time.
    ...at(`${prefix}start`, deadlines.startMs),
    ...at(`${prefix}claim`, deadlines.claimMs, deadlines.calendar),
    ...at(`${prefix}finish`, deadlines.finishMs, deadlines.calendar),
    ...at(`${prefix}total`, deadlines.totalMs, deadlines.calendar),
  ];
  switch (step.type) {
    case "fanout":
      return [...all(step.each.deadlines, "each."), ...at("finish", step.aggregate.finishMs)];
    case "timer": {
      const { timer } = step;
      if (timer.kind === "for") return at("timer", timer.ms, timer.calendar);
      if (until === undefined) return [];
      return [{ name: "timer", durationMs: 0, calendar: "", atMs: until }];
    }
    case "signal":
      return [];
    default:
      return all(step.deadlines);
  }
}

/**
 * When the step has ended at the latest: by its own last deadline, or with the chain. A service has
 * several attempts, so that only its total counts.
 */
export function latestEnd(
  step: Step,
  startMs: number | undefined,
  deadlines: readonly PlannedDeadline[],
  dueMs: number | undefined,
): number | undefined {
  if (step.type === "signal") return startMs;
  const last = deadlines.at(-1);
  const bounds = step.type === "service" ? last?.name === "total" : last !== undefined;
  const own = bounds ? latestOf(step, startMs, last) : undefined;
  if (own === undefined || dueMs === undefined) return own ?? dueMs;
  return Math.min(own, dueMs);
}

function latestOf(
  step: Step,
  startMs: number | undefined,
  last: PlannedDeadline | undefined,
): number | undefined {
  const atMs = last?.atMs;
  // A time that has passed is no wait.
  if (step.type === "timer" && atMs !== undefined && startMs !== undefined) {
    return Math.max(atMs, startMs);
  }
  return atMs;
}
