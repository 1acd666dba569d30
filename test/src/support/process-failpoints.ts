// Failpoints: where a process of a test dies, or leaves its syncs out. They wrap LevelDB's own
// batch inside the test's process, below everything that we ship, so that a point lies exactly
// where its name says; the product knows nothing of them.
//
//   F1  before-write: LevelDB has not seen the batch.
//   F2  after-write-before-sync: LevelDB has written the batch to its log without any sync, and
//       nobody has been told.
//   F3  after-sync-before-reply: the batch is durable, and nobody has been told.
//   F4  after-reply: the store has answered, and what follows from it has left the process.

import { Level } from "level";
import type { KillPoint } from "./process-messages.ts";

interface BatchOptions {
  readonly sync?: boolean;
}

interface NativeStore {
  _batch(operations: readonly unknown[], options: BatchOptions): Promise<void>;
}

/** Turns of the event loop in which a reply passes gRPC, HTTP/2 and TLS down to the socket. */
const turnsToSocket = 4;

/** Batches that LevelDB was given in this process, and those that it is done with. */
export const batches = { begun: 0, done: 0 };

let armed: { readonly point: KillPoint; skip: number } | undefined;
let isUnsynced = false;

/** Dies at `point` of the batch after the next `skip` ones. */
export function armKillPoint(point: KillPoint, skip: number): void {
  armed = { point, skip };
}

/** Takes `armKillPoint` back, unless its point has been reached already. */
export function disarmKillPoint(): void {
  armed = undefined;
}

/** From now on no batch is synced: what a store must never do, for the controls of checkers. */
export function leaveSyncsOut(): void {
  isUnsynced = true;
}

function die(): void {
  process.kill(process.pid, "SIGKILL");
}

function dieAfterTurns(turns: number): void {
  if (turns === 0) die();
  else setImmediate(() => dieAfterTurns(turns - 1));
}

/** Wraps LevelDB's batch of this process, once. */
export function installFailpoints(): void {
  const prototype = Level.prototype as unknown as NativeStore;
  const write = prototype._batch;
  prototype._batch = async function batch(operations, options): Promise<void> {
    const point = takePoint();
    if (point === "before-write") die();
    const isLate = point === "after-write-before-sync";
    const sync = options.sync === true && !isUnsynced && !isLate;
    batches.begun += 1;
    await write.call(this, operations, { ...options, sync }).finally(() => {
      batches.done += 1;
    });
    if (isLate || point === "after-sync-before-reply") die();
    if (point === "after-reply") dieAfterTurns(turnsToSocket);
  };
}

function takePoint(): KillPoint | undefined {
  if (armed === undefined) return undefined;
  if (armed.skip > 0) {
    armed.skip -= 1;
    return undefined;
  }
  const { point } = armed;
  armed = undefined;
  return point;
}
