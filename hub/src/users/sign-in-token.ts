// Sign-in tokens: made here, shown to their owner once, and known by their hash from then on.

import { createHash, randomBytes } from "node:crypto";
import { type ActingUser, MeshError } from "@cloudbrain/sdk/domain";
import { actingUser, type HubKernel, isRenewable } from "../kernel/index.ts";

const tokenBytes = 32;

export function createToken(): string {
  return randomBytes(tokenBytes).toString("base64url");
}

/** 256 random bits need no salt and no slow hash: nobody can guess what they are the hash of. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}

/** A user as a call knows it. */
export interface SignedInUser extends ActingUser {
  /** Hash of the token that was shown. */
  readonly token: string;
  readonly expiresAtMs: number;
}

export interface TokenCheckOptions {
  readonly kernel: HubKernel;
  /** Journal time. */
  readonly now: () => number;
  /** Hears of a use that moves the end of a token. */
  readonly used: (token: string) => void;
}

/** Answers who shows a token. Refuses with IDENTITY_UNTRUSTED one that is unknown or has ended. */
export function createTokenCheck(options: TokenCheckOptions): (token: string) => SignedInUser {
  const { kernel, now, used } = options;
  return (token) => {
    const nowMs = now();
    const kept = kernel.state.tokens.get(hashToken(token));
    const user = kept === undefined ? undefined : kernel.state.users.get(kept.account);
    // The timer that ends a token may be late; tokens of who may not act any more have ended.
    if (kept === undefined || user === undefined || kept.expiresAtMs <= nowMs) {
      const detail = "the sign-in has ended or is not known here: sign in again";
      throw new MeshError("IDENTITY_UNTRUSTED", { subject: "authorization", detail });
    }
    if (isRenewable(kept, nowMs)) used(kept.hash);
    return { ...actingUser(user), token: kept.hash, expiresAtMs: kept.expiresAtMs };
  };
}
