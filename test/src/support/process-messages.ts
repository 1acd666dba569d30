// Messages between a test's driver and the processes that it hosts.

import type { NodeKind } from "@cloudbrain/sdk/domain";
import type { Call, Turn } from "./turn.ts";

/** Where a process dies, seen from one batch of its store. */
export const killPoints = [
  "before-write",
  "after-write-before-sync",
  "after-sync-before-reply",
  "after-reply",
] as const;
export type KillPoint = (typeof killPoints)[number];

/** One node of a hosted process. Sent over IPC, so plain data. */
export interface HostedNode {
  readonly role: "hub" | "agent";
  readonly address: string;
  readonly level: string;
  readonly division: string;
  /** Default: `level`. */
  readonly kind?: NodeKind;
  readonly industry?: string;
  readonly region?: string;
  /** Default: its address. */
  readonly title?: string;
  /** Directory that holds `identity` and `data`. */
  readonly directory: string;
  /** host:port of the hub above; empty at the root. */
  readonly parent: string;
  /** Fixed, so that a restarted hub is found again; 0 for agents. */
  readonly port: number;
  /** What the people of a hub do. */
  readonly capabilities?: readonly string[];
  /** What an agent asks its driver to answer, in place of what mesh-applications.ts knows. */
  readonly asks?: readonly string[];
  /** As in `HubOptions`. */
  readonly passwordLogN?: number;
  /** Of its links, ms; short by default, so that a killed neighbour is noticed soon. */
  readonly timing?: { readonly heartbeatMs: number; readonly leaseMs: number };
}

/** How busy a process is. */
export interface Pulse {
  /** Grows with everything that happens to its journals and stores. */
  readonly events: number;
  /** Something is under way that will happen without time passing. */
  readonly isBusy: boolean;
  /** When its clock is to wake somebody; undefined while nobody waits, and by the machine's. */
  readonly nextMs: number | undefined;
}

/** What the driver asks, and gets one reply to. */
export type Question =
  | { readonly type: "pulse" }
  /** Sets the clock and wakes nobody. */
  | { readonly type: "setTime"; readonly nowMs: number }
  /** Wakes whoever is due. */
  | { readonly type: "wake" };

export interface StartMessage {
  readonly type: "start";
  readonly nodes: readonly HostedNode[];
  /** agent.yaml of agents that are run as `cloudbrain agent run` does it. */
  readonly agents: string | undefined;
  readonly unsynced: boolean;
  /** Time of day at which a clock begins that the driver steps; the machine's clock without it. */
  readonly startsAtMs: number | undefined;
}

export type ToHost =
  | StartMessage
  | { readonly type: "ask"; readonly id: number; readonly question: Question }
  | { readonly type: "turn"; readonly id: number; readonly turn: Turn }
  /** Die at this point of the batch after the next `skip` ones. */
  | { readonly type: "arm"; readonly point: KillPoint; readonly skip: number }
  | { readonly type: "disarm" }
  | { readonly type: "stop" };

export type FromHost =
  | { readonly type: "ready" }
  | { readonly type: "stopped" }
  | { readonly type: "reply"; readonly id: number; readonly pulse: Pulse }
  | { readonly type: "call"; readonly id: number; readonly call: Call }
  /** The auditor of a hub has found a broken invariant. */
  | { readonly type: "broken"; readonly what: string }
  | { readonly type: "failed"; readonly code: string; readonly reason: string };
