// Reader: what the readers of a definition share: where problems go, what collects expressions, and
// what the whole chain says that a single step depends on.

import type { Mapping, Step } from "../domain/application.ts";
import type { JsonValue } from "../domain/value.ts";
import { closestName } from "./diagnostic.ts";
import type { ExpressionPlace, Expressions } from "./expression-check.ts";
import { type Fields, readText, textNode } from "./field-reader.ts";
import { checkSchema } from "./schema-validation.ts";
import {
  type Problems,
  plainValue,
  type ScalarNode,
  type SourceField,
  type SourceNode,
} from "./yaml-source.ts";

/** The definition as a whole, once every step has been read. */
export interface WholeDefinition {
  readonly steps: ReadonlyMap<string, Step>;
  /** Also of steps that could not be read. */
  readonly ids: ReadonlySet<string>;
  readonly policies: ReadonlyMap<string, ScalarNode & { readonly value: string }>;
}

export interface Reader {
  readonly problems: Problems;
  readonly expressions: Expressions;
  readonly applicationId: string;
  /** Total time of a chain; undefined when every step bounds itself. */
  readonly chainTotalMs: number | undefined;
  /** Names of working calendars; undefined: any name will do. */
  readonly calendars: ReadonlySet<string> | undefined;
  /** Checks that need the whole definition; each runs once all steps have been read. */
  readonly afterwards: ((whole: WholeDefinition) => void)[];
}

/** A field that holds CEL without `=`. */
export function readCel(
  { problems, expressions }: Reader,
  field: SourceField | undefined,
  place: ExpressionPlace,
): string | undefined {
  if (field === undefined) return undefined;
  const node = textNode(problems, field.value, place.where);
  return node === undefined ? undefined : expressions.add(node, node.value, 0, place);
}

/** A field whose value is a mapping, with the place named after it. */
export function readMappingField(
  { expressions }: Reader,
  parent: Fields,
  key: string,
  place: ExpressionPlace,
): Mapping | undefined {
  const node = parent.get(key)?.value;
  if (node === undefined) return undefined;
  return expressions.readMapping(node, { ...place, where: `${parent.where}.${key}` });
}

/** A text or an expression that gives one. */
export function readTextMapping(
  { problems, expressions }: Reader,
  parent: Fields,
  key: string,
  place: ExpressionPlace,
): Mapping | undefined {
  const field = parent.get(key);
  if (field === undefined) return undefined;
  const where = `${parent.where}.${key}`;
  const node = textNode(problems, field.value, where);
  if (node === undefined) return undefined;
  return expressions.readMapping(node, { ...place, where, expects: "text" });
}

/** One text or a list of them, each of which may be an expression; a missing field is no text. */
export function readTextMappings(
  { problems, expressions }: Reader,
  parent: Fields,
  key: string,
  place: ExpressionPlace,
): readonly Mapping[] {
  const mappings: Mapping[] = [];
  for (const { node, where } of listedNodes(parent, key)) {
    const text = textNode(problems, node, where);
    if (text === undefined) continue;
    mappings.push(expressions.readMapping(text, { ...place, where, expects: "text" }));
  }
  return mappings;
}

/** The items of a list, or the one value that stands in its place. */
export function listedNodes(
  parent: Fields,
  key: string,
): readonly { readonly node: SourceNode; readonly where: string }[] {
  const value = parent.get(key)?.value;
  const where = `${parent.where}.${key}`;
  if (value === undefined) return [];
  if (value.kind !== "list") return [{ node: value, where }];
  return value.items.map((node, index) => ({ node, where: `${where}[${index}]` }));
}

/** Choices of a list, in the order of `choices`; undefined where there is no such field. */
export function readChoices<Choice extends string>(
  { problems }: Reader,
  parent: Fields,
  key: string,
  choices: readonly Choice[],
): readonly Choice[] | undefined {
  if (parent.get(key) === undefined) return undefined;
  const chosen = new Set<string>();
  for (const { node, where } of listedNodes(parent, key)) {
    const text = textNode(problems, node, where)?.value;
    if (text === undefined) continue;
    if (!choices.some((choice) => choice === text)) {
      const near = closestName(text, choices);
      problems.add(node.start, "WRONG_VALUE", `${where} can't be "${text.slice(0, 60)}"`, {
        suggestion: near === undefined ? `write ${choices.join(", ")}` : `did you mean "${near}"?`,
      });
    }
    chosen.add(text);
  }
  return choices.filter((choice) => chosen.has(choice));
}

/** A JSON Schema that stands in the definition. */
export function readSchema(problems: Problems, parent: Fields, key: string): JsonValue | undefined {
  const node = parent.get(key)?.value;
  if (node === undefined) return undefined;
  const schema = plainValue(node);
  const wrong = checkSchema(schema);
  if (wrong === undefined) return schema;
  const message = `${parent.where}.${key} is not a usable JSON Schema: ${wrong}`;
  problems.add(node.start, "BAD_SCHEMA", message, {
    suggestion: "write JSON Schema 2020-12, such as { type: object, properties: {...} }",
  });
  return undefined;
}

const calendarRule = {
  pattern: /^[a-z][a-z0-9-]{0,63}$/,
  form: "the name of a working calendar, such as cn-workdays",
};

export function readCalendar({ problems, calendars }: Reader, parent: Fields): string | undefined {
  const calendar = readText(problems, parent, "calendar", calendarRule);
  if (calendar === undefined || calendars === undefined || calendars.has(calendar)) return calendar;
  const at = parent.get("calendar")?.value.start ?? parent.start;
  const near = closestName(calendar, calendars);
  problems.add(at, "UNKNOWN_CALENDAR", `${parent.where}: there is no calendar "${calendar}"`, {
    suggestion:
      near === undefined
        ? `there is ${[...calendars].slice(0, 8).join(", ")}`
        : `did you mean "${near}"?`,
  });
  return calendar;
}
