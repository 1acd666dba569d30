// Apply: facts about the tasks of this desk, and the only code that writes them.
//
//   I15  A task has one holder at most, and the worklists are those of the tasks in every commit.

import { type Address, limits, supervisorsGroup, type TaskPerson } from "@cloudbrain/sdk/domain";
import { type Applying, sendFrame } from "./apply.ts";
import { transition } from "./apply-task-transition.ts";
import type { HubState } from "./state.ts";
import type { TaskChangedFact, TaskFact, TaskOpenedFact } from "./task-facts.ts";
import { answerOf, refusalAnswer, reportOf } from "./task-feedback.ts";
import { isOpen, responsibleFor, type Task, taskId } from "./task-state.ts";
import { taskDueMs } from "./task-times.ts";

export function applyTaskFact(applying: Applying, fact: TaskFact): void {
  const { state } = applying;
  switch (fact.t) {
    case "taskOpened":
      openTask(applying, fact);
      return;
    case "taskRefused":
      sendFrame(
        applying,
        fact.origin,
        refusalAnswer(fact.instruction, fact.attempt, fact.code, fact.why),
      );
      return;
    case "taskArchived": {
      const task = state.tasks.get(fact.task);
      if (task === undefined) return;
      task.archived = true;
      state.worklists.drop(task.id);
      applying.dirty.mark("task", task.id);
      return;
    }
    case "taskChanged": {
      const task = state.tasks.get(fact.task);
      if (task !== undefined) changeTask(applying, task, fact);
    }
  }
}

function openTask(applying: Applying, fact: TaskOpenedFact): void {
  const { instruction, attempt, origin, spec } = fact;
  const task: Task = {
    id: taskId(instruction, attempt),
    instruction,
    attempt,
    origin,
    chain: fact.chain,
    step: fact.step,
    input: fact.input,
    spec,
    openedAtMs: applying.atMs,
    version: 1,
    state: { kind: "offered" },
    candidates: spec.candidates,
    times: fact.times,
    escalatedAtMs: spec.escalations.map(() => 0),
    claimMissed: false,
    extension: undefined,
    extensionsGranted: 0,
    hanging: undefined,
    coHandlers: [],
    reminders: 0,
    supervision: undefined,
    visits: 0,
    returners: [],
    revision: 0,
    evaluation: undefined,
    commands: new Map(),
    trail: [],
    trailDropped: 0,
    participants: [],
    endedAtMs: 0,
    archived: false,
  };
  note(applying, task, undefined, "opened", "", []);
  keepTask(applying, task);
  if (origin === applying.state.self) return;
  sendFrame(applying, origin, { kind: "accepted", id: instruction, attempt });
  tellDue(applying, task, fact.dueInMs);
}

/** Puts a task, new or restored, into every index. */
export function indexTask(state: HubState, task: Task): void {
  state.tasks.set(task.id, task);
  if (task.archived) return;
  state.worklists.put(task);
  state.due.push("task", task.id, taskDueMs(task));
  if (isOpen(task)) state.openTasks.set(task.instruction, task.id);
  else if (state.openTasks.get(task.instruction) === task.id) {
    state.openTasks.delete(task.instruction);
  }
}

function keepTask(applying: Applying, task: Task): void {
  indexTask(applying.state, task);
  applying.dirty.mark("task", task.id);
}

/** The origin moves its own bound: it waits as long as the desk may. */
function tellDue(applying: Applying, task: Task, dueInMs: number): void {
  if (dueInMs <= 0 || task.origin === applying.state.self) return;
  const { instruction: id, attempt } = task;
  sendFrame(applying, task.origin, {
    kind: "progress",
    id,
    attempt,
    ratio: 0,
    note: task.state.kind,
    dueInMs,
  });
}

