// Test person: somebody who works at the desk of a hub: finds tasks and acts on them, as the hub's
// task service does for a signed-in user.

import { MeshError, type TaskActor, type TaskCommand } from "../domain/index.ts";
import type {
  TestHubEvent,
  TestHubKernel,
  TestHubReply,
  TestTask,
  TestWorklist,
} from "./hub-contract.ts";

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
  tasks(list: TestWorklist): readonly TestTask[] {
    const { actor, kernel, nowMs } = this.parts;
    return kernel.worklist({ actor, filter: list, limit: tasksMax }, nowMs()).tasks;
  }

  /**
   * Does this to the task as it is now. Throws what the desk refuses: TASK_UNKNOWN, TASK_TAKEN,
   * TASK_STATE, NOT_ALLOWED, FORM_INVALID.
   */
  async act(task: TestTask, command: TaskCommand): Promise<void> {
    this.commands += 1;
    const { account, parts } = this;
    const { version } = parts.kernel.state.tasks.get(task.id) ?? task;
    await parts.call((request) => ({
      type: "taskCommand",
      request,
      task: task.id,
      command,
      commandId: `${account}-${this.commands}`,
      expectedVersion: version,
      actor: parts.actor,
    }));
  }

  /** The only task of a list. Throws TASK_UNKNOWN when there is none, or more than one. */
  only(list: TestWorklist): TestTask {
    const [task, ...more] = this.tasks(list);
    if (task !== undefined && more.length === 0) return task;
    const detail = `${list} holds ${task === undefined ? "no task" : `${more.length + 1} tasks`}`;
    throw new MeshError("TASK_UNKNOWN", { subject: this.account, detail });
  }
}
