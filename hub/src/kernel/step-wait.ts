// Steps: timers and gates. What a step waits for stands in its row and in no other place.
//
//   W1  A due time is decided once and stands in the fact as an absolute time: a restart, another
//       clock or a new edition of a calendar does not move it.
//   W2  A time that has passed is no wait: the step begins and ends in the same commit.
//   W3  No gate waits for ever (I8): without a deadline of its own or of its chain it is suspended.

import {
  evaluateMapping,
  type GateStep,
  limits,
  type Scope,
  type TimerStep,
} from "@cloudbrain/sdk/domain";
import type { Deciding } from "./deciding.ts";
import { parseTime } from "./parse-time.ts";
import type { Chain } from "./state.ts";
import { endStep, failStep, suspend } from "./step-chain.ts";
import { isMeant } from "./step-signal.ts";
import { type Due, dueAfter, stepDue } from "./working-due.ts";

export function startTimer(deciding: Deciding, chain: Chain, step: TimerStep, scope: Scope): void {
  const due = timerDue(deciding, step, scope);
  if (!due.ok) {
    suspend(deciding, chain, step, due.reason);
    return;
  }
  const wait = { kind: "timer", dueMs: due.dueMs } as const;
  deciding.decide({ t: "waitBegun", chain: chain.id, step: step.id, wait });
  const run = chain.steps.get(step.id);
  if (run !== undefined && due.dueMs <= deciding.nowMs) {
    endStep(deciding, chain, run, "succeeded", "", null);
  }
}

function timerDue(deciding: Deciding, { timer }: TimerStep, scope: Scope): Due {
  if (timer.kind === "for") {
    const due = dueAfter(deciding, deciding.nowMs, timer.ms, timer.calendar);
    return due.ok ? due : { ok: false, reason: `timer.calendar: ${due.reason}` };
  }
  const at = evaluateMapping(timer.at, scope, deciding.evaluate);
  if (!at.ok) return { ok: false, reason: `timer.until: ${at.reason}` };
  const dueMs = typeof at.value === "string" ? parseTime(at.value) : undefined;
  if (dueMs !== undefined) return { ok: true, dueMs };
  const told = JSON.stringify(at.value).slice(0, 80);
  const reason = `timer.until: ${told} is no time such as 2026-10-01T08:00:00+08:00`;
  return { ok: false, reason };
}

export function startGate(deciding: Deciding, chain: Chain, step: GateStep): void {
  const due = stepDue(deciding, step.deadlines);
  if (!due.ok) {
    suspend(deciding, chain, step, `deadline.calendar: ${due.reason}`);
    return;
  }
  if (due.dueMs === 0 && chain.dueMs === 0) {
    const why = "neither the gate nor its chain has a deadline: it could wait for ever";
    suspend(deciding, chain, step, why);
    return;
  }
  const { signal } = step.gate;
  const known = chain.signals.find(({ name }) => name === signal);
  const refusal = known === undefined ? "" : isMeant(deciding, chain, step, known.payload);
  const isThere = known !== undefined && refusal === "";
  if (!isThere && deciding.state.waits.gateCount(signal) >= limits.gatesPerSignalMax) {
    const why = `${limits.gatesPerSignalMax} gates wait for ${signal}, which is the limit`;
    suspend(deciding, chain, step, why);
    return;
  }
  deciding.decide({
    t: "waitBegun",
    chain: chain.id,
    step: step.id,
    wait: { kind: "gate", dueMs: due.dueMs, signal },
    ...(isThere ? { retained: true } : {}),
  });
  const run = chain.steps.get(step.id);
  if (run === undefined || known === undefined || !isThere) return;
  endStep(deciding, chain, run, "succeeded", `opened by ${known.source}`, known.payload);
}

/** A wait is due: a timer has done its work, everything else has waited in vain. */
export function stepWaitDue(deciding: Deciding, id: string, dueMs: number): void {
  const entry = deciding.state.waits.get(id);
  if (entry?.dueMs !== dueMs) return;
  const chain = deciding.state.chains.get(entry.chain);
  const run = chain?.steps.get(entry.step);
  if (chain === undefined || run?.wait === undefined) return;
  if (run.wait.kind === "timer") endStep(deciding, chain, run, "succeeded", "", null);
  else failStep(deciding, chain, run, "the finish deadline has passed");
}
