// Messages between the demo and the processes that it starts.

import type { PlannedNode } from "./plan.ts";

/** Makes identities and stores: all processes at once. */
export interface PrepareMessage {
  readonly type: "prepare";
  readonly role: "hub" | "agent";
  /** Directory of this run: authority, and one directory per node. */
  readonly directory: string;
  readonly mesh: string;
  readonly nodes: readonly PlannedNode[];
}

/** Opens the nodes: level by level, since a node dials the hub above it. */
export interface OpenMessage {
  readonly type: "open";
  /** host:port of the hubs above, by address. */
  readonly parents: Readonly<Record<string, string>>;
}

export interface StopMessage {
  readonly type: "stop";
}

export type ToProcess = PrepareMessage | OpenMessage | StopMessage;

export type FromProcess =
  /** Some nodes more are up; ports of hubs by address. */
  | {
      readonly type: "up";
      readonly ports: Readonly<Record<string, number>>;
      readonly count: number;
    }
  | { readonly type: "prepared" }
  | { readonly type: "ready" }
  | { readonly type: "failed"; readonly reason: string };
