// CEL bounds: rewrites comprehensions so that each round is counted and each list grows in place.
//
// `list.map(x, f)` is a loop that CEL runs as `@result + [f]`. Joining copies the list in every
// round, which is quadratic, and nothing counts the rounds. So the loop's condition gets a counter
// before it, its range a check of size, and its join a function that appends.

import { appendName, rangeName, tickName } from "./cel-environment.ts";
import { type Expr, partsOf } from "./cel-source.ts";

/** The same expression with every comprehension bounded. */
export function boundComprehensions(expr: Expr): Expr {
  const kind = expr.exprKind;
  switch (kind.case) {
    case "selectExpr":
      return rebuild(expr, {
        ...kind,
        value: { ...kind.value, operand: bounded(kind.value.operand) },
      });
    case "callExpr":
      return rebuild(expr, {
        ...kind,
        value: {
          ...kind.value,
          target: bounded(kind.value.target),
          args: kind.value.args.map(boundComprehensions),
        },
      });
    case "listExpr":
      return rebuild(expr, {
        ...kind,
        value: { ...kind.value, elements: kind.value.elements.map(boundComprehensions) },
      });
    case "structExpr":
      return rebuild(expr, {
        ...kind,
        value: {
          ...kind.value,
          entries: kind.value.entries.map((entry) => ({
            ...entry,
            keyKind:
              entry.keyKind.case === "mapKey"
                ? { ...entry.keyKind, value: boundComprehensions(entry.keyKind.value) }
                : entry.keyKind,
            value: bounded(entry.value),
          })),
        },
      });
    case "comprehensionExpr":
      return boundLoop(expr, kind);
    default:
      return expr;
  }
}

function bounded(expr: Expr | undefined): Expr | undefined {
  return expr === undefined ? undefined : boundComprehensions(expr);
}

/** A changed node; the planner reads plain fields, so a copy will do for a protobuf message. */
function rebuild(expr: Expr, exprKind: unknown): Expr {
  return { ...expr, exprKind } as Expr;
}

type Loop = Extract<Expr["exprKind"], { case: "comprehensionExpr" }>;

function boundLoop(expr: Expr, kind: Loop): Expr {
  const { iterRange, loopCondition, loopStep } = kind.value;
  if (iterRange === undefined || loopCondition === undefined || loopStep === undefined) return expr;
  const steps = weigh(loopCondition) + weigh(loopStep) + 2;
  const tick = call(expr, tickName, [number(expr, steps)]);
  return rebuild(expr, {
    ...kind,
    value: {
      ...kind.value,
      iterRange: call(iterRange, rangeName, [boundComprehensions(iterRange)]),
      accuInit: bounded(kind.value.accuInit),
      // `c ? x : e` evaluates nothing but `c` when it is an error, unlike `&&`.
      loopCondition: call(expr, "_?_:_", [tick, boundComprehensions(loopCondition), tick]),
      loopStep: growInPlace(boundComprehensions(loopStep), kind.value.accuVar),
      result: bounded(kind.value.result),
    },
  });
}

function growInPlace(step: Expr, accumulator: string): Expr {
  const kind = step.exprKind;
  if (kind.case !== "callExpr") return step;
  const [first, second, third] = kind.value.args;
  const isAccumulator =
    first?.exprKind.case === "identExpr" && first.exprKind.value.name === accumulator;
  if (kind.value.function === "_+_" && isAccumulator && second?.exprKind.case === "listExpr") {
    return rebuild(step, { ...kind, value: { ...kind.value, function: appendName } });
  }
  if (kind.value.function !== "_?_:_" || first === undefined) return step;
  if (second === undefined || third === undefined) return step;
  const args = [first, growInPlace(second, accumulator), growInPlace(third, accumulator)];
  return rebuild(step, { ...kind, value: { ...kind.value, args } });
}

/** Nodes that one round evaluates; a loop inside counts its own rounds. */
function weigh(expr: Expr): number {
  const parts = partsOf(expr);
  return parts.reduce((sum, part) => sum + weigh(part), 1);
}

function call(at: Expr, name: string, args: Expr[]): Expr {
  const value = { $typeName: "cel.expr.Expr.Call", function: name, target: undefined, args };
  return rebuild(at, { case: "callExpr", value });
}

function number(at: Expr, value: number): Expr {
  const constantKind = { case: "int64Value", value: BigInt(value) };
  const constant = { $typeName: "cel.expr.Constant", constantKind };
  return rebuild(at, { case: "constExpr", value: constant });
}
