// Story: what happens with one application, told as people see it, and the branches that it takes.

import type { Stage } from "./stage.ts";

/** What a story of the applications can go through. A test sees that all are taken. */
export const branches = [
  "return: candidates changed",
  "return: insisted",
  "return: rejected",
  "return: too often",
  "transfer",
  "delegate",
  "co-handling",
  "extension granted",
  "extension refused",
  "remind while unclaimed",
  "remind while unfinished",
  "offer to more while unclaimed",
  "offer to the hub above while unclaimed",
  "supervise while unfinished",
  "start deadline missed",
  "claim deadline missed",
  "finish deadline missed by a system",
  "finish deadline missed by a person",
  "total deadline missed",
  "quorum met",
  "quorum missed",
  "partial at the deadline",
  "late revision",
  "growth",
  "rematch",
  "compensation of a step",
  "compensation of members",
  "cancel",
  "subflow",
  "subflow skipped",
  "signal",
  "gate opened",
  "gate deadline missed",
  "timer over a holiday",
  "link lost",
] as const;
export type Branch = (typeof branches)[number];

export interface Story {
  /** A sentence. */
  readonly name: string;
  readonly takes: readonly Branch[];
  /**
   * The hubs' time at which it begins. Stories that share a stage are played in the order of this:
   * time on a stage never goes back.
   */
  readonly startsAt: Date;
  /** Throws where what happens is not what was to happen. */
  plot(stage: Stage): Promise<void>;
}
