// Application: a published business scenario (应用), as the kernel runs it. The YAML text that people
// write is parsed and checked by sdk/src/definition; what stands here has passed that gate.
//
//   P1  Every wait can end: a fan-out has a finish deadline or a total one, or all members do.
//   P2  Expressions are CEL source texts; the kernel evaluates them through a pure function that is
//       handed to it and never interprets them itself.
//   P3  A chain keeps the version (id, version, hash) it started with until it ends.
//   P4  Journals hold published applications for ever: a field that came later may be absent, and
//       absence means what it meant before.

import type { JsonValue, Title } from "./value.ts";

/** A CEL source text, or a literal. In YAML an expression is a string that begins with `=`. */
export type Mapping =
  | { readonly kind: "expression"; readonly source: string }
  | { readonly kind: "literal"; readonly value: JsonValue }
  | { readonly kind: "list"; readonly items: readonly Mapping[] }
  | { readonly kind: "fields"; readonly fields: readonly MappingField[] };
export interface MappingField {
  readonly name: string;
  readonly mapping: Mapping;
}

export interface ApplicationIdentity {
  readonly id: string;
  readonly version: string;
  /** sha256 of the canonical JSON of the whole definition, lower-case hex. */
  readonly hash: string;
}

export interface Application extends ApplicationIdentity {
  readonly title: Title;
  /** JSON Schema (2020-12) of the input as JSON, or undefined for any object. */
  readonly inputSchema: JsonValue | undefined;
  /** Total time of a chain in ms, or undefined when every step bounds itself. */
  readonly totalMs: number | undefined;
  /** Working calendar of `totalMs`; absent: elapsed time. */
  readonly calendar?: string | undefined;
  /** CEL text over {input} to 0..100: the order in worklists and queues. Absent: 50. */
  readonly priority?: string | undefined;
  /** Emergency chains travel ahead of all others. Absent: normal. */
  readonly urgency?: Urgency | undefined;
  /** CEL text over {input, request}: the idempotency key when the caller gives none. */
  readonly keyExpression: string | undefined;
  readonly keyKeepMs: number;
  /** What a failed step without another way does to the chain. */
  readonly onFailure: "fail" | "suspend" | "compensate";
  /** Absent: keep. */
  readonly onCancel?: "keep" | "compensate" | undefined;
  /** Named conditions on nodes, which `match.policy` refers to. Sorted by name. Absent: none. */
  readonly policies?: readonly PolicyRule[] | undefined;
  readonly steps: readonly Step[];
  readonly output: Mapping | undefined;
}

export const urgencies = ["normal", "emergency"] as const;
export type Urgency = (typeof urgencies)[number];

export interface PolicyRule {
  readonly name: string;
  /** CEL over {node, input, steps}. */
  readonly allow: string;
}

/** `partial`: satisfied by the first partial of a fan-out; for a fan-out that grows with it. */
export type Need = { readonly step: string; readonly on: "done" | "failed" | "partial" };

export interface Deadlines {
  /** Offered until accepted by an agent. */
  readonly startMs: number | undefined;
  /** Offered until a person claims it; human steps alone. Absent: no limit. */
  readonly claimMs?: number | undefined;
  /** Accepted (or, by people, offered) until answered, one attempt. */
  readonly finishMs: number | undefined;
  /** Longest silence of an agent that works. */
  readonly heartbeatMs: number | undefined;
  /** All attempts together. */
  readonly totalMs: number | undefined;
  /** Working calendar of claim, finish and total; absent: elapsed time. */
  readonly calendar?: string | undefined;
}

/** Delay before attempt n+1 = min(cap, initial * factor^(n-1)) spread by +-jitter (a ratio). */
export interface RetryRule {
  readonly max: number;
  readonly initialMs: number;
  readonly factor: number;
  readonly capMs: number;
  readonly jitter: number;
  /** Error codes of a failed outcome that end the attempts at once. */
  readonly notOn: readonly string[];
  /** Choose the node anew for the next attempt. */
  readonly rematch: boolean;
}

