// Task events: what the API asks of a desk for a signed-in person.

import type { TaskActor, TaskCommand } from "@cloudbrain/sdk/domain";

export interface TaskCommandEvent {
  readonly type: "taskCommand";
  readonly request: number;
  readonly task: string;
  readonly command: TaskCommand;
  /** Made by the author: the same id is the same command. */
  readonly commandId: string;
  /** The version of the task that the author has seen. */
  readonly expectedVersion: number;
  readonly actor: TaskActor;
}
