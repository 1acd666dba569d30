// Worked staff: the people of the worked applications' cast. Beside their work they do at random
// whatever the desk would take from them.

import type { TaskSummary } from "@cloudbrain/hub/kernel";
import type { TaskActor, TaskCommand, TaskPerson } from "@cloudbrain/sdk/domain";
import { cast } from "../applications/cast.ts";
import type { PersonPart } from "../applications/stage.ts";
import type { ReturnDecision, Staff } from "./scenario.ts";
import type { SimHub } from "./sim-hub.ts";
import { formOf } from "./worked-answers.ts";

const reason = "as the simulation wished";

function actorOf(part: PersonPart): TaskActor {
  const { account, name, department = "", area = "", groups = [], roles = [] } = part;
  return { account, name, department, area, groups, roles };
}

function staffOf(hub: string): readonly TaskActor[] {
  return cast.people.filter(({ at }) => at === hub).map(actorOf);
}

export function createWorkedStaff(): Staff {
  const byHub = new Map<string, readonly TaskActor[]>();
  const at = (hub: string): readonly TaskActor[] => {
    const known = byHub.get(hub) ?? staffOf(hub);
    byHub.set(hub, known);
    return known;
  };
  return {
    at,
    restless: 0.4,
    asides,
    sendsBack: ({ roles }) => roles.includes("clerk"),
    decisions: ({ step }) => decisionsFor(step),
    detours: (hub, actor, task) => detours(hub, actor, task, at(hub.address)),
    formOf: ({ step }, tag) => formOf(step, tag),
  };
}

function decisionsFor(step: string): readonly ReturnDecision[] {
  const department = step === "review" ? "station-taiping-road" : "housing-office";
  const candidates = { users: [], groups: [], roles: ["clerk"], departments: [department] };
  const change = { kind: "changeCandidates", candidates } as const;
  const insist = { kind: "insist" } as const;
  return step === "review" ? [change, insist] : [change, insist, insist, { kind: "reject" }];
}

function asides(hub: SimHub, actor: TaskActor, task: TaskSummary): readonly TaskCommand[] {
  const wishes: readonly TaskCommand[] = [
    { kind: "remind", reason },
    { kind: "supervise", reason },
    { kind: "evaluate", score: 4, comment: reason },
    { kind: "unclaim", reason },
  ];
  return allowed(hub, actor, task, wishes);
}

function allowed(
  hub: SimHub,
  actor: TaskActor,
  task: TaskSummary,
  wishes: readonly TaskCommand[],
): readonly TaskCommand[] {
  const held = hub.hub.state.tasks.get(task.id);
  const nowMs = hub.journal?.now() ?? 0;
  const may = new Set(held === undefined ? [] : hub.hub.taskChoices(held, actor, nowMs));
  return wishes.filter(({ kind }) => may.has(kind));
}

/** Whatever the desk would take now but the work itself; unclaiming where there is nothing else. */
function detours(
  hub: SimHub,
  actor: TaskActor,
  task: TaskSummary,
  colleagues: readonly TaskActor[],
): readonly TaskCommand[] {
  const nowMs = hub.journal?.now() ?? 0;
  const others = colleagues.filter(({ account }) => account !== actor.account);
  const wishes: readonly TaskCommand[] = [
    { kind: "unclaim", reason },
    { kind: "return", reason },
    { kind: "requestExtension", extraMs: 5_000, reason },
    { kind: "requestHanging", untilMs: nowMs + 20_000, reason },
    ...others.flatMap((other) => towards(personOf(other))),
  ];
  const found = allowed(hub, actor, task, wishes);
  return found.length > 0 ? found : [{ kind: "unclaim", reason }];
}

function personOf({ account, name, department }: TaskActor): TaskPerson {
  return { account, name, department };
}

function towards(to: TaskPerson): readonly TaskCommand[] {
  const target = { kind: "user", ...to } as const;
  return [
    { kind: "transfer", to: target, reason },
    { kind: "delegate", to, reason },
    { kind: "askCoHandler", to: target, required: true, reason },
  ];
}
