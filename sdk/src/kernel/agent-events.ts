// What goes into an agent's kernel and what comes out.

import type { Outcome } from "../domain/index.ts";
import type { NodeEvent, NodeOutput } from "../session/index.ts";

/** How the work on an instruction has come out. */
export interface GivenOutcome {
  readonly outcome: Outcome;
  /** JSON text; empty unless succeeded. */
  readonly output: string;
  readonly errorCode: string;
  readonly message: string;
  readonly retryable: boolean;
}

export type AgentEvent =
  | NodeEvent
  | { readonly type: "drain" }
  /** The handler of an instruction has come to its end. */
  | ({ readonly type: "ended"; readonly id: string } & GivenOutcome)
  /** The handler has put the outcome off: `answered` will bring it. */
  | { readonly type: "deferred"; readonly id: string }
  /** The outcome has come from outside, whether the handler still runs or has put it off. */
  | ({ readonly type: "answered"; readonly id: string } & GivenOutcome)
  /** Somebody takes a deferred instruction in hand, or lets go of it: an empty holder. */
  | { readonly type: "claimed"; readonly id: string; readonly holder: string }
  /** Whoever works on it knows that this attempt has ended without them. */
  | { readonly type: "told"; readonly id: string; readonly attempt: number }
  /** The handler's node knows better by now: this output stands in place of the one it gave. */
  | { readonly type: "revised"; readonly id: string; readonly output: string }
  | {
      readonly type: "progress";
      readonly id: string;
      readonly ratio: number;
      readonly note: string;
    };

export type AgentOutput =
  | NodeOutput
  /** Run the handler. Early: it promises nothing to anybody (see ADR 0008). */
  | {
      readonly type: "run";
      /** The idempotency key: the same over attempts and restarts. */
      readonly id: string;
      readonly chain: string;
      readonly step: string;
      readonly attempt: number;
      readonly capability: string;
      /** JSON text. */
      readonly input: string;
      /** Journal time at which the handler is given up; 0 for never. */
      readonly finishDueMs: number;
      /** Longest time between two words of progress that the hub accepts; 0 for any. */
      readonly heartbeatMs: number;
    }
  /** The handler need not go on; whatever it answers has been or will be dealt with. */
  | { readonly type: "abort"; readonly id: string; readonly reason: string }
  /**
   * Tell whoever works on it outside of us that it has ended without them; again at every start
   * until `told`.
   */
  | {
      readonly type: "withdrawn";
      readonly id: string;
      readonly chain: string;
      readonly step: string;
      readonly attempt: number;
      readonly capability: string;
      readonly outcome: Outcome;
      /** For people. */
      readonly reason: string;
    };
