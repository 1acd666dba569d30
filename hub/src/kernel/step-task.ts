// Steps: what people tell a desk about a task. A command is taken once, against the version that
// its author has seen, from somebody who may; everything else is refused with the reason.

import {
  canonicalJson,
  type ErrorCode,
  isJsonObject,
  type JsonValue,
  limits,
  type TaskAction,
  type TaskCommand,
  utf8Length,
} from "@cloudbrain/sdk/domain";
import { type Deciding, reply } from "./deciding.ts";
import { changeTask } from "./step-task-change.ts";
import { decideAside } from "./step-task-decision.ts";
import type { TaskCommandEvent } from "./task-events.ts";
import type { TaskChange } from "./task-facts.ts";
import { maySee, rightMissing } from "./task-rights.ts";
import { holderOf, isOpen, type Task } from "./task-state.ts";
import { claimDueAfter } from "./task-times.ts";

export interface Refusal {
  readonly code: ErrorCode;
  readonly detail: string;
}
export type Verdict = TaskChange | Refusal;

export function refusal(code: ErrorCode, detail: string): Refusal {
  return { code, detail };
}

export function isRefusal(verdict: Verdict): verdict is Refusal {
  return "code" in verdict && "detail" in verdict;
}

export function stepTaskCommand(deciding: Deciding, event: TaskCommandEvent): void {
  const { request, command, commandId, actor } = event;
  const task = deciding.state.tasks.get(event.task);
  const refuse = ({ code, detail }: Refusal): void =>
    reply(deciding, request, { kind: "refused", code, detail });
  if (task === undefined || task.archived) {
    refuse(refusal("TASK_UNKNOWN", `no task ${event.task} is held at ${deciding.state.self}`));
    return;
  }
  const taken = task.commands.get(commandId);
  if (taken !== undefined) {
    if (taken.kind !== command.kind || taken.account !== actor.account) {
      const detail = `command id ${commandId} was used before for ${taken.kind}: make a new one`;
      refuse(refusal("KEY_CONFLICT", detail));
      return;
    }
    const { version } = taken;
    reply(deciding, request, { kind: "task", task: task.id, version, existed: true });
    return;
  }
  const verdict = verdictOn(deciding, task, event);
  if (isRefusal(verdict)) {
    refuse(verdict);
    return;
  }
  const { account, name, department } = actor;
  changeTask(deciding, task, verdict, {
    why: reasonOf(command),
    by: { account, name, department },
    command: { id: commandId, kind: command.kind },
  });
  const { version } = task;
  reply(deciding, request, { kind: "task", task: task.id, version, existed: false });
}

/** What the command would change now, or why it is refused; decides nothing. */
export function verdictOn(deciding: Deciding, task: Task, event: TaskCommandEvent): Verdict {
  return malformed(task, event.command, event.commandId) ?? judge(deciding, task, event);
}

function reasonOf(command: TaskCommand): string {
  if ("reason" in command) return command.reason;
  if (command.kind === "answerCoHandling") return command.opinion;
  return command.kind === "evaluate" ? command.comment : "";
}

/** Commands that explain themselves; every other one leaves why. */
const needsNoReason: ReadonlySet<TaskCommand["kind"]> = new Set([
  "unclaim",
  "resolve",
  "resume",
  "remind",
]);

function malformed(task: Task, command: TaskCommand, commandId: string): Refusal | undefined {
  if (commandId === "" || commandId.length > limits.keyCharsMax) {
    return refusal("INPUT_INVALID", `a command id has 1 to ${limits.keyCharsMax} characters`);
  }
  if (task.commands.size >= limits.taskCommandsMax) {
    return refusal("QUOTA_EXCEEDED", `the task has taken ${task.commands.size} commands`);
  }
  const reason = reasonOf(command);
  if (reason.length > limits.taskTextCharsMax) {
    const max = limits.taskTextCharsMax;
    return refusal("INPUT_INVALID", `a text of ${reason.length} characters is over ${max}`);
  }
  if ("reason" in command && reason.trim() === "" && !needsNoReason.has(command.kind)) {
    return refusal("INPUT_INVALID", `${command.kind} needs a reason`);
  }
  return undefined;
}

/** What the definition has to allow; other commands are the desk's own. */
const actionOf: Partial<Record<TaskCommand["kind"], TaskAction>> = {
  claim: "claim",
  unclaim: "unclaim",
  complete: "complete",
  report: "report",
  return: "return",
  transfer: "transfer",
  delegate: "delegate",
  requestExtension: "requestExtension",
  // More time by another way.
  requestHanging: "requestExtension",
  askCoHandler: "coHandle",
};

function judge(deciding: Deciding, task: Task, event: TaskCommandEvent): Verdict {
  const { command, actor } = event;
  const wrong = rightMissing(task, command, actor);
  const holder = holderOf(task);
  const isTaken = holder !== undefined && holder.account !== actor.account;
  // Who holds it is told to those who have to do with it, and to nobody else.
  const mayKnow = wrong === undefined || maySee(task, actor);
  if (command.kind === "claim" && isTaken && mayKnow) {
    const who = holder.name === "" ? holder.account : `${holder.name} (${holder.account})`;
    const where = holder.department === "" ? "" : ` of ${holder.department}`;
    return refusal("TASK_TAKEN", `${who}${where} holds the task`);
  }
  const isDone = !isOpen(task) && command.kind !== "evaluate";
  if (isDone && task.participants.includes(actor.account)) return stateRefusal(task, command);
  if (wrong !== undefined) return refusal("NOT_ALLOWED", wrong);
  const action = actionOf[command.kind];
  if (action !== undefined && !task.spec.actions.includes(action)) {
    return refusal("NOT_ALLOWED", `the application does not allow ${action} for this task`);
  }
  if (isDone) return stateRefusal(task, command);
  if (event.expectedVersion !== task.version) {
    const detail = `the task is at version ${task.version}, you have seen ${event.expectedVersion}`;
    return refusal("TASK_CHANGED", `${detail}: read it again`);
  }
  return decide(deciding, task, event);
}

