// Collaboration: applications whose chains correct themselves: reports are revised, rescue grows
// with them, and what was done is undone when a chain breaks or is cancelled.

import type { Application, Compensation, FanoutStep, ServiceStep } from "@cloudbrain/sdk/domain";
import type { Dice } from "./dice.ts";
import { askPeople, drawHandling } from "./people-scenario.ts";
import {
  applicationOf,
  drawRetry,
  expression,
  fanoutOver,
  longestDeadlineMs,
  matchOf,
  serviceStep,
} from "./scenarios.ts";

function undoBy(dice: Dice, capability: string): Compensation {
  return {
    match: matchOf(capability),
    input: undefined,
    // One success is enough, and faults end: nothing stays undone for lack of attempts.
    retry: { ...drawRetry(dice), max: 20 },
    finishMs: 12_000,
  };
}

function rulesOf(dice: Dice, id: string): Pick<Application, "onFailure" | "onCancel"> {
  return {
    onFailure: dice.pick("on failure", id, ["fail", "compensate", "compensate"] as const),
    onCancel: dice.pick("on cancel", id, ["keep", "compensate"] as const),
  };
}

/** Never succeeds; which chains have it depends on their input. */
function brokenStep(dice: Dice, needs: ServiceStep["needs"], when: string): ServiceStep {
  const step = serviceStep(dice, "broken", needs);
  return { ...step, when, onError: undefined, match: matchOf("break/v1") };
}

function alertStep(dice: Dice): FanoutStep {
  const base = fanoutOver(dice, "alert", {
    by: "level",
    scope: expression("input.scope"),
    level: "community",
    membersMax: 1_000,
  });
  const strandedAt = {
    name: "strandedAt",
    reducer: { op: "collect", value: "member.address", where: "out.big", limit: 1_000 },
  } as const;
  const into = [...base.aggregate.into.slice(0, -2), strandedAt, ...base.aggregate.into.slice(-2)];
  return {
    ...base,
    each: {
      ...base.each,
      revise: dice.chance("revise", "", 0.7),
      ...(dice.chance("undo reports", "", 0.5) ? { compensate: undoBy(dice, "unreport/v1") } : {}),
    },
    aggregate: {
      ...base.aggregate,
      into,
      late: dice.pick("late", "", ["record", "revise", "revise", "reject"] as const),
    },
  };
}

function rescueStep(dice: Dice): FanoutStep {
  const base = fanoutOver(dice, "rescue", {
    by: "items",
    items: expression("steps.alert.agg.strandedAt"),
    key: "item",
    membersMax: 1_000,
    growsWith: "alert",
    concurrencyMax: dice.pick("at once", "", [1, 2, 50]),
  });
  return {
    ...base,
    needs: [{ step: "alert", on: "partial" }],
    each: {
      ...base.each,
      retry: { ...base.each.retry, rematch: true },
      ...(dice.chance("undo rescue", "", 0.7) ? { compensate: undoBy(dice, "unwork/v1") } : {}),
    },
    aggregate: {
      ...base.aggregate,
      quorum: 1,
      or: undefined,
      minimum: 0,
      finishMs: longestDeadlineMs,
    },
  };
}

/** People report and revise, others help where much is told, and all of it may be undone. */
function drawRevisingPeople(dice: Dice): Application {
  const handle = { ...drawHandling(dice), compensate: undoBy(dice, "unwork/v1") };
  const alert = askPeople(dice, alertStep(dice));
  const rescue = askPeople(dice, rescueStep(dice));
  const broken = brokenStep(dice, [...done("alert"), ...done("rescue")], "size(input.list) > 3");
  return {
    ...applicationOf(dice, "people", [
      handle,
      { ...alert, needs: done("handle") },
      { ...rescue, aggregate: { ...rescue.aggregate, finishMs: longestDeadlineMs } },
      broken,
    ]),
    ...rulesOf(dice, "people"),
  };
}

const done = (step: string): ServiceStep["needs"] => [{ step, on: "done" }];

export function drawCollaboration(dice: Dice): readonly Application[] {
  const items = fanoutOver(dice, "each", {
    by: "items",
    items: expression("input.list"),
    key: undefined,
    membersMax: 1_000,
  });
  const open = serviceStep(dice, "open", []);
  return [
    {
      ...applicationOf(dice, "typhoon", [
        alertStep(dice),
        rescueStep(dice),
        brokenStep(dice, [...done("alert"), ...done("rescue")], "size(input.list) > 4"),
      ]),
      ...rulesOf(dice, "typhoon"),
    },
    {
      ...applicationOf(dice, "saga", [
        { ...open, compensate: undoBy(dice, "unwork/v1") },
        {
          ...items,
          needs: done("open"),
          each: { ...items.each, compensate: undoBy(dice, "unwork/v1") },
        },
        brokenStep(dice, done("each"), "size(input.list) > 2"),
      ]),
      ...rulesOf(dice, "saga"),
    },
    drawRevisingPeople(dice),
  ];
}
