// UserService: users and sign-ins over gRPC.
//
//   U1  Users are managed by the operator of the hub or by a signed-in business administrator; how
//       far that one may go is the kernel's rule (G1 to G3).
//   U2  A password leaves this file towards the password process only. It is in no log, no fact
//       and no error.
//   U3  An unknown account costs what a wrong password costs.

import type { ListUsersRequest, UserServiceServer } from "@cloudbrain/proto";
import {
  compareText,
  isAreaWithin,
  MeshError,
  parseArea,
  type UserProfile,
} from "@cloudbrain/sdk/domain";
import type { HubEvent, PasswordCheck, User, UserActor } from "../kernel/index.ts";
import { userStateAt } from "../kernel/index.ts";
import { checkGivenPassword, checkNewPassword } from "../users/password-rules.ts";
import { createToken, hashToken, type SignedInUser } from "../users/sign-in-token.ts";
import { refusalOf } from "./answers.ts";
import { isAllowed } from "./callers.ts";
import { type CallContext, unary } from "./calls.ts";
import { durable } from "./chain-service.ts";
import type { ServiceParts } from "./services.ts";
import {
  parseAccount,
  parseEtag,
  parseProfile,
  parseRoleFilter,
  parseState,
  parseStateFilter,
  protoUser,
} from "./user-messages.ts";

const pageDefault = 100;
const pageMax = 1_000;

export function createUserService(parts: ServiceParts): UserServiceServer {
  return { ...createManagement(parts), ...createSignIn(parts) };
}

type ManagementMethod =
  | "createUser"
  | "getUser"
  | "listUsers"
  | "updateUser"
  | "setUserState"
  | "resetPassword";
type SignInMethod = "signIn" | "signOut" | "whoAmI" | "changePassword";

function createManagement(parts: ServiceParts): Pick<UserServiceServer, ManagementMethod> {
  const { calls: host, kernel, passwords } = parts;
  return {
    createUser: unary(host, "use", async (message, context) => {
      const actor = actorOf(parts, context);
      const account = parseAccount(message.account);
      const profile = parseProfile(message.profile);
      checkNewPassword(message.password, account);
      const passwordHash = await passwords.hash(message.password);
      const asked = { actor, account, profile, passwordHash };
      await command(parts, account, (request) => ({ type: "createUser", request, ...asked }));
      return { user: await userNow(parts, account) };
    }),
    getUser: unary(host, "use", async ({ account }, context) => {
      const visible = visibleTo(parts, actorOf(parts, context));
      const user = kernel.state.users.get(account);
      if (user !== undefined && !visible(user)) {
        const detail = `${account} is not of your area`;
        throw new MeshError("NOT_ALLOWED", { subject: account, detail });
      }
      return { user: await userNow(parts, account) };
    }),
    listUsers: unary(host, "use", async (request, context) => {
      const visible = visibleTo(parts, actorOf(parts, context));
      return await list(parts, request, visible);
    }),
    updateUser: unary(host, "use", async (message, context) => {
      const actor = actorOf(parts, context);
      const { account } = message;
      const profile = parseProfile(message.profile);
      const asked = { actor, account, profile, revision: parseEtag(message.etag) };
      await command(parts, account, (request) => ({ type: "updateUser", request, ...asked }));
      return { user: await userNow(parts, account) };
    }),
    setUserState: unary(host, "use", async (message, context) => {
      const actor = actorOf(parts, context);
      const { account } = message;
      const asked = { actor, account, state: parseState(message.state) };
      await command(parts, account, (request) => ({ type: "setUserState", request, ...asked }));
      return { user: await userNow(parts, account) };
    }),
    resetPassword: unary(host, "use", async ({ account, password }, context) => {
      const actor = actorOf(parts, context);
      checkNewPassword(password, account);
      const passwordHash = await passwords.hash(password);
      const asked = { actor, account, passwordHash };
      await command(parts, account, (request) => ({ type: "resetPassword", request, ...asked }));
      return {};
    }),
  };
}

