// People scenario: an application that clerks at the desks of a world do, step after step.

import type {
  Application,
  Deadlines,
  FanoutStep,
  HumanRule,
  HumanStep,
} from "@cloudbrain/sdk/domain";
import { taskActions } from "@cloudbrain/sdk/domain";
import type { Dice } from "./dice.ts";
import { applicationOf, expression, fanoutOver, literal, matchOf } from "./scenarios.ts";

function drawRule(dice: Dice, id: string): HumanRule {
  const to = [literal("dispatch")];
  const may = ["changeCandidates", "insist", "reject"] as const;
  const visitsMax = dice.whole("visits", id, { low: 1, high: 3 });
  const ends = dice.pick("visits end", id, ["suspend", "fail"] as const);
  // biome-ignore lint/suspicious/noThenProperty: the word of the language
  const onReturn = { to, may, visitsMax, then: ends };
  return {
    candidates: { users: [], groups: [literal("clerks")], roles: [], departments: [] },
    actions: taskActions,
    form: undefined,
    onReturn: dice.chance("dispatch desk", id, 0.6) ? onReturn : undefined,
    extension: {
      max: dice.whole("extensions", id, { low: 0, high: 2 }),
      longestMs: 20_000,
      decidedBy: [],
    },
  };
}

function drawTaskDeadlines(dice: Dice, id: string): Deadlines {
  return {
    startMs: undefined,
    claimMs: dice.chance("claim deadline", id, 0.5) ? 4_000 : undefined,
    finishMs: dice.whole("task deadline", id, { low: 30_000, high: 60_000 }),
    heartbeatMs: undefined,
    totalMs: undefined,
  };
}

const escalate = [
  { afterMs: 2_000, on: "unclaimed", action: "remind", to: [], channels: [] },
  { afterMs: 6_000, on: "unclaimed", action: "offerUp", to: [], channels: [] },
  { afterMs: 20_000, on: "unfinished", action: "supervise", to: [], channels: [] },
] as const;

/** A step that one clerk does. */
export function drawHandling(dice: Dice): HumanStep {
  return {
    type: "human",
    id: "handle",
    title: undefined,
    needs: [],
    when: undefined,
    onError: undefined,
    match: matchOf("work/v1"),
    input: expression("input"),
    human: drawRule(dice, "handle"),
    deadlines: drawTaskDeadlines(dice, "handle"),
    escalate,
  };
}

/** The same fan-out, with people at every member. */
export function askPeople(dice: Dice, step: FanoutStep): FanoutStep {
  return {
    ...step,
    each: {
      ...step.each,
      human: drawRule(dice, step.id),
      escalate,
      deadlines: drawTaskDeadlines(dice, step.id),
      retry: { ...step.each.retry, max: 1 },
    },
    aggregate: { ...step.aggregate, finishMs: 75_000 },
  };
}

/** One clerk decides, then the people of every community report. */
export function drawPeople(dice: Dice): Application {
  const first = drawHandling(dice);
  const asked = fanoutOver(dice, "ask", {
    by: "level",
    scope: expression("input.scope"),
    level: "community",
    membersMax: 1_000,
  });
  return applicationOf(dice, "people", [
    first,
    { ...askPeople(dice, asked), needs: [{ step: "handle", on: "done" }] },
  ]);
}
