// Chain runs: the items of one call of RunChains, taken and followed.
//
// Owns the runs of the call and the events that wait to be written.
//
//   R1  The events of a run leave in order: `submitted`, then `chain`; `failure` is the last.
//   R2  One message is on its way at a time; events that are ready meanwhile leave together.
//   R3  A run is forgotten with its last event, when its caller leaves it, and with the call.

import type {
  Chain,
  RunChainsRequest,
  RunChainsResponse,
  RunEvent,
  SubmitChainRequest,
  SubmitChainResponse,
} from "@cloudbrain/proto";
import { errorInfoOf } from "@cloudbrain/sdk/codec";
import { limits, MeshError } from "@cloudbrain/sdk/domain";
import type { ChainRow } from "../kernel/index.ts";
import type { DuplexAnswer, Outbound } from "./calls.ts";
import { protoChain } from "./chain-messages.ts";

export interface ChainRunsOptions {
  readonly outbound: Outbound<RunChainsResponse>;
  readonly submit: (request: SubmitChainRequest) => Promise<SubmitChainResponse>;
  /** Hears of every failure; the caller learns no text of a defect. */
  readonly noteFailure: (error: unknown) => void;
  /** Tells once how the chain rests, or why that can't be told; returns what ends it. */
  readonly follow: (chain: string, told: (outcome: ChainRow | MeshError) => void) => () => void;
}

interface Run {
  /** Ends the following of its chain. */
  stop: () => void;
}

export class ChainRuns implements DuplexAnswer<RunChainsRequest> {
  private readonly options: ChainRunsOptions;
  private readonly runs = new Map<number, Run>();
  private waiting: RunEvent[] = [];
  private isWriting = false;
  private isFinished = false;
  private isEnded = false;

  constructor(options: ChainRunsOptions) {
    this.options = options;
  }

  take({ orders }: RunChainsRequest): void {
    for (const { run, order } of orders) {
      if (order?.$case === "submit") this.start(run, order.value);
      else if (order?.$case === "leave") this.leave(run);
      else throw new MeshError("INPUT_INVALID", { subject: `run ${run}`, detail: "no order" });
    }
  }

  private start(number: number, request: SubmitChainRequest): void {
    if (this.runs.has(number)) {
      const detail = "a run that goes on has this number";
      throw new MeshError("INPUT_INVALID", { subject: `run ${number}`, detail });
    }
    if (this.runs.size >= limits.runsPerCallMax) {
      const detail = `${limits.runsPerCallMax} runs go on in this call`;
      this.say(number, failureOf(new MeshError("QUOTA_EXCEEDED", { detail })));
      return;
    }
    const run: Run = { stop: () => undefined };
    this.runs.set(number, run);
    const isOver = (): boolean => this.runs.get(number) !== run;
    this.options.submit(request).then(
      (submitted) => {
        if (isOver()) return;
        this.say(number, { $case: "submitted", value: submitted });
        run.stop = this.options.follow(submitted.chain, (outcome) => {
          if (outcome instanceof MeshError) this.fail(number, outcome);
          else this.end(number, { $case: "chain", value: protoChain(outcome) });
        });
        // It may have been told at once, or left.
        if (isOver()) run.stop();
      },
      (error: unknown) => {
        if (!isOver()) this.fail(number, error);
      },
    );
  }

  private fail(number: number, error: unknown): void {
    this.options.noteFailure(error);
    this.end(number, failureOf(error));
  }

  private end(number: number, event: RunEvent["event"]): void {
    this.forget(number);
    this.say(number, event);
  }

  private leave(number: number): void {
    this.forget(number);
    this.flush();
  }

  private forget(number: number): void {
    this.runs.get(number)?.stop();
    this.runs.delete(number);
  }

  private say(run: number, event: RunEvent["event"]): void {
    this.waiting.push({ run, event });
    this.flush();
  }

  private flush(): void {
    if (this.isWriting || this.isEnded) return;
    if (this.waiting.length === 0) {
      if (this.isFinished && this.runs.size === 0) this.options.outbound.end();
      return;
    }
    this.isWriting = true;
    // What the same commit has made ready leaves together.
    queueMicrotask(() => {
      this.options.outbound.write({ events: this.nextEvents() }, () => {
        this.isWriting = false;
        this.flush();
      });
    });
  }

  /** As many as fit; one that is too large alone travels alone. */
  private nextEvents(): RunEvent[] {
    let bytes = 0;
    const isOver = ({ event }: RunEvent): boolean => {
      bytes += event?.$case === "chain" ? bytesOf(event.value) : eventBytes;
      return bytes > limits.batchBytesTarget;
    };
    const fitting = this.waiting.findIndex(isOver);
    return this.waiting.splice(0, fitting < 0 ? this.waiting.length : Math.max(1, fitting));
  }

  finished(): void {
    this.isFinished = true;
    this.flush();
  }

  ended(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    for (const run of this.runs.values()) run.stop();
    this.runs.clear();
    this.waiting = [];
  }
}

/** What an event has beside the payloads of its chain, about. */
const eventBytes = 200;

function bytesOf(chain: Chain): number {
  let bytes = eventBytes + chain.input.length + chain.output.length;
  for (const { output, fanout } of chain.steps) {
    bytes += eventBytes + output.length + (fanout?.aggregate.length ?? 0);
    for (const child of fanout?.children ?? []) bytes += eventBytes + child.aggregate.length;
    bytes += eventBytes * (fanout?.missing.length ?? 0);
  }
  return bytes;
}

function failureOf(error: unknown): RunEvent["event"] {
  return { $case: "failure", value: errorInfoOf(error) };
}