export interface Match {
  /** `name` or `name/vN`. */
  readonly capability: string;
  readonly level: string | undefined;
  /** Division code or address prefix that the node must lie in; CEL mapping to a string. */
  readonly region: Mapping | undefined;
  readonly industry: Mapping | undefined;
  /** CEL over {node, input, steps, item}. */
  readonly where: string | undefined;
  /** Name of a policy of the application that must allow the node. */
  readonly policy?: string | undefined;
  /** `all`: in a fan-out without scope and items, where every node that matches is a member. */
  readonly pick: "one" | "all" | "leastLoaded" | "nearest";
  /** CEL over {node, input, steps, item} to a number: higher is better; the first decides first. */
  readonly prefer?: readonly string[] | undefined;
}

/** Undoes what a step has done: one instruction, when the chain fails or is cancelled. */
export interface Compensation {
  readonly match: Match;
  /** Over {input, steps, out}: `out` is what the step gave. For members also {member, item}. */
  readonly input: Mapping | undefined;
  readonly retry: RetryRule;
  readonly finishMs: number;
}

export const taskActions = [
  "claim",
  "unclaim",
  "report",
  "complete",
  "return",
  "transfer",
  "delegate",
  "requestExtension",
  "coHandle",
] as const;
export type TaskAction = (typeof taskActions)[number];

/** What a person is asked to do (待办). Mappings read {input, steps, node} and {member, item}. */
export interface HumanRule {
  readonly candidates: {
    readonly users: readonly Mapping[];
    readonly groups: readonly Mapping[];
    readonly roles: readonly Mapping[];
    readonly departments: readonly Mapping[];
  };
  /** Sorted as in `taskActions`. */
  readonly actions: readonly TaskAction[];
  /** JSON Schema (2020-12) of what completes the task, or undefined for any object. */
  readonly form: JsonValue | undefined;
  /** Where a returned task goes; undefined: back to the chain as an outcome. */
  readonly onReturn: ReturnRule | undefined;
  readonly extension: ExtensionRule;
}

export interface ReturnRule {
  /** Groups of the dispatch desk, which sends it elsewhere, insists or rejects. */
  readonly to: readonly Mapping[];
  readonly may: readonly ("changeCandidates" | "insist" | "reject")[];
  /** Returns after which `then` applies. */
  readonly visitsMax: number;
  readonly then: "suspend" | "fail";
}

/** Extensions (延期) of one task: how many, and how long each may be. */
export interface ExtensionRule {
  readonly max: number;
  readonly longestMs: number;
  /** Groups that decide the first one; empty: the dispatch desk, else supervisors. */
  readonly decidedBy: readonly Mapping[];
}

export interface EscalationRule {
  /** After the task was offered; in the calendar of its deadlines. */
  readonly afterMs: number;
  readonly on: "unclaimed" | "unfinished";
  readonly action: "remind" | "offer" | "offerUp" | "supervise";
  /** Groups; for `offer` and `supervise`. */
  readonly to: readonly Mapping[];
  /** How the business platform tells people, such as sms; empty: as it always does. */
  readonly channels: readonly string[];
}

interface StepCommon {
  readonly id: string;
  readonly title: Title | undefined;
  readonly needs: readonly Need[];
  /** CEL to a boolean; false means SKIPPED, which satisfies needs. */
  readonly when: string | undefined;
  readonly onError: Mapping | undefined;
  /** What `steps.ID.out` is; over {input, steps, out}. Default: the output as it came. */
  readonly output?: Mapping | undefined;
  readonly compensate?: Compensation | undefined;
}

export interface ServiceStep extends StepCommon {
  readonly type: "service";
  readonly match: Match;
  readonly input: Mapping | undefined;
  readonly deadlines: Deadlines;
  readonly retry: RetryRule;
}

/** An instruction that a person handles, at the hub of the matched node. */
export interface HumanStep extends StepCommon {
  readonly type: "human";
  readonly match: Match;
  readonly input: Mapping | undefined;
  readonly human: HumanRule;
  /** `finish` is always there, or a reason why there is none (rule R7). */
  readonly deadlines: Deadlines;
  readonly escalate: readonly EscalationRule[];
}

/** Waits for a time. */
export interface TimerStep extends StepCommon {
  readonly type: "timer";
  readonly timer:
    | { readonly kind: "for"; readonly ms: number; readonly calendar: string }
    /** To a text as RFC 3339 has it; a time that has passed is no wait. */
    | { readonly kind: "until"; readonly at: Mapping };
}

