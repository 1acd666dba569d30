// Frames: what two nodes say to each other over a session. These are domain values; the codec turns
// them into cloudbrain.v1 messages and back.
//
//   F1  A frame is kept by its sender until the receiver has said that it is durable there.
//   F2  `from` and `to` are the ends of the frame, not of the link: a hub on the way forwards a
//       frame whose `to` is not its own address without reading its body.
//   F3  Times travel as budgets (ms that remain), never as wall-clock time: clocks differ.

import type { Address } from "./address.ts";
import type { AggregateRule, FanoutEach } from "./application.ts";
import type { CatalogMessage } from "./catalog-frames.ts";
import type { NodeDescription, NodeState } from "./node-record.ts";
import type { RegistrationContent, RegistrationName, RegistrationReport } from "./registration.ts";
import type { TaskHeading, TaskSpec } from "./task.ts";
import type { JsonObject, JsonValue, Title } from "./value.ts";

/** Lanes of a session, each with its own order, credits and acknowledgements. */
export const lanes = ["control", "chain", "signal", "bulk"] as const;
export type Lane = (typeof lanes)[number];

/** One dispatch of a step to one node. */
export interface InstructionBody {
  readonly kind: "instruction";
  /** Stable over attempts: the handler's idempotency key. */
  readonly id: string;
  readonly chain: string;
  readonly step: string;
  /** Counts the offers of this id, from 1; feedback of an older one never ends a newer one. */
  readonly attempt: number;
  readonly capability: string;
  /** JSON text of the input: parsed by the agent that runs it, by nobody before. */
  readonly input: string;
  /** Remaining time to finish in ms, counted from when the agent receives it; 0 means none. */
  readonly finishMs: number;
  /** Longest silence of the handler in ms; 0 means none. */
  readonly heartbeatMs: number;
  /** Present when people do it: then the receiver is a desk, and the times stand in here. */
  readonly task?: TaskSpec;
}

/** Takes an instruction back. Cancels every attempt up to and including `attempt`. */
export interface CancelBody {
  readonly kind: "cancel";
  readonly id: string;
  readonly attempt: number;
  readonly reason: string;
}

/** The agent has the instruction on disk and works on it. Implied by feedback. */
export interface AcceptedBody {
  readonly kind: "accepted";
  readonly id: string;
  readonly attempt: number;
}

export interface ProgressBody {
  readonly kind: "progress";
  readonly id: string;
  readonly attempt: number;
  /** 0..1. */
  readonly ratio: number;
  readonly note: string;
  /** Of a task: the desk answers within so many ms at the latest. Absent: as told before. */
  readonly dueInMs?: number;
}

export const outcomes = ["succeeded", "failed", "returned", "cancelled", "expired"] as const;
export type Outcome = (typeof outcomes)[number];

/** How an instruction ended at its node. */
export interface FeedbackBody {
  readonly kind: "feedback";
  readonly id: string;
  readonly attempt: number;
  readonly outcome: Outcome;
  /** JSON text of the output; empty unless succeeded. */
  readonly output: string;
  /** A code of the vendor's or ours; empty when succeeded. */
  readonly errorCode: string;
  readonly message: string;
  /** Whether another attempt may help. */
  readonly retryable: boolean;
  /** Counts what is told of this instruction, from 0: a higher one stands in place of a lower. */
  readonly revision: number;
}

/** Asks a child hub to run its part of a fan-out and to report partials. */
export interface DelegateBody {
  readonly kind: "delegate";
  readonly fanout: string;
  readonly chain: string;
  readonly step: string;
  /** Members lie at or below this address; the receiver intersects it with its own subtree. */
  readonly scope: Address;
  readonly level: string;
  readonly membersMax: number;
  readonly each: FanoutEach;
  readonly aggregate: AggregateRule;
  /** What the expressions of `each` may read beside the member: {input, steps}. */
  readonly context: JsonObject;
  /** Remaining time in ms, already reduced by the sender's margin. */
  readonly budgetMs: number;
  /** Id of the fan-out whose members are to be undone by this one; empty for none. */
  readonly compensates: string;
  /** Present when people do it: what their worklists show of the chain. */
  readonly heading?: TaskHeading;
}

/** Ends a delegation from above; what is still running is cancelled. */
export interface WithdrawBody {
  readonly kind: "withdraw";
  readonly fanout: string;
  readonly reason: string;
  /** Nothing of it will be undone: what is remembered for that may go. */
  readonly forgets: boolean;
}

/** A mergeable accumulator per reducer, in the order of `AggregateRule.into`. See aggregate.ts. */
export type Accumulators = readonly JsonValue[];

/** The whole present state of a child's part of a fan-out; replaces all earlier versions. */
export interface PartialBody {
  readonly kind: "partial";
  readonly fanout: string;
  /** Counts the partials of this fan-out at this child, from 1. */
  readonly version: number;
  /** The member set is fixed. */
  readonly closed: boolean;
  /** No later version will change it. */
  readonly final: boolean;
  readonly members: number;
  readonly replied: number;
  readonly failed: number;
  readonly accumulators: Accumulators;
  /** Some of those that did not reply, bounded; for people. */
  readonly missing: readonly Address[];
}

