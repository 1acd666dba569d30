// Task specs: what a definition says of a human step or member, resolved into names where the step
// starts, and put together for the desk.

import {
  type Address,
  type Deadlines,
  type EscalationRule,
  evaluateMapping,
  type HumanRule,
  limits,
  type Mapping,
  parentOf,
  type Scope,
  type TaskHeading,
  type TaskPeople,
  type TaskSpec,
} from "@cloudbrain/sdk/domain";
import type { Deciding } from "./deciding.ts";
import type { Chain, HubState } from "./state.ts";
import { addTime } from "./task-times.ts";

/** What steps and members that people do have in common. */
export interface HumanWork {
  readonly human: HumanRule;
  readonly escalate: readonly EscalationRule[];
  readonly deadlines: Deadlines;
}

type Resolved<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly reason: string };

/** The hub that holds the tasks of a node: itself, or the one directly above it. */
export function deskOf(state: HubState, about: Address): Address {
  if (about === state.self || state.nodes.get(about)?.description.hub === true) return about;
  return parentOf(about) ?? state.self;
}

/** Evaluates every mapping of the rule; `scope` holds {input, steps, node} and {member, item}. */
export function resolvePeople(
  deciding: Pick<Deciding, "evaluate">,
  work: HumanWork,
  scope: Scope,
): Resolved<TaskPeople> {
  const failures: string[] = [];
  const names = (where: string, mappings: readonly Mapping[]): readonly string[] => {
    const found = resolveNames(deciding, mappings, scope);
    if (found.ok) return found.value;
    failures.push(`${where}: ${found.reason}`);
    return [];
  };
  const { candidates, onReturn, extension } = work.human;
  const people: TaskPeople = {
    candidates: {
      users: names("candidates.users", candidates.users),
      groups: names("candidates.groups", candidates.groups),
      roles: names("candidates.roles", candidates.roles),
      departments: names("candidates.departments", candidates.departments),
    },
    dispatchers: names("onReturn.to", onReturn?.to ?? []),
    deciders: names("extension.decidedBy", extension.decidedBy),
    escalateTo: work.escalate.map(({ to }) => names("escalate.to", to)),
  };
  const [reason] = failures;
  return reason === undefined ? { ok: true, value: people } : { ok: false, reason };
}

/** A mapping gives one name or a list of them. */
function resolveNames(
  deciding: Pick<Deciding, "evaluate">,
  mappings: readonly Mapping[],
  scope: Scope,
): Resolved<readonly string[]> {
  const names = new Set<string>();
  for (const mapping of mappings) {
    const result = evaluateMapping(mapping, scope, deciding.evaluate);
    if (!result.ok) return result;
    for (const name of Array.isArray(result.value) ? result.value : [result.value]) {
      if (typeof name !== "string" || name === "") {
        return { ok: false, reason: `${JSON.stringify(name)} is no name` };
      }
      names.add(name);
    }
  }
  return names.size > limits.taskNamesMax
    ? { ok: false, reason: `${names.size} names are over the limit of ${limits.taskNamesMax}` }
    : { ok: true, value: [...names] };
}

/** What worklists show of a step. */
export function headingOf({ application, priority }: Chain, stepId: string): TaskHeading {
  const step = application.steps.find(({ id }) => id === stepId);
  const { zh, en } = step?.title ?? application.title;
  return {
    application: application.id,
    title: en === undefined ? { zh } : { zh, en },
    priority,
  };
}

/** What the origin waits beyond the desk's own time, so that the desk speaks first. */
export function patienceFor(dueInMs: number): number {
  return dueInMs + 60_000 + dueInMs * 0.1;
}

/** When the origin gives a silent desk up; undefined for a calendar that is not known here. */
export function safetyDueAfter(deciding: Deciding, deadlines: Deadlines): number | undefined {
  const { nowMs, addWorkingTime } = deciding;
  const { finishMs, calendar = "" } = deadlines;
  const waitMs = finishMs ?? limits.taskWaitMsMax;
  const dueMs = addTime(addWorkingTime, finishMs === undefined ? "" : calendar, nowMs, waitMs);
  if (addTime(addWorkingTime, calendar, nowMs, 0) === undefined) return undefined;
  return dueMs === undefined ? undefined : nowMs + patienceFor(dueMs - nowMs);
}

export function specOf(
  work: HumanWork,
  people: TaskPeople,
  heading: TaskHeading,
  about: Address,
  revise: boolean,
): TaskSpec {
  const { actions, form, onReturn, extension } = work.human;
  const { claimMs, finishMs, calendar } = work.deadlines;
  return {
    ...heading,
    about,
    candidates: people.candidates,
    actions,
    ...(form === undefined ? {} : { form }),
    ...(onReturn === undefined
      ? {}
      : {
          onReturn: {
            to: people.dispatchers,
            may: onReturn.may,
            visitsMax: onReturn.visitsMax,
          },
        }),
    extension: {
      max: extension.max,
      longestMs: extension.longestMs,
      decidedBy: people.deciders,
    },
    deadlines: { claimMs: claimMs ?? 0, finishMs: finishMs ?? 0, calendar: calendar ?? "" },
    escalations: work.escalate.map(({ afterMs, on, action, channels }, index) => ({
      afterMs,
      on,
      action,
      channels,
      to: people.escalateTo[index] ?? [],
    })),
    revise,
  };
}