/** Waits for a signal from outside or of another chain. */
export interface GateStep extends StepCommon {
  readonly type: "gate";
  readonly gate: {
    readonly signal: string;
    /** JSON Schema of the payload. */
    readonly schema: JsonValue | undefined;
    /** CEL over {event, input, steps}: whether this signal is meant. */
    readonly where: string | undefined;
  };
  /** `finish` bounds the wait; past it the step fails. */
  readonly deadlines: Deadlines;
}

/** Publishes a signal, which opens the gates that wait for it at this hub. */
export interface SignalStep extends StepCommon {
  readonly type: "signal";
  readonly signal: { readonly name: string; readonly payload: Mapping | undefined };
}

/** Runs a chain of another application at this hub. */
export interface SubflowStep extends StepCommon {
  readonly type: "subflow";
  readonly subflow: {
    readonly application: string;
    /** A version, or ^MAJOR for the newest of it; empty for the newest. */
    readonly version: string;
    readonly input: Mapping | undefined;
    readonly onParentCancel: "cancel" | "leave";
  };
  readonly deadlines: Deadlines;
}

export interface FanoutStep extends StepCommon {
  readonly type: "fanout";
  readonly members: FanoutMembers;
  readonly each: FanoutEach;
  readonly aggregate: AggregateRule;
}

export type FanoutMembers =
  | {
      readonly by: "level";
      /** CEL mapping to a division code or an address: members lie at or below it. */
      readonly scope: Mapping;
      readonly level: string;
      readonly membersMax: number;
    }
  | {
      readonly by: "items";
      /** CEL mapping to a list. */
      readonly items: Mapping;
      /** CEL over {item, index} to a string; members are keyed by it. Default: the index. */
      readonly key: string | undefined;
      readonly membersMax: number;
      /** Members at work at once; undefined for all. */
      readonly concurrencyMax?: number | undefined;
      /** Id of the fan-out whose partials add items, until it is done (rule R3). */
      readonly growsWith?: string | undefined;
    }
  /** Every node that `each.match` finds with `pick: all`. */
  | { readonly by: "match"; readonly membersMax: number };

/** What each member is asked to do. Travels to the hubs below as it is. */
export interface FanoutEach {
  readonly match: Match;
  /** Present when people do it. */
  readonly human?: HumanRule | undefined;
  readonly escalate?: readonly EscalationRule[] | undefined;
  /** Whether a member may answer again, its new answer in place of the old one. Absent: false. */
  readonly revise?: boolean | undefined;
  readonly compensate?: Compensation | undefined;
  /** For `by: level` over {input, steps, member}; for `by: items` also {item, index}. */
  readonly input: Mapping | undefined;
  readonly deadlines: Deadlines;
  readonly retry: RetryRule;
}

export type ReducerRule =
  | { readonly op: "count" }
  | { readonly op: "sum" | "min" | "max" | "avg" | "first"; readonly value: string }
  | { readonly op: "countIf"; readonly where: string }
  | {
      readonly op: "collect";
      readonly value: string;
      readonly where: string | undefined;
      readonly limit: number;
    };

export interface AggregateRule {
  /** Sorted by name. CEL over {out, member, item}. */
  readonly into: readonly { readonly name: string; readonly reducer: ReducerRule }[];
  /** Longest time between two partials that a hub sends up while feedback arrives. */
  readonly emitEveryMs: number;
  /** Done as soon as replied / members reaches this ratio (0..1]; 1 waits for all. */
  readonly quorum: number;
  /** CEL over {agg}: done as soon as it is true. */
  readonly or: string | undefined;
  /** Below this ratio at the deadline `onShort` applies. */
  readonly minimum: number;
  readonly onShort: "fail" | "suspend" | "partial";
  /** Feedback after the end: kept beside the result, replaces in the aggregate, or is refused. */
  readonly late: "record" | "revise" | "reject";
  /** Time for the whole fan-out in ms. */
  readonly finishMs: number;
}

export type Step =
  | ServiceStep
  | HumanStep
  | FanoutStep
  | SubflowStep
  | TimerStep
  | GateStep
  | SignalStep;
