// Catalog messages: what a child and the hub above it say about the child's directory.
//
//   R1  A delta covers the revisions (baseRev, toRev] of a log that keeps the newest one per entry:
//       applying it twice, or after what was lost is sent again, gives the same directory.
//   R2  They are about states and outside of the session: nothing of them waits in an outbox.

/** Both ends name it in their features, or neither sends a catalog message. */
export const catalogFeature = "catalog/1";

/** Of an entry: a single writer, its owner, makes it grow. */
export interface EntryVersion {
  /** Life of the owner's catalog: a new store has a higher one. */
  readonly incarnation: number;
  /** Counts the changes of that life, from 1. */
  readonly counter: number;
}

/** Whose it is and under which code: two nodes may use one code. */
export interface EntryName {
  readonly owner: string;
  readonly code: string;
}

export interface CatalogUpsert extends EntryName, EntryVersion {
  /** CatalogEntry as its owner encoded it. */
  readonly entry: Uint8Array;
}

export interface CatalogTombstone extends EntryName, EntryVersion {}

/** Hub to child, first: what the hub has of the child's log; an empty id for nothing. */
export interface CatalogResume {
  readonly kind: "resume";
  readonly logId: string;
  readonly appliedRev: number;
}

export interface CatalogDelta {
  readonly kind: "delta";
  readonly logId: string;
  readonly baseRev: number;
  readonly toRev: number;
  /** Where the log ended when the delta was made. */
  readonly headRev: number;
  readonly upserts: readonly CatalogUpsert[];
  readonly tombstones: readonly CatalogTombstone[];
}

/** An entry that the hub has not taken; its revision counts as applied all the same. */
export interface CatalogRefusal extends EntryName {
  readonly error: string;
  readonly detail: string;
}

export interface CatalogAck {
  readonly kind: "ack";
  readonly logId: string;
  /** Everything up to here is durable at the hub. */
  readonly appliedRev: number;
  readonly refusals: readonly CatalogRefusal[];
}

export type CatalogMessage = CatalogResume | CatalogDelta | CatalogAck;
