// Apply: facts about users and their sign-in tokens.

import type { Applying } from "./apply.ts";
import type { HubState } from "./state.ts";
import type { UserFact } from "./user-facts.ts";
import type { SignInToken, User } from "./user-state.ts";

export function applyUserFact(applying: Applying, fact: UserFact): void {
  const { state, atMs } = applying;
  switch (fact.t) {
    case "userCreated":
      putUser(applying, {
        account: fact.account,
        profile: fact.profile,
        passwordHash: fact.passwordHash,
        mustChange: true,
        state: "active",
        lockedUntilMs: 0,
        wrongAtMs: [],
        revision: 1,
        createdAtMs: atMs,
        changedAtMs: atMs,
        signedInAtMs: 0,
      });
      return;
    case "userUpdated":
      reviseUser(applying, fact.account, { profile: fact.profile });
      return;
    case "userStateSet":
      reviseUser(applying, fact.account, { state: fact.state, lockedUntilMs: 0, wrongAtMs: [] });
      return;
    case "passwordSet":
      changeUser(applying, fact.account, {
        passwordHash: fact.passwordHash,
        mustChange: fact.mustChange,
        wrongAtMs: [],
      });
      return;
    case "passwordWrong":
      changeUser(applying, fact.account, { wrongAtMs: fact.wrongAtMs });
      return;
    case "userLockedOut":
      changeUser(applying, fact.account, {
        state: "locked",
        lockedUntilMs: fact.untilMs,
        wrongAtMs: [],
      });
      return;
    case "signedIn":
      signIn(applying, fact);
      return;
    case "tokenUsed": {
      const token = state.tokens.get(fact.token);
      if (token !== undefined) putToken(applying, { ...token, expiresAtMs: fact.expiresAtMs });
      return;
    }
    case "tokenEnded":
      dropToken(applying, fact.token);
      return;
    case "tokensEnded":
      for (const token of [...(state.tokensByUser.get(fact.account) ?? [])]) {
        dropToken(applying, token);
      }
  }
}

function putUser({ state, dirty }: Applying, user: User): void {
  state.users.set(user.account, user);
  dirty.mark("user", user.account);
}

function changeUser(applying: Applying, account: string, changes: Partial<User>): void {
  const user = applying.state.users.get(account);
  if (user !== undefined) putUser(applying, { ...user, ...changes });
}

/** A change that whoever edits the user has to know of. */
function reviseUser(applying: Applying, account: string, changes: Partial<User>): void {
  const revision = (applying.state.users.get(account)?.revision ?? 0) + 1;
  changeUser(applying, account, { ...changes, revision, changedAtMs: applying.atMs });
}

function signIn(applying: Applying, fact: Extract<UserFact, { t: "signedIn" }>): void {
  const { account, token, node, expiresAtMs, endsAtMs } = fact;
  const { atMs } = applying;
  // A lock-out that has passed is forgotten with the first right password after it.
  changeUser(applying, account, {
    state: "active",
    lockedUntilMs: 0,
    wrongAtMs: [],
    signedInAtMs: atMs,
  });
  putToken(applying, { hash: token, account, node, startedAtMs: atMs, expiresAtMs, endsAtMs });
}

function putToken({ state, dirty }: Applying, token: SignInToken): void {
  indexToken(state, token);
  dirty.mark("token", token.hash);
}

/** Into the maps and the timers; the rows of a checkpoint come this way, too. */
export function indexToken(state: HubState, token: SignInToken): void {
  const { hash, account } = token;
  state.tokens.set(hash, token);
  const others = state.tokensByUser.get(account);
  if (others === undefined) state.tokensByUser.set(account, new Set([hash]));
  else others.add(hash);
  state.due.push("token", hash, token.expiresAtMs);
}

function dropToken({ state, dirty }: Applying, hash: string): void {
  const token = state.tokens.get(hash);
  if (token === undefined) return;
  state.tokens.delete(hash);
  const others = state.tokensByUser.get(token.account);
  others?.delete(hash);
  if (others?.size === 0) state.tokensByUser.delete(token.account);
  dirty.mark("token", hash);
}
