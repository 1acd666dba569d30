// Expression check: everything that can be known about an expression before it ever runs.
//
// Expressions are collected while the definition is read and checked once all steps are known,
// since what an expression may read depends on the graph.

import type { Mapping } from "../domain/application.ts";
import { compareText } from "../domain/value.ts";
import { examineSource, knownFunctions, parseSource, type Reading } from "./cel-source.ts";
import { closestName } from "./diagnostic.ts";
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
}

interface Pending extends ExpressionPlace {
  readonly node: ScalarNode;
  readonly source: string;
  /** Where the source begins in the scalar's value. */
  readonly index: number;
}

/** What other expressions may read of a step. */
export interface StepShape {
  readonly type: "service" | "fanout";
  /** Names under `agg`; empty for a service. */
  readonly aggregates: readonly string[];
  /** All steps that must have ended before it starts. */
  readonly upstream: ReadonlySet<string>;
}

const serviceFields = ["state", "out"];
const fanoutFields = ["state", "agg", "members", "replied", "failed", "coverage"];

export class Expressions {
  readonly #problems: Problems;
  readonly #text: string;
  readonly #pending: Pending[] = [];
  #ids: ReadonlySet<string> = new Set();

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

  /**
   * Reports what is wrong with the expressions collected so far. `ids` also holds the steps that
   * could not be read: what is wrong with those is reported already.
   */
  check(steps: ReadonlyMap<string, StepShape>, ids: ReadonlySet<string>): void {
    this.#ids = ids;
    for (const pending of this.#pending) this.#checkOne(pending, steps);
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
          suggestion: near === undefined ? undefined : `did you mean ${near}()?`,
        },
      );
    }
    for (const reading of report.readings) {
      this.#checkReading(pending, reading, at(reading.offset), steps);
    }
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
    const fields = shape.type === "service" ? serviceFields : fanoutFields;
    if (field !== undefined && !fields.includes(field)) {
      problems.add(at, "UNKNOWN_FIELD", `${where}: steps.${id} has no field "${field}"`, {
        suggestion: `a ${shape.type} has ${fields.join(", ")}`,
      });
    } else if (field === "agg" && name !== undefined && !shape.aggregates.includes(name)) {
      const near = closestName(name, shape.aggregates);
      problems.add(at, "UNKNOWN_FIELD", `${where}: steps.${id}.agg has no value "${name}"`, {
        suggestion: near === undefined ? undefined : `did you mean "${near}"?`,
      });
    }
  }
}
