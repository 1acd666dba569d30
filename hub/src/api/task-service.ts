// TaskService: the desk of a hub for the people who work there.
//
//   Y1  Who acts and what their rights allow is judged here (task-people.ts); everything else of a
//       command is the kernel's.
//   Y2  A command is answered, and a task shown, once that is durable.

import type {
  ActOnTaskRequest,
  ListTasksRequest,
  TaskServiceServer,
  WatchTasksResponse,
} from "@cloudbrain/proto";
import {
  blobRefsIn,
  type JsonValue,
  limits,
  MeshError,
  type TaskActor,
  type TaskCommand,
} from "@cloudbrain/sdk/domain";
import { holderOf, type Task, worklistCounts } from "../kernel/index.ts";
import { refusalOf } from "./answers.ts";
import { missingBlobs, whileKept } from "./blob-fields.ts";
import { type CallContext, serverStream, unary } from "./calls.ts";
import { durable } from "./chain-service.ts";
import type { ServiceParts } from "./services.ts";
import { parseTaskCommand } from "./task-commands.ts";
import {
  parseTaskFilter,
  parseTaskLight,
  parseTaskOrder,
  parseTaskState,
  protoSummary,
  protoTask,
} from "./task-messages.ts";
import { watchTaskNews } from "./task-news.ts";
import { rightLacking, TaskPeople, taskActorOf } from "./task-people.ts";

export function createTaskService(parts: ServiceParts): TaskServiceServer {
  const { calls: host } = parts;
  return {
    listTasks: unary(host, "use", (request, context) =>
      list(parts, request, taskActorOf(parts, context)),
    ),
    countTasks: unary(host, "use", async (_request, context) => {
      const { kernel, journal } = parts;
      const counts = worklistCounts(kernel.state, taskActorOf(parts, context), journal.now());
      await durable(parts);
      return { counts };
    }),
    getTask: unary(host, "use", async ({ task }, context) => ({
      task: await show(parts, task, context),
    })),
    actOnTask: unary(host, "use", (request, context) => act(parts, request, context)),
    watchTasks: serverStream(
      host,
      "use",
      (_request, context): AsyncIterable<WatchTasksResponse> => watchTaskNews(parts, context),
    ),
  };
}

async function list(parts: ServiceParts, request: ListTasksRequest, actor: TaskActor) {
  const state = parseTaskState(request.state);
  const light = parseTaskLight(request.light);
  const order = parseTaskOrder(request.order);
  const { application, text, pageSize: limit, pageToken: after } = request;
  if (text.length > limits.keyCharsMax) {
    const detail = `it has at most ${limits.keyCharsMax} characters`;
    throw new MeshError("INPUT_INVALID", { subject: "text", detail });
  }
  const page = parts.kernel.worklist(
    {
      actor,
      filter: parseTaskFilter(request.filter) ?? "mine",
      text,
      after,
      ...(state === undefined ? {} : { state }),
      ...(light === undefined ? {} : { light }),
      ...(order === undefined ? {} : { order }),
      ...(application === "" ? {} : { application }),
      ...(limit === 0 ? {} : { limit }),
    },
    parts.journal.now(),
  );
  await durable(parts);
  return { tasks: page.tasks.map(protoSummary), nextPageToken: page.next };
}

async function show(parts: ServiceParts, id: string, context: CallContext) {
  const { kernel, journal } = parts;
  const actor = taskActorOf(parts, context);
  const nowMs = journal.now();
  const task = kernel.state.tasks.get(id);
  const detail = kernel.taskNow(id, actor, nowMs);
  if (task === undefined || detail === undefined) throw unknownTask(parts, id);
  const choices = kernel.taskChoices(task, actor, nowMs);
  const may = choices.filter((kind) => rightLacking(context, actor, task, kind) === undefined);
  const decisions = task.spec.onReturn?.may ?? [];
  const shown = protoTask({ detail, may, decisions });
  await durable(parts);
  return shown;
}

async function act(parts: ServiceParts, asked: ActOnTaskRequest, context: CallContext) {
  const { commandId, expectedVersion } = asked;
  const actor = taskActorOf(parts, context);
  const task = parts.kernel.state.tasks.get(asked.task);
  if (task === undefined) throw unknownTask(parts, asked.task);
  const command = parseTaskCommand(asked.command, new TaskPeople(parts, task));
  const lacking = rightLacking(context, actor, task, command.kind);
  if (lacking !== undefined) {
    throw new MeshError("NOT_ALLOWED", { subject: task.id, detail: lacking });
  }
  const form = formOf(command);
  refuseMissingBlobs(parts, task, form);
  const answer = await whileKept(parts, form, () =>
    parts.driver.request((request) => ({
      type: "taskCommand",
      request,
      task: task.id,
      command,
      commandId,
      expectedVersion,
      actor,
    })),
  );
  if (answer.kind === "task") return { version: answer.version, existed: answer.existed };
  const refusal = refusalOf(answer, task.id);
  if (!conflicts.has(refusal.code)) throw refusal;
  const facts = factsOf(task);
  await durable(parts);
  const { code, detail } = refusal;
  throw new MeshError(code, { subject: task.id, detail, facts });
}

/** What a command fills in; null for those that have no form. */
function formOf(command: TaskCommand): JsonValue {
  return command.kind === "complete" || command.kind === "report" ? command.output : null;
}

/** What the task itself refers to may be referred to again, wherever it is held. */
function refuseMissingBlobs(parts: ServiceParts, task: Task, form: JsonValue): void {
  const missing = missingBlobs(parts, task.spec.form, form, blobRefsIn(task.input));
  if (missing === undefined) return;
  throw new MeshError("FORM_INVALID", { subject: task.id, detail: missing });
}

/** Refusals of a command that was overtaken: its author learns by whom. */
const conflicts: ReadonlySet<string> = new Set(["TASK_TAKEN", "TASK_CHANGED", "TASK_STATE"]);

function factsOf(task: Task): Readonly<Record<string, string>> {
  const known = { version: String(task.version), state: task.state.kind };
  const holder = holderOf(task);
  if (holder === undefined) return known;
  const { account, name, department } = holder;
  return { ...known, holder: account, holderName: name, holderDepartment: department };
}

/** The same for a task that is none of the caller's business: ids are not to be guessed. */
function unknownTask({ description }: ServiceParts, id: string): MeshError {
  const detail = `there is no such task for you at ${description.address}`;
  return new MeshError("TASK_UNKNOWN", { subject: id.slice(0, 200), detail });
}
