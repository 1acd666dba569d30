// The surface of a node: what a vendor calls.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Address } from "../domain/index.ts";
import type { ArgumentOf, CapabilityContract, InputOf, InstructionContract } from "./contract.ts";
import type { Duration } from "./duration.ts";
import type { AnyHandler, InstructionContext } from "./execution.ts";

export type NodeConnection = "new" | "connecting" | "online" | "offline" | "draining" | "stopped";

/** Told after every change, with the reason for people; empty when there is none. */
export type StateListener = (state: NodeConnection, reason: string) => void;

export interface Node {
  readonly address: Address;
  readonly state: NodeConnection;
  /** Tells every change of `state`; the function that it returns ends that. */
  onState(listener: StateListener): () => void;
  /** Registers the handler of an instruction; before `start`. */
  handle<Input extends StandardSchemaV1, Feedback extends StandardSchemaV1>(
    contract: InstructionContract<Input, Feedback>,
    handler: (
      input: InputOf<Input>,
      context: InstructionContext,
    ) => ArgumentOf<Feedback> | Promise<ArgumentOf<Feedback>>,
  ): Node;
  /** Without a contract nothing is checked but that the output is JSON. */
  handle(name: string, handler: AnyHandler): Node;
  /** Registers the provider of a capability, which chains use by instructions; before `start`. */
  provide<Input extends StandardSchemaV1, Output extends StandardSchemaV1>(
    contract: CapabilityContract<Input, Output>,
    provider: (
      input: InputOf<Input>,
      context: InstructionContext,
    ) => ArgumentOf<Output> | Promise<ArgumentOf<Output>>,
  ): Node;
  /**
   * Resolves when the node is online. Rejects when the store can't be opened, with UNREACHABLE
   * after `timeout` and with CANCELLED on `signal`; the node is stopped then.
   */
  start(options?: { readonly signal?: AbortSignal; readonly timeout?: Duration }): Promise<void>;
  /**
   * Takes no new work, lets handlers finish and the hub acknowledge them for at most `drain` (30 s
   * by default), then asks handlers to stop, says goodbye and closes the store. What is not done is
   * run again at the next start of a node on the same store. Repeatable.
   */
  stop(options?: { readonly drain?: Duration }): Promise<void>;
}
