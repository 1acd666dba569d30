// Test chain: what a test sees of a chain, and what it may ask of it, as an operator may.

import { type ChainSnapshot, type ChainState, isEndedState } from "../client/results.ts";
import { type JsonValue, MeshError, parseAddress } from "../domain/index.ts";
import { snapshotOf } from "./chain-snapshot.ts";
import type { TestHubEvent, TestHubKernel } from "./hub-contract.ts";
import type { VirtualClock } from "./test-clock.ts";

export interface TestChainOptions {
  readonly id: string;
  readonly kernel: TestHubKernel;
  readonly clock: VirtualClock;
  readonly call: (make: (request: number) => TestHubEvent) => Promise<void>;
}

/** Longer than any chain should take: two months of virtual time. */
const resultMsMax = 60 * 24 * 3_600_000;
/** Who has done it, in the notes of the chain. */
const by = "test";

export class TestChain {
  readonly id: string;
  private readonly options: TestChainOptions;

  constructor(options: TestChainOptions) {
    this.id = options.id;
    this.options = options;
  }

  /** How the chain is now, as `client.getChain` tells it; no time passes. */
  now(): ChainSnapshot {
    const chain = this.options.kernel.chainNow(this.id);
    if (chain === undefined) throw new MeshError("CHAIN_UNKNOWN", { subject: this.id });
    return snapshotOf(chain);
  }

  /**
   * Lets time pass until the chain has ended or is suspended. Throws TIMEOUT when that has not come
   * within 60 days of virtual time.
   */
  async result(): Promise<ChainSnapshot> {
    const isSettled = (): boolean => isSettledState(this.now().state);
    if (await this.options.clock.runUntil(resultMsMax, isSettled)) return this.now();
    throw new MeshError("TIMEOUT", { subject: this.id, detail: "it goes on after 60 days" });
  }

  /** The chain that a subflow step has started. Throws CHAIN_UNKNOWN while it has not. */
  below(step: string): TestChain {
    const run = this.now().steps.find(({ id }) => id === step);
    const id = `${this.id}.${step}.${run?.visit ?? 0}`;
    if (this.options.kernel.chainNow(id) !== undefined) {
      return new TestChain({ ...this.options, id });
    }
    throw new MeshError("CHAIN_UNKNOWN", { subject: id, detail: `${step} has started no chain` });
  }

  /** This and the next refuse as the client's calls do: CHAIN_ENDED, CHAIN_INVALID. */
  async cancel(reason: string): Promise<void> {
    await this.ask((request, chain) => ({ type: "cancel", request, chain, reason }));
  }

  /** Lets a suspended chain go on, or runs one of its steps again. */
  async retry(step?: string, reason = ""): Promise<void> {
    const only = step === undefined ? {} : { step };
    await this.ask((request, chain) => ({ type: "retry", request, chain, by, reason, ...only }));
  }

  /** What runs goes on, nothing new starts. */
  async suspend(reason: string): Promise<void> {
    await this.ask((request, chain) => ({ type: "suspend", request, chain, by, reason }));
  }

  async resume(reason: string): Promise<void> {
    await this.ask((request, chain) => ({ type: "resume", request, chain, by, reason }));
  }

  /** Ends a stuck step; later steps read `output` in its place. */
  async skip(step: string, reason: string, output: JsonValue = null): Promise<void> {
    await this.ask((request, chain) => {
      return { type: "skip", request, chain, step, output, by, reason };
    });
  }

  /** Gives the instruction of a step, or of a member by its key, to another node. */
  async rematch(
    step: string,
    reason: string,
    to: { readonly node?: string; readonly member?: string } = {},
  ): Promise<void> {
    const { member, node } = to;
    const more = {
      ...(member === undefined ? {} : { member }),
      ...(node === undefined ? {} : { node: parseAddress(node) }),
    };
    await this.ask((request, chain) => {
      return { type: "rematch", request, chain, step, by, reason, ...more };
    });
  }

  private async ask(make: (request: number, chain: string) => TestHubEvent): Promise<void> {
    await this.options.call((request) => make(request, this.id));
  }
}

function isSettledState(state: ChainState): boolean {
  return isEndedState(state) || state === "suspended";
}
