// Task watch: wakes those who wait for news of the tasks of a desk. Holds no state of tasks: a
// woken watcher reads them itself.

/** Told the id of a task that has changed, durably. */
export type TaskNews = (task: string) => void;

export class TaskWatch {
  private readonly watchers = new Set<TaskNews>();

  changed(task: string): void {
    for (const told of this.watchers) told(task);
  }

  /** Calls `told` for every durable change until the returned function is called. */
  subscribe(told: TaskNews): () => void {
    this.watchers.add(told);
    return () => {
      this.watchers.delete(told);
    };
  }
}
