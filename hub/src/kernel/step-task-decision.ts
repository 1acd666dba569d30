// Steps: what is decided beside the work on a task: returns at the dispatch desk, more time,
// hanging, co-handling, reminders, supervision and evaluation.

import { limits, type TaskCandidates, type TaskCommand } from "@cloudbrain/sdk/domain";
import type { Deciding } from "./deciding.ts";
import { isHeldAlone, refusal, stateRefusal, type Verdict } from "./step-task.ts";
import { dueInAfter } from "./step-task-change.ts";
import type { TaskCommandEvent } from "./task-events.ts";
import type { Task } from "./task-state.ts";
import { addTime, claimDueAfter, extendedTimes, resumedTimes, timesLeft } from "./task-times.ts";

export function decideAside(deciding: Deciding, task: Task, event: TaskCommandEvent): Verdict {
  const { command } = event;
  switch (command.kind) {
    case "decideReturn":
      return returnDecision(deciding, task, command);
    case "requestExtension":
      return extensionRequest(task, command);
    case "decideExtension":
      return extensionDecision(deciding, task, command);
    case "requestHanging":
      return hangingRequest(deciding, task, command);
    case "decideHanging":
      return hangingDecision(deciding, task, command);
    case "resume":
      return task.state.kind === "hanging"
        ? resumption(deciding, task, task.state)
        : stateRefusal(task, command);
    case "askCoHandler":
      if (task.state.kind !== "claimed") return stateRefusal(task, command);
      return task.coHandlers.length >= limits.coHandlersMax
        ? refusal("QUOTA_EXCEEDED", `a task has ${limits.coHandlersMax} co-handlers at most`)
        : { kind: "coHandlerAsked", to: command.to, required: command.required };
    case "answerCoHandling":
      return { kind: "coHandlerAnswered", entry: command.entry, opinion: command.opinion };
    case "dropCoHandler": {
      const entry = task.coHandlers.find(({ id }) => id === command.entry);
      return entry?.state === "asked"
        ? { kind: "coHandlerDropped", entry: entry.id }
        : stateRefusal(task, command, `co-handling ${command.entry} is not waited for`);
    }
    case "remind":
      return { kind: "reminded" };
    case "supervise":
      return { kind: "supervised" };
    case "evaluate":
      return evaluation(task, command);
    default:
      return stateRefusal(task, command);
  }
}

type CommandOf<Kind extends TaskCommand["kind"]> = Extract<TaskCommand, { kind: Kind }>;

function returnDecision(
  deciding: Deciding,
  task: Task,
  command: CommandOf<"decideReturn">,
): Verdict {
  const { decision } = command;
  if (task.state.kind !== "returning") return stateRefusal(task, command);
  if (task.spec.onReturn?.may.includes(decision.kind) !== true) {
    return refusal("NOT_ALLOWED", `the application does not allow ${decision.kind} here`);
  }
  if (decision.kind === "insist") return { kind: "insisted" };
  if (decision.kind === "reject") return { kind: "returned", code: "REJECTED" };
  const wrong = wrongCandidates(decision.candidates);
  if (wrong !== undefined) return refusal("INPUT_INVALID", wrong);
  const claimDueMs = claimDueAfter(deciding.addWorkingTime, task, deciding.nowMs);
  return { kind: "redirected", candidates: decision.candidates, claimDueMs };
}

function wrongCandidates(candidates: TaskCandidates): string | undefined {
  const { users, groups, roles, departments } = candidates;
  const count = users.length + groups.length + roles.length + departments.length;
  if (count === 0) return "name users, groups, roles or departments: somebody has to do it";
  if (count > limits.taskNamesMax) return `${count} candidates are over ${limits.taskNamesMax}`;
  return undefined;
}

