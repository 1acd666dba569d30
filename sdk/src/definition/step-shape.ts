// Step shape: what expressions may read of a step, and of which type it is.

import type { ReducerRule, Step } from "../domain/application.ts";
import { upstreamOf } from "./graph.ts";
import { typeOfSchema } from "./schema-type.ts";
import {
  anything,
  intType,
  listOf,
  mapOf,
  numberType,
  scalarType,
  textType,
  type ValueType,
} from "./value-type.ts";

export interface StepShape {
  readonly type: Step["type"];
  /** Names under `steps.ID`. */
  readonly fields: ReadonlyMap<string, ValueType>;
  /** Names under `agg`; undefined for all but a fan-out. */
  readonly aggregates: ReadonlyMap<string, ValueType> | undefined;
  /** All steps that must have ended, or given a first partial, before it starts. */
  readonly upstream: ReadonlySet<string>;
}

export function shapesOf(steps: readonly Step[]): ReadonlyMap<string, StepShape> {
  const upstream = upstreamOf(steps);
  return new Map(
    steps.map((step) => {
      const aggregates = aggregatesOf(step);
      const shape: StepShape = {
        type: step.type,
        fields: fieldsOf(step, aggregates),
        aggregates,
        upstream: upstream.get(step.id) ?? new Set<string>(),
      };
      return [step.id, shape];
    }),
  );
}

function fieldsOf(
  step: Step,
  aggregates: ReadonlyMap<string, ValueType> | undefined,
): ReadonlyMap<string, ValueType> {
  const state = ["state", textType] as const;
  if (aggregates !== undefined) {
    return new Map<string, ValueType>([
      state,
      ["agg", mapOf(aggregates, "possible")],
      ["members", intType],
      ["replied", intType],
      ["failed", intType],
      ["coverage", numberType],
    ]);
  }
  if (step.type === "timer" || step.type === "signal") return new Map([state]);
  return new Map([state, ["out", outputOf(step)]]);
}

/** A form or a schema tells the output, unless a mapping or `continueWith` may stand in for it. */
function outputOf(step: Step): ValueType {
  if (step.output !== undefined || step.onError !== undefined) return anything;
  if (step.type === "human") return typeOfSchema(step.human.form);
  return step.type === "gate" ? typeOfSchema(step.gate.schema) : anything;
}

/** Values under `agg`, by name. */
export function aggregatesOf(step: Step): ReadonlyMap<string, ValueType> | undefined {
  if (step.type !== "fanout") return undefined;
  return new Map(step.aggregate.into.map(({ name, reducer }) => [name, typeOfReducer(reducer)]));
}

export function typeOfReducer(reducer: ReducerRule): ValueType {
  switch (reducer.op) {
    case "count":
    case "countIf":
      return intType;
    case "sum":
      return numberType;
    case "collect":
      return listOf(anything, reducer.limit);
    case "avg":
    case "min":
    case "max":
      // Null while nobody has replied.
      return scalarType("int", "double", "null_type");
    case "first":
      return anything;
  }
}
