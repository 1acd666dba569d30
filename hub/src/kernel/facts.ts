// Facts of a hub: what its kernel has decided, as the journal keeps it for ever.
//
//   K5  A kind is never reused for another meaning; fields are only added, with a default.

import type {
  Accumulators,
  Address,
  AggregateRule,
  Contribution,
  FanoutEach,
  Frame,
  JsonObject,
  JsonValue,
  Lane,
  NodeDescription,
  NodeNews,
  TaskPeople,
} from "@cloudbrain/sdk/domain";
import type { ApplicationFact, RegistrationFact } from "./application-facts.ts";
import type {
  AssignmentOwner,
  AssignmentTask,
  ChainParent,
  CompensationTask,
  FanoutHuman,
  FanoutSummary,
  StepState,
  StepWait,
} from "./state.ts";
import type { TaskFact } from "./task-facts.ts";
import type { UserFact } from "./user-facts.ts";

/** A new attempt of an instruction. */
export interface OfferFact {
  readonly t: "offered";
  readonly id: string;
  readonly node: Address;
  readonly attempt: number;
  /** Present when people do it. */
  readonly task?: AssignmentTask;
  /** A person chose the node, and why; absent: the hub did. */
  readonly by?: string;
  readonly why?: string;
  /** The node that gave the attempt before back. */
  readonly refusedBy?: Address;
}

