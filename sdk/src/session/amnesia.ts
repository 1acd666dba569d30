// Amnesia: a store that remembers less than it has confirmed, which only an old copy does (N5 of
// the session). Whoever notices tells the other end whose store it is, so that the operator of
// either end knows what to restore: the subject of the goodbye and of the error is that node.

import { type Address, type Goodbye, type Lane, MeshError } from "../domain/index.ts";
import type { PositionVerdict } from "./session.ts";

/** What two ends remember of a lane, seen from one of them. */
export interface Forgotten {
  readonly self: Address;
  readonly peer: Address;
  readonly lane: Lane;
  readonly ours: number;
  readonly theirs: number;
}

/** Only a person can mend it: no sooner than this should the other end dial again. */
const amnesiaRetryMs = 30_000;

export function amnesiaGoodbye(
  { self, peer }: Pick<Forgotten, "self" | "peer">,
  verdict: Exclude<PositionVerdict, { kind: "consistent" }>,
): Goodbye {
  const { kind, lane, ours, theirs } = verdict;
  const subject = kind === "weForgot" ? self : peer;
  const detail =
    `the store of ${subject} is an old copy: of lane ${lane} ${self} knows frame ${ours}, ${peer} ` +
    `knows ${theirs}; restore the newest store of ${subject} or create it anew`;
  return { code: "AMNESIA", subject, detail, retryAfterMs: amnesiaRetryMs };
}

/** Why a node whose own store has forgotten must not go on. */
export function amnesiaError({ self, peer, lane, ours, theirs }: Forgotten): MeshError {
  return new MeshError("AMNESIA", {
    subject: self,
    detail:
      `this store ends at frame ${ours} of lane ${lane}, ${peer} remembers ${theirs}: ` +
      "the store is an old copy; restore the newest one or create the node anew",
  });
}

/**
 * The error of a node that was told by the hub above it that its store has forgotten; undefined
 * for every other end of a link. The hub sees the positions first, so this is how most nodes learn.
 */
export function amnesiaToldTo(
  self: Address,
  reason: Goodbye & { readonly byPeer: boolean },
): MeshError | undefined {
  if (reason.code !== "AMNESIA" || reason.subject !== self || !reason.byPeer) return undefined;
  return new MeshError("AMNESIA", { subject: self, detail: reason.detail });
}
