// Making a node's store: done once, by whoever sets the node up, never by its start.

import { randomUUID } from "node:crypto";
import { parseAddress } from "../domain/index.ts";
import { initNodeStore } from "../journal/index.ts";

/**
 * Makes the store of a node in `dataDir`. Refuses with STORE_EXISTS when one is there: a node that
 * loses its store and gets a new one has forgotten what it was given.
 */
export async function initNode(options: {
  readonly address: string;
  readonly dataDir: string;
}): Promise<void> {
  const identity = parseAddress(options.address);
  await initNodeStore({ directory: options.dataDir, identity, storeId: randomUUID() });
}
