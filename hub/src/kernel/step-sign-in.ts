// Steps: signing in and out, changing one's own password, and the life of tokens.
//
//   S1  Whoever is refused learns one sentence, whether the account is unknown, locked or disabled
//       or the password is wrong: a guesser must not find out which accounts there are, nor that a
//       guess is right while the account is locked.
//   S2  Wrong passwords count by journal time and are facts: a restart forgets none.
//   S3  A password is counted against the hash that it was compared with. When another has been
//       stored meanwhile, the attempt is refused and does not count.

import { limits } from "@cloudbrain/sdk/domain";
import { type Deciding, reply } from "./deciding.ts";
import { endTokens, refuse } from "./step-user.ts";
import type { PasswordCheck, UserEvent } from "./user-events.ts";
import { type SignInToken, type User, userStateAt } from "./user-state.ts";

type EventOf<Type extends UserEvent["type"]> = Extract<UserEvent, { type: Type }>;

const minutesOfLock = limits.accountLockMs / 60_000;
const refusalDetail =
  "the account or the password is wrong, or the account is locked or disabled; " +
  `${limits.wrongPasswordsMax} wrong passwords lock it for ${minutesOfLock} minutes`;

export function stepSignIn(deciding: Deciding, event: EventOf<"signIn">): void {
  const { account, check, node, request, token } = event;
  const user = admittedUser(deciding, request, account, check);
  if (user === undefined) return;
  if (user.mustChange) {
    const detail = "the password was made by an administrator: change it, then sign in";
    refuse(deciding, request, { code: "PASSWORD_CHANGE_NEEDED", detail });
    return;
  }
  makeRoom(deciding, account);
  const { nowMs } = deciding;
  deciding.decide({
    t: "signedIn",
    account,
    token,
    node,
    expiresAtMs: nowMs + limits.tokenIdleMs,
    endsAtMs: nowMs + limits.tokenLifeMs,
  });
  reply(deciding, request, { kind: "done" });
}

export function stepChangePassword(deciding: Deciding, event: EventOf<"changePassword">): void {
  const { account, check, passwordHash, request } = event;
  if (admittedUser(deciding, request, account, check) === undefined) return;
  deciding.decide({ t: "passwordSet", account, passwordHash, mustChange: false, by: account });
  endTokens(deciding, account, "the password was changed");
  reply(deciding, request, { kind: "done" });
}

export function stepSignOut(deciding: Deciding, event: EventOf<"signOut">): void {
  const { request, token } = event;
  if (deciding.state.tokens.has(token)) {
    deciding.decide({ t: "tokenEnded", token, reason: "signed out" });
  }
  reply(deciding, request, { kind: "done" });
}

/** A token was shown: it lives on, though never beyond its end. */
export function stepTokenUsed(deciding: Deciding, event: EventOf<"tokenUsed">): void {
  const { nowMs, state } = deciding;
  const token = state.tokens.get(event.token);
  if (token === undefined || token.expiresAtMs <= nowMs || !isRenewable(token, nowMs)) return;
  const expiresAtMs = Math.min(nowMs + limits.tokenIdleMs, token.endsAtMs);
  deciding.decide({ t: "tokenUsed", token: token.hash, expiresAtMs });
}

/** Whether showing the token now would move its end by enough to be worth a fact. */
export function isRenewable(token: SignInToken, nowMs: number): boolean {
  const expiresAtMs = Math.min(nowMs + limits.tokenIdleMs, token.endsAtMs);
  return expiresAtMs - token.expiresAtMs >= limits.tokenRenewMs;
}

export function stepTokenDue(deciding: Deciding, token: SignInToken): void {
  deciding.decide({ t: "tokenEnded", token: token.hash, reason: "expired" });
}

/** The user whose password was right, or undefined when the refusal has been told. */
function admittedUser(
  deciding: Deciding,
  request: number,
  account: string,
  { comparedWith, isRight }: PasswordCheck,
): User | undefined {
  const { nowMs, state } = deciding;
  const user = state.users.get(account);
  if (
    user !== undefined &&
    userStateAt(user, nowMs) === "active" &&
    user.passwordHash === comparedWith
  ) {
    if (isRight) return user;
    countWrong(deciding, user);
  }
  refuse(deciding, request, { code: "SIGN_IN_REFUSED", detail: refusalDetail });
  return undefined;
}

function countWrong(deciding: Deciding, { account, wrongAtMs }: User): void {
  const { nowMs } = deciding;
  const since = nowMs - limits.wrongPasswordsWindowMs;
  const counted = [...wrongAtMs.filter((atMs) => atMs > since), nowMs];
  if (counted.length < limits.wrongPasswordsMax) {
    deciding.decide({ t: "passwordWrong", account, wrongAtMs: counted });
    return;
  }
  deciding.decide({ t: "userLockedOut", account, untilMs: nowMs + limits.accountLockMs });
}

/** Ends the oldest token of who is signed in at too many places. */
function makeRoom({ decide, state }: Deciding, account: string): void {
  const hashes = state.tokensByUser.get(account);
  if (hashes === undefined || hashes.size < limits.tokensPerUserMax) return;
  const tokens = [...hashes].flatMap((hash) => state.tokens.get(hash) ?? []);
  const [oldest] = tokens.sort(
    (a, b) => a.startedAtMs - b.startedAtMs || (a.hash < b.hash ? -1 : 1),
  );
  if (oldest === undefined) return;
  decide({ t: "tokenEnded", token: oldest.hash, reason: "signed in at too many places" });
}
