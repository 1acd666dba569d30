// Messages between a test's driver and the processes that it hosts.

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
  /** Directory that holds `identity` and `data`. */
  readonly directory: string;
  /** host:port of the hub above; empty at the root. */
  readonly parent: string;
  /** Fixed, so that a restarted hub is found again; 0 for agents. */
  readonly port: number;
  /** What the people of a hub do. */
  readonly capabilities?: readonly string[];
  /** As in `HubOptions`. */
  readonly passwordLogN?: number;
}

export type ToHost =
  | { readonly type: "start"; readonly nodes: readonly HostedNode[]; readonly unsynced: boolean }
  /** Die at this point of the batch after the next `skip` ones. */
  | { readonly type: "arm"; readonly point: KillPoint; readonly skip: number }
  | { readonly type: "disarm" }
  | { readonly type: "stop" };

export type FromHost =
  | { readonly type: "ready" }
  | { readonly type: "stopped" }
  | { readonly type: "failed"; readonly code: string; readonly reason: string };
