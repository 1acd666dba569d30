// Opening a node's journal: store, anchor, recovery and the one loop, in the order that is safe.
//
//   O1  A store is made by `initNodeStore` alone; opening never makes one.
//   O2  The epoch of this life is durable before anything else is written or sent.
//   O3  Files are verified before LevelDB opens them, rows and records while they are read, and the
//       end of the journal against the anchor.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Kernel, SessionMark } from "../domain/index.ts";
import {
  type Anchor,
  initAnchor,
  initLevelStore,
  openAnchor,
  openLevelStore,
  type Store,
} from "../store/index.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Journal } from "./journal.ts";
import { journalKey, metaKey, prefixRange, tableRange } from "./keys.ts";
import { genesisHash } from "./record.ts";
import {
  decodeMeta,
  encodeMeta,
  type Meta,
  newMeta,
  type RecoveredPosition,
  Recovery,
} from "./recovery.ts";

export interface NewNodeStore {
  readonly directory: string;
  /** Address of the node: a store is never opened for another one. */
  readonly identity: string;
  /** Random: tells this store from any other of the same node. */
  readonly storeId: string;
}

const storeDirectory = (directory: string): string => join(directory, "store");
const anchorPath = (directory: string): string => join(directory, "anchor");

/**
 * Makes the store and its anchor. Refuses with STORE_EXISTS when something is there. After an
 * interruption what it left can't be opened: delete the directory and try again.
 */
export async function initNodeStore(options: NewNodeStore): Promise<void> {
  const { directory, identity, storeId } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const rows = [{ key: metaKey, value: encodeMeta(newMeta(storeId)) }];
  await initLevelStore({ directory: storeDirectory(directory), identity, rows });
  await initAnchor(anchorPath(directory));
}

/** Opens the store of `directory`; replaced by tests of failing disks. */
export type OpenStore = (options: {
  readonly directory: string;
  readonly identity: string;
}) => Promise<Store>;

export interface NodeJournalOptions<Event, Output> {
  readonly directory: string;
  readonly identity: string;
  readonly kernel: Kernel<Event, Output>;
  readonly started: (epoch: number) => Event;
  /** Tables to read at the start, in this order. */
  readonly liveTables: readonly string[];
  readonly release: (outputs: readonly Output[]) => void;
  readonly flushed: (marks: readonly SessionMark[]) => void;
  /** A commit's outcome is unknown: the process must end. */
  readonly failed: (error: unknown) => void;
  readonly openStore?: OpenStore | undefined;
  /** Default: the machine's. */
  readonly clock?: Pick<Clock, "now"> | undefined;
}

export interface NodeJournal<Event, Output> {
  readonly journal: Journal<Event, Output>;
  readonly store: Store;
  readonly meta: Meta;
  /** One of the two slots of the anchor is damaged: worth an alarm, the other one is enough. */
  readonly isAnchorWorn: boolean;
  /**
   * Waits for what is under way, checkpoints and closes; after a failed commit it only closes.
   * Submit nothing after it. Repeatable.
   */
  close(): Promise<void>;
}

export async function openNodeJournal<Event, Output>(
  options: NodeJournalOptions<Event, Output>,
): Promise<NodeJournal<Event, Output>> {
  const { directory, identity } = options;
  const openStore = options.openStore ?? openLevelStore;
  const anchor = openAnchor({ path: anchorPath(directory), create: false });
  let store: Store | undefined;
  try {
    store = await openStore({ directory: storeDirectory(directory), identity });
    const known = anchor.read();
    const recovered = await recover(store, options.kernel, options.liveTables, known);
    return serve(options, store, anchor, recovered, known.damagedSlot);
  } catch (error) {
    try {
      await store?.close();
    } finally {
      anchor.close();
    }
    throw error;
  }
}

function serve<Event, Output>(
  options: NodeJournalOptions<Event, Output>,
  store: Store,
  anchor: Anchor,
  recovered: { readonly meta: Meta; readonly position: RecoveredPosition },
  isAnchorWorn: boolean,
): NodeJournal<Event, Output> {
  const { meta, position } = recovered;
  const { clock = systemClock } = options;
  let isBroken = false;
  let breakDown: () => void = () => undefined;
  const broken = new Promise<void>((resolve) => {
    breakDown = resolve;
  });
  const failed = (error: unknown): void => {
    if (isBroken) return;
    isBroken = true;
    breakDown();
    options.failed(error);
  };
  const journal = new Journal<Event, Output>({
    kernel: options.kernel,
    commit: (operations, epoch, done) => {
      if (isBroken) return;
      // What `done` releases may throw too, or the anchor's disk: that is never a success.
      store
        .commit(operations, epoch)
        .then(() => done(), done)
        .catch(failed);
    },
    meta,
    position,
    clock: () => clock.now(),
    defer: setImmediate,
    release: options.release,
    flushed: options.flushed,
    failed,
    anchor: (seq, hash) => anchor.write({ seq, hash, epoch: meta.epoch }),
  });
  journal.submit(options.started(meta.epoch));
  const closeNow = async (): Promise<void> => {
    journal.requestCheckpoint();
    const idle = new Promise<void>((resolve) => journal.whenIdle(resolve));
    await Promise.race([idle, broken]);
    try {
      await store.close();
    } finally {
      anchor.close();
    }
  };
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= closeNow();
    return closing;
  };
  return { journal, store, meta, isAnchorWorn, close };
}

/** Reads rows and records, raises the epoch durably and tells where the journal ends. */
async function recover(
  store: Store,
  kernel: Kernel<never, unknown>,
  liveTables: readonly string[],
  anchor: { readonly seq: number; readonly hash: Uint8Array },
): Promise<{ readonly meta: Meta; readonly position: RecoveredPosition }> {
  const stored = decodeMeta(await store.get(metaKey));
  const meta: Meta = { ...stored, epoch: stored.epoch + 1 };
  await store.commit([{ type: "put", key: metaKey, value: encodeMeta(meta) }], meta.epoch);
  const known = anchor.seq === 0 ? { seq: 0, hash: genesisHash } : anchor;
  const recovery = new Recovery(kernel, meta, known);
  for (const table of liveTables) {
    for await (const { key, value } of store.scan(tableRange(table))) recovery.row(key, value);
  }
  const { lt } = prefixRange(journalKey(0).subarray(0, 1));
  for await (const { key, value } of store.scan({ gte: journalKey(recovery.nextSeq()), lt })) {
    recovery.record(key, value);
  }
  return { meta, position: recovery.finish() };
}
