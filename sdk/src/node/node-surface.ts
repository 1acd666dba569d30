// The surface of a node: what a vendor calls.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { ResourceDescription } from "../catalog/index.ts";
import type { Address } from "../domain/index.ts";
import type { ArgumentOf, CapabilityContract, InputOf, InstructionContract } from "./contract.ts";
import type { Answer, AnswerReceipt, OpenInstruction } from "./deferred-work.ts";
import type { Duration } from "./duration.ts";
import type { AnyHandler, InstructionContext, WithdrawnListener } from "./execution.ts";

export type NodeConnection = "new" | "connecting" | "online" | "offline" | "draining" | "stopped";

/** Told after every change, with the reason for people; empty when there is none. */
export type StateListener = (state: NodeConnection, reason: string) => void;

export interface HandlerOptions {
  /**
   * Runs of this handler at once, apart from the node's: for one that waits for a system which may
   * be down. Default: it shares the node's places.
   */
  readonly concurrency?: number;
  /**
   * Tells whoever works on it outside that an instruction has ended without them: cancelled or
   * expired. Repeated at the next start when it rejects or the process ends before.
   */
  readonly withdrawn?: WithdrawnListener;
}

/** Instructions whose outcome comes from outside: `context.later()`. */
export interface DeferredInstructions {
  /** The store is open: what is not found now is not known here. */
  readonly isOpen: boolean;
  /** What is open, deferred or still with its handler. */
  list(): readonly OpenInstruction[];
  /** What is open or has ended not long ago. */
  find(id: string): OpenInstruction | undefined;
  /**
   * Resolves when the outcome is durable; it leaves for the hub by itself. The same answer again is
   * `isRepeated`. Refuses with INSTRUCTION_UNKNOWN, INSTRUCTION_ENDED, INSTRUCTION_CANCELLED, and
   * with INSTRUCTION_TAKEN when a `holder` is given who has not claimed it.
   */
  answer(
    id: string,
    answer: Answer,
    options?: { readonly holder?: string },
  ): Promise<AnswerReceipt>;
  /** Refuses like `answer`. Counts as a heartbeat. */
  progress(id: string, ratio: number, note: string): void;
  /**
   * Somebody takes it in hand. Resolves when durable. Refuses like `answer`, and with
   * INSTRUCTION_TAKEN when somebody else holds it or its handler still runs.
   */
  claim(id: string, holder: string): Promise<void>;
  /** Who has claimed it lets go. Refuses like `answer` for anybody else. */
  release(id: string, holder: string): Promise<void>;
}

export interface Node {
  readonly address: Address;
  readonly deferred: DeferredInstructions;
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
    options?: HandlerOptions,
  ): Node;
  /** Without a contract nothing is checked but that the output is JSON. */
  handle(name: string, handler: AnyHandler, options?: HandlerOptions): Node;
  /** Registers the provider of a capability, which chains use by instructions; before `start`. */
  provide<Input extends StandardSchemaV1, Output extends StandardSchemaV1>(
    contract: CapabilityContract<Input, Output>,
    provider: (
      input: InputOf<Input>,
      context: InstructionContext,
    ) => ArgumentOf<Output> | Promise<ArgumentOf<Output>>,
    options?: HandlerOptions,
  ): Node;
  /**
   * Declares resources of this node; before `start`. What is declared is published at `start`, and
   * what an earlier start has published and this one does not declare is withdrawn. Throws
   * RESOURCE_INVALID or RESOURCE_EXISTS.
   */
  publishes(...resources: readonly ResourceDescription[]): Node;
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
