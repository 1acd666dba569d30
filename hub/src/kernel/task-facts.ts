// Task facts: what a desk has decided about the tasks it holds, as the journal keeps it.

import type {
  Address,
  JsonValue,
  TaskCandidates,
  TaskPerson,
  TaskSpec,
  TaskTarget,
} from "@cloudbrain/sdk/domain";
import type { ReturnCode, TaskTimes, TaskTimesLeft } from "./task-state.ts";

/** One transition of a task. */
export type TaskChange =
  | { readonly kind: "claimed" }
  | { readonly kind: "unclaimed" }
  | { readonly kind: "reported"; readonly output: JsonValue }
  | { readonly kind: "completed"; readonly output: JsonValue }
  /** Waits for the dispatch desk. */
  | { readonly kind: "returning" }
  | { readonly kind: "returned"; readonly code: ReturnCode }
  | {
      readonly kind: "redirected";
      readonly candidates: TaskCandidates;
      readonly claimDueMs: number;
    }
  | { readonly kind: "insisted" }
  /** `claimDueMs`: of the group that it goes to; it is offered anew there. */
  | { readonly kind: "transferred"; readonly to: TaskTarget; readonly claimDueMs: number }
  | { readonly kind: "delegated"; readonly to: TaskPerson }
  | { readonly kind: "resolved" }
  | { readonly kind: "extensionRequested"; readonly extraMs: number }
  | { readonly kind: "extensionGranted"; readonly times: TaskTimes; readonly dueInMs: number }
  | { readonly kind: "extensionRefused" }
  | { readonly kind: "coHandlerAsked"; readonly to: TaskTarget; readonly required: boolean }
  | { readonly kind: "coHandlerAnswered"; readonly entry: string; readonly opinion: string }
  | { readonly kind: "coHandlerDropped"; readonly entry: string }
  | { readonly kind: "hangingRequested"; readonly untilMs: number }
  | {
      readonly kind: "hung";
      readonly untilMs: number;
      readonly left: TaskTimesLeft;
      readonly dueInMs: number;
    }
  | { readonly kind: "hangingRefused" }
  | { readonly kind: "resumed"; readonly times: TaskTimes; readonly dueInMs: number }
  | { readonly kind: "reminded" }
  | { readonly kind: "supervised" }
  | { readonly kind: "evaluated"; readonly score: number; readonly comment: string }
  /** An escalation of the definition, by its place. */
  | { readonly kind: "escalated"; readonly index: number }
  | { readonly kind: "claimMissed" }
  | { readonly kind: "expired" }
  | { readonly kind: "cancelled" };

export interface TaskOpenedFact {
  readonly t: "taskOpened";
  readonly instruction: string;
  readonly attempt: number;
  readonly origin: Address;
  readonly chain: string;
  readonly step: string;
  readonly input: string;
  readonly spec: TaskSpec;
  readonly times: TaskTimes;
  /** When the origin hears of it at the latest, in ms; 0: as it assumes. */
  readonly dueInMs: number;
}

export interface TaskChangedFact {
  readonly t: "taskChanged";
  readonly task: string;
  readonly change: TaskChange;
  readonly why: string;
  /** Absent: the desk itself. */
  readonly by?: TaskPerson;
  /** Absent: no command. */
  readonly command?: { readonly id: string; readonly kind: string };
}

export type TaskFact =
  | TaskOpenedFact
  | TaskChangedFact
  /** The desk can't hold the task; its origin hears why. */
  | {
      readonly t: "taskRefused";
      readonly instruction: string;
      readonly attempt: number;
      readonly origin: Address;
      readonly code: "CALENDAR_UNKNOWN" | "DESK_FULL";
      readonly why: string;
    }
  | { readonly t: "taskArchived"; readonly task: string };