function changeTask(applying: Applying, task: Task, fact: TaskChangedFact): void {
  const { change, by, why } = fact;
  const before = responsibleFor(task);
  transition(task, fact, applying.atMs);
  if (!quietChanges.has(change.kind)) task.version += 1;
  const escalation = change.kind === "escalated" ? task.spec.escalations[change.index] : undefined;
  const what = escalation === undefined ? change.kind : `escalated: ${escalation.action}`;
  note(applying, task, by, what, why, toldBy(task, fact, before), escalation?.channels);
  if (fact.command !== undefined && by !== undefined) {
    const { id, kind } = fact.command;
    task.commands.set(id, { kind, account: by.account, version: task.version });
  }
  keepTask(applying, task);
  if (task.origin === applying.state.self) return;
  if (change.kind === "reported") {
    sendFrame(applying, task.origin, reportOf(task, change.output));
  }
  if ("dueInMs" in change) tellDue(applying, task, change.dueInMs);
  // An evaluation comes after the answer, which is sent once.
  const answer = change.kind === "evaluated" ? undefined : answerOf(task);
  if (answer !== undefined) sendFrame(applying, task.origin, answer);
}

/** What nobody has to read again before the next command. */
const quietChanges: ReadonlySet<string> = new Set([
  "reminded",
  "supervised",
  "coHandlerAnswered",
  "evaluated",
  "claimMissed",
]);

/** Whom a change concerns beside who made it. */
function toldBy(
  task: Task,
  fact: TaskChangedFact,
  before: TaskPerson | undefined,
): readonly string[] {
  const { change } = fact;
  switch (change.kind) {
    case "transferred":
    case "coHandlerAsked":
      return [change.to.kind === "user" ? change.to.account : change.to.group];
    case "delegated":
      return [change.to.account];
    case "redirected":
      return [...change.candidates.users, ...change.candidates.groups];
    case "returning":
      return task.spec.onReturn?.to ?? [];
    case "escalated": {
      const rule = task.spec.escalations[change.index];
      if (rule?.action === "offerUp") return [supervisorsGroup];
      if (rule?.action !== "remind") return rule?.to ?? [];
      return before === undefined
        ? [...task.candidates.users, ...task.candidates.groups]
        : [before.account];
    }
    default:
      return before === undefined || before.account === fact.by?.account ? [] : [before.account];
  }
}

/** The beginning of a trail stays; when it is full the oldest of the rest goes. */
const trailHead = 20;

function note(
  applying: Applying,
  task: Task,
  by: TaskPerson | undefined,
  what: string,
  why: string,
  to: readonly string[],
  channels: readonly string[] = [],
): void {
  const entry = { atMs: applying.atMs, what, why, to, channels };
  const trail = [...task.trail, by === undefined ? entry : { ...entry, by }];
  if (trail.length > limits.trailEntriesMax) {
    trail.splice(trailHead, 1);
    task.trailDropped += 1;
  }
  task.trail = trail;
  if (by === undefined || task.participants.includes(by.account)) return;
  if (task.participants.length < limits.taskNamesMax) {
    task.participants = [...task.participants, by.account];
  }
}

/** Takes an instruction back: by frame, or here and now when this hub is its desk. */
export function sendCancel(
  applying: Applying,
  to: Address,
  cancel: { readonly id: string; readonly attempt: number; readonly reason: string },
): void {
  const { state } = applying;
  if (to !== state.self) {
    sendFrame(applying, to, { kind: "cancel", ...cancel });
    return;
  }
  const task = state.tasks.get(state.openTasks.get(cancel.id) ?? "");
  if (task === undefined || task.attempt > cancel.attempt) return;
  const fact = { change: { kind: "cancelled" }, task: task.id, why: cancel.reason } as const;
  changeTask(applying, task, { t: "taskChanged", ...fact });
}

/** The parent has a new store: what we had answered may never have arrived there. */
export function answerAgain(applying: Applying): void {
  for (const task of applying.state.tasks.values()) {
    if (task.archived || task.origin === applying.state.self) continue;
    const answer = answerOf(task);
    if (answer !== undefined) sendFrame(applying, task.origin, answer);
  }
}
