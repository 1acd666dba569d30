// Task state: what a desk keeps of the tasks (待办) that people do here. Only apply-task*.ts write
// it; nested values are replaced, never changed, so that a row can share them.

import type {
  Address,
  JsonValue,
  TaskCandidates,
  TaskPerson,
  TaskSpec,
  TaskTarget,
} from "@cloudbrain/sdk/domain";

/** One holder at most, by construction. `owner`: who stays responsible while the holder works. */
export type TaskState =
  /** 待签收. */
  | { readonly kind: "offered" }
  /** 在办. */
  | { readonly kind: "claimed"; readonly holder: TaskPerson; readonly owner?: TaskPerson }
  /** 退回: the dispatch desk decides; `holder` had claimed it. */
  | {
      readonly kind: "returning";
      readonly by: TaskPerson;
      readonly reason: string;
      readonly holder?: TaskPerson;
    }
  /** 挂账: the clock stands still. */
  | {
      readonly kind: "hanging";
      readonly holder: TaskPerson;
      readonly owner?: TaskPerson;
      readonly untilMs: number;
      readonly left: TaskTimesLeft;
    }
  /** 办结. */
  | { readonly kind: "completed"; readonly by: TaskPerson; readonly output: JsonValue }
  | {
      readonly kind: "returned";
      readonly by: TaskPerson;
      readonly reason: string;
      readonly code: ReturnCode;
    }
  | { readonly kind: "cancelled"; readonly reason: string }
  | { readonly kind: "expired"; readonly reason: string };
export type OpenTaskState = Extract<
  TaskState,
  { kind: "offered" | "claimed" | "returning" | "hanging" }
>;

/** Why a task went back for good: nobody decides, the desk rejects it, or it came too often. */
export type ReturnCode = "RETURNED" | "REJECTED" | "RETURNS_EXCEEDED";

/** Absolute times by the journal clock; 0 means none. Decided once: a replay needs no calendar. */
export interface TaskTimes {
  readonly claimDueMs: number;
  readonly finishDueMs: number;
  /** When the light turns. */
  readonly yellowAtMs: number;
  readonly redAtMs: number;
  /** In the order of the escalations. */
  readonly escalateAtMs: readonly number[];
}

/** What is left of the times while they stand still, in the calendar of the task. -1 means none. */
export interface TaskTimesLeft {
  readonly claimMs: number;
  readonly finishMs: number;
  readonly yellowMs: number;
  readonly redMs: number;
  readonly escalateMs: readonly number[];
}

export interface TaskRequest {
  readonly by: TaskPerson;
  readonly atMs: number;
  readonly reason: string;
  /** Extra time of an extension, or the date until which the task hangs. */
  readonly ms: number;
}

export interface CoHandler {
  readonly id: string;
  readonly to: TaskTarget;
  readonly required: boolean;
  readonly state: "asked" | "answered" | "dropped";
  readonly by?: TaskPerson;
  readonly opinion: string;
}

/** Who, when, what and why. */
export interface TrailEntry {
  readonly atMs: number;
  /** Absent: the desk itself, by a deadline or an escalation. */
  readonly by?: TaskPerson;
  readonly what: string;
  readonly why: string;
  /** Whom it moved to, or who was told. */
  readonly to: readonly string[];
  /** How people are to be told, such as sms; empty: as always. */
  readonly channels: readonly string[];
}

export interface Task {
  /** The instruction and its attempt: `ID#1`. */
  readonly id: string;
  readonly instruction: string;
  readonly attempt: number;
  /** The hub whose instruction it is; ourselves when the chain runs here. */
  readonly origin: Address;
  readonly chain: string;
  readonly step: string;
  /** JSON text. */
  readonly input: string;
  readonly spec: TaskSpec;
  readonly openedAtMs: number;
  /** Grows with what a command has to know; reminders and opinions leave it. */
  version: number;
  state: TaskState;
  candidates: TaskCandidates;
  times: TaskTimes;
  /** When each escalation has happened; 0 before. */
  escalatedAtMs: readonly number[];
  /** The claim deadline has passed before anybody claimed it. */
  claimMissed: boolean;
  extension: TaskRequest | undefined;
  extensionsGranted: number;
  hanging: TaskRequest | undefined;
  coHandlers: readonly CoHandler[];
  reminders: number;
  supervision:
    | {
        readonly by?: TaskPerson;
        readonly atMs: number;
        readonly why: string;
        readonly groups: readonly string[];
      }
    | undefined;
  /** How often it went to the dispatch desk. */
  visits: number;
  /** Who has returned it and is not asked again, unless the dispatch desk insists. */
  returners: readonly string[];
  /** Answers sent so far, of a task that may revise. */
  revision: number;
  evaluation:
    | {
        readonly by: TaskPerson;
        readonly atMs: number;
        readonly score: number;
        readonly comment: string;
      }
    | undefined;
  /** Ids of the commands that were taken, with who gave them. */
  readonly commands: Map<string, TakenCommand>;
  trail: readonly TrailEntry[];
  /** Entries of the trail that are left to the journal. */
  trailDropped: number;
  /** Everybody who has acted on it, for the history of each. */
  participants: readonly string[];
  endedAtMs: number;
  /** In the archive by now: gone from memory with the next checkpoint. */
  archived: boolean;
}

export interface TakenCommand {
  readonly kind: string;
  readonly account: string;
  readonly version: number;
}

export function taskId(instruction: string, attempt: number): string {
  return `${instruction}#${attempt}`;
}

export function isOpen(task: Task): boolean {
  return task.endedAtMs === 0;
}

export function holderOf(task: Task): TaskPerson | undefined {
  return task.state.kind === "claimed" || task.state.kind === "hanging"
    ? task.state.holder
    : undefined;
}

/** Who answers for the task: its owner while another works on it, else its holder. */
export function responsibleFor(task: Task): TaskPerson | undefined {
  return task.state.kind === "claimed" || task.state.kind === "hanging"
    ? (task.state.owner ?? task.state.holder)
    : undefined;
}
