// CEL source: parses a text within bounds and tells what it reads, for checks before it ever runs.
//
//   S1  A text is at most `sourceCharsMax` characters and `sourceDepthMax` deep, so that parsing
//       and planning are bounded and never exhaust the stack.

import { parse } from "@bufbuild/cel";

import { environment } from "./cel-environment.ts";

export type ParsedSource = ReturnType<typeof parse>;
export type Expr = ParsedSource["expr"];

export const sourceCharsMax = 4 * 1024;
const sourceDepthMax = 100;

interface SourceProblem {
  readonly message: string;
  /** Offset in the text, in UTF-16 code units. */
  readonly offset: number;
}

type SourceResult =
  | { readonly ok: true; readonly parsed: ParsedSource }
  | { readonly ok: false; readonly problem: SourceProblem };

function refuse(message: string, offset = 0): SourceResult {
  return { ok: false, problem: { message, offset } };
}

/** Parses a CEL text; the problem's offset is where the reader got stuck. Never throws. */
export function parseSource(text: string): SourceResult {
  if (text.length > sourceCharsMax) {
    return refuse(
      `the expression is ${text.length} characters long; the limit is ${sourceCharsMax}`,
    );
  }
  if (text.trim() === "") return refuse("the expression is empty");
  const deep = findTooDeep(text);
  if (deep !== undefined) {
    return refuse(`the expression is nested deeper than ${sourceDepthMax} levels`, deep);
  }
  try {
    const parsed = parse(text);
    if (depthOf(parsed.expr, sourceDepthMax) > sourceDepthMax) {
      return refuse(`the expression is nested deeper than ${sourceDepthMax} levels`);
    }
    return { ok: true, parsed };
  } catch (error) {
    return { ok: false, problem: describeParseError(error, text) };
  }
}

/** A count of brackets that ignores quotes: close enough to keep the parser off the stack's end. */
function findTooDeep(text: string): number | undefined {
  let depth = 0;
  let run = 0;
  for (let index = 0; index < text.length; index += 1) {
    const letter = text.charAt(index);
    if (letter === "(" || letter === "[" || letter === "{") depth += 1;
    else if ((letter === ")" || letter === "]" || letter === "}") && depth > 0) depth -= 1;
    run = letter === "!" || letter === "-" ? run + 1 : 0;
    if (depth > sourceDepthMax || run > sourceDepthMax) return index;
  }
  return undefined;
}

function describeParseError(error: unknown, text: string): SourceProblem {
  const known = error as {
    readonly rawMessage?: unknown;
    readonly found?: unknown;
    readonly location?: { readonly start?: { readonly offset?: unknown } };
  };
  const offset = known.location?.start?.offset;
  const at = typeof offset === "number" ? Math.min(offset, text.length) : 0;
  const rest = text.slice(at).trimStart();
  const found = rest === "" ? "its end" : `"${rest.slice(0, 12)}"`;
  return { message: `the expression can't be read from ${found} on`, offset: at };
}

/** Direct parts of a node, with what a comprehension binds left to `bindingOf`. */
export function partsOf(expr: Expr): readonly Expr[] {
  const kind = expr.exprKind;
  switch (kind.case) {
    case "selectExpr":
      return present([kind.value.operand]);
    case "callExpr":
      return present([kind.value.target, ...kind.value.args]);
    case "listExpr":
      return kind.value.elements;
    case "structExpr":
      return present(
        kind.value.entries.flatMap(({ keyKind, value }) => [
          keyKind.case === "mapKey" ? keyKind.value : undefined,
          value,
        ]),
      );
    case "comprehensionExpr":
      return present([
        kind.value.iterRange,
        kind.value.accuInit,
        kind.value.loopCondition,
        kind.value.loopStep,
        kind.value.result,
      ]);
    default:
      return [];
  }
}

function present(list: readonly (Expr | undefined)[]): readonly Expr[] {
  return list.filter((item) => item !== undefined);
}

function depthOf(expr: Expr, max: number): number {
  if (max < 0) return 1;
  let deepest = 0;
  for (const part of partsOf(expr)) deepest = Math.max(deepest, depthOf(part, max - 1));
  return deepest + 1;
}

/** A free variable with the fields read from it as far as they are spelled out. */
export interface Reading {
  readonly name: string;
  /** `steps.report.agg` gives ["report", "agg"]. */
  readonly path: readonly string[];
  readonly offset: number;
  /** It names a type of CEL, such as `int`, unless a variable of that name is there. */
  readonly isType: boolean;
}

interface SourceReport {
  readonly readings: readonly Reading[];
  readonly unknownFunctions: readonly { readonly name: string; readonly offset: number }[];
}

const macros = new Set(["has", "all", "exists", "exists_one", "map", "filter"]);
const typeNames = new Set([
  "int",
  "uint",
  "double",
  "bool",
  "string",
  "bytes",
  "list",
  "map",
  "null_type",
  "type",
]);

/** Names that a call may use. */
export function knownFunctions(): readonly string[] {
  const names = new Set<string>(macros);
  for (const func of environment.funcs) if (/^[A-Za-z]/.test(func.name)) names.add(func.name);
  return [...names];
}

/** What a text reads and calls. */
export function examineSource(parsed: ParsedSource): SourceReport {
  const readings: Reading[] = [];
  const unknownFunctions: { name: string; offset: number }[] = [];
  const offsetOf = (expr: Expr): number => offsetOfNode(parsed, expr.id);

  const visit = (expr: Expr, bound: ReadonlySet<string>): void => {
    const path = pathOf(expr);
    if (path !== undefined) {
      const isType = path.fields.length === 0 && typeNames.has(path.name);
      if (!bound.has(path.name)) {
        readings.push({ name: path.name, path: path.fields, offset: offsetOf(path.root), isType });
      }
      return;
    }
    const kind = expr.exprKind;
    if (kind.case === "callExpr" && environment.funcs.find(kind.value.function) === undefined) {
      if (!builtIn.has(kind.value.function)) {
        unknownFunctions.push({ name: kind.value.function, offset: offsetOf(expr) });
      }
    }
    if (kind.case === "comprehensionExpr") {
      const { iterRange, accuInit, loopCondition, loopStep, result, iterVar, accuVar } = kind.value;
      const inner = new Set([...bound, iterVar, accuVar]);
      for (const part of present([iterRange, accuInit])) visit(part, bound);
      for (const part of present([loopCondition, loopStep, result])) visit(part, inner);
      return;
    }
    for (const part of partsOf(expr)) visit(part, bound);
  };
  visit(parsed.expr, new Set());
  return { readings, unknownFunctions };
}

/** Where a node of the expression stands in its text. */
export function offsetOfNode(parsed: ParsedSource, exprId: bigint): number {
  return parsed.sourceInfo?.positions[String(exprId)] ?? 0;
}

/** Operators that the planner knows itself. */
const builtIn = new Set([
  "_[_]",
  "_?_:_",
  "_&&_",
  "_||_",
  "@not_strictly_false",
  "__not_strictly_false__",
  "_[?_]",
  "_?._",
]);

function pathOf(expr: Expr): { name: string; fields: string[]; root: Expr } | undefined {
  const kind = expr.exprKind;
  if (kind.case === "identExpr") return { name: kind.value.name, fields: [], root: expr };
  if (kind.case === "selectExpr" && kind.value.operand !== undefined) {
    const inner = pathOf(kind.value.operand);
    if (inner === undefined) return undefined;
    return { ...inner, fields: [...inner.fields, kind.value.field] };
  }
  return undefined;
}
