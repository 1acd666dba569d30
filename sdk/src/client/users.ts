// Users: managing the people of a hub, and signing in, over the connection of a client.
//
//   P1  A password is an argument and nothing else: it is kept nowhere and in no error.

import type {
  UserProfile as ProtoProfile,
  User as ProtoUser,
  UserServiceClient,
} from "@cloudbrain/proto";
import {
  applicationRights,
  MeshError,
  type UserProfile,
  type UserRole,
  type UserState,
  userRoles,
  userStates,
} from "../domain/index.ts";
import { type CallBounds, type CallHost, callUnary } from "./calls.ts";

/** A user as its hub knows it. Times are ms since 1970, 0 for never. */
export interface UserInfo extends UserProfile {
  readonly account: string;
  readonly state: UserState;
  /** End of a lock after wrong passwords; 0 otherwise. */
  readonly lockedUntilMs: number;
  /** The password is an administrator's. */
  readonly mustChangePassword: boolean;
  /** Names this version of the user to `update`. */
  readonly etag: string;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  readonly signedInAtMs: number;
}

/** Everything that is given has to hold. */
export interface UserFilter {
  readonly department?: string | undefined;
  readonly role?: UserRole | undefined;
  readonly group?: string | undefined;
  /** An address, or the beginning of a division code. */
  readonly area?: string | undefined;
  readonly state?: UserState | undefined;
}

export interface SignIn {
  /** For `ClientOptions.token`. The hub shows it this once. */
  readonly token: string;
  /** When it ends unless it is used before. */
  readonly expiresAtMs: number;
  /** When it ends however much it is used. */
  readonly endsAtMs: number;
  readonly user: UserInfo;
}

export interface Identity {
  readonly user: UserInfo;
  readonly expiresAtMs: number;
}

/** A profile to write: what is left out is empty. */
export type UserDraft = Pick<UserProfile, "name" | "roles"> &
  Partial<Omit<UserProfile, "name" | "roles">>;

/**
 * For the operator of the hub, or a client that a businessAdministrator has signed in; `whoAmI`,
 * `signIn`, `signOut` and `changePassword` are for everybody.
 */
export interface UserCalls {
  /** The password is a first one, to be changed by its owner. USER_EXISTS, INPUT_INVALID. */
  create(
    account: string,
    profile: UserDraft,
    password: string,
    bounds?: CallBounds,
  ): Promise<UserInfo>;
  /** USER_UNKNOWN. */
  get(account: string, bounds?: CallBounds): Promise<UserInfo>;
  /** By account; pages are fetched as the loop goes on. */
  list(filter?: UserFilter, bounds?: CallBounds): AsyncIterable<UserInfo>;
  /** Replaces the whole profile. REVISION_CONFLICT when the user has changed since the etag. */
  update(account: string, profile: UserDraft, etag: string, bounds?: CallBounds): Promise<UserInfo>;
  setState(account: string, state: UserState, bounds?: CallBounds): Promise<UserInfo>;
  /** Gives a new first password. */
  resetPassword(account: string, password: string, bounds?: CallBounds): Promise<void>;
  /** One's own; ends all sign-ins of the account. SIGN_IN_REFUSED, INPUT_INVALID. */
  changePassword(
    account: string,
    passwords: { readonly present: string; readonly next: string },
    bounds?: CallBounds,
  ): Promise<void>;
  /** SIGN_IN_REFUSED, PASSWORD_CHANGE_NEEDED. */
  signIn(account: string, password: string, bounds?: CallBounds): Promise<SignIn>;
  /** Ends the token of this client. */
  signOut(bounds?: CallBounds): Promise<void>;
  /** Whom the token of this client is of. IDENTITY_UNTRUSTED without one, or with an ended one. */
  whoAmI(bounds?: CallBounds): Promise<Identity>;
}

const usersPerPage = 500;

export class HubUsers implements UserCalls {
  private readonly host: CallHost;
  /** Signing in must not fail for a token that has ended. */
  private readonly anonymous: CallHost;
  private readonly users: UserServiceClient;

  constructor(host: CallHost, users: UserServiceClient) {
    this.host = host;
    this.anonymous = { ...host, token: undefined };
    this.users = users;
  }

  async create(
    account: string,
    profile: UserDraft,
    password: string,
    bounds: CallBounds = {},
  ): Promise<UserInfo> {
    const method = this.users.createUser.bind(this.users);
    const request = { account, profile: protoProfile(profile), password };
    const { user } = await callUnary(this.host, method, request, bounds);
    return readUser(user);
  }

