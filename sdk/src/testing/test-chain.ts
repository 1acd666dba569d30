// Test chain: what a test sees of a chain, and what it may ask of it.

import type { ChainState } from "../client/results.ts";
import { type JsonValue, MeshError } from "../domain/index.ts";
import type { TestHubEvent, TestHubKernel, TestStep } from "./hub-contract.ts";
import type { VirtualClock } from "./test-clock.ts";

export interface TestChainResult {
  readonly state: ChainState;
  /** Null until the chain has succeeded. */
  readonly output: JsonValue;
  /** Why it failed or is suspended, for people; else empty. */
  readonly reason: string;
  readonly steps: readonly TestStep[];
}

export interface TestChainOptions {
  readonly id: string;
  readonly kernel: TestHubKernel;
  readonly clock: VirtualClock;
  readonly call: (make: (request: number) => TestHubEvent) => Promise<void>;
}

/** Longer than any chain should take: two months of virtual time. */
const resultMsMax = 60 * 24 * 3_600_000;
const goingOn: ReadonlySet<ChainState> = new Set(["running", "cancelling", "compensating"]);

export class TestChain {
  readonly id: string;
  private readonly options: TestChainOptions;

  constructor(options: TestChainOptions) {
    this.id = options.id;
    this.options = options;
  }

  /** How the chain is now; no time passes. */
  now(): TestChainResult {
    const chain = this.options.kernel.chainNow(this.id);
    if (chain === undefined) throw new MeshError("CHAIN_UNKNOWN", { subject: this.id });
    const { state, output, reason, steps } = chain;
    return { state, output, reason, steps };
  }

  /**
   * Lets time pass until the chain has ended or is suspended. Throws TIMEOUT when that has not come
   * within 60 days of virtual time.
   */
  async result(): Promise<TestChainResult> {
    const isSettled = (): boolean => !goingOn.has(this.now().state);
    if (await this.options.clock.runUntil(resultMsMax, isSettled)) return this.now();
    throw new MeshError("TIMEOUT", { subject: this.id, detail: "it goes on after 60 days" });
  }

  async cancel(reason: string): Promise<void> {
    await this.options.call((request) => ({ type: "cancel", request, chain: this.id, reason }));
  }

  /** Lets a suspended chain go on. */
  async retry(): Promise<void> {
    await this.options.call((request) => ({ type: "retry", request, chain: this.id }));
  }
}
