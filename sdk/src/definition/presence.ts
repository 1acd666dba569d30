// Presence: which fields an expression asks for before it reads them. Reading one that is not there
// fails, and nobody is told before it happens.

import { type Expr, partsOf } from "./cel-source.ts";

/** `steps.report.out.depth`, or undefined where it is no chain of names. */
export function pathOf(expr: Expr | undefined): string | undefined {
  const kind = expr?.exprKind;
  if (kind?.case === "identExpr") return kind.value.name;
  if (kind?.case !== "selectExpr") return undefined;
  const above = pathOf(kind.value.operand);
  return above === undefined ? undefined : `${above}.${kind.value.field}`;
}

/** Paths of `has(a.b)` and of `"b" in a`, wherever in the expression they stand. */
export function pathsAskedFor(expr: Expr): readonly string[] {
  const found = partsOf(expr).flatMap(pathsAskedFor);
  const own = askedBy(expr);
  return own === undefined ? found : [...found, own];
}

function askedBy(expr: Expr): string | undefined {
  const kind = expr.exprKind;
  if (kind.case === "selectExpr" && kind.value.testOnly) return pathOf(expr);
  if (kind.case !== "callExpr" || kind.value.function !== "@in") return undefined;
  const [key, map] = kind.value.args;
  const constant = key?.exprKind.case === "constExpr" ? key.exprKind.value.constantKind : undefined;
  const above = pathOf(map);
  if (constant?.case !== "stringValue" || above === undefined) return undefined;
  return `${above}.${constant.value}`;
}