  async get(account: string, bounds: CallBounds = {}): Promise<UserInfo> {
    const method = this.users.getUser.bind(this.users);
    const { user } = await callUnary(this.host, method, { account }, bounds);
    return readUser(user);
  }

  async *list(filter: UserFilter = {}, bounds: CallBounds = {}): AsyncGenerator<UserInfo> {
    const method = this.users.listUsers.bind(this.users);
    const { area = "", department = "", group = "" } = filter;
    const role = filter.role === undefined ? 0 : userRoles.indexOf(filter.role) + 1;
    const state = stateNumber(filter.state);
    const wanted = { pageSize: usersPerPage, area, department, group, role, state };
    let pageToken = "";
    do {
      const page = await callUnary(this.host, method, { ...wanted, pageToken }, bounds);
      for (const user of page.users) yield readUser(user);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }

  async update(
    account: string,
    profile: UserDraft,
    etag: string,
    bounds: CallBounds = {},
  ): Promise<UserInfo> {
    const method = this.users.updateUser.bind(this.users);
    const request = { account, profile: protoProfile(profile), etag };
    const { user } = await callUnary(this.host, method, request, bounds);
    return readUser(user);
  }

  async setState(account: string, state: UserState, bounds: CallBounds = {}): Promise<UserInfo> {
    const method = this.users.setUserState.bind(this.users);
    const request = { account, state: stateNumber(state) };
    const { user } = await callUnary(this.host, method, request, bounds);
    return readUser(user);
  }

  async resetPassword(account: string, password: string, bounds: CallBounds = {}): Promise<void> {
    const method = this.users.resetPassword.bind(this.users);
    await callUnary(this.host, method, { account, password }, bounds);
  }

  async changePassword(
    account: string,
    { present, next }: { readonly present: string; readonly next: string },
    bounds: CallBounds = {},
  ): Promise<void> {
    const method = this.users.changePassword.bind(this.users);
    const request = { account, password: present, newPassword: next };
    await callUnary(this.anonymous, method, request, bounds);
  }

  async signIn(account: string, password: string, bounds: CallBounds = {}): Promise<SignIn> {
    const method = this.users.signIn.bind(this.users);
    const answer = await callUnary(this.anonymous, method, { account, password }, bounds);
    return {
      token: answer.token,
      expiresAtMs: readTime(answer.expireTime),
      endsAtMs: readTime(answer.endTime),
      user: readUser(answer.user),
    };
  }

  async signOut(bounds: CallBounds = {}): Promise<void> {
    await callUnary(this.host, this.users.signOut.bind(this.users), {}, bounds);
  }

  async whoAmI(bounds: CallBounds = {}): Promise<Identity> {
    const method = this.users.whoAmI.bind(this.users);
    const { user, expireTime } = await callUnary(this.host, method, {}, bounds);
    return { user: readUser(user), expiresAtMs: readTime(expireTime) };
  }
}

function stateNumber(state: UserState | undefined): number {
  return state === undefined ? 0 : userStates.indexOf(state) + 1;
}

function protoProfile(draft: UserDraft): ProtoProfile {
  return {
    name: draft.name,
    department: draft.department ?? "",
    area: draft.area ?? "",
    roles: draft.roles.map((role) => userRoles.indexOf(role) + 1),
    groups: [...(draft.groups ?? [])],
    rights: (draft.rights ?? []).map(({ application, rights }) => ({
      application,
      rights: rights.map((right) => applicationRights.indexOf(right) + 1),
    })),
  };
}

function readUser(user: ProtoUser | undefined): UserInfo {
  if (user?.profile === undefined) throw new MeshError("DEFECT", { detail: "an empty answer" });
  const { name, department, area, groups } = user.profile;
  return {
    account: user.account,
    name,
    department,
    area,
    // A role that a newer hub has and we do not know is left out, as are rights.
    roles: user.profile.roles.flatMap((role) => userRoles[role - 1] ?? []),
    groups,
    rights: user.profile.rights.map(({ application, rights }) => ({
      application,
      rights: rights.flatMap((right) => applicationRights[right - 1] ?? []),
    })),
    state: userStates[user.state - 1] ?? "disabled",
    lockedUntilMs: readTime(user.lockedUntilTime),
    mustChangePassword: user.mustChangePassword,
    etag: user.etag,
    createdAtMs: readTime(user.createTime),
    changedAtMs: readTime(user.updateTime),
    signedInAtMs: readTime(user.signInTime),
  };
}

function readTime(time: Date | undefined): number {
  return time === undefined ? 0 : time.getTime();
}
