// People scenario: an application that clerks at the desks of a world do, step after step.

import type { Application, Deadlines, HumanRule, HumanStep } from "@cloudbrain/sdk/domain";
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

/** One clerk decides, then the people of every community report. */
export function drawPeople(dice: Dice): Application {
  const first: HumanStep = {
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
  const asked = fanoutOver(dice, "ask", {
    by: "level",
    scope: expression("input.scope"),
    level: "community",
    membersMax: 1_000,
  });
  return applicationOf(dice, "people", [
    first,
    {
      ...asked,
      needs: [{ step: "handle", on: "done" }],
      each: {
        ...asked.each,
        human: drawRule(dice, "ask"),
        escalate,
        deadlines: drawTaskDeadlines(dice, "ask"),
        retry: { ...asked.each.retry, max: 1 },
      },
      aggregate: { ...asked.aggregate, finishMs: 75_000 },
    },
  ]);
}
