// Worklist keys: in whose lists a task stands. A pure function of the task: the auditor counts the
// lists anew with it.

import { supervisorsGroup } from "@cloudbrain/sdk/domain";
import { holderOf, isOpen, responsibleFor, type Task } from "./task-state.ts";

export const allKey = "all";
/** Ended tasks, oldest first: what is archived next. */
export const endedKey = "ended";
export const mineKey = (account: string): string => `mine/${account}`;
export const userKey = (account: string): string => `user/${account}`;
export const groupKey = (group: string): string => `group/${group}`;
/** Holders of a role in a department; either may be empty for any. */
export const roleKey = (role: string, department: string): string => `role/${department}/${role}`;
export const departmentKey = (department: string): string => `department/${department}`;
export const historyKey = (account: string): string => `history/${account}`;

/** All lists that hold the task, each once. */
export function keysOf(task: Task): ReadonlySet<string> {
  const keys = new Set<string>();
  if (task.archived) return keys;
  for (const account of task.participants) keys.add(historyKey(account));
  if (!isOpen(task)) return keys.add(endedKey);
  keys.add(allKey);
  for (const person of [holderOf(task), responsibleFor(task)]) {
    if (person === undefined) continue;
    keys.add(mineKey(person.account));
    if (person.department !== "") keys.add(departmentKey(person.department));
  }
  if (task.state.kind === "offered") addCandidates(task, keys);
  if (task.state.kind === "returning") addGroups(task.spec.onReturn?.to ?? [], keys);
  for (const { to, state } of task.coHandlers) {
    if (state !== "asked") continue;
    keys.add(to.kind === "user" ? mineKey(to.account) : groupKey(to.group));
  }
  if (task.extension !== undefined || task.hanging !== undefined) {
    addGroups(decidingGroups(task), keys);
  }
  return keys;
}

function addCandidates(task: Task, keys: Set<string>): void {
  const { users, groups, roles, departments } = task.candidates;
  for (const account of users) keys.add(userKey(account));
  addGroups(groups, keys);
  for (const department of departments) keys.add(departmentKey(department));
  if (roles.length === 0 && departments.length === 0) return;
  for (const role of roles.length === 0 ? [""] : roles) {
    for (const department of departments.length === 0 ? [""] : departments) {
      keys.add(roleKey(role, department));
    }
  }
}

function addGroups(groups: readonly string[], keys: Set<string>): void {
  for (const group of groups) keys.add(groupKey(group));
}

/**
 * Who decides about more time: the groups of the rule, else the dispatch desk, else the
 * supervisors; once an extension has been granted, a level up.
 */
export function decidingGroups(task: Task): readonly string[] {
  const { extension, onReturn } = task.spec;
  if (task.extensionsGranted > 0) return [supervisorsGroup];
  if (extension.decidedBy.length > 0) return extension.decidedBy;
  return onReturn !== undefined && onReturn.to.length > 0 ? onReturn.to : [supervisorsGroup];
}