/** The state of the task does not allow the command. */
export function stateRefusal(task: Task, command: TaskCommand, hint = ""): Refusal {
  const more = hint === "" ? "" : `: ${hint}`;
  return refusal("TASK_STATE", `the task is ${task.state.kind}, no ${command.kind} now${more}`);
}

function decide(deciding: Deciding, task: Task, event: TaskCommandEvent): Verdict {
  const { command } = event;
  const { state } = task;
  switch (command.kind) {
    case "claim":
      return state.kind === "offered" ? { kind: "claimed" } : stateRefusal(task, command);
    case "unclaim":
      return isHeldAlone(task) ? { kind: "unclaimed" } : stateRefusal(task, command);
    case "complete":
      return completionOf(deciding, task, command);
    case "report":
      return reportVerdict(deciding, task, command);
    case "return":
      return returnVerdict(task, command);
    case "transfer":
      return transferVerdict(deciding, task, command);
    case "delegate":
      if (!isHeldAlone(task)) return stateRefusal(task, command, "one person delegates once");
      return command.to.account === event.actor.account
        ? refusal("INPUT_INVALID", "a task is delegated to somebody else")
        : { kind: "delegated", to: command.to };
    case "resolve":
      return state.kind === "claimed" && state.owner !== undefined
        ? { kind: "resolved" }
        : stateRefusal(task, command, "it is not delegated");
    default:
      return decideAside(deciding, task, event);
  }
}

/** Claimed, and not in the hands of a delegate. */
export function isHeldAlone(task: Task): boolean {
  return task.state.kind === "claimed" && task.state.owner === undefined;
}

function completionOf(
  deciding: Deciding,
  task: Task,
  command: Extract<TaskCommand, { kind: "complete" }>,
): Verdict {
  if (!isHeldAlone(task)) {
    const hint = task.state.kind === "claimed" ? "resolve it first; its owner completes it" : "";
    return stateRefusal(task, command, hint);
  }
  const waitsFor = task.coHandlers.filter(({ required, state }) => required && state === "asked");
  if (waitsFor.length > 0) {
    const names = waitsFor.map(
      ({ id, to }) => `${to.kind === "user" ? to.account : to.group} (${id})`,
    );
    return stateRefusal(task, command, `it waits for the co-handling of ${names.join(", ")}`);
  }
  return (
    formRefusal(deciding, task, command.output) ?? { kind: "completed", output: command.output }
  );
}

function reportVerdict(
  deciding: Deciding,
  task: Task,
  command: Extract<TaskCommand, { kind: "report" }>,
): Verdict {
  if (!task.spec.revise) {
    return refusal("NOT_ALLOWED", "this task is answered once: complete it");
  }
  if (!isHeldAlone(task)) return stateRefusal(task, command);
  return (
    formRefusal(deciding, task, command.output) ?? { kind: "reported", output: command.output }
  );
}

function formRefusal(deciding: Deciding, task: Task, output: JsonValue): Refusal | undefined {
  if (!isJsonObject(output)) return refusal("FORM_INVALID", "a form is an object");
  const bytes = utf8Length(canonicalJson(output));
  if (bytes > limits.outputBytesMax) {
    return refusal("PAYLOAD_TOO_LARGE", `a form of ${bytes} bytes is over the limit`);
  }
  const { form } = task.spec;
  const wrong = form === undefined ? undefined : deciding.validate(form, output);
  return wrong === undefined ? undefined : refusal("FORM_INVALID", wrong);
}

/** To the dispatch desk while it may come there again, else out of the task. */
function returnVerdict(task: Task, command: Extract<TaskCommand, { kind: "return" }>): Verdict {
  const { onReturn } = task.spec;
  if (task.state.kind !== "offered" && !isHeldAlone(task)) return stateRefusal(task, command);
  if (onReturn === undefined) return { kind: "returned", code: "RETURNED" };
  return task.visits >= onReturn.visitsMax
    ? { kind: "returned", code: "RETURNS_EXCEEDED" }
    : { kind: "returning" };
}

function transferVerdict(
  deciding: Deciding,
  task: Task,
  command: Extract<TaskCommand, { kind: "transfer" }>,
): Verdict {
  const { to } = command;
  // Who assigns a task from above finds it offered, too.
  if (task.state.kind !== "offered" && !isHeldAlone(task)) return stateRefusal(task, command);
  if (to.kind === "user" && to.account === holderOf(task)?.account) {
    return refusal("INPUT_INVALID", `${to.account} holds the task already`);
  }
  const claimDueMs =
    to.kind === "group" ? claimDueAfter(deciding.addWorkingTime, task, deciding.nowMs) : 0;
  return { kind: "transferred", to, claimDueMs };
}
