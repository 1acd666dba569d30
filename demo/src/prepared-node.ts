// A node of the demo between being made ready and being opened.

import type { Address } from "@cloudbrain/sdk/domain";
import type { Credentials } from "@cloudbrain/sdk/identity";
import type { PlannedNode } from "./plan.ts";

export interface PreparedNode {
  readonly planned: PlannedNode;
  readonly address: Address;
  readonly credentials: Credentials;
  readonly dataDirectory: string;
}

export interface OpenedNode {
  /** Port of a hub; 0 for an agent. */
  readonly port: number;
  close(): Promise<void>;
}

/** 2,272 links show life less often than the default: the drill is what is to be measured. */
export const demoTiming = { heartbeatMs: 15_000, leaseMs: 60_000 } as const;