function extensionRequest(task: Task, command: CommandOf<"requestExtension">): Verdict {
  const { extension } = task.spec;
  if (task.state.kind !== "claimed") return stateRefusal(task, command);
  if (task.extension !== undefined) {
    return stateRefusal(task, command, "a request waits for its decision");
  }
  if (task.times.finishDueMs === 0) return stateRefusal(task, command, "it has no deadline");
  if (task.extensionsGranted >= extension.max) {
    const count = task.extensionsGranted;
    return stateRefusal(task, command, `${count} of ${extension.max} extensions are granted`);
  }
  const { extraMs } = command;
  return Number.isFinite(extraMs) && extraMs > 0 && extraMs <= extension.longestMs
    ? { kind: "extensionRequested", extraMs }
    : refusal("INPUT_INVALID", `an extension is 1 to ${extension.longestMs} ms long`);
}

function extensionDecision(
  deciding: Deciding,
  task: Task,
  command: CommandOf<"decideExtension">,
): Verdict {
  const request = task.extension;
  if (request === undefined) return stateRefusal(task, command, "no request waits");
  if (!command.grant) return { kind: "extensionRefused" };
  // While it hangs its times stand still: it comes back first.
  if (task.state.kind !== "claimed") return stateRefusal(task, command);
  const times = extendedTimes(deciding.addWorkingTime, task, request.ms, deciding.nowMs);
  return { kind: "extensionGranted", times, dueInMs: dueInAfter(deciding, times) };
}

function hangingRequest(
  deciding: Deciding,
  task: Task,
  command: CommandOf<"requestHanging">,
): Verdict {
  if (!isHeldAlone(task)) return stateRefusal(task, command);
  if (task.hanging !== undefined) {
    return stateRefusal(task, command, "a request waits for its decision");
  }
  return (
    wrongDate(deciding, command.untilMs) ?? { kind: "hangingRequested", untilMs: command.untilMs }
  );
}

function wrongDate(deciding: Deciding, untilMs: number) {
  const lastMs = deciding.nowMs + limits.taskWaitMsMax;
  return untilMs > deciding.nowMs && untilMs <= lastMs
    ? undefined
    : refusal("INPUT_INVALID", "a task hangs until a date within the next 400 days");
}

function hangingDecision(
  deciding: Deciding,
  task: Task,
  command: CommandOf<"decideHanging">,
): Verdict {
  const request = task.hanging;
  if (request === undefined) return stateRefusal(task, command, "no request waits");
  if (!command.grant) return { kind: "hangingRefused" };
  if (task.state.kind !== "claimed") return stateRefusal(task, command);
  const untilMs = request.ms;
  const wrong = wrongDate(deciding, untilMs);
  if (wrong !== undefined) return wrong;
  const left = timesLeft(deciding.addWorkingTime, task, deciding.nowMs);
  const { calendar } = task.spec.deadlines;
  const leftMs = left.finishMs < 0 ? limits.taskWaitMsMax : left.finishMs;
  const dueMs = addTime(deciding.addWorkingTime, calendar, untilMs, leftMs) ?? untilMs + leftMs;
  return { kind: "hung", untilMs, left, dueInMs: dueMs - deciding.nowMs };
}

/** The clock goes on now, by hand or because the date has come. */
export function resumption(
  deciding: Deciding,
  task: Task,
  state: Extract<Task["state"], { kind: "hanging" }>,
): Extract<Verdict, { kind: "resumed" }> {
  const { spec } = task;
  const times = resumedTimes(deciding.addWorkingTime, spec, state.left, deciding.nowMs);
  return { kind: "resumed", times, dueInMs: dueInAfter(deciding, times) };
}

function evaluation(task: Task, command: CommandOf<"evaluate">): Verdict {
  const { score, comment } = command;
  if (task.state.kind !== "completed") return stateRefusal(task, command, "complete it first");
  if (task.evaluation !== undefined) return stateRefusal(task, command, "it is evaluated already");
  return Number.isInteger(score) && score >= 1 && score <= 5
    ? { kind: "evaluated", score, comment }
    : refusal("INPUT_INVALID", "a score is a whole number from 1 to 5");
}
