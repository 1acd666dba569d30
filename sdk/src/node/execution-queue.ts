// Execution queue: how many handlers run at once, which wait, and how they are asked to stop.
//
// Owns the executions of this life of the process. What waits here is durable in the inbox.
//
//   Q1  Handlers share the node's places, but for one with places of its own: while what it calls
//       is down, the others go on.

import { assertRule, MeshError } from "../domain/index.ts";
import type { AgentEvent, AgentOutput } from "../kernel/index.ts";
import { type ExecutionEnd, execute, type Handler, later } from "./execution.ts";

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

/** Places of one handler, or of all that have none of their own. */
interface Places {
  readonly most: number;
  running: number;
  readonly waiting: Run[];
}

export class ExecutionQueue {
  private readonly options: ExecutionQueueOptions;
  private readonly running = new Map<string, StopSwitch>();
  private readonly shared: Places;
  /** By capability. */
  private readonly own = new Map<string, Places>();
  private isStopped = false;

  constructor(options: ExecutionQueueOptions) {
    this.options = options;
    this.shared = { most: options.concurrency, running: 0, waiting: [] };
  }

  isIdle(): boolean {
    if (this.running.size > 0 || this.shared.waiting.length > 0) return false;
    return [...this.own.values()].every(({ waiting }) => waiting.length === 0);
  }

  run(next: Run): void {
    const places = this.placesOf(next.capability);
    places.waiting.push(next);
    this.fill(places);
  }

  private placesOf(capability: string): Places {
    const most = this.options.handlers.get(capability)?.concurrency;
    if (most === undefined) return this.shared;
    const known = this.own.get(capability);
    if (known !== undefined) return known;
    const places: Places = { most, running: 0, waiting: [] };
    this.own.set(capability, places);
    return places;
  }

  private fill(places: Places): void {
    while (!this.isStopped && places.running < places.most) {
      const next = places.waiting.shift();
      if (next === undefined) return;
      this.start(next, places);
    }
  }

  private start(next: Run, places: Places): void {
    const { id } = next;
    const { handlers, submit, log } = this.options;
    const handler = handlers.get(next.capability);
    assertRule(handler !== undefined, "the kernel runs what it has a handler for", next.capability);
    assertRule(!this.running.has(id), "an instruction is executed once at a time", id);
    const stop = new StopSwitch();
    this.running.set(id, stop);
    places.running += 1;
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
      .then((end) => this.end(id, end, places))
      .catch((error: unknown) => this.options.failed(error));
  }

  private end(id: string, end: ExecutionEnd, places: Places): void {
    this.running.delete(id);
    places.running -= 1;
    // Who was stopped with the process is run again at the next start; what succeeded counts.
    if (end === later) {
      if (!this.isStopped) this.options.submit({ type: "deferred", id });
    } else if (!this.isStopped || end.outcome === "succeeded") {
      this.options.submit({ type: "ended", id, ...end });
    }
    this.fill(places);
    this.options.ended();
  }

  /** What has not begun never will; a handler is asked to stop. */
  abort(id: string, reason: string): void {
    for (const { waiting } of [this.shared, ...this.own.values()]) {
      const index = waiting.findIndex((one) => one.id === id);
      if (index < 0) continue;
      waiting.splice(index, 1);
      this.options.submit({
        type: "ended",
        id,
        outcome: "cancelled",
        output: "",
        errorCode: "",
        message: reason,
        retryable: false,
      });
      return;
    }
    this.running.get(id)?.abort(new MeshError("CANCELLED", { subject: id, detail: reason }));
  }

  /** Begins nothing more and asks every handler to stop. */
  stop(reason: string): void {
    this.isStopped = true;
    for (const { waiting } of [this.shared, ...this.own.values()]) waiting.length = 0;
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
