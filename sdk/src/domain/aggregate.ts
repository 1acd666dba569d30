// Aggregates: how the feedback of many becomes one result (汇聚), hub by hub.
//
//   G1  merge is associative and commutative, and `empty` is its unit: the shape of the tree and
//       the order of arrival never change a result.
//   G2  A child's accumulator replaces its earlier one and is never added to it: what is resent
//       counts once.
//   G3  Integers are summed exactly up to 2^53; other sums keep Neumaier's compensation beside the
//       sum and round when the result is read, since hubs merge in different orders.
//       (A. Neumaier, ZAMM 54, 1974, "Rundungsfehleranalyse einiger Verfahren zur Summation".)

import type { AggregateRule, ReducerRule } from "./application.ts";
import type { Evaluate, Evaluated, Scope } from "./evaluation.ts";
import type { Accumulators } from "./frames.ts";
import { compareText, type JsonObject, type JsonValue } from "./value.ts";

/** What one member contributes per reducer; null contributes nothing. In order of `into`. */
export type Contribution = readonly JsonValue[];

type Into = AggregateRule["into"];

/** Accumulators before any contribution. */
export function emptyAccumulators(into: Into): Accumulators {
  return into.map(({ reducer }) => emptyAccumulator(reducer));
}

function emptyAccumulator(reducer: ReducerRule): JsonValue {
  switch (reducer.op) {
    case "count":
    case "countIf":
      return 0;
    case "sum":
    case "avg":
      return [0, 0, 0];
    case "min":
    case "max":
    case "first":
      return null;
    case "collect":
      return [];
  }
}

/**
 * Evaluates the reducers' expressions over one member's output. Runs once per feedback at the hub
 * that received it; the result is a fact, so a later change of the definition changes nothing.
 */
export function contributionOf(into: Into, scope: Scope, evaluate: Evaluate): Evaluated {
  const values: JsonValue[] = [];
  for (const { name, reducer } of into) {
    const result = contribute(reducer, scope, evaluate);
    if (!result.ok) return { ok: false, reason: `aggregate.into.${name}: ${result.reason}` };
    values.push(result.value);
  }
  return { ok: true, value: values };
}

function contribute(reducer: ReducerRule, scope: Scope, evaluate: Evaluate): Evaluated {
  switch (reducer.op) {
    case "count":
      return { ok: true, value: 1 };
    case "countIf": {
      const result = evaluate(reducer.where, scope);
      return result.ok ? { ok: true, value: result.value === true ? 1 : null } : result;
    }
    case "collect": {
      if (reducer.where !== undefined) {
        const chosen = evaluate(reducer.where, scope);
        if (!chosen.ok) return chosen;
        if (chosen.value !== true) return { ok: true, value: null };
      }
      const result = evaluate(reducer.value, scope);
      return result.ok ? { ok: true, value: [result.value] } : result;
    }
    case "first": {
      const result = evaluate(reducer.value, scope);
      return result.ok ? { ok: true, value: [result.value] } : result;
    }
    default: {
      const result = evaluate(reducer.value, scope);
      if (!result.ok || result.value === null) return result;
      if (typeof result.value !== "number" || !Number.isFinite(result.value)) {
        return { ok: false, reason: `"${reducer.value}" is not a number` };
      }
      return result;
    }
  }
}

/** One member's part in a fold. `key` and `atMs` order what `collect` and `first` keep. */
export interface MemberContribution {
  readonly key: string;
  readonly atMs: number;
  readonly contribution: Contribution;
}

/** Accumulators of a set of members; linear in their number (collect: n log n). */
export function foldContributions(into: Into, members: Iterable<MemberContribution>): Accumulators {
  const list = [...members];
  return into.map(({ reducer }, index) => {
    const collected: JsonValue[] = [];
    let accumulator = emptyAccumulator(reducer);
    for (const { key, atMs, contribution } of list) {
      const value = contribution[index] ?? null;
      if (value === null) continue;
      const single = singleAccumulator(reducer, value, key, atMs);
      if (reducer.op === "collect") collected.push(single);
      else accumulator = mergeAccumulator(reducer, accumulator, single);
    }
    return reducer.op === "collect"
      ? mergeCollected([], collected.flat(), reducer.limit)
      : accumulator;
  });
}

