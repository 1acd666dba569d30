// Apply: what each change makes of a task: who holds it first, then everything beside that.

import { supervisorsGroup, type TaskPerson, type TaskTarget } from "@cloudbrain/sdk/domain";
import type { TaskChangedFact } from "./task-facts.ts";
import { responsibleFor, type Task, type TaskState } from "./task-state.ts";

/** Changes that name no person are the desk's; those of persons always do. */
const nobody: TaskPerson = { account: "", name: "", department: "" };

/** Writes what the change makes of the task; `atMs` is its time. */
export function transition(task: Task, fact: TaskChangedFact, atMs: number): void {
  const { change, why } = fact;
  const by = fact.by ?? nobody;
  switch (change.kind) {
    case "claimed":
      task.state = { kind: "claimed", holder: by };
      return;
    case "unclaimed":
      offerAnew(task);
      return;
    case "reported":
      task.revision += 1;
      return;
    case "completed":
      if (task.spec.revise) task.revision += 1;
      end(task, { kind: "completed", by, output: change.output }, atMs);
      return;
    case "returning": {
      const holder = task.state.kind === "claimed" ? task.state.holder : undefined;
      task.state = {
        kind: "returning",
        by,
        reason: why,
        ...(holder === undefined ? {} : { holder }),
      };
      task.visits += 1;
      dropRequests(task);
      task.returners = [...new Set([...task.returners, by.account])];
      return;
    }
    case "returned":
      end(task, { kind: "returned", by, reason: why, code: change.code }, atMs);
      return;
    case "redirected":
      task.candidates = change.candidates;
      // Who is named although they returned it is asked again.
      task.returners = task.returners.filter((it) => !change.candidates.users.includes(it));
      offerAnew(task, change.claimDueMs);
      return;
    case "insisted":
      insist(task);
      return;
    case "transferred":
      transfer(task, change.to, change.claimDueMs);
      return;
    case "delegated": {
      const owner = responsibleFor(task) ?? by;
      task.state = { kind: "claimed", holder: change.to, owner };
      return;
    }
    case "resolved":
      task.state = { kind: "claimed", holder: responsibleFor(task) ?? by };
      return;
    default:
      transitionBeside(task, fact, atMs);
  }
}

/** What happens beside the question of who holds the task. */
function transitionBeside(task: Task, fact: TaskChangedFact, atMs: number): void {
  const { change, why } = fact;
  const by = fact.by ?? nobody;
  switch (change.kind) {
    case "extensionRequested":
      task.extension = { by, atMs, reason: why, ms: change.extraMs };
      return;
    case "extensionGranted":
      task.extension = undefined;
      task.extensionsGranted += 1;
      task.times = change.times;
      return;
    case "extensionRefused":
      task.extension = undefined;
      return;
    case "coHandlerAsked":
      task.coHandlers = [
        ...task.coHandlers,
        {
          id: `c${task.coHandlers.length + 1}`,
          to: change.to,
          required: change.required,
          state: "asked",
          opinion: "",
        },
      ];
      return;
    case "coHandlerAnswered":
      settleCoHandler(task, change.entry, { state: "answered", by, opinion: change.opinion });
      return;
    case "coHandlerDropped":
      settleCoHandler(task, change.entry, { state: "dropped", opinion: why });
      return;
    case "hangingRequested":
      task.hanging = { by, atMs, reason: why, ms: change.untilMs };
      return;
    case "hung":
      hang(task, change);
      return;
    case "hangingRefused":
      task.hanging = undefined;
      return;
    case "resumed":
      resume(task, change.times);
      return;
    case "reminded":
      task.reminders += 1;
      return;
    case "supervised":
      task.supervision = { by, atMs, why, groups: [] };
      return;
    case "evaluated":
      task.evaluation = { by, atMs, score: change.score, comment: change.comment };
      return;
    case "escalated":
      escalate(task, change.index, atMs);
      return;
    case "claimMissed":
      task.claimMissed = true;
      return;
    case "expired":
      end(task, { kind: "expired", reason: why }, atMs);
      return;
    case "cancelled":
      end(task, { kind: "cancelled", reason: why }, atMs);
  }
}

function end(task: Task, state: TaskState, atMs: number): void {
  task.state = state;
  task.endedAtMs = atMs;
  dropRequests(task);
}

function dropRequests(task: Task): void {
  task.extension = undefined;
  task.hanging = undefined;
}

function offerAnew(task: Task, claimDueMs = task.times.claimDueMs): void {
  task.state = { kind: "offered" };
  if (claimDueMs !== task.times.claimDueMs) task.claimMissed = false;
  task.times = { ...task.times, claimDueMs };
  dropRequests(task);
}

/** The dispatch desk says: it is yours. */
function insist(task: Task): void {
  if (task.state.kind !== "returning") return;
  const { by, holder } = task.state;
  task.returners = task.returners.filter((account) => account !== by.account);
  task.state = holder === undefined ? { kind: "offered" } : { kind: "claimed", holder };
}

function transfer(task: Task, to: TaskTarget, claimDueMs: number): void {
  if (to.kind === "group") {
    task.candidates = { users: [], groups: [to.group], roles: [], departments: [] };
    offerAnew(task, claimDueMs);
    return;
  }
  const { account, name, department } = to;
  task.state = { kind: "claimed", holder: { account, name, department } };
  task.returners = task.returners.filter((returner) => returner !== account);
  dropRequests(task);
}

function hang(task: Task, change: Extract<TaskChangedFact["change"], { kind: "hung" }>): void {
  if (task.state.kind !== "claimed") return;
  const { holder, owner } = task.state;
  task.hanging = undefined;
  task.state = {
    kind: "hanging",
    holder,
    untilMs: change.untilMs,
    left: change.left,
    ...(owner === undefined ? {} : { owner }),
  };
}

function resume(task: Task, times: Task["times"]): void {
  if (task.state.kind !== "hanging") return;
  const { holder, owner } = task.state;
  task.state = { kind: "claimed", holder, ...(owner === undefined ? {} : { owner }) };
  task.times = times;
}

function settleCoHandler(
  task: Task,
  entry: string,
  how: {
    readonly state: "answered" | "dropped";
    readonly by?: TaskPerson;
    readonly opinion: string;
  },
): void {
  task.coHandlers = task.coHandlers.map((coHandler) =>
    coHandler.id === entry ? { ...coHandler, ...how } : coHandler,
  );
}

function escalate(task: Task, index: number, atMs: number): void {
  const rule = task.spec.escalations[index];
  if (rule === undefined) return;
  task.escalatedAtMs = task.escalatedAtMs.map((was, at) => (at === index ? atMs : was));
  if (rule.action === "remind") task.reminders += 1;
  else if (rule.action === "supervise") {
    task.supervision = { atMs, why: `${rule.on} after ${rule.afterMs} ms`, groups: rule.to };
  } else {
    const more = rule.action === "offerUp" ? [supervisorsGroup] : rule.to;
    const groups = [...new Set([...task.candidates.groups, ...more])];
    task.candidates = { ...task.candidates, groups };
  }
}
