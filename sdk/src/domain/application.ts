// Application: a published business scenario (应用), as the kernel runs it. The YAML text that people
// write is parsed and checked by sdk/src/definition; what stands here has passed that gate.
//
//   P1  Every wait can end: a fan-out has a finish deadline or a total one, or all members do.
//   P2  Expressions are CEL source texts; the kernel evaluates them through a pure function that is
//       handed to it and never interprets them itself.
//   P3  A chain keeps the version (id, version, hash) it started with until it ends.

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
  /** CEL text over {input, request}: the idempotency key when the caller gives none. */
  readonly keyExpression: string | undefined;
  readonly keyKeepMs: number;
  readonly onFailure: "fail" | "suspend";
  readonly steps: readonly Step[];
  readonly output: Mapping | undefined;
}

export type Need = { readonly step: string; readonly on: "done" | "failed" };

export interface Deadlines {
  /** Offered until accepted by an agent. */
  readonly startMs: number | undefined;
  /** Accepted until answered, one attempt. */
  readonly finishMs: number | undefined;
  /** Longest silence of an agent that works. */
  readonly heartbeatMs: number | undefined;
  /** All attempts together. */
  readonly totalMs: number | undefined;
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
  readonly pick: "one" | "leastLoaded" | "nearest";
}

interface StepCommon {
  readonly id: string;
  readonly title: Title | undefined;
  readonly needs: readonly Need[];
  /** CEL to a boolean; false means SKIPPED, which satisfies needs. */
  readonly when: string | undefined;
  readonly onError: Mapping | undefined;
}

export interface ServiceStep extends StepCommon {
  readonly type: "service";
  readonly match: Match;
  readonly input: Mapping | undefined;
  readonly deadlines: Deadlines;
  readonly retry: RetryRule;
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
    };

/** What each member is asked to do. Travels to the hubs below as it is. */
export interface FanoutEach {
  readonly match: Match;
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
  /** What feedback after the end does: kept beside the result. */
  readonly late: "record";
  /** Time for the whole fan-out in ms. */
  readonly finishMs: number;
}

export type Step = ServiceStep | FanoutStep;
