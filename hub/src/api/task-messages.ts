// Tasks as messages of cloudbrain.v1.

import { type TaskSummary as ProtoSummary, Task as ProtoTask } from "@cloudbrain/proto";
import {
  type JsonValue,
  MeshError,
  type TaskCommand,
  type TaskPerson,
  taskAsks,
  taskFilters,
  taskLights,
  taskOrders,
  taskStates,
} from "@cloudbrain/sdk/domain";
import type { Task, TaskDetail, TaskRequest, TaskSummary } from "../kernel/index.ts";

/** Reads a number of the wire; refuses with INPUT_INVALID one that this version does not know. */
function readWord<Word extends string>(
  field: string,
  words: readonly Word[],
  number: number,
): Word | undefined {
  const word = words[number - 1];
  if (number === 0 || word !== undefined) return word;
  throw new MeshError("INPUT_INVALID", { subject: field, detail: `${number} is not known` });
}

/** Undefined for "any". */
export const parseTaskState = (number: number) => readWord("state", taskStates, number);
export const parseTaskLight = (number: number) => readWord("light", taskLights, number);
export const parseTaskFilter = (number: number) => readWord("filter", taskFilters, number);
export const parseTaskOrder = (number: number) => readWord("order", taskOrders, number);

export function protoSummary(task: TaskSummary): ProtoSummary {
  const { zh, en = "" } = task.title;
  return {
    id: task.id,
    chain: task.chain,
    step: task.step,
    application: task.application,
    title: { zh, en },
    about: task.about,
    priority: Math.round(task.priority),
    state: taskStates.indexOf(task.state) + 1,
    version: task.version,
    ...(task.holder === undefined ? {} : { holder: protoPerson(task.holder) }),
    ...(task.owner === undefined ? {} : { owner: protoPerson(task.owner) }),
    openTime: new Date(task.openedAtMs),
    dueTime: new Date(task.dueMs),
    light: taskLights.indexOf(task.light) + 1,
    supervised: task.supervised,
    reminders: task.reminders,
    ask: task.ask === undefined ? 0 : taskAsks.indexOf(task.ask) + 1,
  };
}

export interface TaskView {
  readonly detail: TaskDetail;
  /** Kinds of commands that the caller may give now. */
  readonly may: readonly TaskCommand["kind"][];
  /** What a dispatch desk may decide. */
  readonly decisions: readonly string[];
}

export function protoTask({ detail, may, decisions }: TaskView): ProtoTask {
  const { candidates, current, evaluation, form } = detail;
  return ProtoTask.fromPartial({
    summary: protoSummary(detail),
    input: jsonBytes(detail.input),
    ...(form === undefined ? {} : { form: jsonBytes(form) }),
    may: [...may],
    decisions: [...decisions],
    candidates: {
      users: [...candidates.users],
      groups: [...candidates.groups],
      roles: [...candidates.roles],
      departments: [...candidates.departments],
    },
    reason: "reason" in current ? current.reason : "",
    ...(current.kind === "completed" ? { output: jsonBytes(current.output) } : {}),
    extension: protoRequest(detail.extension, "extraSeconds"),
    extensionsGranted: detail.extensionsGranted,
    hanging: protoRequest(detail.hanging, "untilTime"),
    coHandlings: detail.coHandlers.map(protoCoHandling),
    supervision: detail.supervision?.why ?? "",
    evaluation:
      evaluation === undefined
        ? undefined
        : { ...evaluation, by: protoPerson(evaluation.by), time: new Date(evaluation.atMs) },
    trail: detail.trail.map(({ atMs, by, what, why, to, channels }) => ({
      time: new Date(atMs),
      by: by === undefined ? undefined : protoPerson(by),
      what,
      why,
      to: [...to],
      channels: [...channels],
    })),
    trailDropped: detail.trailDropped,
  });
}

/** What is asked for is a length of time or a date. */
function protoRequest(request: TaskRequest | undefined, kind: "extraSeconds" | "untilTime") {
  if (request === undefined) return undefined;
  const { by, atMs, reason, ms } = request;
  const asked = kind === "untilTime" ? { untilTime: new Date(ms) } : { extraSeconds: ms / 1_000 };
  return { by: protoPerson(by), time: new Date(atMs), reason, ...asked };
}

function protoCoHandling({ id, to, required, state, by, opinion }: Task["coHandlers"][number]) {
  return {
    id,
    account: to.kind === "user" ? to.account : "",
    group: to.kind === "group" ? to.group : "",
    required,
    state,
    by: by === undefined ? undefined : protoPerson(by),
    opinion,
  };
}

function protoPerson({ account, name, department }: TaskPerson) {
  return { account, name, department };
}

function jsonBytes(value: JsonValue): Buffer {
  return Buffer.from(JSON.stringify(value));
}
