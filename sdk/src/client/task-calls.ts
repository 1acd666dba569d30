// Task calls: what a client offers to people who work on tasks.

import type {
  JsonValue,
  TaskCandidates,
  TaskFilter,
  TaskLight,
  TaskOrder,
  TaskStateKind,
} from "../domain/index.ts";
import type { CallBounds } from "./calls.ts";
import type {
  TaskCounts,
  TaskDetailInfo,
  TaskInfo,
  TaskNews,
  TaskVersion,
} from "./task-results.ts";

/** Everything that is given has to hold. */
export interface TaskQuery {
  /** `mine` by default; `all` is for supervisors and the operator. */
  readonly filter?: TaskFilter | undefined;
  readonly state?: TaskStateKind | undefined;
  readonly light?: TaskLight | undefined;
  /** Id of an application. */
  readonly application?: string | undefined;
  /** Part of the title, of the id or of the node's address; at most 200 characters. */
  readonly text?: string | undefined;
  /** `due` by default. */
  readonly order?: TaskOrder | undefined;
  /** At most so many, 1 or more; all by default. */
  readonly limit?: number | undefined;
}

export interface TaskCommandOptions extends CallBounds {
  /**
   * Made for each command by default. Who keeps its own, 1 to 200 characters, may repeat the
   * command after any error, in another process too.
   */
  readonly commandId?: string | undefined;
}

export interface TaskReasonOptions extends TaskCommandOptions {
  /** For people, at most 2,000 characters. */
  readonly reason?: string | undefined;
}

/** The command is durable; for the next command. */
export interface TaskReceipt extends TaskVersion {
  /** The command had been taken before. */
  readonly existed: boolean;
}

export interface TaskWatchOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long the hub may be gone, once it has answered; 60 s by default. */
  readonly patienceMs?: number | undefined;
}

/** A user of the hub, or a group with at least one member. */
export type TaskReceiver = { readonly account: string } | { readonly group: string };

export type ReturnDecision =
  /** Others are asked in place of the candidates so far. */
  | { readonly kind: "changeCandidates"; readonly candidates: Partial<TaskCandidates> }
  /** Back to who has returned it. */
  | { readonly kind: "insist" }
  /** Out of the task, for good. */
  | { readonly kind: "reject" };

/**
 * For a client that a user has signed in; the operator of the hub acts as a supervisor. Commands
 * name the task as it was seen (what `list`, `get` and commands give fits) and refuse with
 * TASK_UNKNOWN, NOT_ALLOWED, TASK_TAKEN (another holds it), TASK_CHANGED (it is at another
 * version), TASK_STATE, and INPUT_INVALID. `facts` of TASK_TAKEN, TASK_CHANGED and TASK_STATE are
 * `version`, `state` and, where somebody holds it, `holder`, `holderName` and `holderDepartment`.
 * Reasons are needed where they are no option.
 */
export interface TaskCalls {
  /** Pages are fetched as the loop goes on, each within the deadline. */
  list(query?: TaskQuery, bounds?: CallBounds): AsyncIterable<TaskInfo>;
  count(bounds?: CallBounds): Promise<TaskCounts>;
  get(id: string, bounds?: CallBounds): Promise<TaskDetailInfo>;
  /** The counts at once, and again with every news, once a second at most. */
  watch(options?: TaskWatchOptions): AsyncIterable<TaskNews>;
  /** 签收. */
  claim(task: TaskVersion, options?: TaskCommandOptions): Promise<TaskReceipt>;
  unclaim(task: TaskVersion, options?: TaskReasonOptions): Promise<TaskReceipt>;
  /** 办结. FORM_INVALID with every wrong field, PAYLOAD_TOO_LARGE. */
  complete(task: TaskVersion, form: JsonValue, options?: TaskCommandOptions): Promise<TaskReceipt>;
  /** Feedback of a task that may revise; it stays with its holder. As `complete`. */
  report(task: TaskVersion, form: JsonValue, options?: TaskCommandOptions): Promise<TaskReceipt>;
  /** 退回: to the dispatch desk where there is one. */
  returnTask(task: TaskVersion, reason: string, options?: TaskCommandOptions): Promise<TaskReceipt>;
  /** For the dispatch desk. USER_UNKNOWN. */
  decideReturn(
    task: TaskVersion,
    decision: ReturnDecision,
    reason: string,
    options?: TaskCommandOptions,
  ): Promise<TaskReceipt>;
  /** 转办: the responsibility moves. USER_UNKNOWN. */
  transfer(
    task: TaskVersion,
    to: TaskReceiver,
    reason: string,
    options?: TaskCommandOptions,
  ): Promise<TaskReceipt>;
  /** 委办: the work moves, the responsibility stays. USER_UNKNOWN. */
  delegate(
    task: TaskVersion,
    account: string,
    reason: string,
    options?: TaskCommandOptions,
  ): Promise<TaskReceipt>;
  /** 交回: ends a delegation, from either side. */
  resolve(task: TaskVersion, options?: TaskReasonOptions): Promise<TaskReceipt>;
  /** 延期, ms of the task's calendar, whole seconds. */
  requestExtension(
    task: TaskVersion,
    extraMs: number,
    reason: string,
    options?: TaskCommandOptions,
  ): Promise<TaskReceipt>;
  decideExtension(
    task: TaskVersion,
    grant: boolean,
    reason: string,
    options?: TaskCommandOptions,
  ): Promise<TaskReceipt>;
  /** 会办/协办; with `required` the task waits for the answer. USER_UNKNOWN, QUOTA_EXCEEDED. */
  askCoHandler(
    task: TaskVersion,
    to: TaskReceiver,
    reason: string,
    options?: TaskCommandOptions & { readonly required?: boolean | undefined },
  ): Promise<TaskReceipt>;
  answerCoHandling(
    task: TaskVersion,
    coHandling: string,
    opinion: string,
    options?: TaskCommandOptions,
  ): Promise<TaskReceipt>;
  dropCoHandler(
    task: TaskVersion,
    coHandling: string,
    reason: string,
    options?: TaskCommandOptions,
  ): Promise<TaskReceipt>;
  /** 挂账: until a time, ms since 1970, within the next 400 days. */
  requestHanging(
    task: TaskVersion,
    untilMs: number,
    reason: string,
    options?: TaskCommandOptions,
  ): Promise<TaskReceipt>;
  decideHanging(
    task: TaskVersion,
    grant: boolean,
    reason: string,
    options?: TaskCommandOptions,
  ): Promise<TaskReceipt>;
  resume(task: TaskVersion, options?: TaskReasonOptions): Promise<TaskReceipt>;
  /** 催办. */
  remind(task: TaskVersion, options?: TaskReasonOptions): Promise<TaskReceipt>;
  /** 督办. */
  supervise(task: TaskVersion, reason: string, options?: TaskCommandOptions): Promise<TaskReceipt>;
  /** 回访评价, of a completed task, once: 1 to 5, higher is better. */
  evaluate(
    task: TaskVersion,
    score: number,
    comment: string,
    options?: TaskCommandOptions,
  ): Promise<TaskReceipt>;
}
