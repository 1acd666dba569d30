// Aggregate reader: reducers and the rule that ends a fan-out.

import type { AggregateRule, FanoutMembers } from "../domain/application.ts";
import { compareText, type JsonValue } from "../domain/value.ts";
import type { ExpressionPlace } from "./expression-check.ts";
import {
  type Fields,
  readBoolean,
  readChoice,
  readDurationMs,
  readFields,
  readNumber,
  requireField,
} from "./field-reader.ts";
import { type Reader, readCel } from "./reader.ts";
import { readReducer } from "./reducer-reader.ts";
import { typeOfSchema } from "./schema-type.ts";
import { typeOfReducer } from "./step-shape.ts";
import { mapOf } from "./value-type.ts";
import type { Problems } from "./yaml-source.ts";

/** A partial travels up at most this often unless the definition says otherwise. */
const emitEveryMsDefault = 2_000;
/** Below it hubs would send more partials than feedback. */
const emitEveryMsMin = 100;
/** Above it a progress view is of no use; the final one is sent at once anyway. */
const emitEveryMsMax = 3_600_000;
/** Reducers of one fan-out: a partial of all of them stays below a frame. */
const reducersMax = 50;

const namePattern = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

export interface AggregateContext {
  /** Time for the whole fan-out. */
  readonly finishMs: number;
  readonly by: FanoutMembers["by"];
  /** JSON Schema of each output, where people fill in a form. */
  readonly form: JsonValue | undefined;
}

export function readAggregate(
  reader: Reader,
  parent: Fields,
  place: ExpressionPlace,
  context: AggregateContext,
): AggregateRule {
  const { problems } = reader;
  const node = parent.get("aggregate")?.value;
  const fields = readFields(problems, node, `${parent.where}.aggregate`, {
    known: ["into", "complete", "late", "emitEvery"],
    refused: { levels: "remove it: every hub on the way aggregates" },
  });
  if (node !== undefined)
    requireField(problems, fields, "into", "write into: { replies: count() }");
  const bounds = { minMs: emitEveryMsMin, maxMs: emitEveryMsMax };
  const into = readInto(reader, fields, {
    ...place,
    variables: context.by === "items" ? ["out", "member", "item"] : ["out", "member"],
    types: new Map([["out", typeOfSchema(context.form)]]),
  });
  const agg = mapOf(into.map(({ name, reducer }) => [name, typeOfReducer(reducer)]));
  return {
    into,
    emitEveryMs: readDurationMs(problems, fields, "emitEvery", bounds) ?? emitEveryMsDefault,
    ...readComplete(reader, fields, { ...place, types: new Map([["agg", agg]]) }),
    late: readChoice(problems, fields, "late", ["record", "revise", "reject"]) ?? "record",
    finishMs: context.finishMs,
  };
}

function readInto(reader: Reader, parent: Fields, place: ExpressionPlace): AggregateRule["into"] {
  const { problems, expressions } = reader;
  const node = parent.get("into")?.value;
  const where = `${parent.where}.into`;
  if (node === undefined) return [];
  if (node.kind !== "fields") {
    problems.add(node.start, "WRONG_TYPE", `${where} must be a mapping`, {
      suggestion: "write into: { replies: count(), total: sum(out.value) }",
    });
    return [];
  }
  if (node.fields.length > reducersMax) {
    problems.add(node.start, "TOO_MANY", `${where} holds ${node.fields.length} reducers`, {
      suggestion: `write at most ${reducersMax}`,
    });
  }
  const into: AggregateRule["into"][number][] = [];
  for (const { key, keyStart, value } of node.fields) {
    if (!namePattern.test(key)) {
      problems.add(keyStart, "WRONG_VALUE", `${where}: "${key}" is not a name`, {
        suggestion: "write letters, digits and _, so that agg.NAME reads it",
      });
    }
    const reducer = readReducer(problems, expressions, value, {
      ...place,
      where: `${where}.${key}`,
    });
    if (reducer !== undefined) into.push({ name: key, reducer });
  }
  return into.sort((a, b) => compareText(a.name, b.name));
}

type Complete = Pick<AggregateRule, "quorum" | "or" | "minimum" | "onShort">;

function readComplete(reader: Reader, parent: Fields, place: ExpressionPlace): Complete {
  const { problems } = reader;
  const fields = readFields(problems, parent.get("complete")?.value, `${parent.where}.complete`, {
    known: ["quorum", "minimum", "atDeadline", "or", "all", "onShort"],
  });
  const ratio = { min: 0, max: 1 };
  const all = readBoolean(problems, fields, "all");
  const quorum = readNumber(problems, fields, "quorum", ratio) ?? 1;
  const minimum = readNumber(problems, fields, "minimum", ratio) ?? 0;
  if (quorum === 0) {
    reportAt(problems, fields, "quorum", "OUT_OF_RANGE", "can't be 0: it would end at once", {
      suggestion: "write a ratio above 0, or 1 to wait for all",
    });
  }
  if (all === true && quorum !== 1) {
    reportAt(problems, fields, "all", "CONFLICT", `waits for all, but quorum is ${quorum}`, {
      suggestion: "remove all or quorum",
    });
  }
  if (minimum > quorum) {
    reportAt(problems, fields, "minimum", "OUT_OF_RANGE", `is above the quorum of ${quorum}`, {
      suggestion: `write at most ${quorum}`,
    });
  }
  readChoice(problems, fields, "atDeadline", ["partial"], {
    fail: "write minimum: 1 and onShort: fail",
    suspend: "write minimum: 1 and onShort: suspend",
  });
  return {
    quorum: all === true ? 1 : quorum,
    or: readCel(reader, fields.get("or"), {
      ...place,
      where: `${fields.where}.or`,
      variables: [...place.variables, "agg"],
      expects: "boolean",
    }),
    minimum,
    onShort: readChoice(problems, fields, "onShort", ["fail", "suspend", "partial"]) ?? "suspend",
  };
}

function reportAt(
  problems: Problems,
  fields: Fields,
  key: string,
  code: string,
  what: string,
  options: { readonly suggestion: string },
): void {
  const at = fields.get(key)?.value.start ?? fields.start;
  problems.add(at, code, `${fields.where}.${key} ${what}`, options);
}
