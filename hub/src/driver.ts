// Driver: the one loop of a hub. Requests and frames become kernel events; what the kernel puts out
// goes to callers, links and watchers, always after it is durable.
//
//   D5  One timer wakes the kernel when something is due; its delay is clamped to what setTimeout
//       can hold, and never below `tickMsMin`, so that other work runs in between.

import { type Address, limits, MeshError, type SessionMark } from "@cloudbrain/sdk/domain";
import type { Journal } from "@cloudbrain/sdk/journal";
import { amnesiaError } from "@cloudbrain/sdk/session";
import type { HubEvent, HubKernel, HubOutput, HubReply } from "./kernel/index.ts";

type Outgoing<Type extends HubOutput["type"]> = Extract<HubOutput, { type: Type }>;

/** What the driver hands link outputs to. */
export interface DriverLinks {
  welcome(output: Outgoing<"welcome">): void;
  attach(output: Outgoing<"attached">): void;
  close(output: Outgoing<"closeLink">): void;
  refuseFrame(output: Outgoing<"refuseFrame">): void;
  flushed(marks: readonly SessionMark[]): void;
}

export interface DriverOptions {
  readonly self: Address;
  readonly kernel: HubKernel;
  readonly links: DriverLinks;
  /** A chain has changed and is durable up to this revision: watchers read it again. */
  readonly chainChanged: (chain: string, revision: number) => void;
  /** A task of this desk has changed, and that is durable. */
  readonly taskChanged: (task: string) => void;
  /** A signal step has published. */
  readonly signalPublished: (signal: Outgoing<"signalPublished">) => void;
  /** The store or a peer says that we must not go on; the process has to end. */
  readonly fatal: (error: MeshError) => void;
}

/** Finer timers cost more than they give: deadlines are seconds and more. */
const tickMsMin = 10;

export class HubDriver {
  private readonly options: DriverOptions;
  private journal: Journal<HubEvent, HubOutput> | undefined;
  private readonly waiting = new Map<number, (reply: HubReply) => void>();
  private lastRequest = 0;
  private timer: NodeJS.Timeout | undefined;
  private timerDueMs = 0;
  private stopped = false;

  constructor(options: DriverOptions) {
    this.options = options;
  }

  /**
   * The journal needs our callbacks to be made, and we need the journal: bound after its opening.
   */
  bind(journal: Journal<HubEvent, HubOutput>): void {
    this.journal = journal;
    this.armTimer();
  }

  submit(event: HubEvent): void {
    if (this.stopped) return;
    this.journal?.submit(event);
    this.armTimer();
  }

  /** Resolves with the kernel's answer once that is durable. Never settles after `stop`. */
  request(make: (request: number) => HubEvent): Promise<HubReply> {
    if (this.stopped || this.journal === undefined) {
      return Promise.reject(new MeshError("HUB_BUSY", { detail: "the hub is stopping" }));
    }
    this.lastRequest += 1;
    const request = this.lastRequest;
    return new Promise((resolve) => {
      this.waiting.set(request, resolve);
      this.submit(make(request));
    });
  }

  release(outputs: readonly HubOutput[]): void {
    for (const output of outputs) this.releaseOne(output);
  }

  private releaseOne(output: HubOutput): void {
    const { links } = this.options;
    switch (output.type) {
      case "reply": {
        const resolve = this.waiting.get(output.request);
        this.waiting.delete(output.request);
        resolve?.(output.reply);
        return;
      }
      case "welcome":
        links.welcome(output);
        return;
      case "attached":
        links.attach(output);
        return;
      case "closeLink":
        links.close(output);
        return;
      case "refuseFrame":
        links.refuseFrame(output);
        return;
      case "chainChanged":
        this.options.chainChanged(output.chain, output.revision);
        return;
      case "taskChanged":
        this.options.taskChanged(output.task);
        return;
      case "signalPublished":
        this.options.signalPublished(output);
        return;
      case "amnesia":
        this.options.fatal(amnesiaError({ self: this.options.self, ...output }));
    }
  }

  flushed(marks: readonly SessionMark[]): void {
    this.options.links.flushed(marks);
  }

  /** The commit's outcome is unknown: nothing more may leave this process. */
  failed(error: unknown): void {
    this.stop();
    this.options.fatal(
      error instanceof MeshError
        ? error
        : new MeshError("STORE_FAULT", { detail: "a commit failed", cause: error }),
    );
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private armTimer(): void {
    const { journal } = this;
    const dueMs = this.options.kernel.wakeAtMs();
    if (this.stopped || journal === undefined || dueMs === undefined) return;
    if (this.timer !== undefined && this.timerDueMs <= dueMs) return;
    clearTimeout(this.timer);
    this.timerDueMs = dueMs;
    const delayMs = Math.min(Math.max(dueMs - journal.now(), tickMsMin), limits.timerDelayMsMax);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.submit({ type: "tick" });
    }, delayMs);
  }
}
