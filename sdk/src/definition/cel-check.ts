// CEL check: what an expression gives and what it takes at most, before it ever runs.
//
//   T1  Only what must fail whenever it runs is refused (value-type.ts).
//   T2  The overloads of the environment itself say what fits: there is no second table.
//   T3  The cost counts rounds of loops and items compared, as rule B1 of cel-environment.ts does.
//       A list of unknown length is taken to hold `itemsAssumed` items; what depends on the length
//       of texts is left to the budget of the evaluation itself.

import { comprehensionItemsMax, environment } from "./cel-environment.ts";
import { type Expr, partsOf } from "./cel-source.ts";
import { closestName } from "./diagnostic.ts";
import { pathOf, pathsAskedFor } from "./presence.ts";
import {
  anything,
  booleanType,
  describeType,
  eitherOf,
  intType,
  listOf,
  mapOf,
  noValue,
  scalarType,
  textType,
  type ValueType,
} from "./value-type.ts";

/** As many as a reducer collects at most (limits.collectItemsMax). */
const itemsAssumed = 1_000;

export interface CelFinding {
  /** MAYBE_MISSING is a warning: such an expression may work for every value that ever comes. */
  readonly code: "TYPE_ERROR" | "UNKNOWN_FIELD" | "MAYBE_MISSING";
  readonly message: string;
  readonly suggestion?: string | undefined;
  /** Id of the node of the expression that it is about. */
  readonly exprId: bigint;
}

export interface CelReport {
  readonly type: ValueType;
  /** Steps of one evaluation at most. */
  readonly cost: number;
  readonly findings: readonly CelFinding[];
}

type Scope = ReadonlyMap<string, ValueType>;
type Call = Extract<Expr["exprKind"], { case: "callExpr" }>["value"];
type Loop = Extract<Expr["exprKind"], { case: "comprehensionExpr" }>["value"];

/**
 * `variables` that are not there are anything. `askedFor`: paths of fields whose presence has been
 * asked for elsewhere, as in the condition of a step.
 */
export function checkCel(expr: Expr, variables: Scope, askedFor: Iterable<string> = []): CelReport {
  const check = new CelCheck(new Set([...askedFor, ...pathsAskedFor(expr)]));
  const type = check.typeOf(expr, variables);
  return { type, cost: check.cost, findings: check.findings };
}

class CelCheck {
  readonly findings: CelFinding[] = [];
  cost = 0;
  /** Rounds of the loops around. */
  #rounds = 1;
  readonly #askedFor: ReadonlySet<string>;

  constructor(askedFor: ReadonlySet<string>) {
    this.#askedFor = askedFor;
  }

  typeOf(expr: Expr, scope: Scope): ValueType {
    const kind = expr.exprKind;
    switch (kind.case) {
      case "constExpr":
        return constantTypes[kind.value.constantKind.case ?? ""] ?? anything;
      case "identExpr":
        return scope.get(kind.value.name) ?? anything;
      case "selectExpr":
        return this.#selectType(expr, scope);
      case "callExpr":
        return this.#callType(expr, kind.value, scope);
      case "listExpr": {
        const items = kind.value.elements.map((element) => this.typeOf(element, scope));
        return listOf(items.reduce(eitherOf, noValue), items.length);
      }
      case "structExpr": {
        for (const part of partsOf(expr)) this.typeOf(part, scope);
        return scalarType("map");
      }
      case "comprehensionExpr":
        return this.#loopType(kind.value, scope);
      default:
        return anything;
    }
  }

