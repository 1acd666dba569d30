// Merge: what becomes of a row of a directory when a child says something about it. Pure.
//
//   M1  One owner writes an entry, so a higher version wins, whichever way it comes. What the owner
//       withdraws has a version of its own, above all that it outranks.
//   M2  An equal version is no news of the owner's but of the way: it adds a route, or brings back
//       what had lost its last one. A child that announces an entry no more takes its own route
//       away; the entry is gone with the last one.
//   M3  So a row is the highest version that was heard of, and is there if some child announces it
//       now: the order in which children speak does not matter.

import type { CatalogTombstone, EntryName, EntryVersion } from "../domain/index.ts";

/** The way by which an entry came: a child, or the empty text for the node's own. */
export interface Route {
  readonly child: string;
  /** The resync of that child in which it was last announced. */
  readonly generation: number;
}

/** What a directory knows of one entry, or of one that is gone. */
export interface CatalogRow extends EntryName, EntryVersion {
  /** As its owner wrote it; undefined once it is gone. */
  readonly entry: Uint8Array | undefined;
  readonly routes: readonly Route[];
  /** Whether the hub above may see it. */
  readonly isVisibleAbove: boolean;
  /** Its place in our log, 0 for none. */
  readonly rev: number;
  /** The hub above may have heard of it. */
  readonly isTold: boolean;
  /** ms since 1970, 0 while it is there. */
  readonly goneAtMs: number;
  readonly learntAtMs: number;
}

export interface Merged {
  readonly row: CatalogRow;
  /** Whether the entry itself has come, changed or gone, rather than a route to it. */
  readonly isNews: boolean;
}

export interface Announcement extends EntryName, EntryVersion {
  readonly entry: Uint8Array;
  readonly isVisibleAbove: boolean;
}

/** Below, equal, above: negative, 0, positive. */
export function compareVersions(a: EntryVersion, b: EntryVersion): number {
  return a.incarnation - b.incarnation || a.counter - b.counter;
}

/** A child announces an entry. Undefined: nothing changes. */
export function mergeUpsert(
  row: CatalogRow | undefined,
  upsert: Announcement,
  route: Route,
  nowMs: number,
): Merged | undefined {
  const order = row === undefined ? 1 : compareVersions(upsert, row);
  if (row !== undefined && order < 0) return dropRoute(row, route.child, nowMs);
  if (row === undefined || order > 0 || row.entry === undefined) {
    const { owner, code, incarnation, counter, entry, isVisibleAbove } = upsert;
    const { rev = 0, isTold = false } = row ?? {};
    return {
      row: {
        ...{ owner, code, incarnation, counter, entry, isVisibleAbove, rev, isTold },
        ...{ routes: [route], goneAtMs: 0, learntAtMs: nowMs },
      },
      isNews: true,
    };
  }
  const known = row.routes.find(({ child }) => child === route.child);
  if (known?.generation === route.generation) return undefined;
  const others = row.routes.filter((other) => other !== known);
  return { row: { ...row, routes: [...others, route] }, isNews: false };
}

/** A child says that an entry is gone, at this version. Undefined: nothing changes. */
export function mergeTombstone(
  row: CatalogRow | undefined,
  tombstone: CatalogTombstone,
  child: string,
  nowMs: number,
): Merged | undefined {
  const { owner, code, incarnation, counter } = tombstone;
  if (row === undefined) {
    const none = { owner, code, incarnation, counter, routes: [], rev: 0, isTold: false };
    return {
      row: goneRow({ ...none, entry: undefined, isVisibleAbove: false }, nowMs),
      isNews: false,
    };
  }
  if (compareVersions(tombstone, row) <= 0) return dropRoute(row, child, nowMs);
  const wasThere = row.entry !== undefined;
  return { row: goneRow({ ...row, incarnation, counter }, nowMs), isNews: wasThere || row.isTold };
}

/** A child announces it no more. Undefined: nothing changes. */
export function dropRoute(row: CatalogRow, child: string, nowMs: number): Merged | undefined {
  if (!row.routes.some((route) => route.child === child)) return undefined;
  const routes = row.routes.filter((route) => route.child !== child);
  if (routes.length > 0) return { row: { ...row, routes }, isNews: false };
  return { row: goneRow(row, nowMs), isNews: true };
}

function goneRow(row: Omit<CatalogRow, "goneAtMs" | "learntAtMs">, nowMs: number): CatalogRow {
  return {
    ...row,
    entry: undefined,
    routes: [],
    isVisibleAbove: false,
    goneAtMs: nowMs,
    learntAtMs: nowMs,
  };
}
