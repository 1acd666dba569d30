// Tasks: the worklists of whoever is signed in, and what they tell a task, over the connection of a
// client.
//
//   J1  A command has one id, whatever happens to its answer: it is repeated while the hub is away,
//       within its time, and taken once.
//   J2  A watch goes on over broken connections until the hub has been gone too long.

import { randomUUID } from "node:crypto";
import type { ActOnTaskRequest, TaskServiceClient } from "@cloudbrain/proto";
import {
  type JsonValue,
  limits,
  MeshError,
  taskFilters,
  taskLights,
  taskOrders,
  taskStates,
} from "../domain/index.ts";
import { type CallBounds, type CallHost, callStream, callUnary } from "./calls.ts";
import type {
  ReturnDecision,
  TaskCalls,
  TaskCommandOptions,
  TaskQuery,
  TaskReasonOptions,
  TaskReceipt,
  TaskReceiver,
  TaskWatchOptions,
} from "./task-calls.ts";
import {
  readTaskDetail,
  readTaskInfo,
  type TaskCounts,
  type TaskInfo,
  type TaskNews,
  type TaskVersion,
} from "./task-results.ts";
import { isSilence, isTransient, patienceMsDefault, pause } from "./watching.ts";

const encoder = new TextEncoder();
const retryMsMin = 100;
const retryMsMax = 1_000;

export function createTaskCalls(host: CallHost, tasks: TaskServiceClient): TaskCalls {
  return { ...createReading(host, tasks), ...createWork(host, tasks), ...createDesk(host, tasks) };
}

type ReadingCall = "list" | "count" | "get" | "watch";
type WorkCall =
  | "claim"
  | "unclaim"
  | "complete"
  | "report"
  | "returnTask"
  | "transfer"
  | "delegate"
  | "resolve"
  | "requestExtension"
  | "requestHanging"
  | "resume";

function createReading(host: CallHost, tasks: TaskServiceClient): Pick<TaskCalls, ReadingCall> {
  return {
    list: (query = {}, bounds = {}) => listTasks(host, tasks, query, bounds),
    async count(bounds = {}) {
      const { counts } = await callUnary(host, tasks.countTasks.bind(tasks), {}, bounds);
      return readCounts(counts);
    },
    async get(task, bounds = {}) {
      const answer = await callUnary(host, tasks.getTask.bind(tasks), { task }, bounds);
      return readTaskDetail(answer.task);
    },
    watch: (options = {}) => watchTasks(host, tasks, options),
  };
}

function createWork(host: CallHost, tasks: TaskServiceClient): Pick<TaskCalls, WorkCall> {
  const act: Act = (task, command, options) => actOnTask(host, tasks, task, command, options);
  return {
    claim: (task, options) => act(task, { $case: "claim", value: {} }, options),
    unclaim: (task, options) => act(task, { $case: "unclaim", value: reasonOf(options) }, options),
    complete: (task, form, options) =>
      act(task, { $case: "complete", value: { output: encodeJson(form) } }, options),
    report: (task, form, options) =>
      act(task, { $case: "report", value: { output: encodeJson(form) } }, options),
    returnTask: (task, reason, options) =>
      act(task, { $case: "return", value: { reason } }, options),
    transfer: (task, to, reason, options) =>
      act(task, { $case: "transfer", value: { to: receiver(to), reason } }, options),
    delegate: (task, account, reason, options) =>
      act(task, { $case: "delegate", value: { account, reason } }, options),
    resolve: (task, options) => act(task, { $case: "resolve", value: reasonOf(options) }, options),
    requestExtension: (task, extraMs, reason, options) => {
      const extraSeconds = wholeSeconds(extraMs);
      return act(task, { $case: "requestExtension", value: { extraSeconds, reason } }, options);
    },
    requestHanging: (task, untilMs, reason, options) => {
      const untilTime = new Date(untilMs);
      if (Number.isNaN(untilTime.getTime())) {
        const detail = `${untilMs} is no time in ms since 1970`;
        return Promise.reject(new MeshError("INPUT_INVALID", { subject: "untilMs", detail }));
      }
      return act(task, { $case: "requestHanging", value: { untilTime, reason } }, options);
    },
    resume: (task, options) => act(task, { $case: "resume", value: reasonOf(options) }, options),
  };
}

type DeskCall = Exclude<keyof TaskCalls, ReadingCall | WorkCall>;

function createDesk(host: CallHost, tasks: TaskServiceClient): Pick<TaskCalls, DeskCall> {
  const act: Act = (task, command, options) => actOnTask(host, tasks, task, command, options);
  return {
    decideReturn: (task, decision, reason, options) =>
      act(
        task,
        { $case: "decideReturn", value: { decision: returnDecision(decision), reason } },
        options,
      ),
    decideExtension: (task, grant, reason, options) =>
      act(task, { $case: "decideExtension", value: { grant, reason } }, options),
    decideHanging: (task, grant, reason, options) =>
      act(task, { $case: "decideHanging", value: { grant, reason } }, options),
    askCoHandler: (task, to, reason, options = {}) => {
      const value = { to: receiver(to), required: options.required === true, reason };
      return act(task, { $case: "askCoHandler", value }, options);
    },
    answerCoHandling: (task, coHandling, opinion, options) =>
      act(task, { $case: "answerCoHandling", value: { coHandling, opinion } }, options),
    dropCoHandler: (task, coHandling, reason, options) =>
      act(task, { $case: "dropCoHandler", value: { coHandling, reason } }, options),
    remind: (task, options) => act(task, { $case: "remind", value: reasonOf(options) }, options),
    supervise: (task, reason, options) =>
      act(task, { $case: "supervise", value: { reason } }, options),
    evaluate: (task, score, comment, options) => {
      if (!Number.isInteger(score) || score < 1 || score > 5) {
        const detail = "a score is a whole number from 1 to 5";
        return Promise.reject(new MeshError("INPUT_INVALID", { subject: "score", detail }));
      }
      return act(task, { $case: "evaluate", value: { score, comment } }, options);
    },
  };
}

