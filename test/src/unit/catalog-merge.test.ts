import {
  type CatalogRow,
  compareVersions,
  mergeTombstone,
  mergeUpsert,
} from "@cloudbrain/sdk/catalog";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("catalog merge");

/**
 * One entry whose owner moves from child to child: what each child says is a copy of the owner's
 * history, delayed, with parts left out, ended by a withdrawal of the path when the owner has left.
 */
interface Said {
  readonly child: string;
  readonly counter: number;
  readonly isThere: boolean;
}

const name = { owner: "/c/a", code: "307010/1" };

function merge(row: CatalogRow | undefined, said: Said): CatalogRow | undefined {
  const version = { ...name, incarnation: 1, counter: said.counter };
  const merged = said.isThere
    ? mergeUpsert(
        row,
        { ...version, entry: Uint8Array.of(said.counter), isVisibleAbove: true },
        { child: said.child, generation: 1 },
        said.counter,
      )
    : mergeTombstone(row, version, said.child, said.counter);
  return merged?.row ?? row;
}

/** Where the owner was with every version; a version without a place is its withdrawal. */
const histories = fc.array(fc.constantFrom("", "x", "y", "z"), { minLength: 1, maxLength: 8 });
const children = ["x", "y", "z"];

/** What a child says in the end, and on the way to it. */
function sayingsOf(history: readonly string[], child: string, keep: readonly boolean[]): Said[] {
  const said: Said[] = [];
  history.forEach((place, index) => {
    const counter = index + 1;
    const wasHere = said.at(-1)?.isThere === true;
    if (place === child) said.push({ child, counter, isThere: true });
    // The owner withdraws it here, or has left: the child withdraws the path.
    else if (wasHere && place === "") said.push({ child, counter, isThere: false });
    else if (wasHere) said.push({ child, counter: said.at(-1)?.counter ?? 0, isThere: false });
  });
  const last = said.at(-1);
  // A log keeps the newest change only: what comes before it may never be told.
  return said.filter((it, index) => it === last || keep[index % Math.max(1, keep.length)] === true);
}

test("in whichever order children speak, the row is the newest version that is still announced", () => {
  fc.assert(
    fc.property(
      histories,
      fc.array(fc.boolean(), { maxLength: 5 }),
      fc.array(fc.nat(2), { maxLength: 40 }),
      (history, keep, order) => {
        const queues = children.map((child) => sayingsOf(history, child, keep));
        const all = queues.flat();
        let row: CatalogRow | undefined;
        const say = (at: number): void => {
          const said = queues[at]?.shift();
          if (said !== undefined) row = merge(row, said);
        };
        for (const at of order) say(at);
        for (const at of children.keys()) while ((queues[at]?.length ?? 0) > 0) say(at);

        const newest = all.reduce((max, { counter }) => Math.max(max, counter), 0);
        assert.is(row?.counter ?? 0, newest);
        const last = children.map((child) => all.filter((said) => said.child === child).at(-1));
        const holders = last.filter((said) => said?.isThere === true && said.counter === newest);
        assert.is(row?.entry !== undefined, holders.length > 0);
        assert.equal(
          (row?.routes ?? []).map(({ child }) => child).sort(),
          holders.map((said) => said?.child).sort(),
        );
      },
    ),
    { numRuns: 2_000, seed: 5 },
  );
});

test("an update that comes late over an old path does not bring back what its owner withdrew", () => {
  const gone = merge(undefined, { child: "x", counter: 3, isThere: false });
  assert.is(merge(gone, { child: "y", counter: 2, isThere: true })?.entry, undefined);
  assert.ok(merge(gone, { child: "y", counter: 4, isThere: true })?.entry !== undefined);
});

test("what lost its last path comes back with the same version over another one", () => {
  let row = merge(undefined, { child: "x", counter: 1, isThere: true });
  row = merge(row, { child: "x", counter: 1, isThere: false });
  assert.is(row?.entry, undefined);
  row = merge(row, { child: "y", counter: 1, isThere: true });
  assert.equal(
    row?.routes.map(({ child }) => child),
    ["y"],
  );
});

test("a life outranks the one before, whatever that counted", () => {
  assert.ok(compareVersions({ incarnation: 2, counter: 1 }, { incarnation: 1, counter: 900 }) > 0);
});
