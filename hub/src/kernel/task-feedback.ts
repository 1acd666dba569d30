// Task feedback: how a task answers the instruction that it is. It travels as an agent's does.

import type { FeedbackBody, JsonValue } from "@cloudbrain/sdk/domain";
import type { Task } from "./task-state.ts";

/** The final answer of an ended task; undefined while it is open. */
export function answerOf(task: Task): FeedbackBody | undefined {
  const { state } = task;
  switch (state.kind) {
    case "completed":
      return { ...answer(task, "succeeded"), output: JSON.stringify(state.output) };
    case "returned": {
      const message = `${state.by.name || state.by.account}: ${state.reason}`;
      return { ...answer(task, "returned"), errorCode: state.code, message };
    }
    case "cancelled":
      return { ...answer(task, "cancelled"), message: state.reason };
    case "expired":
      return {
        ...answer(task, "expired"),
        errorCode: "FINISH_DEADLINE",
        message: state.reason,
      };
    default:
      return undefined;
  }
}

/** What a member reports before it completes; later answers take its place. */
export function reportOf(task: Task, output: JsonValue): FeedbackBody {
  return { ...answer(task, "succeeded"), output: JSON.stringify(output) };
}

/** A desk that can't hold a task. */
export function refusalAnswer(
  id: string,
  attempt: number,
  errorCode: string,
  message: string,
): FeedbackBody {
  const outcome = "failed";
  return {
    kind: "feedback",
    id,
    attempt,
    outcome,
    output: "",
    errorCode,
    message,
    retryable: true,
    revision: 0,
  };
}

/** Another attempt never helps: people have decided, or their time is over. */
function answer(task: Task, outcome: FeedbackBody["outcome"]): FeedbackBody {
  return {
    kind: "feedback",
    id: task.instruction,
    attempt: task.attempt,
    outcome,
    output: "",
    errorCode: "",
    message: "",
    retryable: false,
    revision: task.spec.revise ? task.revision : 0,
  };
}
