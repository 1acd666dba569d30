// Users and their sign-in tokens as a kernel keeps them. Both are replaced, never changed in place,
// so that a row that was handed out stays what it was.

import type { ActingUser, Address, UserProfile, UserState } from "@cloudbrain/sdk/domain";

export interface User {
  /** The name for signing in; it never changes. */
  readonly account: string;
  readonly profile: UserProfile;
  /** Made outside the kernel, which never sees a password. */
  readonly passwordHash: string;
  /** The password is an administrator's: its owner has to choose another before signing in. */
  readonly mustChange: boolean;
  readonly state: UserState;
  /** End of a lock-out; 0 when whoever locked it has to unlock it. */
  readonly lockedUntilMs: number;
  /** Times of wrong passwords since the last right one. */
  readonly wrongAtMs: readonly number[];
  /** Grows with every change of profile or state: what an update compares with. */
  readonly revision: number;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  readonly signedInAtMs: number;
}

export interface SignInToken {
  /** Of the token that its owner has been shown once. */
  readonly hash: string;
  readonly account: string;
  /** The node at which its owner signed in. */
  readonly node: Address;
  readonly startedAtMs: number;
  /** Moves on with use, never beyond `endsAtMs`. */
  readonly expiresAtMs: number;
  readonly endsAtMs: number;
}

/** A lock-out that has passed is none. */
export function userStateAt(user: User, nowMs: number): UserState {
  const isOver = user.lockedUntilMs > 0 && user.lockedUntilMs <= nowMs;
  return user.state === "locked" && isOver ? "active" : user.state;
}

/** What a call may know of whoever acts in it. */
export function actingUser({ account, profile }: User): ActingUser {
  return { account, ...profile };
}