async function* listTasks(
  host: CallHost,
  tasks: TaskServiceClient,
  query: TaskQuery,
  bounds: CallBounds,
): AsyncGenerator<TaskInfo> {
  const method = tasks.listTasks.bind(tasks);
  const { application = "", text = "", limit = Number.POSITIVE_INFINITY } = query;
  const wanted = {
    filter: numberOf(taskFilters, query.filter),
    state: numberOf(taskStates, query.state),
    light: numberOf(taskLights, query.light),
    order: numberOf(taskOrders, query.order),
    application,
    text,
  };
  let pageToken = "";
  let left = limit;
  do {
    const pageSize = Math.min(left, limits.worklistPageMax);
    const page = await callUnary(host, method, { ...wanted, pageSize, pageToken }, bounds);
    for (const task of page.tasks) yield readTaskInfo(task);
    left -= page.tasks.length;
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && left > 0);
}

/** J2. */
async function* watchTasks(
  host: CallHost,
  tasks: TaskServiceClient,
  { signal, patienceMs = patienceMsDefault }: TaskWatchOptions,
): AsyncGenerator<TaskNews> {
  let lostAtMs: number | undefined;
  let isKnown = false;
  let retryMs = retryMsMin;
  for (;;) {
    const leftMs = lostAtMs === undefined ? patienceMs : lostAtMs + patienceMs - performance.now();
    if (leftMs <= 0) {
      const detail = `the hub has been gone for ${Math.round(patienceMs / 1_000)} s`;
      throw new MeshError("UNREACHABLE", { subject: host.hub, detail });
    }
    try {
      const firstMs = isKnown ? Math.min(host.timeoutMs, leftMs) : host.timeoutMs;
      const method = tasks.watchTasks.bind(tasks);
      for await (const news of callStream(host, method, {}, { signal, firstMs })) {
        isKnown = true;
        lostAtMs = undefined;
        retryMs = retryMsMin;
        const { changed, more } = news;
        yield { counts: readCounts(news.counts), changed: changed.map(readTaskInfo), more };
      }
    } catch (error) {
      if (!isKnown || !(isTransient(error) || isSilence(error, signal))) throw error;
    }
    lostAtMs ??= performance.now();
    await pause(retryMs * (0.5 + Math.random() / 2), signal);
    retryMs = Math.min(retryMs * 2, retryMsMax);
  }
}

type Command = NonNullable<ActOnTaskRequest["command"]>;
type Act = (
  task: TaskVersion,
  command: Command,
  options?: TaskCommandOptions,
) => Promise<TaskReceipt>;

/** J1. */
async function actOnTask(
  host: CallHost,
  tasks: TaskServiceClient,
  { id, version: expectedVersion }: TaskVersion,
  command: Command,
  options: TaskCommandOptions = {},
): Promise<TaskReceipt> {
  const { signal, commandId = randomUUID() } = options;
  const request = { task: id, commandId, expectedVersion, command };
  const method = tasks.actOnTask.bind(tasks);
  const untilMs = performance.now() + (options.timeoutMs ?? host.timeoutMs);
  for (let retryMs = retryMsMin; ; retryMs = Math.min(retryMs * 2, retryMsMax)) {
    const timeoutMs = Math.max(1, Math.ceil(untilMs - performance.now()));
    try {
      const { version, existed } = await callUnary(host, method, request, { signal, timeoutMs });
      return { id, version, existed };
    } catch (error) {
      if (!isTransient(error) || performance.now() + retryMs >= untilMs) throw error;
      await pause(retryMs, signal);
    }
  }
}

function reasonOf(options: TaskReasonOptions = {}): { reason: string } {
  return { reason: options.reason ?? "" };
}

function receiver(to: TaskReceiver) {
  return "account" in to
    ? { target: { $case: "account" as const, value: to.account } }
    : { target: { $case: "group" as const, value: to.group } };
}

function returnDecision(decision: ReturnDecision) {
  if (decision.kind !== "changeCandidates") return { $case: decision.kind, value: {} };
  const { users = [], groups = [], roles = [], departments = [] } = decision.candidates;
  const value = {
    users: [...users],
    groups: [...groups],
    roles: [...roles],
    departments: [...departments],
  };
  return { $case: decision.kind, value };
}

/** At least one of what is asked for: the hub refuses 0 with the length that it allows. */
function wholeSeconds(ms: number): number {
  return Number.isFinite(ms) && ms > 0 ? Math.min(Math.ceil(ms / 1_000), 0xffffffff) : 0;
}

function numberOf(words: readonly string[], word: string | undefined): number {
  return word === undefined ? 0 : words.indexOf(word) + 1;
}

function encodeJson(value: JsonValue): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

function readCounts(counts: TaskCounts | undefined): TaskCounts {
  const { mine = 0, offered = 0, red = 0, yellow = 0 } = counts ?? {};
  return { mine, offered, red, yellow };
}
