// Task: what a person is asked to do (待办), as it travels to the desk that holds it, and what people
// may tell that desk. The desk is the matched node when that is a hub, else the hub above it.
//
//   T1  A task has one holder at most. Every command names the version that its author has seen.
//   T2  A command carries an id made by its author: repeated, it changes nothing and is answered
//       as the first time.
//   T3  Names of groups and accounts are texts to the kernel; who somebody is, the API has checked.

import type { Address } from "./address.ts";
import type { EscalationRule, ReturnRule, TaskAction } from "./application.ts";
import type { JsonValue, Title } from "./value.ts";

/** Who may take a task: these people, members of these groups, or holders of these roles. */
export interface TaskCandidates {
  readonly users: readonly string[];
  /** Such as `bureau:housing`. */
  readonly groups: readonly string[];
  /** Such as `clerk`: whose area covers the node that the task is about. */
  readonly roles: readonly string[];
  /** Narrow the roles; without roles, everybody of these departments. */
  readonly departments: readonly string[];
}

/** The people of a task, resolved from the mappings of a `HumanRule` where the step starts. */
export interface TaskPeople {
  readonly candidates: TaskCandidates;
  /** Groups of the dispatch desk; empty where the rule has no `onReturn`. */
  readonly dispatchers: readonly string[];
  /** Groups that decide the first extension, as the rule names them. */
  readonly deciders: readonly string[];
  /** Groups of each escalation, in the order of the rule. */
  readonly escalateTo: readonly (readonly string[])[];
}

/** What worklists show of the chain that a task belongs to. */
export interface TaskHeading {
  readonly application: string;
  readonly title: Title;
  /** 0 to 100; higher is more urgent. */
  readonly priority: number;
}

export interface TaskEscalation extends Omit<EscalationRule, "to"> {
  readonly to: readonly string[];
}

/** A task as it travels in an instruction. Times are durations: the desk's clock runs them. */
export interface TaskSpec extends TaskHeading {
  /** The matched node: whom the task is about. */
  readonly about: Address;
  readonly candidates: TaskCandidates;
  /** Sorted as in `taskActions`. */
  readonly actions: readonly TaskAction[];
  /** JSON Schema of what completes the task; absent: any object. */
  readonly form?: JsonValue;
  /** Absent: a returned task is the outcome `returned` of the instruction. */
  readonly onReturn?: Pick<ReturnRule, "may" | "visitsMax"> & { readonly to: readonly string[] };
  readonly extension: {
    readonly max: number;
    readonly longestMs: number;
    readonly decidedBy: readonly string[];
  };
  readonly deadlines: {
    /** 0 means none. */
    readonly claimMs: number;
    /** 0 means none. */
    readonly finishMs: number;
    /** Empty: elapsed time. */
    readonly calendar: string;
  };
  readonly escalations: readonly TaskEscalation[];
  /** A member that may answer again: `report` sends feedback and the task stays open. */
  readonly revise: boolean;
}

/** Who acts, as the API knows them from the signed-in user. */
export interface TaskActor {
  readonly account: string;
  readonly name: string;
  readonly department: string;
  /** An address or the beginning of a division code that the actor is in charge of; empty: all. */
  readonly area: string;
  readonly groups: readonly string[];
  readonly roles: readonly string[];
}

/** A person as tasks and their trails keep them. */
export interface TaskPerson {
  readonly account: string;
  readonly name: string;
  readonly department: string;
}

export type TaskTarget =
  | ({ readonly kind: "user" } & TaskPerson)
  | { readonly kind: "group"; readonly group: string };

export type TaskCommand =
  /** 签收. */
  | { readonly kind: "claim" }
  | { readonly kind: "unclaim"; readonly reason: string }
  /** 办结. */
  | { readonly kind: "complete"; readonly output: JsonValue }
  /** Feedback of a member that may revise; the task stays with its holder. */
  | { readonly kind: "report"; readonly output: JsonValue }
  /** 退回: to the dispatch desk, else out of the task. */
  | { readonly kind: "return"; readonly reason: string }
  | {
      readonly kind: "decideReturn";
      readonly decision:
        | { readonly kind: "changeCandidates"; readonly candidates: TaskCandidates }
        | { readonly kind: "insist" }
        | { readonly kind: "reject" };
      readonly reason: string;
    }
  /** 转办: the responsibility moves. */
  | { readonly kind: "transfer"; readonly to: TaskTarget; readonly reason: string }
  /** 委办: the work moves, the responsibility stays. */
  | { readonly kind: "delegate"; readonly to: TaskPerson; readonly reason: string }
  | { readonly kind: "resolve"; readonly reason: string }
  /** 延期. */
  | { readonly kind: "requestExtension"; readonly extraMs: number; readonly reason: string }
  | { readonly kind: "decideExtension"; readonly grant: boolean; readonly reason: string }
  /** 会办/协办. */
  | {
      readonly kind: "askCoHandler";
      readonly to: TaskTarget;
      readonly required: boolean;
      readonly reason: string;
    }
  | { readonly kind: "answerCoHandling"; readonly entry: string; readonly opinion: string }
  | { readonly kind: "dropCoHandler"; readonly entry: string; readonly reason: string }
  /** 挂账: the clock stops until a date, once it is approved. */
  | { readonly kind: "requestHanging"; readonly untilMs: number; readonly reason: string }
  | { readonly kind: "decideHanging"; readonly grant: boolean; readonly reason: string }
  | { readonly kind: "resume"; readonly reason: string }
  /** 催办. */
  | { readonly kind: "remind"; readonly reason: string }
  /** 督办. */
  | { readonly kind: "supervise"; readonly reason: string }
  /** 回访评价, of a completed task, once. */
  | { readonly kind: "evaluate"; readonly score: number; readonly comment: string };

/** This group decides what goes a level up, reassigns tasks, supervises and sees all of a hub. */
export const supervisorsGroup = "hub:supervisors";

/** Where a task stands; in the order of the wire, as are the lists below. */
export const taskStates = [
  "offered",
  "claimed",
  "returning",
  "hanging",
  "completed",
  "returned",
  "cancelled",
  "expired",
] as const;
export type TaskStateKind = (typeof taskStates)[number];

/** `history`: what the actor has acted on, ended or not. `all` is for supervisors. */
export const taskFilters = ["mine", "offered", "department", "all", "history"] as const;
export type TaskFilter = (typeof taskFilters)[number];

export const taskOrders = ["due", "priority", "newest"] as const;
export type TaskOrder = (typeof taskOrders)[number];

/** What a task asks of somebody; `watch`: they answer for it while another works on it. */
export const taskAsks = [
  "claim",
  "work",
  "watch",
  "decideReturn",
  "decideExtension",
  "decideHanging",
  "coHandle",
] as const;
export type TaskAsk = (typeof taskAsks)[number];

/** How urgent the time that is left makes a task: red when it is nearly over or was missed. */
export const taskLights = ["red", "yellow", "green"] as const;
export type TaskLight = (typeof taskLights)[number];
