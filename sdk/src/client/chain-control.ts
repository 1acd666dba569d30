// Chain control: what a caller does to a chain that is under way, besides cancelling it.

import type { ChainServiceClient } from "@cloudbrain/proto";
import type { JsonValue } from "../domain/index.ts";
import { type CallBounds, type CallHost, callUnary } from "./calls.ts";

export interface RetryOptions extends CallBounds {
  /** Only this suspended or failed step; for operators. */
  readonly step?: string | undefined;
  /** For people. */
  readonly reason?: string | undefined;
}

export interface SkipOptions extends CallBounds {
  /** For people. */
  readonly reason: string;
  /** What later steps read as the output of the step. */
  readonly output?: JsonValue | undefined;
}

export interface RematchOptions extends CallBounds {
  /** For people. */
  readonly reason: string;
  /** Address of the node that gets the work; another one that matches if not given. */
  readonly node?: string | undefined;
  /** Key of a member of a fan-out over items. */
  readonly member?: string | undefined;
}

export interface SignalOptions extends CallBounds {
  /** Only gates of this chain, and those of it that are still to come. */
  readonly chain?: string | undefined;
}

export interface Signalled {
  /** Gates that it opened. */
  readonly opened: number;
  /** The chain keeps it for a gate that is still to come. */
  readonly retained: boolean;
  /** Why the last gate that was looked at stayed closed; empty for none. */
  readonly detail: string;
}

/** All of it leaves who and why in the chain. What its state does not allow is CHAIN_INVALID. */
export interface ChainControl {
  /** Lets a suspended chain go on, or runs one step again. CHAIN_ENDED. */
  retryChain(chain: string, options?: RetryOptions): Promise<void>;
  /** What runs goes on, nothing new starts. For operators. */
  suspendChain(chain: string, reason: string, bounds?: CallBounds): Promise<void>;
  /** Lets a chain that a person holds go on. For operators. */
  resumeChain(chain: string, reason: string, bounds?: CallBounds): Promise<void>;
  /** Ends a stuck step as skipped and takes its work back. For operators. */
  skipStep(chain: string, step: string, options: SkipOptions): Promise<void>;
  /** Gives a stuck instruction to another node. For operators. */
  rematchStep(chain: string, step: string, options: RematchOptions): Promise<void>;
  /**
   * Opens the gates that wait for this signal now; one to a single chain is kept for a gate that is
   * still to come. Whoever repeats a signal may open a second gate of the same name.
   */
  signal(name: string, payload: JsonValue, options?: SignalOptions): Promise<Signalled>;
}

const encoder = new TextEncoder();

export function createChainControl(host: CallHost, chains: ChainServiceClient): ChainControl {
  return {
    async retryChain(chain, options = {}) {
      const { step = "", reason = "" } = options;
      await callUnary(host, chains.retryChain.bind(chains), { chain, step, reason }, options);
    },
    async suspendChain(chain, reason, bounds = {}) {
      await callUnary(host, chains.suspendChain.bind(chains), { chain, reason }, bounds);
    },
    async resumeChain(chain, reason, bounds = {}) {
      await callUnary(host, chains.resumeChain.bind(chains), { chain, reason }, bounds);
    },
    async skipStep(chain, step, options) {
      const { reason, output } = options;
      const bytes = output === undefined ? new Uint8Array() : encodeJson(output);
      const request = { chain, step, reason, output: bytes };
      await callUnary(host, chains.skipStep.bind(chains), request, options);
    },
    async rematchStep(chain, step, options) {
      const { reason, node = "", member = "" } = options;
      const request = { chain, step, member, node, reason };
      await callUnary(host, chains.rematchStep.bind(chains), request, options);
    },
    async signal(name, payload, options = {}) {
      const request = { name, payload: encodeJson(payload), chain: options.chain ?? "" };
      const method = chains.signalChain.bind(chains);
      const { opened, retained, detail } = await callUnary(host, method, request, options);
      return { opened, retained, detail };
    },
  };
}

function encodeJson(value: JsonValue): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}
