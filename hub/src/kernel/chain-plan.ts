// Chain plan: what a chain would look like if it were submitted now (试算), as data.

import type { Address, NodeState, Title } from "@cloudbrain/sdk/domain";

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

/** Who would get a step. Lists are bounded; the numbers are of all. */
export interface PlannedTarget {
  readonly node: PlannedNode | undefined;
  /** Best first. */
  readonly others: readonly PlannedNode[];
  readonly candidates: number;
  readonly explanation: string;
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

export interface ChainPlan {
  readonly id: string;
  readonly version: string;
  readonly title: Title;
  readonly atMs: number;
  readonly dueMs: number | undefined;
  readonly calendar: string;
  readonly steps: readonly PlannedStep[];
}

export const noTarget: PlannedTarget = {
  node: undefined,
  others: [],
  candidates: 0,
  explanation: "",
  members: 0,
  shares: [],
  sharesMore: 0,
  sample: [],
  unmatched: 0,
  desk: "",
  people: [],
};
