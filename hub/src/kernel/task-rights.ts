// Task rights: who may do what with a task. Rights are judged by what the API says of the actor;
// whether the state of the task allows it is judged where the command is decided.

import {
  isAreaWithin,
  supervisorsGroup,
  type TaskActor,
  type TaskAsk,
  type TaskCommand,
  type TaskTarget,
} from "@cloudbrain/sdk/domain";
import { type CoHandler, holderOf, isOpen, responsibleFor, type Task } from "./task-state.ts";
import { decidingGroups } from "./worklist-keys.ts";

export function isSupervisor(actor: TaskActor): boolean {
  return actor.groups.includes(supervisorsGroup);
}

function isInOneOf(actor: TaskActor, groups: readonly string[]): boolean {
  return groups.some((group) => actor.groups.includes(group));
}

/** May claim it while it is offered. */
export function isCandidate(task: Task, actor: TaskActor): boolean {
  const { users, groups, roles, departments } = task.candidates;
  if (task.returners.includes(actor.account)) return false;
  if (users.includes(actor.account) || isInOneOf(actor, groups)) return true;
  if (roles.length === 0 && departments.length === 0) return false;
  if (roles.length > 0 && !roles.some((role) => actor.roles.includes(role))) return false;
  if (departments.length > 0 && !departments.includes(actor.department)) return false;
  return isAreaWithin(task.spec.about, actor.area);
}

/** Sits at the desk that decides about returned tasks. */
export function isDispatcher(task: Task, actor: TaskActor): boolean {
  return isInOneOf(actor, task.spec.onReturn?.to ?? []);
}

/** May decide about an extension or a hanging that another has asked for. */
export function isDecider(task: Task, actor: TaskActor): boolean {
  return isInOneOf(actor, decidingGroups(task));
}

export function isHolder(task: Task, actor: TaskActor): boolean {
  return holderOf(task)?.account === actor.account;
}

export function isResponsible(task: Task, actor: TaskActor): boolean {
  return responsibleFor(task)?.account === actor.account;
}

export function coHandlingOf(
  task: Task,
  actor: TaskActor,
  entry: string | undefined,
): CoHandler | undefined {
  return task.coHandlers.find(
    ({ id, to, state }) =>
      state === "asked" && (entry === undefined || id === entry) && isTarget(to, actor),
  );
}

function isTarget(to: TaskTarget, actor: TaskActor): boolean {
  return to.kind === "user" ? to.account === actor.account : actor.groups.includes(to.group);
}

/** The first thing that the task waits for this person to do, or undefined. */
export function askOf(task: Task, actor: TaskActor): TaskAsk | undefined {
  if (!isOpen(task)) return undefined;
  if (isHolder(task, actor)) return "work";
  if (task.state.kind === "offered" && isCandidate(task, actor)) return "claim";
  if (task.state.kind === "returning" && mayDecideReturn(task, actor)) return "decideReturn";
  if (mayDecide(task.extension, task, actor)) return "decideExtension";
  if (mayDecide(task.hanging, task, actor)) return "decideHanging";
  if (coHandlingOf(task, actor, undefined) !== undefined) return "coHandle";
  return isResponsible(task, actor) ? "watch" : undefined;
}

/** Nobody decides about what they have asked for themselves. */
function mayDecide(request: Task["extension"], task: Task, actor: TaskActor): boolean {
  return request !== undefined && request.by.account !== actor.account && isDecider(task, actor);
}

function mayDecideReturn(task: Task, actor: TaskActor): boolean {
  const { state } = task;
  const isOwn = state.kind === "returning" && state.by.account === actor.account;
  return !isOwn && isDispatcher(task, actor);
}

/** Whoever has to do with a task sees it: as worker, decider, candidate, watcher or participant. */
export function maySee(task: Task, actor: TaskActor): boolean {
  return (
    isSupervisor(actor) ||
    askOf(task, actor) !== undefined ||
    isDispatcher(task, actor) ||
    isDecider(task, actor) ||
    isInOneOf(actor, task.supervision?.groups ?? []) ||
    task.participants.includes(actor.account) ||
    (actor.department !== "" && holderOf(task)?.department === actor.department)
  );
}

/** Why the actor may not give this command, or undefined. */
export function rightMissing(
  task: Task,
  command: TaskCommand,
  actor: TaskActor,
): string | undefined {
  switch (command.kind) {
    case "claim":
      if (isCandidate(task, actor)) return undefined;
      return task.returners.includes(actor.account)
        ? "you have returned this task; the dispatch desk gave it to others"
        : "you are no candidate of this task";
    case "return":
      if (task.state.kind === "offered") {
        return isCandidate(task, actor) ? undefined : "you are no candidate of this task";
      }
      return isResponsible(task, actor) ? undefined : onlyThe("who answers for the task");
    case "complete":
    case "report":
    case "unclaim":
      return isHolder(task, actor) ? undefined : onlyThe("holder of the task");
    case "transfer":
      if (isSupervisor(actor) || isDispatcher(task, actor)) return undefined;
      return isResponsible(task, actor) ? undefined : onlyThe("who answers for the task");
    case "resolve":
      return isHolder(task, actor) || isResponsible(task, actor)
        ? undefined
        : onlyThe("delegate, or who has delegated,");
    case "delegate":
    case "requestExtension":
    case "requestHanging":
    case "askCoHandler":
    case "dropCoHandler":
      return isResponsible(task, actor) ? undefined : onlyThe("who answers for the task");
    default:
      return deskRightMissing(task, command, actor);
  }
}

function deskRightMissing(task: Task, command: TaskCommand, actor: TaskActor): string | undefined {
  switch (command.kind) {
    case "decideReturn":
      return mayDecideReturn(task, actor)
        ? undefined
        : onlyThe("dispatch desk, and there not who has returned it,");
    case "decideExtension":
    case "decideHanging": {
      const request = command.kind === "decideExtension" ? task.extension : task.hanging;
      if (request?.by.account === actor.account) return "nobody decides about their own request";
      return isDecider(task, actor) ? undefined : onlyThe(decidingGroups(task).join(" or "));
    }
    case "resume":
      return isResponsible(task, actor) || isDecider(task, actor) || isSupervisor(actor)
        ? undefined
        : onlyThe("who answers for the task, or who has approved the hanging,");
    case "remind":
      return isSupervisor(actor) || isDispatcher(task, actor) || isResponsible(task, actor)
        ? undefined
        : onlyThe("supervisors, the dispatch desk or who answers for the task");
    case "supervise":
      return isSupervisor(actor) ? undefined : onlyThe("supervisors");
    case "evaluate": {
      const { state } = task;
      if (state.kind === "completed" && state.by.account === actor.account) {
        return "nobody evaluates their own work";
      }
      return isSupervisor(actor) || isDispatcher(task, actor) || isDecider(task, actor)
        ? undefined
        : onlyThe("supervisors or the dispatch desk");
    }
    case "answerCoHandling":
      return coHandlingOf(task, actor, command.entry) === undefined
        ? "you are not asked to co-handle this task, or have answered"
        : undefined;
    default:
      return undefined;
  }
}

function onlyThe(who: string): string {
  return `only ${who} may do this`;
}
