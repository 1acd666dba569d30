// Task news: a caller's counts and what has changed in its lists, gathered so that a busy desk
// tells each watcher once a second at most.

import type { WatchTasksResponse } from "@cloudbrain/proto";
import { limits } from "@cloudbrain/sdk/domain";
import { taskSummary, type WorklistCounts, worklistCounts } from "../kernel/index.ts";
import type { CallContext } from "./calls.ts";
import { durable } from "./chain-service.ts";
import type { ServiceParts } from "./services.ts";
import { protoSummary } from "./task-messages.ts";
import { taskActorOf } from "./task-people.ts";

/** Until the caller has gone or is signed in no more. */
export async function* watchTaskNews(
  parts: ServiceParts,
  context: CallContext,
): AsyncGenerator<WatchTasksResponse> {
  const { signal } = context;
  const waiting = new WaitingNews();
  const unsubscribe = parts.taskWatch.subscribe((task) => waiting.add(task));
  const stop = (): void => waiting.wake();
  signal.addEventListener("abort", stop);
  try {
    let told: WorklistCounts | undefined;
    let isDue = true;
    while (!signal.aborted) {
      const news = newsFor(parts, context, waiting.take());
      if (isDue || news.changed.length > 0 || !isSame(told, news.counts)) {
        told = news.counts;
        await durable(parts);
        yield news;
      }
      await pause(limits.taskNewsMsMin, signal);
      isDue = !(await waiting.some(limits.taskNewsMsMax, signal));
    }
  } finally {
    signal.removeEventListener("abort", stop);
    unsubscribe();
  }
}

/** Ids of tasks that have changed, bounded: beyond it a watcher reads its lists again. */
class WaitingNews {
  private tasks = new Set<string>();
  private isOver = false;
  private woken: () => void = () => undefined;

  add(task: string): void {
    if (this.tasks.size < limits.worklistPageMax) this.tasks.add(task);
    else this.isOver ||= !this.tasks.has(task);
    this.woken();
  }

  wake(): void {
    this.woken();
  }

  take(): { readonly tasks: readonly string[]; readonly isOver: boolean } {
    const taken = { tasks: [...this.tasks], isOver: this.isOver };
    this.tasks = new Set();
    this.isOver = false;
    return taken;
  }

  /** Whether there is news within this time. */
  async some(withinMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.tasks.size === 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        this.woken = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.tasks.size > 0;
  }
}

type News = WatchTasksResponse & { readonly counts: WorklistCounts };

function newsFor(
  parts: ServiceParts,
  context: CallContext,
  { tasks, isOver }: ReturnType<WaitingNews["take"]>,
): News {
  const { kernel, journal } = parts;
  const actor = taskActorOf(parts, context);
  const nowMs = journal.now();
  const seen = tasks.flatMap((id) => taskSummary(kernel.state, id, actor, nowMs) ?? []);
  return {
    counts: worklistCounts(kernel.state, actor, nowMs),
    changed: seen.slice(0, limits.taskNewsMax).map(protoSummary),
    more: isOver || seen.length > limits.taskNewsMax,
  };
}

function isSame(a: WorklistCounts | undefined, b: WorklistCounts): boolean {
  if (a === undefined) return false;
  return a.mine === b.mine && a.offered === b.offered && a.red === b.red && a.yellow === b.yellow;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    if (signal.aborted) over();
    else signal.addEventListener("abort", over, { once: true });
  });
}
