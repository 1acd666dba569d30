// Sync count: how often this process has made LevelDB wait for the disk. Wraps LevelDB's own batch,
// below everything that we ship.

import { Level } from "level";

interface NativeStore {
  _batch(operations: readonly unknown[], options: { readonly sync?: boolean }): Promise<void>;
}

let syncs = 0;

export function countedSyncs(): number {
  return syncs;
}

export function countSyncs(): void {
  const prototype = Level.prototype as unknown as NativeStore;
  const write = prototype._batch;
  prototype._batch = function batch(operations, options): Promise<void> {
    if (options.sync === true) syncs += 1;
    return write.call(this, operations, options);
  };
}