function singleAccumulator(
  reducer: ReducerRule,
  value: JsonValue,
  memberKey: string,
  atMs: number,
): JsonValue {
  switch (reducer.op) {
    case "sum":
    case "avg":
      return [value, 0, 1];
    case "collect":
      return [[memberKey, Array.isArray(value) ? (value[0] ?? null) : null]];
    case "first":
      return [atMs, memberKey, Array.isArray(value) ? (value[0] ?? null) : null];
    default:
      return value;
  }
}

/** Folds the accumulators of two disjoint sets of members. */
export function mergeAccumulators(into: Into, a: Accumulators, b: Accumulators): Accumulators {
  return into.map(({ reducer }, index) => {
    const empty = emptyAccumulator(reducer);
    return mergeAccumulator(reducer, a[index] ?? empty, b[index] ?? empty);
  });
}

function mergeAccumulator(reducer: ReducerRule, a: JsonValue, b: JsonValue): JsonValue {
  switch (reducer.op) {
    case "count":
    case "countIf":
      return Number(a) + Number(b);
    case "sum":
    case "avg":
      return mergeSums(a, b);
    case "min":
      return a === null ? b : b === null ? a : Math.min(Number(a), Number(b));
    case "max":
      return a === null ? b : b === null ? a : Math.max(Number(a), Number(b));
    case "first":
      return mergeFirst(a, b);
    case "collect":
      return mergeCollected(a, b, reducer.limit);
  }
}

function numberAt(value: JsonValue, index: number): number {
  const item = Array.isArray(value) ? value[index] : 0;
  return typeof item === "number" ? item : 0;
}

function mergeSums(a: JsonValue, b: JsonValue): JsonValue {
  const x = numberAt(a, 0);
  const y = numberAt(b, 0);
  const sum = x + y;
  const lost = Math.abs(x) >= Math.abs(y) ? x - sum + y : y - sum + x;
  return [sum, numberAt(a, 1) + numberAt(b, 1) + lost, numberAt(a, 2) + numberAt(b, 2)];
}

function mergeFirst(a: JsonValue, b: JsonValue): JsonValue {
  if (!Array.isArray(a)) return b;
  if (!Array.isArray(b)) return a;
  const byTime = numberAt(a, 0) - numberAt(b, 0);
  const order = byTime !== 0 ? byTime : compareText(String(a[1]), String(b[1]));
  return order <= 0 ? a : b;
}

function mergeCollected(a: JsonValue, b: JsonValue, limit: number): JsonValue {
  const left = Array.isArray(a) ? a : [];
  const right = Array.isArray(b) ? b : [];
  const merged = [...left, ...right] as JsonValue[];
  merged.sort((x, y) => compareText(keyOf(x), keyOf(y)));
  return merged.slice(0, limit);
}

function keyOf(pair: JsonValue): string {
  return Array.isArray(pair) && typeof pair[0] === "string" ? pair[0] : "";
}

/** The result that people and expressions read: one value per reducer, by name. */
export function resultOf(into: Into, accumulators: Accumulators): JsonObject {
  const result: Record<string, JsonValue> = {};
  into.forEach(({ name, reducer }, index) => {
    result[name] = readAccumulator(reducer, accumulators[index] ?? emptyAccumulator(reducer));
  });
  return result;
}

function readAccumulator(reducer: ReducerRule, accumulator: JsonValue): JsonValue {
  switch (reducer.op) {
    case "sum":
      return numberAt(accumulator, 0) + numberAt(accumulator, 1);
    case "avg": {
      const count = numberAt(accumulator, 2);
      return count === 0 ? null : (numberAt(accumulator, 0) + numberAt(accumulator, 1)) / count;
    }
    case "first":
      return Array.isArray(accumulator) ? (accumulator[2] ?? null) : null;
    case "collect":
      return Array.isArray(accumulator)
        ? accumulator.map((pair) => (Array.isArray(pair) ? (pair[1] ?? null) : null))
        : [];
    default:
      return accumulator;
  }
}