export type HubFact =
  | TaskFact
  | UserFact
  | { readonly t: "started"; readonly epoch: number }
  | ApplicationFact
  | RegistrationFact
  | {
      readonly t: "chainStarted";
      readonly chain: string;
      readonly application: string;
      readonly key: string;
      readonly bodyHash: string;
      readonly input: JsonValue;
      readonly submitter: string;
      /** Total deadline of an application with a calendar; 0 for one that is unknown here. */
      readonly dueMs?: number;
      /** Absent: 50. */
      readonly priority?: number;
      /** Started by a subflow step. */
      readonly parent?: ChainParent;
    }
  | {
      readonly t: "serviceStarted";
      readonly chain: string;
      readonly step: string;
      readonly node: Address;
      readonly input: string;
      /** Present when people do it: then the node is their desk. */
      readonly task?: AssignmentTask;
      /** Decided with the calendar of a human step; absent: from the definition. */
      readonly totalDueMs?: number;
    }
  | {
      readonly t: "fanoutOpened";
      readonly fanout: string;
      readonly chain: string;
      readonly step: string;
      /** Absent at the origin. */
      readonly upstream?: Address;
      readonly by: "level" | "items" | "match";
      readonly scope: string;
      readonly level: string;
      readonly context: JsonObject;
      readonly finishMs: number;
      /** Absent where the application's own is meant. */
      readonly each?: FanoutEach;
      readonly aggregate?: AggregateRule;
      readonly membersMax: number;
      /** Delegated for an emergency; the origin knows it from the application. */
      readonly urgent?: true;
      readonly members: readonly OpenedMember[];
      readonly children: readonly Address[];
      /** Members that each child is known to have, in their order; absent: nobody knows yet. */
      readonly expected?: readonly number[];
      /** The input of every member that has none of its own, as JSON text. */
      readonly input: string;
      /** Present when people do it. */
      readonly human?: FanoutHuman;
      /** Members may come until `membersPut` says that it closes. */
      readonly growing?: true;
      readonly overflow?: number;
      /** Id of the fan-out whose members it undoes. */
      readonly compensates?: string;
    }
  /** Members of a growing fan-out that are new, and queued ones whose turn it is. */
  | {
      readonly t: "membersPut";
      readonly fanout: string;
      readonly members: readonly OpenedMember[];
      readonly overflow?: number;
      /** No more will come. */
      readonly closes?: true;
    }
  /** Whoever reads the running fan-out has been shown its present state. */
  | { readonly t: "fed"; readonly fanout: string }
  /** A member answered again: its contribution stands in place of its earlier one. */
  | {
      readonly t: "revised";
      readonly fanout: string;
      readonly member: string;
      readonly revision: number;
      readonly value: Contribution;
      readonly output?: JsonValue;
    }
  /** Late feedback counts no more. `summary`: what it has made of the result, if anything. */
  | { readonly t: "fanoutClosed"; readonly fanout: string; readonly summary?: FanoutSummary }
  | {
      readonly t: "stepEnded";
      readonly chain: string;
      readonly step: string;
      readonly state: Exclude<StepState, "waiting" | "running">;
      readonly reason: string;
      readonly output: JsonValue;
      readonly substituted?: true;
    }
  | {
      readonly t: "fanoutEnded";
      readonly fanout: string;
      readonly state: Exclude<StepState, "waiting" | "running">;
      readonly reason: string;
      readonly summary: FanoutSummary;
      /** Where the step maps its output; absent: none. */
      readonly output?: JsonValue;
    }
  /** The step runs from now on, without an instruction. `retained`: its signal is there already. */
  | {
      readonly t: "waitBegun";
      readonly chain: string;
      readonly step: string;
      readonly wait: StepWait;
      readonly retained?: true;
    }
  /** A signal step has begun and published. */
  | {
      readonly t: "signalSent";
      readonly chain: string;
      readonly step: string;
      readonly name: string;
      readonly payload: JsonValue;
    }
  /** A signal for this chain is kept until its gate opens; it replaces one of the same name. */
  | {
      readonly t: "signalRetained";
      readonly chain: string;
      readonly name: string;
      readonly payload: JsonValue;
      readonly source: string;
    }
  /** With `by` a person holds the chain. */
  | {
      readonly t: "chainSuspended";
      readonly chain: string;
      readonly reason: string;
      readonly by?: string;
      readonly why?: string;
    }
  | {
      readonly t: "chainResumed";
      readonly chain: string;
      readonly by: string;
      readonly why: string;
    }
  /** All suspended steps once more. */
  | {
      readonly t: "chainRetried";
      readonly chain: string;
      readonly by?: string;
      readonly why?: string;
      /** The total deadline, where its calendar was unknown before. */
      readonly dueMs?: number;
    }
  /** One suspended or failed step once more. */
  | {
      readonly t: "stepRetried";
      readonly chain: string;
      readonly step: string;
      readonly by: string;
      readonly why: string;
    }
  | {
      readonly t: "stepSkipped";
      readonly chain: string;
      readonly step: string;
      readonly by: string;
      readonly why: string;
      readonly output: JsonValue;
      /** What a fan-out had come to when it was skipped. */
      readonly summary?: FanoutSummary;
    }
  | {
      readonly t: "chainCancelling";
      readonly chain: string;
      readonly reason: string;
      readonly by?: string;
    }
  | {
      readonly t: "chainEnded";
      readonly chain: string;
      readonly state: "succeeded" | "failed" | "cancelled";
      readonly reason: string;
      readonly output: JsonValue;
      /** Who has decided that what could not be undone stays, and why. */
      readonly by?: string;
      readonly why?: string;
    }
  /** The chain will end so once these are undone. */
  | {
      readonly t: "chainCompensating";
      readonly chain: string;
      readonly outcome: "failed" | "cancelled";
      readonly reason: string;
      readonly tasks: readonly Pick<CompensationTask, "step" | "of" | "run">[];
    }
  | {
      readonly t: "compensationStarted";
      readonly chain: string;
      readonly task: string;
      readonly node: Address;
      readonly input: string;
    }
  | {
      readonly t: "compensationEnded";
      readonly chain: string;
      readonly task: string;
      readonly state: "done" | "failed";
      readonly reason: string;
    }
  | OfferFact
  | { readonly t: "accepted"; readonly id: string; readonly attempt: number }
  | {
      readonly t: "progressed";
      readonly id: string;
      readonly ratio: number;
      readonly note: string;
      /** Of a task: the desk has moved its own bound. */
      readonly safetyDueMs?: number;
    }
  | { readonly t: "backedOff"; readonly id: string; readonly delayMs: number; readonly why: string }
  | {
      /** A member's or step's instruction ended; for a member its contribution stands here. */
      readonly t: "ended";
      readonly id: string;
      readonly outcome: "succeeded" | "failed";
      readonly value: JsonValue | Contribution;
      readonly reason: string;
      /** We gave up, not the node: it is told to stop. */
      readonly recalled?: true;
      /** Absent: 0. */
      readonly revision?: number;
      /** What a member gave, where it may have to be undone. */
      readonly output?: JsonValue;
      /** Who answered a member's instruction, where that is not whom it was offered to last. */
      readonly from?: Address;
    }
  /** Feedback that could not count any more: kept for the record. */
  | {
      readonly t: "late";
      readonly id: string;
      readonly attempt: number;
      readonly outcome: string;
      readonly output: string;
    }
  | {
      readonly t: "partialReceived";
      readonly fanout: string;
      readonly child: Address;
      readonly version: number;
      readonly closed: boolean;
      readonly final: boolean;
      readonly members: number;
      readonly replied: number;
      readonly failed: number;
      readonly accumulators: Accumulators;
      readonly missing: readonly Address[];
    }
  | {
      readonly t: "partialEmitted";
      readonly fanout: string;
      readonly version: number;
      readonly closed: boolean;
      readonly final: boolean;
      readonly members: number;
      readonly replied: number;
      readonly failed: number;
      readonly accumulators: Accumulators;
      readonly missing: readonly Address[];
      /** The deadline has passed; what still comes is late. */
      readonly late?: true;
    }
  | { readonly t: "withdrawn"; readonly fanout: string; readonly forgets?: true }
  /** The child has a new store: it is asked again and its part begins anew. */
  | { readonly t: "delegatedAgain"; readonly fanout: string; readonly child: Address }
  | {
      readonly t: "linkUp";
      readonly peer: Address;
      readonly storeId: string;
      readonly epoch: number;
      readonly role: "child" | "parent";
      /** The other end has a new store: sequences begin anew. */
      readonly reset: boolean;
      readonly description?: NodeDescription;
      readonly draining?: boolean;
    }
  | { readonly t: "linkDown"; readonly peer: Address }
  | {
      readonly t: "nodesTold";
      readonly child: Address;
      readonly upserts: readonly NodeNews[];
      readonly removed: readonly Address[];
      readonly final: boolean;
    }
  /** Our news to the parent; `snapshot` tells everything below us. */
  | { readonly t: "nodesReported"; readonly nodes: readonly Address[]; readonly snapshot: boolean }
  | { readonly t: "relayed"; readonly peer: Address; readonly lane: Lane; readonly frame: Frame }
  | {
      readonly t: "received";
      readonly peer: Address;
      readonly lane: Lane;
      readonly from: number;
      readonly to: number;
    }
  | { readonly t: "acked"; readonly peer: Address; readonly lane: Lane; readonly seq: number }
  | { readonly t: "drained" };

export interface OpenedMember {
  readonly key: string;
  /** Empty when no node matches: the member has failed from the start. */
  readonly node: Address | "";
  /** Own input as JSON text; absent: the fan-out's. */
  readonly input?: string;
  readonly item?: JsonValue;
  readonly reason?: string;
  /** The hub that holds the task about the node; absent when the node itself does it. */
  readonly desk?: Address;
  /** Absent: those of the fan-out. */
  readonly people?: TaskPeople;
  /** Of one that was put later; absent: that of the fan-out. */
  readonly safetyDueMs?: number;
  /** Not dispatched yet; `index` is its place in the list of items. */
  readonly queued?: true;
  readonly index?: number;
  /** What is to be undone. */
  readonly output?: JsonValue;
}

export type { AssignmentOwner };
