// Task results: tasks as a client sees them, read from the messages of the hub.

import type {
  CoHandling as ProtoCoHandling,
  TaskEvaluation as ProtoEvaluation,
  TaskPerson as ProtoPerson,
  TaskRequest as ProtoRequest,
  TaskSummary as ProtoSummary,
  Task as ProtoTask,
  TrailEntry as ProtoTrail,
} from "@cloudbrain/proto";
import {
  type JsonValue,
  MeshError,
  type TaskAsk,
  type TaskCandidates,
  type TaskCommand,
  type TaskLight,
  type TaskPerson,
  type TaskStateKind,
  type Title,
  taskAsks,
  taskLights,
  taskStates,
} from "../domain/index.ts";

/** Names a task as its author has seen it. */
export interface TaskVersion {
  /** Instruction and attempt, such as `01KAQ3ZC9W0X.bureau.1#1`. */
  readonly id: string;
  /** Grows with what a command has to know. */
  readonly version: number;
}

/** A task as a list shows it. Times are ms since 1970. */
export interface TaskInfo extends TaskVersion {
  readonly chain: string;
  readonly step: string;
  /** Id of the application. */
  readonly application: string;
  readonly title: Title;
  /** Address of the node that it is about. */
  readonly about: string;
  /** 0 to 100; higher is more urgent. */
  readonly priority: number;
  readonly state: TaskStateKind;
  readonly holder: TaskPerson | undefined;
  /** Who answers for it while the holder works on it. */
  readonly owner: TaskPerson | undefined;
  readonly openedAtMs: number;
  /** Of a task that hangs, its date; of an ended one, its end. */
  readonly dueMs: number;
  readonly light: TaskLight;
  readonly supervised: boolean;
  readonly reminders: number;
  /** What it waits for the caller to do. */
  readonly ask: TaskAsk | undefined;
}

/** Something that waits for its decision. */
export interface TaskRequestInfo {
  readonly by: TaskPerson | undefined;
  readonly atMs: number;
  readonly reason: string;
  /** Extra time of an extension, ms of the task's calendar; 0 for a hanging. */
  readonly extraMs: number;
  /** Until when it is to hang, ms since 1970; 0 for an extension. */
  readonly untilMs: number;
}

export interface CoHandlingInfo {
  /** Names it to commands. */
  readonly id: string;
  /** Who is asked; empty for a group. */
  readonly account: string;
  /** The group that is asked; empty for a person. */
  readonly group: string;
  /** The task can't be completed without the answer. */
  readonly required: boolean;
  /** asked, answered or dropped. */
  readonly state: string;
  readonly by: TaskPerson | undefined;
  readonly opinion: string;
}

/** Who, when, what and why. */
export interface TaskTrailEntry {
  readonly atMs: number;
  /** Undefined for the desk itself, by a deadline or an escalation. */
  readonly by: TaskPerson | undefined;
  readonly what: string;
  readonly why: string;
  /** Whom it moved to, or who was told. */
  readonly to: readonly string[];
  /** How people are to be told, such as sms; empty for as always. */
  readonly channels: readonly string[];
}

/** Everything about one task. */
export interface TaskDetailInfo extends TaskInfo {
  readonly input: JsonValue;
  /** JSON Schema of what completes it; undefined for any object. */
  readonly form: JsonValue | undefined;
  /** Commands that the caller may give now. */
  readonly may: readonly TaskCommand["kind"][];
  /** What the dispatch desk may decide: changeCandidates, insist, reject. */
  readonly decisions: readonly string[];
  readonly candidates: TaskCandidates;
  /** Why it is returning or has ended; empty otherwise. */
  readonly reason: string;
  /** What has completed it; null before. */
  readonly output: JsonValue;
  readonly extension: TaskRequestInfo | undefined;
  readonly extensionsGranted: number;
  readonly hanging: TaskRequestInfo | undefined;
  readonly coHandlings: readonly CoHandlingInfo[];
  /** Why supervisors follow it; empty when they do not. */
  readonly supervision: string;
  readonly evaluation:
    | {
        readonly by: TaskPerson | undefined;
        readonly atMs: number;
        /** 1 to 5; higher is better. */
        readonly score: number;
        readonly comment: string;
      }
    | undefined;
  /** Oldest first: the first 20 entries and the last 180. */
  readonly trail: readonly TaskTrailEntry[];
  /** Entries between them, which only the hub's journal has. */
  readonly trailDropped: number;
}

