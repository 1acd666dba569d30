export {
  type ArgumentOf,
  type CapabilityContract,
  capability,
  type InputOf,
  type InstructionContract,
  instruction,
} from "./contract.ts";
export type { Answer, AnswerReceipt, OpenInstruction } from "./deferred-work.ts";
export type { Duration } from "./duration.ts";
export type {
  AnyHandler,
  InstructionContext,
  Withdrawal,
  WithdrawnListener,
} from "./execution.ts";
export { initNode } from "./init-node.ts";
export { createNode } from "./node.ts";
export type { NodeLog, NodeOptions } from "./node-options.ts";
export type {
  DeferredInstructions,
  HandlerOptions,
  Node,
  NodeConnection,
  StateListener,
} from "./node-surface.ts";
