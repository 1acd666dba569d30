// Node view: what faults and checkers see of a simulated node, whatever its kernel is.

import type { Address, Row } from "@cloudbrain/sdk/domain";
import type { Session } from "@cloudbrain/sdk/session";
import type { LinkOwner } from "./link-end.ts";
import type { DiskCopy, SimDisk } from "./sim-disk.ts";

export type NodeStatus = "down" | "starting" | "up" | "refused";

interface Dumping {
  dump(): readonly Row[];
}

export interface NodeView extends LinkOwner {
  readonly address: Address;
  readonly parent: Address | undefined;
  readonly disk: SimDisk;
  readonly kernel: Dumping;
  readonly journal:
    | { now(): number; position(): { readonly seq: number; readonly hash: Uint8Array } }
    | undefined;
  readonly status: NodeStatus;
  readonly isUp: boolean;
  /** Lives of the process, and stores it had: bounds of what may be repeated. */
  readonly lives: number;
  readonly stores: number;
  wallOffsetMs: number;
  lastJournalMs: number;
  /** The bytes from before damage was done, until they are put back or a copy is the store. */
  goodCopy: DiskCopy | undefined;
  sessions(): ReadonlyMap<Address, Session>;
  tables(): readonly string[];
  /** Whether all that was decided is durable. */
  isIdle(): boolean;
  /** State of what is on the disk now: rows and later facts, or all facts from the first. */
  recover(from: "checkpoint" | "genesis"): { readonly kernel: Dumping };
  start(): void;
  crash(mode: "process" | "power"): void;
  /** Loses everything and begins under the same name with a new store. */
  replaceStore(): void;
  /** The operator's work: the bytes from before the damage, and a node that may be started. */
  healFrom(copy: DiskCopy): void;
}
