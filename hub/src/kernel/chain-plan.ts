// Chain plan: what a chain would look like if it were submitted now (试算), as data.

import type { Address, Application, NodeState, Title } from "@cloudbrain/sdk/domain";
import type { MatchExplanation } from "./explain-match.ts";

export interface PlannedNode {
  readonly address: Address;
  readonly title: Title;
  readonly state: NodeState;
}

/** Members at and below one child of the hub. */
export interface PlannedShare {
  readonly address: string;
  readonly title: Title;
  readonly members: number;
}

/** `stuck`: it would wait for a person. */
export type PlannedFate = "runs" | "skipped" | "depends" | "stuck";

export interface PlannedDeadline {
  readonly name: string;
  readonly durationMs: number;
  /** Were the step to begin at its latest start; undefined when that is not known. */
  readonly atMs: number | undefined;
  /** Empty for elapsed time. */
  readonly calendar: string;
}

/** Who could take a task: a name, or the expression that gives it, beginning with `=`. */
export interface PlannedCandidate {
  readonly kind: "users" | "groups" | "roles" | "departments";
  readonly name: string;
}

export interface PlannedMatch extends MatchExplanation {
  /** Index of the item that it is about; undefined where it is about all that the step does. */
  readonly item: number | undefined;
}

/** Who would get a step. Lists are bounded; the numbers are of all. */
export interface PlannedTarget {
  readonly node: PlannedNode | undefined;
  /** Best first. */
  readonly others: readonly PlannedNode[];
  readonly candidates: number;
  /** In one sentence. */
  readonly explanation: string;
  /** Why every node is matched or not; undefined for what needs no node. */
  readonly match: PlannedMatch | undefined;
  readonly members: number;
  /** Largest first. */
  readonly shares: readonly PlannedShare[];
  readonly sharesMore: number;
  readonly sample: readonly PlannedNode[];
  /** Items for which no node matches. */
  readonly unmatched: number;
  /** Hub that would hold the task of a human step; empty for every other step. */
  readonly desk: string;
  readonly people: readonly PlannedCandidate[];
}

export interface PlannedStep extends PlannedTarget {
  readonly id: string;
  readonly type: string;
  readonly title: Title | undefined;
  readonly needs: readonly string[];
  readonly fate: PlannedFate;
  readonly reason: string;
  /** Steps whose output decides what is not known yet. */
  readonly dependsOn: readonly string[];
  readonly deadlines: readonly PlannedDeadline[];
  readonly latestStartMs: number | undefined;
  readonly latestEndMs: number | undefined;
}

/** What would undo a step or the members of one, if the chain went back on what it did (补偿). */
export interface PlannedCompensation {
  readonly step: string;
  readonly of: "step" | "members";
  readonly capability: string;
  /** What there would be to undo at most; 0 when that is not known yet. */
  readonly count: number;
  /** How many of them were looked at: those that would be undone by who did them, */
  readonly bySame: number;
  /** by another node, */
  readonly byOther: number;
  /** or by nobody, so that the chain would wait for a person. */
  readonly byNobody: number;
  /** Who would undo a step. */
  readonly node: PlannedNode | undefined;
  readonly explanation: string;
  /** Steps whose output decides what is not known yet. */
  readonly dependsOn: readonly string[];
  /** Why nobody could; empty when somebody could. */
  readonly problem: string;
  /** Time for one attempt. */
  readonly finishMs: number;
  readonly attemptsMax: number;
}

export interface ChainPlan {
  readonly id: string;
  readonly version: string;
  readonly title: Title;
  readonly atMs: number;
  readonly dueMs: number | undefined;
  readonly calendar: string;
  readonly steps: readonly PlannedStep[];
  readonly onFailure: Application["onFailure"];
  readonly onCancel: NonNullable<Application["onCancel"]>;
  /** In the order in which things would be undone. */
  readonly compensation: readonly PlannedCompensation[];
}

export const noTarget: PlannedTarget = {
  node: undefined,
  others: [],
  candidates: 0,
  explanation: "",
  match: undefined,
  members: 0,
  shares: [],
  sharesMore: 0,
  sample: [],
  unmatched: 0,
  desk: "",
  people: [],
};
