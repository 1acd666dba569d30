// Node records: what a hub knows of a node, its own children and everything below them.

import type { Address } from "./address.ts";
import type { Title } from "./value.ts";

export const nodeKinds = ["level", "industry", "region", "system"] as const;
export type NodeKind = (typeof nodeKinds)[number];
export const levels = ["city", "district", "street", "community"] as const;

/** What a node says of itself when it registers. Sorted capabilities; strings may be empty. */
export interface NodeDescription {
  readonly address: Address;
  readonly kind: NodeKind;
  /** city, district, street, community or empty. */
  readonly level: string;
  /** 12-digit statistical division code, or empty. */
  readonly division: string;
  readonly industry: string;
  readonly region: string;
  readonly title: Title;
  /** Names such as `item.classify/v1`. */
  readonly capabilities: readonly string[];
  /** Whether it routes for nodes below it. */
  readonly hub: boolean;
  readonly version: string;
}

export type NodeState = "joining" | "online" | "suspect" | "offline" | "draining" | "retired";

/** A description with what its parent observes. */
export interface NodeRecord {
  readonly description: NodeDescription;
  readonly state: NodeState;
  /** Life counter that the node's store increments at every start. */
  readonly epoch: number;
  /** When the state was last changed, ms since 1970 by the clock of the node's parent. */
  readonly changedAtMs: number;
}
