// Chain runs: items that are submitted and followed, all of them over one call of RunChains.
//
// A call for each costs an HTTP/2 stream, half of what a caller spends on a small chain.
//
//   U1  A run settles once: with its chain, with what the hub refused, with its own bounds, or with
//       the end of the call that carried it.
//   U2  Orders that are given while a message is on its way leave together.
//   U3  A call without runs ends after `idleMs`: an open one would keep the process alive.

import type {
  ChainServiceClient,
  Chain as ProtoChain,
  RunChainsRequest,
  RunChainsResponse,
  RunEvent,
  RunOrder,
  SubmitChainRequest,
} from "@cloudbrain/proto";
import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { meshErrorOf } from "../codec/index.ts";
import { limits, MeshError } from "../domain/index.ts";
import {
  type CallHost,
  cancelledError,
  errorOf,
  metadataOf,
  refusalToStart,
  silentError,
} from "./calls.ts";

const idleMs = 1_000;

export interface RunBounds {
  readonly signal: AbortSignal | undefined;
  /** Time allowed for the whole, ms; undefined for days. */
  readonly timeoutMs: number | undefined;
  readonly onSubmitted: (submitted: { readonly chain: string; readonly existed: boolean }) => void;
}

interface Run {
  readonly bounds: RunBounds;
  readonly settle: (outcome: ProtoChain | MeshError) => void;
  /** Until the hub has answered. */
  patience: NodeJS.Timeout | undefined;
}

export class ChainRuns {
  private readonly host: CallHost;
  private readonly chains: ChainServiceClient;
  private call: RunCall | undefined;

  constructor(host: CallHost, chains: ChainServiceClient) {
    this.host = host;
    this.chains = chains;
  }

  /** The chain as it rests. Rejects with a MeshError; UNREACHABLE when the call has broken. */
  run(submit: SubmitChainRequest, bounds: RunBounds): Promise<ProtoChain> {
    const refused = refusalToStart(this.host, bounds.signal);
    if (refused !== undefined) return Promise.reject(refused);
    if (this.call === undefined || this.call.isOver) {
      this.call = new RunCall(this.host, this.chains.runChains(metadataOf(this.host)));
    }
    return this.call.run(submit, bounds);
  }
}

class RunCall {
  isOver = false;
  private readonly host: CallHost;
  private readonly stream: ClientDuplexStream<RunChainsRequest, RunChainsResponse>;
  private readonly runs = new Map<number, Run>();
  private orders: RunOrder[] = [];
  private lastRun = 0;
  private isWriting = false;
  private idle: NodeJS.Timeout | undefined;
  private readonly untrack: () => void;

  constructor(host: CallHost, stream: ClientDuplexStream<RunChainsRequest, RunChainsResponse>) {
    this.host = host;
    this.stream = stream;
    this.untrack = host.channel.track(stream);
    stream.on("error", (error: ServiceError) => this.broken(errorOf(host, error)));
    stream.on("end", () =>
      this.broken(
        new MeshError("UNREACHABLE", { subject: host.hub, detail: "the hub ended the call" }),
      ),
    );
    stream.on("data", ({ events }: RunChainsResponse) => {
      for (const event of events) this.take(event);
    });
  }

  run(submit: SubmitChainRequest, bounds: RunBounds): Promise<ProtoChain> {
    clearTimeout(this.idle);
    this.idle = undefined;
    this.lastRun += 1;
    const number = this.lastRun;
    return new Promise((resolve, reject) => {
      const disarm = this.arm(number, bounds);
      const { timeoutMs: firstMs } = this.host;
      this.runs.set(number, {
        bounds,
        settle: (outcome) => {
          disarm();
          if (outcome instanceof MeshError) reject(outcome);
          else resolve(outcome);
        },
        patience: setTimeout(() => this.leave(number, silentError(this.host, firstMs)), firstMs),
      });
      this.order({ run: number, order: { $case: "submit", value: submit } });
    });
  }

  /** Leaves the run on its signal and after its time; returns what ends both. */
  private arm(number: number, { signal, timeoutMs }: RunBounds): () => void {
    const aborted = (): void => this.leave(number, cancelledError(signal));
    signal?.addEventListener("abort", aborted, { once: true });
    const late = (): void => {
      const detail = "the time that the caller allowed has passed";
      this.leave(number, new MeshError("TIMEOUT", { subject: this.host.hub, detail }));
    };
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(late, Math.min(timeoutMs, limits.timerDelayMsMax));
    return () => {
      signal?.removeEventListener("abort", aborted);
      clearTimeout(timer);
    };
  }

  private take({ run: number, event }: RunEvent): void {
    const run = this.runs.get(number);
    // It was left; its last event was on the way.
    if (run === undefined || event === undefined) return;
    if (event.$case === "submitted") {
      clearTimeout(run.patience);
      const { chain, existed } = event.value;
      run.bounds.onSubmitted({ chain, existed });
      return;
    }
    this.settle(
      number,
      event.$case === "chain"
        ? event.value
        : (meshErrorOf(event.value) ?? new MeshError("DEFECT", { subject: this.host.hub })),
    );
  }

  private leave(number: number, reason: MeshError): void {
    if (!this.runs.has(number)) return;
    this.settle(number, reason);
    this.order({ run: number, order: { $case: "leave", value: {} } });
  }

  private settle(number: number, outcome: ProtoChain | MeshError): void {
    const run = this.runs.get(number);
    if (run === undefined) return;
    this.runs.delete(number);
    clearTimeout(run.patience);
    run.settle(outcome);
    if (this.runs.size > 0 || this.isOver) return;
    this.idle ??= setTimeout(() => {
      this.isOver = true;
      this.stream.end();
    }, idleMs).unref();
  }

  /** The call carries nothing any more. */
  private broken(error: MeshError): void {
    this.isOver = true;
    this.untrack();
    clearTimeout(this.idle);
    for (const number of [...this.runs.keys()]) this.settle(number, error);
  }

  private order(order: RunOrder): void {
    this.orders.push(order);
    this.flush();
  }

  private flush(): void {
    if (this.isWriting || this.isOver || this.orders.length === 0) return;
    this.isWriting = true;
    queueMicrotask(() => {
      const orders = this.orders.splice(0, ordersPerMessage(this.orders));
      this.stream.write({ orders }, () => {
        this.isWriting = false;
        this.flush();
      });
    });
  }
}

/** As many as fit into a message; inputs are at most 64 KiB. */
function ordersPerMessage(orders: readonly RunOrder[]): number {
  let bytes = 0;
  const first = orders.findIndex(({ order }) => {
    bytes += order?.$case === "submit" ? order.value.input.length : 0;
    return bytes > limits.batchBytesTarget;
  });
  return Math.min(first < 0 ? orders.length : Math.max(1, first), ordersMax);
}

/** As the contract says. */
const ordersMax = 1_000;
