// Facts of an agent's kernel: what it has decided, as the journal keeps it for ever.

import type { Address, Lane, Outcome } from "../domain/index.ts";

export type AgentFact =
  | { readonly t: "started"; readonly epoch: number }
  | { readonly t: "drained" }
  | {
      readonly t: "received";
      readonly id: string;
      readonly chain: string;
      readonly step: string;
      readonly capability: string;
      readonly input: string;
      readonly origin: Address;
      readonly attempt: number;
      readonly finishMs: number;
      readonly heartbeatMs: number;
      /** Only for an emergency. */
      readonly lane?: "control";
    }
  /** A newer attempt of what is running: the execution goes on under it. */
  | {
      readonly t: "adopted";
      readonly id: string;
      readonly attempt: number;
      readonly finishMs: number;
    }
  | { readonly t: "accepted"; readonly id: string }
  | {
      readonly t: "cancelAsked";
      readonly id: string;
      readonly attempt: number;
      readonly reason: string;
    }
  | { readonly t: "progressed"; readonly id: string; readonly ratio: number; readonly note: string }
  | {
      readonly t: "ended";
      readonly id: string;
      readonly outcome: Outcome;
      readonly output: string;
      readonly errorCode: string;
      readonly message: string;
      readonly retryable: boolean;
    }
  /** Another output stands in place of the one before. */
  | { readonly t: "revised"; readonly id: string; readonly output: string }
  | { readonly t: "deferred"; readonly id: string }
  | { readonly t: "claimed"; readonly id: string; readonly holder: string }
  /** Whoever works on it is to be told that it has ended without them. */
  | { readonly t: "withdrawn"; readonly id: string }
  | { readonly t: "told"; readonly id: string }
  /** The stored outcome is told again. */
  | { readonly t: "repeated"; readonly id: string; readonly attempt: number }
  | {
      readonly t: "linkUp";
      readonly peer: Address;
      readonly storeId: string;
      readonly epoch: number;
      readonly reset: boolean;
    }
  | { readonly t: "seen"; readonly lane: Lane; readonly from: number; readonly to: number }
  | { readonly t: "acked"; readonly lane: Lane; readonly seq: number };
