// Events about users and sign-ins. Hashes of passwords and tokens come in from outside.

import type { Address, UserProfile, UserState } from "@cloudbrain/sdk/domain";

/** Who manages users: the operator of the hub, or a user who is signed in. */
export type UserActor =
  | { readonly kind: "operator"; readonly address: Address }
  | { readonly kind: "user"; readonly account: string };

/** How a password compared. */
export interface PasswordCheck {
  /** The stored hash that it was compared with: another may have been stored meanwhile. */
  readonly comparedWith: string;
  readonly isRight: boolean;
}

export type UserEvent =
  | {
      readonly type: "createUser";
      readonly request: number;
      readonly actor: UserActor;
      readonly account: string;
      readonly profile: UserProfile;
      readonly passwordHash: string;
    }
  | {
      readonly type: "updateUser";
      readonly request: number;
      readonly actor: UserActor;
      readonly account: string;
      /** What the actor has seen. */
      readonly revision: number;
      readonly profile: UserProfile;
    }
  | {
      readonly type: "setUserState";
      readonly request: number;
      readonly actor: UserActor;
      readonly account: string;
      readonly state: UserState;
    }
  | {
      readonly type: "resetPassword";
      readonly request: number;
      readonly actor: UserActor;
      readonly account: string;
      readonly passwordHash: string;
    }
  | {
      readonly type: "changePassword";
      readonly request: number;
      readonly account: string;
      readonly check: PasswordCheck;
      /** Of the new password; empty where the old one was wrong. */
      readonly passwordHash: string;
    }
  | {
      readonly type: "signIn";
      readonly request: number;
      readonly account: string;
      readonly check: PasswordCheck;
      /** Hash of the token that is shown to the user if this succeeds. */
      readonly token: string;
      readonly node: Address;
    }
  | { readonly type: "tokenUsed"; readonly token: string }
  | { readonly type: "signOut"; readonly request: number; readonly token: string };
