// Expression check: everything that can be known about an expression before it ever runs.
//
// Expressions are collected while the definition is read and checked once all steps are known,
// since what an expression may read depends on the graph.

import type { Mapping } from "../domain/application.ts";
import { compareText } from "../domain/value.ts";
import { checkCel, isOfType, nodeType } from "./cel-check.ts";
import { evaluationStepsMax } from "./cel-environment.ts";
import {
  examineSource,
  knownFunctions,
  offsetOfNode,
  type ParsedSource,
  parseSource,
  type Reading,
} from "./cel-source.ts";
import { closestName } from "./diagnostic.ts";
import { pathsAskedFor } from "./presence.ts";
import type { StepShape } from "./step-shape.ts";
import { describeType, mapOf, type ValueType } from "./value-type.ts";
import {
  offsetInScalar,
  type Problems,
  plainValue,
  type ScalarNode,
  type SourceNode,
} from "./yaml-source.ts";

export interface ExpressionPlace {
  /** For sentences, such as `steps.report.when`. */
  readonly where: string;
  readonly variables: readonly string[];
  /** The step it belongs to; undefined for the whole chain, which sees every step. */
  readonly step: string | undefined;
  /** What it must give; anything if absent. */
  readonly expects?: Expectation | undefined;
  /** What is known of variables that mean something else elsewhere. */
  readonly types?: ReadonlyMap<string, ValueType> | undefined;
}

export type Expectation = "boolean" | "number" | "text" | "list" | "scalar";

/** For a function that is near to none of them. */
const functionsHint =
  "write it with what CEL has: size, contains, startsWith, matches, has, exists, filter, map, ...";

const expected: Readonly<Record<Expectation, { readonly names: string[]; readonly told: string }>> =
  {
    boolean: { names: ["bool"], told: "true or false" },
    number: { names: ["int", "uint", "double", "null_type"], told: "a number" },
    text: { names: ["string"], told: "a text" },
    list: { names: ["list"], told: "a list" },
    scalar: { names: ["string", "int", "uint", "double", "bool"], told: "a text or a number" },
  };

/** The definition as a whole, as far as expressions may read it. */
export interface ReadableDefinition {
  readonly steps: ReadonlyMap<string, StepShape>;
  /** Also of steps that could not be read: what is wrong with those is reported already. */
  readonly ids: ReadonlySet<string>;
  readonly input: ValueType;
}

interface Pending extends ExpressionPlace {
  readonly node: ScalarNode;
  readonly source: string;
  /** Where the source begins in the scalar's value. */
  readonly index: number;
}

export class Expressions {
  readonly #problems: Problems;
  readonly #text: string;
  readonly #pending: Pending[] = [];
  #ids: ReadonlySet<string> = new Set();
  #variables: ReadonlyMap<string, ValueType> = new Map();
  /** Paths that conditions ask for, by what holds the condition, such as `steps.report.`. */
  readonly #conditions: { readonly holder: string; readonly paths: readonly string[] }[] = [];

  constructor(problems: Problems, text: string) {
    this.#problems = problems;
    this.#text = text;
  }

  /** A CEL text without `=`, or the part of one that begins at `index`. */
  add(node: ScalarNode, source: string, index: number, place: ExpressionPlace): string {
    this.#pending.push({ ...place, node, source, index });
    return source;
  }

  /** A value in which each string that begins with `=` is an expression. */
  readMapping(node: SourceNode, place: ExpressionPlace): Mapping {
    const { expects, ...whole } = place;
    const isExpression =
      node.kind === "scalar" && typeof node.value === "string" && node.value.startsWith("=");
    if (!isExpression && expects !== undefined) this.#checkLiteral(node, place.where, expects);
    return this.#readPart(node, isExpression ? place : whole);
  }