/** Nodes at or below the sender, told to its parent: what is new or has changed. */
export interface NodesBody {
  readonly kind: "nodes";
  readonly upserts: readonly NodeNews[];
  readonly removed: readonly Address[];
  /** The last frame of a snapshot: everything below the sender is now known. */
  readonly final: boolean;
}
export interface NodeNews {
  readonly description: NodeDescription;
  readonly state: NodeState;
  readonly epoch: number;
  readonly changedAtMs: number;
}

/** Tells a child hub what an application needs; `withdrawn` ends that, with its needs left out. */
export interface RegisterBody extends RegistrationContent {
  readonly kind: "register";
  readonly withdrawn: boolean;
}

/** A child hub's part of a registration: replaces all that it has answered before. */
export interface RegisteredBody extends RegistrationName, RegistrationReport {
  readonly kind: "registered";
}

export type FrameBody =
  | InstructionBody
  | CancelBody
  | AcceptedBody
  | ProgressBody
  | FeedbackBody
  | DelegateBody
  | WithdrawBody
  | PartialBody
  | NodesBody
  | RegisterBody
  | RegisteredBody;

/** Kinds from here on may be ignored by who does not know them; lower ones are refused. */
export const ignorableKind = 64;

/** A body that this node does not read, or can't: forwarded, refused or ignored as it came. */
export interface OpaqueBody {
  readonly kind: "opaque";
  /** The number of the kind on the wire. */
  readonly wireKind: number;
  readonly bytes: Uint8Array;
}

export interface Frame {
  readonly from: Address;
  readonly to: Address;
  readonly body: FrameBody | OpaqueBody;
  /** Hops left before the frame is dropped; set by the origin. */
  readonly hopLimit: number;
  /** W3C trace context, or empty. */
  readonly traceparent: string;
}

/** Consecutive frames of a lane: the n-th has the sequence `firstSeq + n`. */
export interface LaneRun {
  readonly lane: Lane;
  readonly firstSeq: number;
  readonly frames: readonly Frame[];
}
/** Everything up to `seq` is durable at the sender of this acknowledgement. */
export interface LaneAck {
  readonly lane: Lane;
  readonly seq: number;
}
/** The receiver takes frames up to `seqMax` and, on this connection, `bytesMax` bytes in all. */
export interface LaneCredit {
  readonly lane: Lane;
  readonly seqMax: number;
  readonly bytesMax: number;
}
/** One refused frame: it counts as received, and its sender keeps it aside with the reason. */
export interface LaneRefusal {
  readonly lane: Lane;
  readonly seq: number;
  readonly code: string;
  readonly detail: string;
}

export interface LanePosition {
  readonly lane: Lane;
  /** The highest sequence that is durable at the teller, sent by the hearer. */
  readonly received: number;
  /** The highest sequence that the teller has given out (durable). */
  readonly sent: number;
  /** The highest own sequence that the hearer has acknowledged to the teller. */
  readonly acked: number;
  /** `sent` when this life (epoch) of the teller began; absent from who does not tell it. */
  readonly sentBefore?: number | undefined;
}

/** First message of the dialling end. */
export interface Hello {
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly features: readonly string[];
  readonly description: NodeDescription;
  /** Made at `init`; another id means another store, hence a new session. */
  readonly storeId: string;
  /** Grows by one with every start of the process on its store. */
  readonly epoch: number;
  /** Grows with every dial within an epoch. */
  readonly dial: number;
  /** The store id of the hearer that the teller has a session with, or empty. */
  readonly peerStoreId: string;
  readonly positions: readonly LanePosition[];
  readonly heartbeatMs: number;
  readonly draining: boolean;
}

/** The answer of the listening end. */
export interface Welcome {
  readonly protocol: number;
  readonly features: readonly string[];
  readonly address: Address;
  readonly title: Title;
  readonly storeId: string;
  readonly epoch: number;
  /** False: the receiver starts a new session, all sequences from 1. */
  readonly resumed: boolean;
  readonly positions: readonly LanePosition[];
  readonly heartbeatMs: number;
  /** Addresses from the root down to the teller: a node that finds itself here refuses the link. */
  readonly ancestors: readonly Address[];
  /** Names this link when the bulk stream is opened. */
  readonly linkToken: string;
}

export interface Goodbye {
  readonly code: string;
  /** What it is about; for AMNESIA the address of the node whose store is an old copy. */
  readonly subject?: string | undefined;
  readonly detail: string;
  readonly retryAfterMs: number;
}

/** One gRPC message of a link stream. Empty lists and undefined cost nothing on the wire. */
export interface Batch {
  readonly hello?: Hello | undefined;
  readonly welcome?: Welcome | undefined;
  readonly goodbye?: Goodbye | undefined;
  /** Milliseconds by the sender's monotonic clock; asks for nothing, shows life. */
  readonly heartbeat?: boolean | undefined;
  /** The listening end asks for the bulk stream, which only the dialling end can open. */
  readonly bulkWanted?: boolean | undefined;
  /** Of the catalogs at both ends, on the bulk stream; alone in its batch. */
  readonly catalog?: CatalogMessage | undefined;
  readonly runs: readonly LaneRun[];
  readonly acks: readonly LaneAck[];
  readonly credits: readonly LaneCredit[];
  readonly refusals: readonly LaneRefusal[];
}
