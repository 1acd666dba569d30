// Node parts: what a node was made of, for who runs its handlers without connecting it.

import type { Handler } from "./execution.ts";
import type { NodeLog, NodeOptions } from "./node-options.ts";
import type { Node } from "./node-surface.ts";

export interface NodeParts {
  readonly options: NodeOptions;
  /** By capability; grows until `start`. */
  readonly handlers: ReadonlyMap<string, Handler>;
  /** Handlers at once. */
  readonly concurrency: number;
  /** Where the node tells its failures: the vendor's log, else stderr. */
  readonly complain: NodeLog;
}

const partsByNode = new WeakMap<Node, NodeParts>();

export function keepParts(node: Node, parts: NodeParts): void {
  partsByNode.set(node, parts);
}

/** Undefined for what `createNode` has not made. */
export function partsOf(node: Node): NodeParts | undefined {
  return partsByNode.get(node);
}
