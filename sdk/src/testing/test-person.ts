// Test person: somebody who works at the desk of a hub: finds tasks and acts on them, as the hub's
// task service does for a signed-in user.

import type { TaskInfo, TaskVersion } from "../client/task-results.ts";
import { MeshError, type TaskActor, type TaskCommand, type TaskFilter } from "../domain/index.ts";
import type { TestHubEvent, TestHubKernel, TestHubReply, TestTaskDetail } from "./hub-contract.ts";

/** Who acts; what is left out is empty. */
export type TestPersonOptions = Pick<TaskActor, "account"> & Partial<TaskActor>;

export interface TestPersonParts {
  readonly actor: TaskActor;
  readonly kernel: TestHubKernel;
  readonly nowMs: () => number;
  readonly call: (make: (request: number) => TestHubEvent) => Promise<TestHubReply>;
}

/** As many as a test looks at; a desk pages its lists. */
const tasksMax = 100;

export class TestPerson {
  readonly account: string;
  private readonly parts: TestPersonParts;
  private commands = 0;

  constructor(parts: TestPersonParts) {
    this.account = parts.actor.account;
    this.parts = parts;
  }

  /** What this person finds at the desk now: at most 100 tasks, the most urgent first. */
  tasks(list: TaskFilter): readonly TaskInfo[] {
    const { actor, kernel, nowMs } = this.parts;
    return kernel.worklist({ actor, filter: list, limit: tasksMax }, nowMs()).tasks;
  }

  /** Everything about a task by its id. Throws TASK_UNKNOWN when it is no business of theirs. */
  read(task: string): TestTaskDetail {
    const { actor, kernel, nowMs } = this.parts;
    const detail = kernel.taskNow(task, actor, nowMs());
    if (detail === undefined) throw new MeshError("TASK_UNKNOWN", { subject: task });
    return detail;
  }

  /**
   * Does this to the task as it was seen, with all the rights that a hub gives for an application.
   * Throws what the desk refuses: TASK_UNKNOWN, TASK_TAKEN, TASK_CHANGED, TASK_STATE, NOT_ALLOWED,
   * FORM_INVALID.
   */
  async act(task: TaskVersion, command: TaskCommand): Promise<void> {
    this.commands += 1;
    const { account, parts } = this;
    await parts.call((request) => ({
      type: "taskCommand",
      request,
      task: task.id,
      command,
      commandId: `${account}-${this.commands}`,
      expectedVersion: task.version,
      actor: parts.actor,
    }));
  }

  /** The only task of a list. Throws TASK_UNKNOWN when there is none, or more than one. */
  only(list: TaskFilter): TaskInfo {
    const [task, ...more] = this.tasks(list);
    if (task !== undefined && more.length === 0) return task;
    const detail = `${list} holds ${task === undefined ? "no task" : `${more.length + 1} tasks`}`;
    throw new MeshError("TASK_UNKNOWN", { subject: this.account, detail });
  }
}
