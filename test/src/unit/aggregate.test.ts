import {
  type AggregateRule,
  foldContributions,
  type JsonValue,
  mergeAccumulators,
  resultOf,
} from "@cloudbrain/sdk/domain";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("aggregates");

const into: AggregateRule["into"] = [
  { name: "avg", reducer: { op: "avg", value: "out" } },
  { name: "big", reducer: { op: "countIf", where: "out > 0" } },
  { name: "count", reducer: { op: "count" } },
  { name: "first", reducer: { op: "first", value: "out" } },
  { name: "list", reducer: { op: "collect", value: "out", where: undefined, limit: 5 } },
  { name: "max", reducer: { op: "max", value: "out" } },
  { name: "min", reducer: { op: "min", value: "out" } },
  { name: "sum", reducer: { op: "sum", value: "out" } },
];

interface MadeUpMember {
  readonly key: string;
  readonly atMs: number;
  readonly value: number;
}

function contributionsOf(members: readonly MadeUpMember[]) {
  return members.map(({ key, atMs, value }) => {
    const big = value > 0 ? 1 : null;
    const contribution: JsonValue[] = [value, big, 1, [value], [value], value, value, value];
    return { key, atMs, contribution };
  });
}

const anyMembers = fc.uniqueArray(
  fc.record({
    key: fc.string({ minLength: 1, maxLength: 4 }),
    atMs: fc.integer({ min: 0, max: 50 }),
    value: fc.integer({ min: -1_000, max: 1_000 }),
  }),
  { selector: ({ key }) => key, maxLength: 30 },
);

test("an empty set has an empty result of the right kinds", () => {
  assert.equal(resultOf(into, foldContributions(into, [])), {
    avg: null,
    big: 0,
    count: 0,
    first: null,
    list: [],
    max: null,
    min: null,
    sum: 0,
  });
});

test("any split of the members over hubs, in any order, gives the result of one hub", () => {
  fc.assert(
    fc.property(anyMembers, fc.array(fc.nat({ max: 3 }), { maxLength: 30 }), (members, hubs) => {
      const whole = foldContributions(into, contributionsOf(members));
      const parts = [0, 1, 2, 3].map((hub) =>
        foldContributions(
          into,
          contributionsOf(members.filter((_, index) => (hubs[index] ?? 0) === hub)),
        ),
      );
      const merged = parts
        .toReversed()
        .reduce((a, b) => mergeAccumulators(into, a, b), foldContributions(into, []));
      assert.equal(resultOf(into, merged), resultOf(into, whole));
    }),
    { seed: 7, numRuns: 300 },
  );
});

test("fractions that cancel out leave no error, in whatever order they come", () => {
  const rule: AggregateRule["into"] = [{ name: "sum", reducer: { op: "sum", value: "out" } }];
  const values = [1e16, 1, -1e16, 0.1, 0.2, -0.3];
  const members = values.map((value, index) => ({
    key: String(index),
    atMs: 0,
    contribution: [value],
  }));
  const forward = resultOf(rule, foldContributions(rule, members))["sum"];
  const backward = resultOf(rule, foldContributions(rule, members.toReversed()))["sum"];
  assert.ok(Math.abs(Number(forward) - 1) < 1e-12, String(forward));
  assert.ok(Math.abs(Number(backward) - 1) < 1e-12, String(backward));
});