  #selectType(expr: Expr, scope: Scope): ValueType {
    const kind = expr.exprKind;
    if (kind.case !== "selectExpr" || kind.value.operand === undefined) return anything;
    const { operand, field, testOnly } = kind.value;
    const type = this.typeOf(operand, scope);
    const found = testOnly ? booleanType : undefined;
    const { names, fields } = type;
    if (names !== undefined && names.size > 0 && !names.has("map")) {
      const message = `there is no "${field}" in ${describeType(type)}`;
      this.#find("TYPE_ERROR", message, expr, "read a field of a mapping");
      return found ?? anything;
    }
    if (fields === undefined || names?.size !== 1) return found ?? anything;
    const known = fields.get(field);
    if (known !== undefined) {
      if (!testOnly && type.optional?.has(field) === true) this.#checkPresence(expr, field);
      return found ?? known;
    }
    const near = closestName(field, fields.keys());
    const { others = "possible" } = type;
    if (others === "refused" || (others === "unlikely" && near !== undefined)) {
      const there = [...fields.keys()].slice(0, 8).join(", ");
      const told = near === undefined ? `there is ${there}` : `did you mean "${near}"?`;
      this.#find("UNKNOWN_FIELD", `there is no field "${field}"`, expr, told);
    }
    return found ?? anything;
  }

  #checkPresence(expr: Expr, field: string): void {
    const path = pathOf(expr);
    if (path === undefined || this.#askedFor.has(path)) return;
    const message = `"${field}" need not be there: reading it fails then`;
    const told = `write has(${path}) ? ${path} : null, or make it required`;
    this.#find("MAYBE_MISSING", message, expr, told);
  }

  #callType(expr: Expr, call: Call, scope: Scope): ValueType {
    const target = call.target === undefined ? undefined : this.typeOf(call.target, scope);
    const args = call.args.map((arg) => this.typeOf(arg, scope));
    const [first = anything, second = anything, third = anything] = args;
    switch (call.function) {
      case "_?_:_":
        this.#expectBoolean(call.args[0] ?? expr, first, "the condition");
        return eitherOf(second, third);
      case "_&&_":
      case "_||_":
        this.#expectBoolean(call.args[0] ?? expr, first, "what && and || join");
        this.#expectBoolean(call.args[1] ?? expr, second, "what && and || join");
        return booleanType;
      case "@not_strictly_false":
        this.#expectBoolean(call.args[0] ?? expr, first, "the condition");
        return booleanType;
      case "_[_]":
        return first.names?.size === 1 && first.names.has("list")
          ? (first.items ?? anything)
          : anything;
      case "_==_":
      case "_!=_":
        this.#checkComparison(expr, first, second);
        return booleanType;
      case "@in":
        // Each item of a list is compared.
        if (second.names?.has("map") !== true) this.#spend(sizeOf(second));
    }
    return this.#overloadType(expr, call.function, target, args);
  }

  #overloadType(
    expr: Expr,
    name: string,
    target: ValueType | undefined,
    args: readonly ValueType[],
  ): ValueType {
    const overloads = [...(environment.funcs.find(name) ?? [])];
    // A function that nobody knows is reported by whoever looks names up.
    if (overloads.length === 0) return anything;
    let result = noValue;
    for (const overload of overloads) {
      const fits =
        (overload.target === undefined) === (target === undefined) &&
        overload.arguments.length === args.length &&
        overload.arguments.every((wanted, index) => isOfType(args[index], wanted.name)) &&
        (overload.target === undefined || isOfType(target, overload.target.name));
      if (fits) result = eitherOf(result, typeNamed(overload.result.name));
    }
    if (result !== noValue) return name === "_+_" ? joinedType(result, args) : result;
    const given = [...(target === undefined ? [] : [target]), ...args].map(describeType).join(", ");
    const operator = /^_?(\W+)_$/.exec(name)?.[1];
    const shown = name === "@in" ? "in" : (operator ?? `${name}()`);
    const takes = given === "" ? "without arguments" : `for ${given}`;
    const forms = overloads.map(({ target: of, arguments: wanted }) =>
      [...(of === undefined ? [] : [of]), ...wanted]
        .map((type) => describeType(typeNamed(type.name)))
        .join(" and "),
    );
    const told = conversionHint(args) ?? `it takes ${[...new Set(forms)].slice(0, 6).join("; ")}`;
    this.#find("TYPE_ERROR", `there is no ${shown} ${takes}`, expr, told);
    return anything;
  }

  #loopType(loop: Loop, scope: Scope): ValueType {
    const { iterRange, accuInit, loopCondition, loopStep, result, iterVar, accuVar } = loop;
    if (iterRange === undefined || accuInit === undefined || loopStep === undefined)
      return anything;
    const range = this.typeOf(iterRange, scope);
    if (!isOfType(range, "list") && !isOfType(range, "map")) {
      const message = `there is nothing to run over in ${describeType(range)}`;
      this.#find("TYPE_ERROR", message, iterRange, "write a list");
    }
    const isList = range.names?.size === 1 && range.names.has("list");
    const initial = this.typeOf(accuInit, scope);
    const item = isList ? (range.items ?? anything) : anything;
    const inner = new Map([...scope, [iterVar, item], [accuVar, initial]]);
    const rounds = this.#rounds;
    this.#rounds = rounds * Math.min(sizeOf(range), comprehensionItemsMax);
    this.#spend(weigh(loopCondition) + weigh(loopStep) + 2);
    if (loopCondition !== undefined) this.typeOf(loopCondition, inner);
    const last = eitherOf(initial, this.typeOf(loopStep, inner));
    this.#rounds = rounds;
    const built = last.names?.has("list") === true ? { ...last, itemsMax: sizeOf(range) } : last;
    return result === undefined
      ? built
      : this.typeOf(result, new Map([...scope, [accuVar, built]]));
  }

  #checkComparison(expr: Expr, a: ValueType, b: ValueType): void {
    const isKnown = (type: ValueType): boolean => type.names !== undefined && type.names.size > 0;
    if (!isKnown(a) || !isKnown(b)) return;
    const ofA = new Set([...(a.names ?? [])].map(comparable));
    const same = [...(b.names ?? [])].some((name) => ofA.has(comparable(name)));
    const isNull = a.names?.has("null_type") === true || b.names?.has("null_type") === true;
    if (same || isNull) return;
    const message = `${describeType(a)} never equals ${describeType(b)}`;
    const told = conversionHint([a, b]) ?? "compare values of one type";
    this.#find("TYPE_ERROR", message, expr, told);
  }

  #expectBoolean(expr: Expr, type: ValueType, what: string): void {
    if (isOfType(type, "bool")) return;
    const message = `${what} must be a boolean and is ${describeType(type)}`;
    this.#find("TYPE_ERROR", message, expr, "compare it, as in input.count > 0");
  }

  #spend(steps: number): void {
    this.cost += steps * this.#rounds;
  }

  #find(
    code: CelFinding["code"],
    message: string,
    { id: exprId }: Expr,
    suggestion: string | undefined,
  ): void {
    this.findings.push({ code, message, suggestion, exprId });
  }
}

