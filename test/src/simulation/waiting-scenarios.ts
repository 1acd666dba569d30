// Waiting scenarios: applications whose steps wait for a time, a signal or another chain. Their
// dice have tags of their own, so that they shift nothing that was drawn before there were any.

import type {
  AddWorkingTime,
  Application,
  Deadlines,
  GateStep,
  ServiceStep,
  SignalStep,
  Step,
  SubflowStep,
  TimerStep,
} from "@cloudbrain/sdk/domain";
import type { Dice } from "./dice.ts";
import { longestDeadlineMs } from "./scenarios.ts";

/** Ids of the applications that clients start; `child` and `deep` are started by steps. */
export const waitingIds = ["waits", "alarm", "nested"] as const;

/** One calendar, which works half of the time. */
export const addWorkingTime: AddWorkingTime = (calendar, fromMs, durationMs) =>
  calendar === "halves" ? fromMs + 2 * durationMs : undefined;

const common = { title: undefined, needs: [], when: undefined, onError: undefined } as const;
const done = (step: string): Step["needs"] => [{ step, on: "done" }];
const open: Deadlines = {
  startMs: undefined,
  finishMs: undefined,
  heartbeatMs: undefined,
  totalMs: undefined,
};

function timer(dice: Dice, id: string, needs: Step["needs"]): TimerStep {
  const ms = dice.whole("timer", id, { low: 1, high: 8_000 });
  const calendar = dice.chance("timer calendar", id, 0.3) ? "halves" : "";
  return { type: "timer", id, ...common, needs, timer: { kind: "for", ms, calendar } };
}

function gate(dice: Dice, id: string, signal: string, needs: Step["needs"]): GateStep {
  const finishMs = dice.whole("gate deadline", id, { low: 2_000, high: 40_000 });
  const onError = { kind: "literal", value: null } as const;
  return {
    type: "gate",
    id,
    ...common,
    needs,
    onError: dice.chance("gate on error", id, 0.5) ? onError : undefined,
    gate: { signal, schema: undefined, where: "event.payload.item == input.item" },
    deadlines: { ...open, finishMs },
  };
}

function signal(id: string, name: string, needs: Step["needs"]): SignalStep {
  const item = { kind: "expression", source: "input.item" } as const;
  const nonce = { kind: "literal", value: "told" } as const;
  const fields = [
    { name: "item", mapping: item },
    { name: "nonce", mapping: nonce },
  ];
  return {
    type: "signal",
    id,
    ...common,
    needs,
    signal: { name, payload: { kind: "fields", fields } },
  };
}

function subflow(dice: Dice, id: string, application: string, needs: Step["needs"]): SubflowStep {
  const finishMs = dice.whole("subflow deadline", id, { low: 5_000, high: 60_000 });
  return {
    type: "subflow",
    id,
    ...common,
    needs,
    subflow: {
      application,
      version: dice.pick("subflow version", id, ["", "^1", "1.0.0"]),
      input: undefined,
      onParentCancel: dice.chance("subflow leave", id, 0.3) ? "leave" : "cancel",
    },
    deadlines: dice.chance("subflow deadline", id, 0.5) ? { ...open, finishMs } : open,
  };
}

function service(dice: Dice, id: string, needs: Step["needs"]): ServiceStep {
  return {
    type: "service",
    id,
    ...common,
    needs,
    match: {
      capability: "work/v1",
      level: undefined,
      region: undefined,
      industry: undefined,
      where: undefined,
      pick: "leastLoaded",
    },
    input: { kind: "expression", source: "input" },
    deadlines: { ...open, startMs: 15_000, finishMs: 12_000, totalMs: 40_000 },
    retry: {
      max: dice.whole("waiting retry", id, { low: 1, high: 4 }),
      initialMs: 200,
      factor: 2,
      capMs: 8_000,
      jitter: 0.2,
      notOn: [],
      rematch: dice.chance("waiting rematch", id, 0.5),
    },
  };
}

function application(
  dice: Dice,
  id: string,
  steps: readonly Step[],
  changes: Partial<Application> = {},
): Application {
  return {
    id,
    version: "1.0.0",
    hash: `hash-of-${id}`,
    title: { zh: id },
    inputSchema: undefined,
    // A chain below may be suspended for ever: what waits for it has an end of its own.
    totalMs: longestDeadlineMs,
    keyExpression: undefined,
    keyKeepMs: 30 * 24 * 3_600_000,
    onFailure: dice.pick("waiting on failure", id, ["fail", "suspend"] as const),
    steps,
    output: undefined,
    ...changes,
  };
}

/** `alarms` are the steps of an emergency: the same as those of another application. */
export function drawWaitingApplications(
  dice: Dice,
  alarms: readonly Step[],
): readonly Application[] {
  return [
    application(dice, "waits", [
      timer(dice, "pause", []),
      gate(dice, "open", "approved", done("pause")),
      signal("tell", "told", done("open")),
      subflow(dice, "sub", "child", done("open")),
      service(dice, "close", [...done("sub"), ...done("tell")]),
    ]),
    application(
      dice,
      "child",
      [
        service(dice, "work", []),
        gate(dice, "hear", "told", []),
        timer(dice, "rest", done("work")),
      ],
      { output: { kind: "expression", source: "input.item" } },
    ),
    application(dice, "nested", [subflow(dice, "down", "deep", [])], {
      priority: "input.item * 7",
    }),
    application(dice, "deep", [
      subflow(dice, "left", "child", []),
      subflow(dice, "right", "child", []),
    ]),
    application(dice, "alarm", alarms, { urgency: "emergency" }),
  ];
}
