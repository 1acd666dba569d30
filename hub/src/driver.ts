// Driver: the one loop of a hub. Requests and frames become kernel events; what the kernel puts out
// goes to callers, links and watchers, always after it is durable.
//
//   D5  One alarm wakes the kernel when something is due, by the hub's clock.

import { type Address, MeshError, type SessionMark } from "@cloudbrain/sdk/domain";
import { Alarm, type Clock, type Journal } from "@cloudbrain/sdk/journal";
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
  readonly clock: Clock;
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

export class HubDriver {
  private readonly options: DriverOptions;
  private journal: Journal<HubEvent, HubOutput> | undefined;
  private readonly waiting = new Map<number, (reply: HubReply) => void>();
  private lastRequest = 0;
  private readonly alarm: Alarm;
  private stopped = false;

  constructor(options: DriverOptions) {
    this.options = options;
    this.alarm = new Alarm(options.clock, () => this.submit({ type: "tick" }));
  }

  /**
   * The journal needs our callbacks to be made, and we need the journal: bound after its opening.
   */
  bind(journal: Journal<HubEvent, HubOutput>): void {
    this.journal = journal;
    this.setAlarm();
  }

  submit(event: HubEvent): void {
    if (this.stopped) return;
    this.journal?.submit(event);
    this.setAlarm();
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
    this.alarm.stop();
  }

  private setAlarm(): void {
    const { journal } = this;
    if (this.stopped || journal === undefined) return;
    this.alarm.set(this.options.kernel.wakeAtMs(), journal.now());
  }
}