function createSignIn(parts: ServiceParts): Pick<UserServiceServer, SignInMethod> {
  const { calls: host, kernel, passwords } = parts;
  const compare = async (account: string, password: string): Promise<PasswordCheck> => {
    checkGivenPassword(password);
    const known = kernel.state.users.get(account)?.passwordHash;
    const comparedWith = known ?? passwords.decoy;
    return { comparedWith, isRight: await passwords.compare(password, comparedWith) };
  };
  return {
    changePassword: unary(host, "member", async ({ account, password, newPassword }) => {
      checkNewPassword(newPassword, account);
      if (newPassword === password) {
        const detail = "the new one must be another";
        throw new MeshError("INPUT_INVALID", { subject: "password", detail });
      }
      const check = await compare(account, password);
      const passwordHash = check.isRight ? await passwords.hash(newPassword) : "";
      const asked = { account, check, passwordHash };
      await command(parts, "account", (request) => ({ type: "changePassword", request, ...asked }));
      return {};
    }),
    signIn: unary(host, "member", async ({ account, password }, { caller: node }) => {
      const check = await compare(account, password);
      const token = createToken();
      const asked = { account, check, token: hashToken(token), node };
      await command(parts, "account", (request) => ({ type: "signIn", request, ...asked }));
      const kept = kernel.state.tokens.get(asked.token);
      if (kept === undefined) throw endedMeanwhile();
      return {
        token,
        expireTime: new Date(kept.expiresAtMs),
        endTime: new Date(kept.endsAtMs),
        user: await userNow(parts, account),
      };
    }),
    signOut: unary(host, "use", async (_request, context) => {
      const { account, token } = signedIn(context);
      await command(parts, account, (request) => ({ type: "signOut", request, token }));
      return {};
    }),
    whoAmI: unary(host, "use", async (_request, context) => {
      const { account, expiresAtMs } = signedIn(context);
      return { user: await userNow(parts, account), expireTime: new Date(expiresAtMs) };
    }),
  };
}

/** Who manages users in this call, or a refusal (U1). */
function actorOf({ description }: ServiceParts, { caller, user }: CallContext): UserActor {
  if (isAllowed(caller, description.address, "manage")) {
    return { kind: "operator", address: caller };
  }
  if (user?.roles.includes("businessAdministrator") === true) {
    return { kind: "user", account: user.account };
  }
  throw new MeshError("NOT_ALLOWED", {
    subject: user?.account ?? caller,
    detail: "users are managed by the operator of the hub or a signed-in businessAdministrator",
  });
}

/** Which users the actor may look at: personal data is for whoever is in charge of the area. */
function visibleTo({ kernel }: ServiceParts, actor: UserActor): (user: User) => boolean {
  if (actor.kind === "operator") return () => true;
  const area = kernel.state.users.get(actor.account)?.profile.area ?? "";
  return ({ account, profile }) => account === actor.account || isAreaWithin(profile.area, area);
}

function signedIn({ user }: CallContext): SignedInUser {
  if (user !== undefined) return user;
  const detail = "no sign-in token is shown: sign in first";
  throw new MeshError("IDENTITY_UNTRUSTED", { subject: "authorization", detail });
}

function endedMeanwhile(): MeshError {
  const detail = "the sign-in was ended at once: sign in again";
  return new MeshError("IDENTITY_UNTRUSTED", { detail });
}

async function command(
  { driver }: ServiceParts,
  subject: string,
  make: (request: number) => HubEvent,
): Promise<void> {
  const answer = await driver.request(make);
  if (answer.kind !== "done") throw refusalOf(answer, subject);
}

async function userNow(parts: ServiceParts, account: string) {
  const user = parts.kernel.state.users.get(account);
  if (user === undefined) {
    const detail = `there is no user ${account.slice(0, 80)} at this hub`;
    throw new MeshError("USER_UNKNOWN", { subject: account, detail });
  }
  await durable(parts);
  return protoUser(user, parts.journal.now());
}

async function list(
  parts: ServiceParts,
  request: ListUsersRequest,
  visible: (user: User) => boolean,
) {
  const { pageSize, pageToken } = request;
  const size = Math.min(pageSize === 0 ? pageDefault : pageSize, pageMax);
  const nowMs = parts.journal.now();
  const isWanted = createFilter(request, nowMs);
  const found = [...parts.kernel.state.users.values()]
    .filter((user) => user.account > pageToken && visible(user) && isWanted(user))
    .sort((a, b) => compareText(a.account, b.account));
  const page = found.slice(0, size);
  await durable(parts);
  return {
    users: page.map((user) => protoUser(user, nowMs)),
    nextPageToken: found.length > size ? (page.at(-1)?.account ?? "") : "",
  };
}

function createFilter(request: ListUsersRequest, nowMs: number): (user: User) => boolean {
  const { department, group } = request;
  const area = parseArea(request.area);
  const role = parseRoleFilter(request.role);
  const state = parseStateFilter(request.state);
  const hasProfile = (profile: UserProfile): boolean =>
    (department === "" || profile.department === department) &&
    (role === undefined || profile.roles.includes(role)) &&
    (group === "" || profile.groups.includes(group)) &&
    isAreaWithin(profile.area, area);
  return (user) =>
    hasProfile(user.profile) && (state === undefined || userStateAt(user, nowMs) === state);
}
