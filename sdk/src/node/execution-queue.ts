// Execution queue: how many handlers run at once, which wait, and how they are asked to stop.
//
// Owns the executions of this life of the process. What waits here is durable in the inbox.

import { assertRule, MeshError } from "../domain/index.ts";
import type { AgentEvent, AgentOutput } from "../kernel/index.ts";
import { type ExecutionResult, execute, type Handler } from "./execution.ts";

type Run = Extract<AgentOutput, { type: "run" }>;

export interface ExecutionQueueOptions {
  readonly handlers: ReadonlyMap<string, Handler>;
  /** Handlers at once. One that was given up counts until it has ended. */
  readonly concurrency: number;
  readonly submit: (event: AgentEvent) => void;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
  readonly failed: (error: unknown) => void;
  /** An execution has ended, and its outcome was submitted. */
  readonly ended: () => void;
}

export class ExecutionQueue {
  private readonly options: ExecutionQueueOptions;
  private readonly running = new Map<string, StopSwitch>();
  private readonly waiting: Run[] = [];
  private isStopped = false;

  constructor(options: ExecutionQueueOptions) {
    this.options = options;
  }

  isIdle(): boolean {
    return this.running.size === 0 && this.waiting.length === 0;
  }

  run(next: Run): void {
    this.waiting.push(next);
    this.fill();
  }

  private fill(): void {
    while (!this.isStopped && this.running.size < this.options.concurrency) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      this.start(next);
    }
  }

  private start(next: Run): void {
    const { id } = next;
    const { handlers, submit, log } = this.options;
    const handler = handlers.get(next.capability);
    assertRule(handler !== undefined, "the kernel runs what it has a handler for", next.capability);
    assertRule(!this.running.has(id), "an instruction is executed once at a time", id);
    const stop = new StopSwitch();
    this.running.set(id, stop);
    const progress = (ratio: number, note: string): void => {
      if (this.running.get(id) === stop) submit({ type: "progress", id, ratio, note });
    };
    execute({
      handler,
      id,
      chain: next.chain,
      step: next.step,
      attempt: next.attempt,
      input: next.input,
      finishDueMs: next.finishDueMs,
      heartbeatMs: next.heartbeatMs,
      get signal() {
        return stop.signal;
      },
      progress,
      revise: (output) => submit({ type: "revised", id, output }),
      log,
    })
      .then((result) => this.end(id, result))
      .catch((error: unknown) => this.options.failed(error));
  }

  private end(id: string, result: ExecutionResult): void {
    this.running.delete(id);
    // Who was stopped with the process is run again at the next start; what succeeded counts.
    if (!this.isStopped || result.outcome === "succeeded") {
      this.options.submit({ type: "ended", id, ...result });
    }
    this.fill();
    this.options.ended();
  }

  /** What has not begun never will; a handler is asked to stop. */
  abort(id: string, reason: string): void {
    const index = this.waiting.findIndex((waiting) => waiting.id === id);
    if (index < 0) {
      this.running.get(id)?.abort(new MeshError("CANCELLED", { subject: id, detail: reason }));
      return;
    }
    this.waiting.splice(index, 1);
    this.options.submit({
      type: "ended",
      id,
      outcome: "cancelled",
      output: "",
      errorCode: "",
      message: reason,
      retryable: false,
    });
  }

  /** Begins nothing more and asks every handler to stop. */
  stop(reason: string): void {
    this.isStopped = true;
    this.waiting.length = 0;
    for (const [id, running] of this.running) {
      running.abort(new MeshError("CANCELLED", { subject: id, detail: reason }));
    }
  }
}

/**
 * An abort signal that is made when somebody asks for it: few handlers do, and one is not cheap.
 */
class StopSwitch {
  private controller: AbortController | undefined;
  private reason: MeshError | undefined;

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.reason !== undefined) this.controller.abort(this.reason);
    }
    return this.controller.signal;
  }

  abort(reason: MeshError): void {
    this.reason ??= reason;
    this.controller?.abort(reason);
  }
}
