// Users as messages of cloudbrain.v1: parsed and refused here, and nowhere behind.

import {
  type RightsGrant as ProtoGrant,
  type UserProfile as ProtoProfile,
  User as ProtoUser,
} from "@cloudbrain/proto";
import {
  type ApplicationRight,
  applicationRights,
  compareText,
  conflictOfRoles,
  limits,
  MeshError,
  parseArea,
  type RightsGrant,
  type UserProfile,
  type UserRole,
  type UserState,
  userRoles,
  userStates,
} from "@cloudbrain/sdk/domain";
import { type User, userStateAt } from "../kernel/index.ts";

const accountPattern = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/;
const groupPattern = /^[\p{L}\p{N}][\p{L}\p{N}:._/-]*$/u;
const applicationPattern = /^(?:\*|[A-Za-z0-9][A-Za-z0-9._-]*)$/;

/** All of these refuse with INPUT_INVALID, naming the field. */
export function parseAccount(text: string): string {
  if (text.length <= limits.accountCharsMax && accountPattern.test(text)) return text;
  return refuse(
    "account",
    `it has 1 to ${limits.accountCharsMax} of a-z, 0-9, ".", "_" and "-", and begins and ends ` +
      "with a letter or digit",
  );
}

export function parseProfile(message: ProtoProfile | undefined): UserProfile {
  if (message === undefined) return refuse("profile", "it is missing");
  const name = parseWord("name", message.name);
  if (name === "") return refuse("name", "it is empty");
  const roles = sorted(message.roles.map(parseRole));
  if (roles.length === 0) return refuse("roles", "at least one is needed");
  const conflict = conflictOfRoles(roles);
  if (conflict !== undefined) return refuse("roles", conflict);
  return {
    name,
    department: parseWord("department", message.department),
    area: parseArea(message.area),
    roles,
    groups: parseGroups(message.groups),
    rights: parseRights(message.rights),
  };
}

function parseWord(field: string, text: string): string {
  const isFit = text.length <= limits.userWordCharsMax && !/\p{Cc}/u.test(text);
  const detail = `it has at most ${limits.userWordCharsMax} characters, none of them a control`;
  return isFit ? text.trim() : refuse(field, detail);
}

function parseRole(number: number): UserRole {
  return userRoles[number - 1] ?? refuse("roles", `role ${number} is not known`);
}

function parseGroups(groups: readonly string[]): readonly string[] {
  checkLength("groups", groups);
  const wrong = groups.find(
    (group) => group.length > limits.userWordCharsMax || !groupPattern.test(group),
  );
  if (wrong !== undefined) {
    refuse("groups", `"${wrong.slice(0, 40)}" is no group: write a word such as bureau:housing`);
  }
  return sorted(groups);
}

function parseRights(grants: readonly ProtoGrant[]): readonly RightsGrant[] {
  checkLength("rights", grants);
  const byApplication = new Map<string, ApplicationRight[]>();
  for (const { application, rights } of grants) {
    if (application.length > limits.userWordCharsMax || !applicationPattern.test(application)) {
      refuse("rights", `"${application.slice(0, 40)}" is neither the id of an application nor *`);
    }
    if (rights.length === 0) refuse("rights", `none is given for ${application}`);
    const known = byApplication.get(application) ?? [];
    byApplication.set(application, [...known, ...rights.map(parseRight)]);
  }
  return [...byApplication]
    .sort(([a], [b]) => compareText(a, b))
    .map(([application, rights]) => ({ application, rights: sorted(rights) }));
}

function parseRight(number: number): ApplicationRight {
  return applicationRights[number - 1] ?? refuse("rights", `right ${number} is not known`);
}

function checkLength(field: string, list: readonly unknown[]): void {
  if (list.length > limits.userListMax) refuse(field, `more than ${limits.userListMax} are given`);
}

function sorted<Word extends string>(words: readonly Word[]): readonly Word[] {
  return [...new Set(words)].sort(compareText);
}

/** Undefined for "any", which only a filter may say. */
export function parseRoleFilter(number: number): UserRole | undefined {
  return number === 0 ? undefined : parseRole(number);
}

export function parseStateFilter(number: number): UserState | undefined {
  return number === 0 ? undefined : parseState(number);
}

export function parseState(number: number): UserState {
  return userStates[number - 1] ?? refuse("state", `state ${number} is not known`);
}

export function parseEtag(etag: string): number {
  if (/^\d{1,15}$/.test(etag)) return Number(etag);
  return refuse("etag", "it must be that of the user as it was read");
}

function refuse(subject: string, detail: string): never {
  throw new MeshError("INPUT_INVALID", { subject, detail });
}

/** The user as it is at `nowMs`; without what only the hub knows. */
export function protoUser(user: User, nowMs: number): ProtoUser {
  const { profile } = user;
  const state = userStateAt(user, nowMs);
  return ProtoUser.fromPartial({
    account: user.account,
    profile: {
      ...profile,
      roles: profile.roles.map((role) => userRoles.indexOf(role) + 1),
      groups: [...profile.groups],
      rights: profile.rights.map(({ application, rights }) => ({
        application,
        rights: rights.map((right) => applicationRights.indexOf(right) + 1),
      })),
    },
    state: userStates.indexOf(state) + 1,
    lockedUntilTime: state === "locked" ? timeOf(user.lockedUntilMs) : undefined,
    mustChangePassword: user.mustChange,
    etag: String(user.revision),
    createTime: timeOf(user.createdAtMs),
    updateTime: timeOf(user.changedAtMs),
    signInTime: timeOf(user.signedInAtMs),
  });
}

function timeOf(ms: number): Date | undefined {
  return ms === 0 ? undefined : new Date(ms);
}