  #checkLiteral(node: SourceNode, where: string, expects: Expectation): void {
    const { names, told } = expected[expects];
    const name =
      node.kind === "list" ? "list" : node.kind === "fields" ? "map" : scalarName(node.value);
    if (names.includes(name)) return;
    this.#problems.add(node.start, "WRONG_TYPE", `${where} must be ${told}`, {
      suggestion: `write ${told}, or an expression that gives one, such as '=input.name'`,
    });
  }

  #readPart(node: SourceNode, place: ExpressionPlace): Mapping {
    if (node.kind === "list") {
      const items = node.items.map((item, index) =>
        this.readMapping(item, { ...place, where: `${place.where}[${index}]` }),
      );
      const isPlain = items.every(({ kind }) => kind === "literal");
      return isPlain ? { kind: "literal", value: plainValue(node) } : { kind: "list", items };
    }
    if (node.kind === "fields") {
      const fields = node.fields.map(({ key, value }) => ({
        name: key,
        mapping: this.readMapping(value, { ...place, where: `${place.where}.${key}` }),
      }));
      if (fields.every(({ mapping }) => mapping.kind === "literal")) {
        return { kind: "literal", value: plainValue(node) };
      }
      return { kind: "fields", fields: fields.sort((a, b) => compareText(a.name, b.name)) };
    }
    if (typeof node.value !== "string" || !node.value.startsWith("=")) {
      return { kind: "literal", value: node.value };
    }
    return { kind: "expression", source: this.add(node, node.value.slice(1), 1, place) };
  }

  /** Reports what is wrong with the expressions collected so far. */
  check({ steps, ids, input }: ReadableDefinition): void {
    this.#ids = ids;
    // Wrong steps and fields of steps are told by #checkStep, in sentences of their own.
    const seen = [...steps].map(([id, { fields }]) => [id, mapOf(fields, "possible")] as const);
    this.#variables = new Map<string, ValueType>([
      ["input", input],
      ["steps", mapOf(seen, "possible")],
      ["node", nodeType],
      ["member", nodeType],
    ]);
    for (const pending of this.#pending) this.#noteCondition(pending);
    for (const pending of this.#pending) this.#checkOne(pending, steps);
  }

  /** What a `when` or a `where` asks for is there for what it lets through. */
  #noteCondition({ where, source }: Pending): void {
    const [, holder] = /^(.*)\.whe(?:n|re)$/.exec(where) ?? [];
    const parsed = holder === undefined ? undefined : parseSource(source);
    if (holder === undefined || parsed?.ok !== true) return;
    const paths = pathsAskedFor(parsed.parsed.expr);
    if (paths.length > 0) this.#conditions.push({ holder: `${holder}.`, paths });
  }

  #askedFor(where: string): readonly string[] {
    const held = this.#conditions.filter(({ holder }) => where.startsWith(holder));
    return held.flatMap(({ paths }) => paths);
  }

  #checkOne(pending: Pending, steps: ReadonlyMap<string, StepShape>): void {
    const { node, source, index, where } = pending;
    const at = (offset: number): number => offsetInScalar(this.#text, node, index + offset);
    const parsed = parseSource(source);
    if (!parsed.ok) {
      const { message, offset } = parsed.problem;
      this.#problems.add(at(offset), "BAD_EXPRESSION", `${where}: ${message}`, {
        suggestion: source.trimStart().startsWith("=")
          ? "leave the = away: this key takes CEL as it is"
          : "write a CEL expression, such as input.count > 0",
      });
      return;
    }
    const report = examineSource(parsed.parsed);
    for (const { name, offset } of report.unknownFunctions) {
      const near = closestName(name, knownFunctions());
      this.#problems.add(
        at(offset),
        "UNKNOWN_FUNCTION",
        `${where}: there is no function ${name}()`,
        {
          suggestion: near === undefined ? functionsHint : `did you mean ${near}()?`,
        },
      );
    }
    for (const reading of report.readings) {
      this.#checkReading(pending, reading, at(reading.offset), steps);
    }
    this.#checkTypes(pending, parsed.parsed, at);
  }

  #checkTypes(pending: Pending, parsed: ParsedSource, at: (offset: number) => number): void {
    const { where, expects, types = [] } = pending;
    const variables = new Map([...this.#variables, ...types]);
    const report = checkCel(parsed.expr, variables, this.#askedFor(where));
    for (const { code, message, suggestion, exprId } of report.findings) {
      const offset = at(offsetOfNode(parsed, exprId));
      const severity = code === "MAYBE_MISSING" ? "warning" : "error";
      this.#problems.add(offset, code, `${where}: ${message}`, { suggestion, severity });
    }
    if (report.cost > evaluationStepsMax) {
      const message = `${where}: it may take ${report.cost} steps, over ${evaluationStepsMax}`;
      this.#problems.add(at(0), "TOO_COSTLY", message, {
        suggestion: "bound the lists with maxItems in their schema, or don't nest loops over them",
      });
    }
    const isWrong = report.findings.some(({ code }) => code !== "MAYBE_MISSING");
    if (expects === undefined || isWrong) return;
    const { names, told } = expected[expects];
    if (names.some((name) => isOfType(report.type, name))) return;
    const message = `${where} must give ${told} and gives ${describeType(report.type)}`;
    this.#problems.add(at(0), "TYPE_ERROR", message, {
      suggestion: expects === "text" ? "write string(...) round it" : `write what gives ${told}`,
    });
  }

  #checkReading(
    place: Pending,
    reading: Reading,
    at: number,
    steps: ReadonlyMap<string, StepShape>,
  ): void {
    const { where, variables } = place;
    if (!variables.includes(reading.name)) {
      if (reading.isType) return;
      const near = closestName(reading.name, variables);
      this.#problems.add(at, "UNKNOWN_VARIABLE", `${where}: "${reading.name}" is not known here`, {
        suggestion:
          near === undefined ? `it may read ${variables.join(", ")}` : `did you mean "${near}"?`,
      });
      return;
    }
    if (reading.name === "steps") this.#checkStep(place, reading.path, at, steps);
  }

  #checkStep(
    place: Pending,
    path: readonly string[],
    at: number,
    steps: ReadonlyMap<string, StepShape>,
  ): void {
    const { where } = place;
    const [id, field, name] = path;
    const problems = this.#problems;
    if (id === undefined) {
      problems.add(at, "UNKNOWN_STEP", `${where}: it must name the step that it reads`, {
        suggestion: "write steps.ID.out or steps.ID.agg",
      });
      return;
    }
    const shape = steps.get(id);
    if (shape === undefined) {
      if (this.#ids.has(id)) return;
      const near = closestName(id, steps.keys());
      problems.add(at, "UNKNOWN_STEP", `${where}: there is no step "${id}"`, {
        suggestion:
          near === undefined
            ? `there is ${[...this.#ids].slice(0, 8).join(", ")}`
            : `did you mean steps.${near}?`,
      });
      return;
    }
    if (place.step !== undefined && steps.get(place.step)?.upstream.has(id) === false) {
      const message = `${where}: step "${id}" need not have ended when this is read`;
      problems.add(at, "STEP_NOT_NEEDED", message, {
        suggestion: `add ${id} to the needs of ${place.step}`,
      });
    }
    const { fields, aggregates } = shape;
    if (field !== undefined && !fields.has(field)) {
      problems.add(at, "UNKNOWN_FIELD", `${where}: steps.${id} has no field "${field}"`, {
        suggestion: `a ${shape.type} has ${[...fields.keys()].join(", ")}`,
      });
    } else if (field === "agg" && name !== undefined && aggregates?.has(name) === false) {
      const near = closestName(name, aggregates.keys());
      problems.add(at, "UNKNOWN_FIELD", `${where}: steps.${id}.agg has no value "${name}"`, {
        suggestion:
          near === undefined
            ? `there is ${[...aggregates.keys()].join(", ")}`
            : `did you mean "${near}"?`,
      });
    }
  }
}

function scalarName(value: ScalarNode["value"]): string {
  if (typeof value === "string") return "string";
  if (typeof value === "number") return "double";
  return value === null ? "null_type" : "bool";
}
