// Evaluation: the pure functions that the kernels are given, so that they name no library.
//
//   V1  Same arguments, same answer: no clock, no dice, no I/O. An expression that needs the time
//       gets it as the variable `now`, the journal time of the event.

import type { Mapping } from "./application.ts";
import type { JsonValue } from "./value.ts";

/** Variables by name. */
export type Scope = { readonly [name: string]: JsonValue };

export type Evaluated =
  | { readonly ok: true; readonly value: JsonValue }
  /** A sentence for a person: what went wrong in the expression. */
  | { readonly ok: false; readonly reason: string };

/** Evaluates a CEL text. A missing field, a type error or a cost over the limit is `ok: false`. */
export type Evaluate = (expression: string, scope: Scope) => Evaluated;

/** Checks a value against a JSON Schema; answers undefined or where and why it fails. */
export type Validate = (schema: JsonValue, value: JsonValue) => string | undefined;

/**
 * When this much working time has passed, ms since 1970; undefined for an unknown calendar.
 */
export type AddWorkingTime = (
  calendar: string,
  fromMs: number,
  durationMs: number,
) => number | undefined;

/** Builds the value of a mapping; the first failing expression ends it. */
export function evaluateMapping(mapping: Mapping, scope: Scope, evaluate: Evaluate): Evaluated {
  if (mapping.kind === "literal") return { ok: true, value: mapping.value };
  if (mapping.kind === "expression") return evaluate(mapping.source, scope);
  if (mapping.kind === "list") {
    const items: JsonValue[] = [];
    for (const item of mapping.items) {
      const result = evaluateMapping(item, scope, evaluate);
      if (!result.ok) return result;
      items.push(result.value);
    }
    return { ok: true, value: items };
  }
  const fields: Record<string, JsonValue> = {};
  for (const field of mapping.fields) {
    const result = evaluateMapping(field.mapping, scope, evaluate);
    if (!result.ok) return result;
    fields[field.name] = result.value;
  }
  return { ok: true, value: fields };
}
