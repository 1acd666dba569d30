// Task people: who acts on a task in a call, what their rights let them do, and whom they may name.
//
//   W1  The actor is the signed-in user. Without one, the operator of the hub acts as a supervisor,
//       and nobody else acts.
//   W2  Working on a task needs the right to handle its application; supervisors, and a dispatch
//       desk that reassigns, need their group alone. Who only reads gives no command.
//   W3  Work is given to people of this hub who may do it, and to groups that have somebody.

import {
  hasRight,
  MeshError,
  supervisorsGroup,
  type TaskActor,
  type TaskCandidates,
  type TaskCommand,
  type TaskPerson,
} from "@cloudbrain/sdk/domain";
import { isDispatcher, isSupervisor, type Task, type User, userStateAt } from "../kernel/index.ts";
import { isAllowed } from "./callers.ts";
import type { CallContext } from "./calls.ts";
import type { ServiceParts } from "./services.ts";

/** W1. Read anew for each thing that is done: the user may have signed out meanwhile. */
export function taskActorOf({ description }: ServiceParts, context: CallContext): TaskActor {
  const { caller, user } = context;
  if (user !== undefined) {
    const { account, name, department, area, groups, roles } = user;
    return { account, name, department, area, groups, roles };
  }
  if (!isAllowed(caller, description.address, "manage")) {
    const detail = "tasks are for people: sign in and show the token (`cloudbrain login ACCOUNT`)";
    throw new MeshError("NOT_ALLOWED", { subject: caller, detail });
  }
  const groups = [supervisorsGroup];
  return { account: caller, name: "", department: "", area: "", groups, roles: [] };
}

const workKinds: ReadonlySet<TaskCommand["kind"]> = new Set([
  "claim",
  "unclaim",
  "complete",
  "report",
  "return",
  "transfer",
  "delegate",
  "resolve",
  "requestExtension",
  "requestHanging",
  "askCoHandler",
  "dropCoHandler",
]);

/** Why the rights of the user do not allow such a command for the task, or undefined (W2). */
export function rightLacking(
  { user }: CallContext,
  actor: TaskActor,
  task: Task,
  kind: TaskCommand["kind"],
): string | undefined {
  if (user === undefined) return undefined;
  if (user.roles.includes("readOnly")) return `${user.account} only reads`;
  if (!workKinds.has(kind) || isSupervisor(actor)) return undefined;
  if (kind === "transfer" && isDispatcher(task, actor)) return undefined;
  const { application } = task.spec;
  return hasRight(user, application, "handle")
    ? undefined
    : `${user.account} has no right to handle ${application}`;
}

/** Whom a command may name. All of it refuses with USER_UNKNOWN or INPUT_INVALID (W3). */
export class TaskPeople {
  private readonly parts: ServiceParts;
  private readonly task: Task;

  constructor(parts: ServiceParts, task: Task) {
    this.parts = parts;
    this.task = task;
  }

  /** Somebody who can give an opinion. */
  adviser(account: string): TaskPerson {
    const { profile } = this.active(account);
    return { account, name: profile.name, department: profile.department };
  }

  /** Somebody who may work on the task. */
  worker(account: string): TaskPerson {
    const person = this.adviser(account);
    const { application } = this.task.spec;
    const { profile } = this.active(account);
    const mayWork =
      hasRight(profile, application, "handle") || profile.groups.includes(supervisorsGroup);
    if (!mayWork) refuse(account, `${account} has no right to handle ${application}`);
    return person;
  }

  group(name: string): string {
    const { users } = this.parts.kernel.state;
    for (const { profile } of users.values()) if (profile.groups.includes(name)) return name;
    return refuse("group", `nobody at this hub is in the group ${name.slice(0, 100)}`);
  }

  candidates(candidates: TaskCandidates): TaskCandidates {
    for (const account of candidates.users) this.worker(account);
    for (const group of candidates.groups) this.group(group);
    return candidates;
  }

  private active(account: string): User {
    const user = this.parts.kernel.state.users.get(account);
    if (user === undefined) {
      const detail = `there is no user ${account.slice(0, 80)} at this hub`;
      throw new MeshError("USER_UNKNOWN", { subject: account, detail });
    }
    if (userStateAt(user, this.parts.journal.now()) === "disabled") {
      refuse(account, `${account} is disabled`);
    }
    return user;
  }
}

function refuse(subject: string, detail: string): never {
  throw new MeshError("INPUT_INVALID", { subject, detail });
}
