// Expressions: the pure `evaluate` that kernels are given, over CEL.
//
//   X1  It never throws and never waits: a bad text, a missing field, a type error or a cost over
//       the limit is `ok: false` with a sentence.
//   X2  Same arguments, same answer. What is cached is derived from the text alone, and the budget
//       (cel-environment.ts) counts steps, never time.
//   X3  A plain field path takes a short way round CEL with the same answer; whatever is not a hit
//       on it goes to CEL, so that there is one wording per error.
//   X4  Numbers follow the rule of cel-values.ts (V1, V2). A field that holds null reads as null,
//       but `has()` and `in` say false for it, as for a missing one.

import { type CelInput, isCelError, plan } from "@bufbuild/cel";

import type { Evaluate, Evaluated, Scope } from "../domain/evaluation.ts";
import type { JsonObject, JsonValue } from "../domain/value.ts";
import { boundComprehensions } from "./cel-bounds.ts";
import { environment, isOutOfSteps, resetSteps } from "./cel-environment.ts";
import { examineSource, parseSource } from "./cel-source.ts";
import { toCelInput, toJson } from "./cel-values.ts";

export interface EvaluateOptions {
  /** Plans that are kept, the oldest leaving first. A plan takes about 10 KiB. Default 2,048. */
  readonly plansMax?: number;
  /** False sends every text through CEL: for tests of the short way. */
  readonly shortPaths?: boolean;
}

interface Prepared {
  /** The fields of a plain path, the variable first. */
  readonly path: readonly string[] | undefined;
  /** Made when first needed: most paths never reach CEL. */
  run: ((scope: Scope) => Evaluated) | undefined;
}

const pathPattern = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/;
/** Words that CEL reads as something else than a name. */
const reservedWords = new Set(
  (
    "true false null in as break const continue else for function if import let loop package " +
    "namespace return var void while"
  ).split(" "),
);
const valuesMax = 100_000;

/** Creates an `evaluate` with its own bounded cache of plans. */
export function createEvaluate(options: EvaluateOptions = {}): Evaluate {
  const plansMax = options.plansMax ?? 2_048;
  const shortPaths = options.shortPaths ?? true;
  const plans = new Map<string, Prepared>();
  return (expression, scope) => {
    let prepared = plans.get(expression);
    if (prepared === undefined) {
      prepared = { path: shortPaths ? plainPath(expression) : undefined, run: undefined };
      for (const oldest of plans.keys()) {
        if (plans.size < plansMax) break;
        plans.delete(oldest);
      }
      plans.set(expression, prepared);
    }
    if (prepared.path !== undefined) {
      const value = followPath(prepared.path, scope);
      if (value !== undefined) return { ok: true, value };
    }
    prepared.run ??= prepare(expression);
    return prepared.run(scope);
  };
}

function plainPath(expression: string): readonly string[] | undefined {
  if (expression.length > 256 || !pathPattern.test(expression)) return undefined;
  const path = expression.split(".");
  return path.some((name) => reservedWords.has(name)) ? undefined : path;
}

/** The value at the path, or undefined where CEL must answer: nothing there, or no exact number. */
function followPath(path: readonly string[], scope: Scope): JsonValue | undefined {
  let value: JsonValue = scope;
  for (const name of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, name)) return undefined;
    const next: JsonValue | undefined = (value as JsonObject)[name];
    if (next === undefined) return undefined;
    value = next;
  }
  if (typeof value !== "number") return value;
  if (!Number.isFinite(value)) return undefined;
  // Minus zero has no integer of its own in CEL.
  return value === 0 ? 0 : value;
}

function prepare(expression: string): (scope: Scope) => Evaluated {
  const source = parseSource(expression);
  if (!source.ok) {
    const refused: Evaluated = {
      ok: false,
      reason: `${source.problem.message}: ${expression.slice(0, 80)}`,
    };
    return () => refused;
  }
  const names = [...new Set(examineSource(source.parsed).readings.map(({ name }) => name))];
  try {
    const run = plan(environment, boundComprehensions(source.parsed.expr));
    return (scope) => evaluatePlan(expression, () => run(bind(names, scope)));
  } catch (error) {
    const refused: Evaluated = { ok: false, reason: explain(expression, error) };
    return () => refused;
  }
}

/** Without a prototype, since CEL looks names up with a plain index. */
function bind(names: readonly string[], scope: Scope): Record<string, CelInput> {
  const bindings: Record<string, CelInput> = Object.create(null);
  for (const name of names) {
    if (!Object.hasOwn(scope, name)) continue;
    const value = scope[name];
    if (value !== undefined) bindings[name] = toCelInput(value);
  }
  return bindings;
}

function evaluatePlan(expression: string, run: () => unknown): Evaluated {
  resetSteps();
  try {
    const result = run();
    // An `||` beside an exhausted comprehension may hide the error; the answer would be a guess.
    if (isOutOfSteps())
      return { ok: false, reason: `"${clip(expression)}": it takes too many steps` };
    if (isCelError(result)) return { ok: false, reason: explain(expression, result) };
    const value = toJson(result, { left: valuesMax });
    return value.ok ? value : { ok: false, reason: `"${clip(expression)}": ${value.reason}` };
  } catch (error) {
    return { ok: false, reason: explain(expression, error) };
  }
}

function clip(expression: string): string {
  return expression.length <= 120 ? expression : `${expression.slice(0, 117)}...`;
}

function explain(expression: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const sentence = message
    .replace(/^unresolved attribute$/, "a name in it stands for nothing here")
    .replace(/^field not found: (.*)$/s, 'there is no field "$1"');
  return `"${clip(expression)}": ${sentence}`;
}
