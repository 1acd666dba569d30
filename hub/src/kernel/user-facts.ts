// Facts of users and sign-ins. `by` is whoever decided it: the address of an operator, or an
// account.

import type { Address, UserProfile, UserState } from "@cloudbrain/sdk/domain";

export type UserFact =
  | {
      readonly t: "userCreated";
      readonly account: string;
      readonly profile: UserProfile;
      readonly passwordHash: string;
      readonly by: string;
    }
  | {
      readonly t: "userUpdated";
      readonly account: string;
      readonly profile: UserProfile;
      readonly by: string;
    }
  | {
      readonly t: "userStateSet";
      readonly account: string;
      readonly state: UserState;
      readonly by: string;
    }
  | {
      readonly t: "passwordSet";
      readonly account: string;
      readonly passwordHash: string;
      readonly mustChange: boolean;
      readonly by: string;
    }
  | {
      readonly t: "passwordWrong";
      readonly account: string;
      /** Those that count, this one included. */
      readonly wrongAtMs: readonly number[];
    }
  /** Too many wrong passwords. */
  | { readonly t: "userLockedOut"; readonly account: string; readonly untilMs: number }
  | {
      readonly t: "signedIn";
      readonly account: string;
      readonly token: string;
      readonly node: Address;
      readonly expiresAtMs: number;
      readonly endsAtMs: number;
    }
  | { readonly t: "tokenUsed"; readonly token: string; readonly expiresAtMs: number }
  | { readonly t: "tokenEnded"; readonly token: string; readonly reason: string }
  /** All tokens of the account. */
  | { readonly t: "tokensEnded"; readonly account: string; readonly reason: string };
