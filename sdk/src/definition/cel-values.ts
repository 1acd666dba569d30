// CEL values: how JSON enters an expression and how its result leaves it.
//
//   V1  Numeric rule. JSON does not tell 3 from 3.0, so a number that is a whole one within
//       +-(2^53 - 1) enters as a CEL int and every other number as a double. Int and double mix in
//       + - * / and in comparisons and give a double. `int / int` cuts off as CEL demands; write
//       `/ 2.0` or `double(x)` where a fraction is wanted.
//   V2  An int leaves as a JSON number when it lies within +-(2^53 - 1), else it is an error: a
//       rounded identifier or amount is worse than none. NaN and infinities are errors.
//   V3  What came in from JSON and leaves untouched is the very same value, not a copy.

import {
  type CelInput,
  type CelMap,
  celList,
  celMap,
  isCelList,
  isCelMap,
  isCelUint,
} from "@bufbuild/cel";

import type { Evaluated } from "../domain/evaluation.ts";
import type { JsonObject, JsonValue } from "../domain/value.ts";

/** The JSON behind a list or map that came in; weak, so that it lives as long as its value. */
const sources = new WeakMap<object, JsonValue>();

/** Fields are converted when they are read: an expression seldom reads more than two. */
class LazyFields implements ReadonlyMap<string, CelInput> {
  readonly #fields: JsonObject;

  constructor(fields: JsonObject) {
    this.#fields = fields;
  }

  get size(): number {
    return Object.keys(this.#fields).length;
  }

  get(key: string): CelInput | undefined {
    if (!Object.hasOwn(this.#fields, key)) return undefined;
    const value = this.#fields[key];
    return value === undefined ? undefined : toCelInput(value);
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#fields, key);
  }

  keys(): MapIterator<string> {
    return Object.keys(this.#fields).values();
  }

  *values(): Generator<CelInput, undefined> {
    for (const value of Object.values(this.#fields)) yield toCelInput(value);
  }

  *entries(): Generator<[string, CelInput], undefined> {
    for (const [key, value] of Object.entries(this.#fields)) yield [key, toCelInput(value)];
  }

  [Symbol.iterator](): Generator<[string, CelInput], undefined> {
    return this.entries();
  }

  forEach(
    callback: (value: CelInput, key: string, map: ReadonlyMap<string, CelInput>) => void,
  ): void {
    for (const [key, value] of this.entries()) callback(value, key, this);
  }
}

export function toCelInput(value: JsonValue): CelInput {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) {
    const list = celList(value.map(toCelInput));
    sources.set(list, value);
    return list;
  }
  const map = celMap(new LazyFields(value as JsonObject));
  sources.set(map, value);
  return map;
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** `budget` bounds the values that are built, since one list may hold another many times over. */
export function toJson(value: unknown, budget: { left: number }): Evaluated {
  budget.left -= 1;
  if (budget.left < 0) return { ok: false, reason: "the result is too large" };
  switch (typeof value) {
    case "boolean":
    case "string":
      return { ok: true, value };
    case "number":
      if (!Number.isFinite(value)) {
        return { ok: false, reason: `the result is ${value}, which is not a number in JSON` };
      }
      return { ok: true, value: value === 0 ? 0 : value };
    case "bigint":
      return intToJson(value);
    case "object":
      break;
    default:
      return { ok: false, reason: "the result is not a value of JSON" };
  }
  if (value === null) return { ok: true, value: null };
  const source = sources.get(value);
  if (source !== undefined) return { ok: true, value: source };
  if (isCelUint(value)) return intToJson(value.value);
  if (isCelList(value)) return listToJson(value, budget);
  if (isCelMap(value)) return mapToJson(value, budget);
  return {
    ok: false,
    reason: "the result is bytes, a time, a duration or a type; write string(...) round it",
  };
}

function intToJson(value: bigint): Evaluated {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return { ok: true, value: number };
  return { ok: false, reason: `the integer ${value} is beyond 2^53 - 1 and would be rounded` };
}

function listToJson(list: Iterable<unknown>, budget: { left: number }): Evaluated {
  const items: JsonValue[] = [];
  for (const item of list) {
    const result = toJson(item, budget);
    if (!result.ok) return result;
    items.push(result.value);
  }
  return { ok: true, value: items };
}

function mapToJson(map: CelMap, budget: { left: number }): Evaluated {
  const fields: [string, JsonValue][] = [];
  for (const [key, item] of map) {
    if (typeof key !== "string") return { ok: false, reason: "the keys of a map must be strings" };
    const result = toJson(item, budget);
    if (!result.ok) return result;
    fields.push([key, result.value]);
  }
  return { ok: true, value: Object.fromEntries(fields) };
}

/** Values inside `value`, counted up to `max`. */
export function weighValue(value: unknown, max: number): number {
  let weight = 1;
  if (typeof value === "string") return 1 + Math.floor(value.length / 64);
  if (isCelList(value)) {
    for (const item of value) {
      weight += weighValue(item, max - weight);
      if (weight >= max) return max;
    }
  } else if (isCelMap(value)) {
    for (const item of value.values()) {
      weight += weighValue(item, max - weight);
      if (weight >= max) return max;
    }
  }
  return weight;
}
