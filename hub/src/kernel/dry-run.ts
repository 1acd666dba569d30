// Dry run: goes through the steps of an application as a chain would, without starting one (试算).
//
//   E3  Nothing is written: the state is read, and expressions are pure.
//   E4  What depends on the output of a step is said to depend on it; it is never guessed.

import {
  type Address,
  evaluateMapping,
  type HumanStep,
  type JsonValue,
  type Step,
} from "@cloudbrain/sdk/domain";
import { findApplication, publicationOf, whyNotFound } from "./application-versions.ts";
import {
  type ChainPlan,
  noTarget,
  type PlannedDeadline,
  type PlannedFate,
  type PlannedStep,
} from "./chain-plan.ts";
import { stepsReadBy, stepsReadByMapping } from "./expression-steps.ts";
import { parseTime } from "./parse-time.ts";
import { planCompensation } from "./plan-compensation.ts";
import type { Planning } from "./plan-match.ts";
import { planPeople } from "./plan-people.ts";
import { type FoundTarget, planFanout, planNode } from "./plan-target.ts";
import { chainDue, deadlinesOf, latestEnd, latestStart, type PlanClock } from "./plan-times.ts";
import { recordOf } from "./registry.ts";
import { deskOf } from "./task-spec.ts";

export interface DryRunOptions extends Omit<Planning, "scope">, PlanClock {
  /** It has passed the schema of the application. */
  readonly input: JsonValue;
}

/** What a caller may want of a plan beyond counts. */
export interface PlanWishes {
  /** Who would submit: where "nearest" is measured from. */
  readonly submitter?: string;
  /** Nodes that each step tells of one by one. */
  readonly nodesMax?: number;
  /** Nodes that each step tells of in any case. */
  readonly named?: readonly Address[];
}

interface Verdict {
  readonly fate: PlannedFate;
  readonly reason: string;
  readonly dependsOn: readonly string[];
}

export function dryRun(options: DryRunOptions): ChainPlan {
  const { application, nowMs } = options;
  const { id, version, title, calendar = "", onFailure, onCancel = "keep" } = application;
  const planning = { ...options, scope: { input: options.input, steps: {} } };
  const dueMs = chainDue(options, application);
  const planned = new Map<string, PlannedStep>();
  const targets = new Map<string, FoundTarget>();
  const ends = new Map<string, number | undefined>();
  for (const step of inOrder(application.steps)) {
    const verdict = judge(planning, step, planned);
    const target = verdict.fate === "skipped" ? undefined : targetOf(planning, step);
    if (target !== undefined) targets.set(step.id, target);
    const told = tell(verdict, target);
    const startMs = latestStart(options, step, ends);
    const until = timerUntil(planning, step);
    const deadlines = deadlinesOf(options, step, startMs, until);
    const endMs = told.fate === "skipped" ? startMs : latestEnd(step, startMs, deadlines, dueMs);
    ends.set(step.id, endMs);
    planned.set(step.id, {
      ...told,
      ...stuckByCalendar(told.fate, startMs, deadlines),
      id: step.id,
      type: step.type,
      title: step.title,
      needs: step.needs.map((need) => (need.on === "done" ? need.step : `${need.step}:${need.on}`)),
      deadlines,
      latestStartMs: startMs,
      latestEndMs: endMs,
    });
  }
  return {
    id,
    version,
    title,
    atMs: nowMs,
    dueMs,
    calendar,
    steps: [...planned.values()],
    onFailure,
    onCancel,
    compensation: planCompensation(planning, targets),
  };
}

/** A deadline in a calendar that is not known here suspends the step. */
function stuckByCalendar(
  fate: PlannedFate,
  startMs: number | undefined,
  deadlines: readonly PlannedDeadline[],
): Partial<Verdict> {
  if (startMs === undefined || fate === "skipped" || fate === "stuck") return {};
  const unknown = deadlines.find(({ calendar, atMs }) => calendar !== "" && atMs === undefined);
  if (unknown === undefined) return {};
  const reason = `deadline.calendar: no calendar ${unknown.calendar} is known at this hub`;
  return { fate: "stuck", reason };
}

/** Needs first; among those that could run, the order of the definition. */
function inOrder(steps: readonly Step[]): readonly Step[] {
  const left = new Set(steps);
  const done = new Set<string>();
  const order: Step[] = [];
  for (let size = -1; size !== left.size; ) {
    size = left.size;
    for (const step of left) {
      if (!step.needs.every((need) => done.has(need.step))) continue;
      left.delete(step);
      done.add(step.id);
      order.push(step);
    }
  }
  return order;
}

function tell(verdict: Verdict, found: FoundTarget | undefined): Verdict & FoundTarget["target"] {
  if (found === undefined) return { ...noTarget, ...verdict };
  const { target, problem } = found;
  const dependsOn = [...new Set([...verdict.dependsOn, ...found.dependsOn])];
  if (verdict.fate === "stuck") return { ...target, ...verdict, dependsOn };
  // A condition that was left out can only turn more nodes away.
  if (problem !== "") return { ...target, fate: "stuck", reason: problem, dependsOn };
  return { ...target, ...verdict, dependsOn };
}