export interface TaskCounts {
  /** In the caller's own list. */
  readonly mine: number;
  /** To claim or to decide. */
  readonly offered: number;
  /** Of `mine`, with a red light. */
  readonly red: number;
  /** Of `mine`, with a yellow light. */
  readonly yellow: number;
}

/** News of the caller's lists. */
export interface TaskNews {
  readonly counts: TaskCounts;
  /** As they are now, 100 at most; one that has left the caller's lists may be missing. */
  readonly changed: readonly TaskInfo[];
  /** More have changed than are listed: read the lists again. */
  readonly more: boolean;
}

const decoder = new TextDecoder();

function readJson(bytes: Uint8Array): JsonValue | undefined {
  return bytes.length === 0 ? undefined : (JSON.parse(decoder.decode(bytes)) as JsonValue);
}

function readTime(time: Date | undefined): number {
  return time === undefined ? 0 : time.getTime();
}

export function readTaskInfo(task: ProtoSummary | undefined): TaskInfo {
  if (task === undefined) throw new MeshError("DEFECT", { detail: "an empty answer" });
  const { zh = "", en = "" } = task.title ?? {};
  return {
    id: task.id,
    version: task.version,
    chain: task.chain,
    step: task.step,
    application: task.application,
    title: en === "" ? { zh } : { zh, en },
    about: task.about,
    priority: task.priority,
    // What a newer hub says beyond our words is the most careful of them.
    state: taskStates[task.state - 1] ?? "hanging",
    holder: readPerson(task.holder),
    owner: readPerson(task.owner),
    openedAtMs: readTime(task.openTime),
    dueMs: readTime(task.dueTime),
    light: taskLights[task.light - 1] ?? "red",
    supervised: task.supervised,
    reminders: task.reminders,
    ask: taskAsks[task.ask - 1],
  };
}

export function readTaskDetail(task: ProtoTask | undefined): TaskDetailInfo {
  const { candidates, trail = [], coHandlings = [] } = task ?? {};
  const { users = [], groups = [], roles = [], departments = [] } = candidates ?? {};
  return {
    ...readTaskInfo(task?.summary),
    input: readJson(task?.input ?? new Uint8Array()) ?? null,
    form: readJson(task?.form ?? new Uint8Array()),
    may: (task?.may ?? []) as readonly TaskCommand["kind"][],
    decisions: task?.decisions ?? [],
    candidates: { users, groups, roles, departments },
    reason: task?.reason ?? "",
    output: readJson(task?.output ?? new Uint8Array()) ?? null,
    extension: readRequest(task?.extension),
    extensionsGranted: task?.extensionsGranted ?? 0,
    hanging: readRequest(task?.hanging),
    coHandlings: coHandlings.map(readCoHandling),
    supervision: task?.supervision ?? "",
    evaluation: readEvaluation(task?.evaluation),
    trail: trail.map(readTrailEntry),
    trailDropped: task?.trailDropped ?? 0,
  };
}

function readPerson(person: ProtoPerson | undefined): TaskPerson | undefined {
  if (person === undefined) return undefined;
  const { account, name, department } = person;
  return { account, name, department };
}

function readRequest(request: ProtoRequest | undefined): TaskRequestInfo | undefined {
  if (request === undefined) return undefined;
  const { by, time, reason, extraSeconds, untilTime } = request;
  return {
    by: readPerson(by),
    atMs: readTime(time),
    reason,
    extraMs: extraSeconds * 1_000,
    untilMs: readTime(untilTime),
  };
}

function readCoHandling(asked: ProtoCoHandling): CoHandlingInfo {
  const { id, account, group, required, state, by, opinion } = asked;
  return { id, account, group, required, state, by: readPerson(by), opinion };
}

function readEvaluation(evaluation: ProtoEvaluation | undefined): TaskDetailInfo["evaluation"] {
  if (evaluation === undefined) return undefined;
  const { by, time, score, comment } = evaluation;
  return { by: readPerson(by), atMs: readTime(time), score, comment };
}

function readTrailEntry({ time, by, what, why, to, channels }: ProtoTrail): TaskTrailEntry {
  return { atMs: readTime(time), by: readPerson(by), what, why, to, channels };
}