const constantTypes: Readonly<Record<string, ValueType>> = {
  boolValue: booleanType,
  int64Value: intType,
  uint64Value: scalarType("uint"),
  doubleValue: scalarType("double"),
  stringValue: textType,
  bytesValue: scalarType("bytes"),
  nullValue: scalarType("null_type"),
};

/** Whether a value of this type may be one of `name`. */
export function isOfType(type: ValueType | undefined, name: string): boolean {
  const names = type?.names;
  return names === undefined || names.size === 0 || name === "dyn" || names.has(name);
}

function typeNamed(name: string): ValueType {
  return name === "dyn" ? anything : scalarType(name);
}

/** The items of two lists stay known when the lists are joined. */
function joinedType(result: ValueType, [a, b]: readonly ValueType[]): ValueType {
  if (result.names?.size !== 1 || !result.names.has("list")) return result;
  return listOf(eitherOf(a?.items ?? anything, b?.items ?? anything));
}

function sizeOf({ itemsMax, fields }: ValueType): number {
  return itemsMax ?? fields?.size ?? itemsAssumed;
}

/** Numbers of all kinds compare with each other. */
function comparable(name: string): string {
  return name === "int" || name === "uint" || name === "double" ? "number" : name;
}

function conversionHint(types: readonly ValueType[]): string | undefined {
  const names = new Set(types.flatMap((type) => [...(type.names ?? [])].map(comparable)));
  if (names.has("string") && names.has("number")) return "write string(x) round the number";
  return names.has("null_type")
    ? "give it a value where there may be none: x == null ? 0 : x"
    : undefined;
}

function weigh(expr: Expr | undefined): number {
  return expr === undefined ? 0 : partsOf(expr).reduce((sum, part) => sum + weigh(part), 1);
}

/** Fields of a node as expressions see them; others may be there too. */
export const nodeType: ValueType = mapOf([
  ...["address", "code", "level", "kind", "industry", "region", "title"].map(
    (name) => [name, textType] as const,
  ),
  ["capabilities", listOf(textType, 256)] as const,
]);
