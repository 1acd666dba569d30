// Steps: managing users.
//
//   G1  A user gives nobody more than it has: roles, rights and area of whoever it makes or changes
//       lie within its own; the roles that manage nothing are anybody's to give.
//   G2  A user manages only those who have no more than it has. Otherwise it could reset the
//       password of a mightier one and sign in as that.
//   G3  Nobody changes their own profile, state or password this way.
//   G4  An update names the revision that it is based on; another one is refused.

import {
  type ErrorCode,
  hasRight,
  isAreaWithin,
  limits,
  type UserProfile,
  type UserRole,
} from "@cloudbrain/sdk/domain";
import { type Deciding, reply } from "./deciding.ts";
import type { UserActor, UserEvent } from "./user-events.ts";
import { type User, userStateAt } from "./user-state.ts";

type EventOf<Type extends UserEvent["type"]> = Extract<UserEvent, { type: Type }>;

interface Refusal {
  readonly code: ErrorCode;
  readonly detail: string;
}

export function refuse(deciding: Deciding, request: number, refusal: Refusal): void {
  reply(deciding, request, { kind: "refused", ...refusal });
}

export function stepCreateUser(deciding: Deciding, event: EventOf<"createUser">): void {
  const { state } = deciding;
  const { account, actor, passwordHash, profile, request } = event;
  const refusal = refusalOf(deciding, actor, [profile]);
  if (refusal !== undefined) {
    refuse(deciding, request, refusal);
    return;
  }
  if (state.users.has(account)) {
    refuse(deciding, request, { code: "USER_EXISTS", detail: `there is a user ${account}` });
    return;
  }
  if (state.users.size >= limits.usersMax) {
    const detail = `${state.users.size} users are known, which is the limit`;
    refuse(deciding, request, { code: "QUOTA_EXCEEDED", detail });
    return;
  }
  deciding.decide({ t: "userCreated", account, profile, passwordHash, by: nameOf(actor) });
  reply(deciding, request, { kind: "done" });
}

export function stepUpdateUser(deciding: Deciding, event: EventOf<"updateUser">): void {
  const { actor, profile, request, revision } = event;
  const user = managedUser(deciding, event, [profile]);
  if (user === undefined) return;
  if (user.revision !== revision) {
    const detail = `${user.account} is at revision ${user.revision}, the change is of ${revision}`;
    refuse(deciding, request, { code: "REVISION_CONFLICT", detail });
    return;
  }
  const { account } = user;
  deciding.decide({ t: "userUpdated", account, profile, by: nameOf(actor) });
  // What was allowed with the old roles must not go on with their tokens.
  if (profile.roles.join() !== user.profile.roles.join()) {
    endTokens(deciding, account, "the roles were changed");
  }
  reply(deciding, request, { kind: "done" });
}

export function stepSetUserState(deciding: Deciding, event: EventOf<"setUserState">): void {
  const { actor, request, state } = event;
  const user = managedUser(deciding, event, []);
  if (user === undefined) return;
  const { account } = user;
  deciding.decide({ t: "userStateSet", account, state, by: nameOf(actor) });
  if (state !== "active") endTokens(deciding, account, `the user is ${state}`);
  reply(deciding, request, { kind: "done" });
}

export function stepResetPassword(deciding: Deciding, event: EventOf<"resetPassword">): void {
  const { actor, passwordHash, request } = event;
  const user = managedUser(deciding, event, []);
  if (user === undefined) return;
  const { account } = user;
  const by = nameOf(actor);
  deciding.decide({ t: "passwordSet", account, passwordHash, mustChange: true, by });
  // Whoever forgot the password has locked the account by trying; what a person locked stays so.
  if (user.state === "locked" && user.lockedUntilMs > 0) {
    deciding.decide({ t: "userStateSet", account, state: "active", by });
  }
  endTokens(deciding, account, "the password was reset");
  reply(deciding, request, { kind: "done" });
}

export function endTokens(deciding: Deciding, account: string, reason: string): void {
  if (!deciding.state.tokensByUser.has(account)) return;
  deciding.decide({ t: "tokensEnded", account, reason });
}

/** The user that the event is about, or undefined when the refusal has been told. */
function managedUser(
  deciding: Deciding,
  event: { readonly request: number; readonly actor: UserActor; readonly account: string },
  wanted: readonly UserProfile[],
): User | undefined {
  const { account, actor, request } = event;
  const user = deciding.state.users.get(account);
  const isOwn = actor.kind === "user" && actor.account === account;
  const refusal =
    refusalOf(deciding, actor, user === undefined ? wanted : [user.profile, ...wanted]) ??
    (isOwn ? { code: "NOT_ALLOWED", detail: "nobody manages their own account" } : undefined);
  if (refusal !== undefined) {
    refuse(deciding, request, refusal);
    return undefined;
  }
  if (user === undefined) {
    refuse(deciding, request, { code: "USER_UNKNOWN", detail: `there is no user ${account}` });
  }
  return user;
}

/** Why the actor may not manage a user with any of these profiles. */
function refusalOf(
  { nowMs, state }: Deciding,
  actor: UserActor,
  profiles: readonly UserProfile[],
): Refusal | undefined {
  if (actor.kind === "operator") return undefined;
  const holder = state.users.get(actor.account);
  const isManager =
    holder !== undefined &&
    userStateAt(holder, nowMs) === "active" &&
    holder.profile.roles.includes("businessAdministrator");
  if (!isManager) {
    const detail = "users are managed by a businessAdministrator or the operator of the hub";
    return { code: "NOT_ALLOWED", detail };
  }
  for (const profile of profiles) {
    const excess = excessOf(holder.profile, profile);
    if (excess !== undefined) {
      return { code: "NOT_ALLOWED", detail: `${actor.account} does not have ${excess}` };
    }
  }
  return undefined;
}

/** Roles that give no power over other users. */
const givenByAll: ReadonlySet<UserRole> = new Set(["user", "clerk", "readOnly"]);

/** What `wanted` has and `holder` has not. */
function excessOf(holder: UserProfile, wanted: UserProfile): string | undefined {
  const role = wanted.roles.find((it) => !givenByAll.has(it) && !holder.roles.includes(it));
  if (role !== undefined) return `the role ${role}`;
  if (!isAreaWithin(wanted.area, holder.area)) {
    return wanted.area === "" ? "the whole area of the hub" : `the area ${wanted.area}`;
  }
  for (const { application, rights } of wanted.rights) {
    const right = rights.find((it) => !hasRight(holder, application, it));
    if (right !== undefined) return `the right to ${right} ${application}`;
  }
  return undefined;
}

function nameOf(actor: UserActor): string {
  return actor.kind === "operator" ? actor.address : actor.account;
}
