// Store: ordered keys and values that survive a crash. The port that everything above is written
// against; nothing above it may know LevelDB.
//
//   T1  A commit is atomic: after any crash all of its operations are there or none is.
//   T2  A commit resolves only once it is durable (synced).
//   T3  A commit whose epoch is below the highest committed one is refused; the highest epoch is
//       durable with the rows that brought it, so a reopened store still shuts the old life out.
//   T4  After one failed commit no other one is tried: the failed one may have been kept.
//   T5  Every value carries a checksum over its key and body, checked at every read. A damaged row
//       is an error that names its key; it is never `undefined` and never another value.
//   T6  Keys are ordered as bytes and never changed. Keys that begin with 0x00 belong to the store.

export type StoreOperation =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: Uint8Array };

export interface StoreRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
  /** Rows at most; all of them when left out. */
  readonly limit?: number;
  /** From the last row of the range to its first. */
  readonly reverse?: boolean;
}

export interface StoreRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface Store {
  /**
   * Writes all operations atomically and resolves only when they are durable. Commits that overlap
   * are written one after the other in the order of the calls; a later operation of one commit
   * wins over an earlier one on the same key. The caller may reuse its buffers after the call.
   *
   * Rejects with EPOCH_FENCED when `epoch` (a safe integer >= 0) is lower than the highest one
   * committed; with STORE_FAULT when the write or its sync failed: whether it was kept is unknown,
   * and every later commit rejects too, so the process must end and open the store again.
   */
  commit(operations: readonly StoreOperation[], epoch: number): Promise<void>;

  /** The value, or `undefined` when there is none. A bad checksum rejects with STORE_CORRUPT. */
  get(key: Uint8Array): Promise<Uint8Array | undefined>;

  /**
   * The rows of a range in key order, from one snapshot taken when the iteration starts. A row with
   * a bad checksum ends it with STORE_CORRUPT, its subject the key in hex. An iteration that is
   * begun must be finished or left (`break`), since an open one pins old versions on the disk.
   */
  scan(range: StoreRange): AsyncIterable<StoreRow>;

  /** Waits for the commits under way, then refuses everything with STORE_CLOSED. Repeatable. */
  close(): Promise<void>;
}