/** Whether the step would run at all. */
function judge(planning: Planning, step: Step, planned: ReadonlyMap<string, PlannedStep>): Verdict {
  const dependsOn: string[] = [];
  const reasons: string[] = [];
  for (const need of step.needs) {
    const before = planned.get(need.step);
    if (need.on === "failed") {
      if (before?.fate === "skipped") {
        return { fate: "skipped", reason: `${need.step} is skipped, so it can't fail`, dependsOn };
      }
      dependsOn.push(need.step);
      reasons.push(`only if ${need.step} fails`);
    } else if (before?.fate === "stuck") {
      dependsOn.push(need.step);
      reasons.push(`${need.step} would wait for a person`);
    }
  }
  if (step.when !== undefined) {
    const reads = stepsReadBy(step.when, needsOfStep(step));
    if (reads.length > 0) {
      dependsOn.push(...reads);
      reasons.push(`when: ${step.when}`);
    } else {
      const result = planning.evaluate(step.when, planning.scope);
      if (!result.ok) return { fate: "stuck", reason: `when: ${result.reason}`, dependsOn };
      if (result.value !== true) {
        return { fate: "skipped", reason: `when: ${step.when} is false`, dependsOn };
      }
    }
  }
  const fate = dependsOn.length > 0 ? "depends" : "runs";
  return { fate, reason: reasons.join("; "), dependsOn: [...new Set(dependsOn)] };
}

function needsOfStep(step: Step): readonly string[] {
  return step.needs.map((need) => need.step);
}

function targetOf(planning: Planning, step: Step): FoundTarget {
  const needs = needsOfStep(step);
  const none = { target: noTarget, dependsOn: [], problem: "", doers: [] };
  switch (step.type) {
    case "fanout": {
      const { human, escalate = [], deadlines } = step.each;
      const found = planFanout(planning, step, needs);
      if (human === undefined) return found;
      return withPeople(
        found,
        planPeople(planning, { human, escalate, deadlines }, needs, undefined),
      );
    }
    case "service":
    case "human": {
      const found =
        step.type === "human"
          ? planHuman(planning, step, needs)
          : planNode(planning, step.match, needs);
      if (found.problem !== "" || step.input === undefined) return found;
      if (stepsReadByMapping(step.input, needs).length > 0) return found;
      const input = evaluateMapping(step.input, planning.scope, planning.evaluate);
      return input.ok ? found : { ...found, problem: `input: ${input.reason}` };
    }
    case "subflow": {
      const { application, version } = step.subflow;
      const found = findApplication(planning.state, application, version);
      const wanted = `${application} ${version}`.trim();
      if (found === undefined) {
        const why = whyNotFound(planning.state, application, version);
        return { ...none, problem: why === "" ? `${wanted} is not published here` : why };
      }
      if (publicationOf(planning.state, found).state === "retired") {
        return { ...none, problem: `${wanted} is retired and takes no chains` };
      }
      const explanation = `${found.id}@${found.version}`;
      return { ...none, target: { ...noTarget, explanation } };
    }
    case "timer": {
      const dependsOn = step.timer.kind === "until" ? stepsReadByMapping(step.timer.at, needs) : [];
      const isKnown = step.timer.kind === "for" || dependsOn.length > 0;
      const isTime = isKnown || timerUntil(planning, step) !== undefined;
      return { ...none, dependsOn, problem: isTime ? "" : "timer: it names no time" };
    }
    case "gate":
      return { ...none, target: { ...noTarget, explanation: step.gate.signal } };
    case "signal":
      return { ...none, target: { ...noTarget, explanation: step.signal.name } };
  }
}

function planHuman(planning: Planning, step: HumanStep, needs: readonly string[]): FoundTarget {
  const found = planNode({ ...planning, forPeople: true }, step.match, needs);
  const { node } = found.target;
  if (node === undefined) return found;
  const about = recordOf(planning.state, node.address);
  const target = { ...found.target, desk: deskOf(planning.state, node.address) };
  return withPeople({ ...found, target }, planPeople(planning, step, needs, about));
}

function withPeople(found: FoundTarget, told: ReturnType<typeof planPeople>): FoundTarget {
  return {
    ...found,
    target: { ...found.target, people: told.people },
    dependsOn: [...new Set([...found.dependsOn, ...told.dependsOn])],
    problem: found.problem === "" ? told.problem : found.problem,
  };
}

/** The time that a timer waits for, where it is known now. */
function timerUntil(planning: Planning, step: Step): number | undefined {
  if (step.type !== "timer" || step.timer.kind !== "until") return undefined;
  if (stepsReadByMapping(step.timer.at, needsOfStep(step)).length > 0) return undefined;
  const result = evaluateMapping(step.timer.at, planning.scope, planning.evaluate);
  if (!result.ok || typeof result.value !== "string") return undefined;
  return parseTime(result.value);
}
