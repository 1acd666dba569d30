// Reducer reader: `sum(out.evacuated)` and `{ collect: member.code, limit: 100 }` as reducer rules.

import type { ReducerRule } from "../domain/application.ts";
import { limits } from "../domain/limits.ts";
import { closestName } from "./diagnostic.ts";
import type { ExpressionPlace, Expressions } from "./expression-check.ts";
import { readFields, readNumber, textNode } from "./field-reader.ts";
import type { Problems, ScalarNode, SourceNode } from "./yaml-source.ts";

const valueOps = ["sum", "min", "max", "avg", "first"] as const;
const ops = ["count", ...valueOps, "countIf", "collect"];
const refusedOps: Readonly<Record<string, string>> = {
  quorum: "write complete: { quorum: 0.9 } beside into",
  custom: "aggregate by the reducers there are, and compute the rest in a later step",
};
const collectLimitDefault = 100;
const form =
  "write count(), sum(out.x), avg(..), min(..), max(..), first(..) or countIf(out.x > 0)";

/** Undefined where it is wrong; the problem is noted. */
export function readReducer(
  problems: Problems,
  expressions: Expressions,
  node: SourceNode,
  place: ExpressionPlace,
): ReducerRule | undefined {
  if (node.kind === "fields") return readObjectForm(problems, expressions, node, place);
  const text = textNode(problems, node, place.where);
  return text === undefined ? undefined : readShortForm(problems, expressions, text, place);
}

function readShortForm(
  problems: Problems,
  expressions: Expressions,
  node: ScalarNode & { readonly value: string },
  place: ExpressionPlace,
): ReducerRule | undefined {
  const parts = /^(\s*([A-Za-z]+)\s*\()([\s\S]*)\)\s*$/.exec(node.value);
  const [, head = "", op = "", inner = ""] = parts ?? [];
  if (parts === null) {
    const message = `${place.where}: "${node.value.slice(0, 60)}" is not a reducer`;
    problems.add(node.start, "BAD_REDUCER", message, { suggestion: form });
    return undefined;
  }
  if (op === "count") {
    if (inner.trim() === "") return { op };
    problems.add(node.start, "BAD_REDUCER", `${place.where}: count() takes nothing`, {
      suggestion: `write count() or countIf(${inner.trim()})`,
    });
    return undefined;
  }
  if (!isKnownOp(problems, op, node.start, place)) return undefined;
  if (inner.trim() === "") {
    problems.add(node.start, "BAD_REDUCER", `${place.where}: ${op}() lacks its expression`, {
      suggestion: `write ${op}(out.field)`,
    });
    return undefined;
  }
  const source = expressions.add(node, inner.trim(), head.length + leadOf(inner), {
    ...place,
    ...expectationOf(op),
  });
  return ruleOf(op, source);
}

/** What the expression of a reducer must give. */
function expectationOf(op: string): Pick<ExpressionPlace, "expects"> {
  if (op === "countIf") return { expects: "boolean" };
  return ["sum", "avg", "min", "max"].includes(op) ? { expects: "number" } : {};
}

function leadOf(text: string): number {
  return text.length - text.trimStart().length;
}

function isKnownOp(problems: Problems, op: string, at: number, place: ExpressionPlace): boolean {
  if (ops.includes(op)) return true;
  const near = closestName(op, ops);
  const told = near === undefined ? form : `did you mean ${near}(...)?`;
  problems.add(at, "BAD_REDUCER", `${place.where}: there is no reducer "${op}"`, {
    suggestion: Object.hasOwn(refusedOps, op) ? refusedOps[op] : told,
  });
  return false;
}

function ruleOf(op: string, source: string): ReducerRule | undefined {
  if (op === "countIf") return { op, where: source };
  if (op === "collect") {
    return { op, value: source, where: undefined, limit: collectLimitDefault };
  }
  const known = valueOps.find((name) => name === op);
  return known === undefined ? undefined : { op: known, value: source };
}

function readObjectForm(
  problems: Problems,
  expressions: Expressions,
  node: SourceNode & { readonly kind: "fields" },
  place: ExpressionPlace,
): ReducerRule | undefined {
  const named = node.fields.filter(({ key }) => [...ops, ...Object.keys(refusedOps)].includes(key));
  const [first, second] = named;
  if (first === undefined || second !== undefined) {
    const message = `${place.where} must name one reducer`;
    problems.add(second?.keyStart ?? node.start, "BAD_REDUCER", message, {
      suggestion: "write { collect: 'member.code', where: 'out.x > 0', limit: 100 }",
    });
    return undefined;
  }
  const op = first.key;
  const extra = op === "collect" ? ["where", "limit"] : [];
  const fields = readFields(problems, node, place.where, {
    known: [op, ...extra],
    refused: { on: "remove it: what has failed contributes nothing; steps.ID.failed counts it" },
  });
  if (!isKnownOp(problems, op, first.keyStart, place)) return undefined;
  if (op === "count") return { op };
  const text = textNode(problems, first.value, `${place.where}.${op}`);
  if (text === undefined) return undefined;
  const source = expressions.add(text, text.value, 0, {
    ...place,
    where: `${place.where}.${op}`,
    ...expectationOf(op),
  });
  const rule = ruleOf(op, source);
  if (rule?.op !== "collect") return rule;
  const limit = readNumber(problems, fields, "limit", {
    min: 1,
    max: limits.collectItemsMax,
    whole: true,
  });
  const whereNode = fields.get("where")?.value;
  const where =
    whereNode === undefined ? undefined : textNode(problems, whereNode, `${place.where}.where`);
  if (where !== undefined) {
    expressions.add(where, where.value, 0, {
      ...place,
      where: `${place.where}.where`,
      expects: "boolean",
    });
  }
  return { ...rule, where: where?.value, limit: limit ?? collectLimitDefault };
}
