export {
  type ArgumentOf,
  type CapabilityContract,
  capability,
  type InputOf,
  type InstructionContract,
  instruction,
} from "./contract.ts";
export type { Duration } from "./duration.ts";
export type { AnyHandler, InstructionContext } from "./execution.ts";
export { initNode } from "./init-node.ts";
export { createNode } from "./node.ts";
export type { NodeLog, NodeOptions } from "./node-options.ts";
export type { Node, NodeConnection, StateListener } from "./node-surface.ts";
