// Field reader: takes known keys out of a mapping of YAML, reports every other key, and reads
// scalars within bounds. Answers undefined where something is missing or wrong, and notes why.

import { closestName } from "./diagnostic.ts";
import { durationForms, parseDuration } from "./duration.ts";
import type { FieldsNode, Problems, ScalarNode, SourceField, SourceNode } from "./yaml-source.ts";

export interface Fields {
  /** For sentences, such as `steps.report.aggregate`. */
  readonly where: string;
  readonly start: number;
  get(key: string): SourceField | undefined;
}

export interface KnownKeys {
  readonly known: readonly string[];
  /** Keys that have no place here but that people will write, each with what to write instead. */
  readonly refused?: Readonly<Record<string, string>>;
}

const noFields: FieldsNode = { kind: "fields", fields: [], start: 0 };

/** The fields of a mapping; a missing node reads as an empty one. */
export function readFields(
  problems: Problems,
  node: SourceNode | undefined,
  where: string,
  keys: KnownKeys,
): Fields {
  if (node !== undefined && node.kind !== "fields") {
    problems.add(node.start, "WRONG_TYPE", `${where} must be a mapping`, {
      suggestion: `write keys below it: ${keys.known.slice(0, 6).join(", ")}`,
    });
  }
  const { fields, start } =
    node?.kind === "fields" ? node : { ...noFields, start: node?.start ?? 0 };
  const found = new Map<string, SourceField>();
  for (const field of fields) {
    if (keys.known.includes(field.key)) found.set(field.key, field);
    else reportKey(problems, field, where, keys);
  }
  return { where, start, get: (key) => found.get(key) };
}

function reportKey(problems: Problems, field: SourceField, where: string, keys: KnownKeys): void {
  const { key, keyStart } = field;
  if (keys.refused !== undefined && Object.hasOwn(keys.refused, key)) {
    problems.add(keyStart, "UNKNOWN_KEY", `${where} takes no "${key}"`, {
      suggestion: keys.refused[key],
    });
    return;
  }
  const near = closestName(key, keys.known);
  problems.add(keyStart, "UNKNOWN_KEY", `${where} has no key "${key}"`, {
    suggestion:
      near === undefined ? `it takes ${keys.known.join(", ")}` : `did you mean "${near}"?`,
  });
}

/** Also true where the value is wrong: that is reported once, by whoever reads it. */
export function hasKey(node: SourceNode | undefined, keys: readonly string[]): boolean {
  return node?.kind === "fields" && node.fields.some(({ key }) => keys.includes(key));
}

/** The field, or undefined with a note that it is missing. */
export function requireField(
  problems: Problems,
  fields: Fields,
  key: string,
  suggestion: string,
): SourceField | undefined {
  const field = fields.get(key);
  if (field === undefined) {
    problems.add(fields.start, "MISSING_KEY", `${fields.where} lacks the key "${key}"`, {
      suggestion,
    });
  }
  return field;
}

export function textNode(
  problems: Problems,
  node: SourceNode,
  where: string,
): (ScalarNode & { readonly value: string }) | undefined {
  if (node.kind === "scalar" && typeof node.value === "string") {
    return node as ScalarNode & { readonly value: string };
  }
  problems.add(node.start, "WRONG_TYPE", `${where} must be a text`, {
    suggestion:
      node.kind === "scalar" && node.value !== null
        ? `put it in quotes: '${String(node.value)}'`
        : "write one text in its place",
  });
  return undefined;
}

export interface TextRule {
  readonly pattern?: RegExp;
  readonly charsMax?: number;
  /** What the text should look like. */
  readonly form: string;
}

export function readText(
  problems: Problems,
  fields: Fields,
  key: string,
  rule: TextRule,
): string | undefined {
  const field = fields.get(key);
  if (field === undefined) return undefined;
  const where = `${fields.where}.${key}`;
  const node = textNode(problems, field.value, where);
  if (node === undefined) return undefined;
  const { value } = node;
  const tooLong = value.length > (rule.charsMax ?? 200);
  if (tooLong || value === "" || rule.pattern?.test(value) === false) {
    const shown = value.length > 60 ? `${value.slice(0, 57)}...` : value;
    problems.add(node.start, "WRONG_VALUE", `${where} can't be "${shown}"`, {
      suggestion: `write ${rule.form}`,
    });
    return undefined;
  }
  return value;
}

export function readChoice<Choice extends string>(
  problems: Problems,
  fields: Fields,
  key: string,
  choices: readonly Choice[],
  refused: Readonly<Record<string, string>> = {},
): Choice | undefined {
  const field = fields.get(key);
  if (field === undefined) return undefined;
  const where = `${fields.where}.${key}`;
  const node = textNode(problems, field.value, where);
  if (node === undefined) return undefined;
  const chosen = choices.find((choice) => choice === node.value);
  if (chosen !== undefined) return chosen;
  const near = closestName(node.value, choices);
  const told = near === undefined ? `write ${choices.join(", ")}` : `did you mean "${near}"?`;
  problems.add(node.start, "WRONG_VALUE", `${where} can't be "${node.value.slice(0, 60)}"`, {
    suggestion: Object.hasOwn(refused, node.value) ? refused[node.value] : told,
  });
  return undefined;
}

export interface NumberRule {
  readonly min: number;
  readonly max: number;
  readonly whole?: boolean;
}

export function readNumber(
  problems: Problems,
  fields: Fields,
  key: string,
  rule: NumberRule,
): number | undefined {
  const field = fields.get(key);
  if (field === undefined) return undefined;
  const { value: node } = field;
  const value = node.kind === "scalar" ? node.value : undefined;
  const isRight =
    typeof value === "number" &&
    value >= rule.min &&
    value <= rule.max &&
    (rule.whole !== true || Number.isInteger(value));
  if (isRight) return value;
  const kind = rule.whole === true ? "a whole number" : "a number";
  problems.add(node.start, "OUT_OF_RANGE", `${fields.where}.${key} is out of range`, {
    suggestion: `write ${kind} from ${rule.min} to ${rule.max}`,
  });
  return undefined;
}

export function readBoolean(problems: Problems, fields: Fields, key: string): boolean | undefined {
  const field = fields.get(key);
  if (field === undefined) return undefined;
  const { value: node } = field;
  if (node.kind === "scalar" && typeof node.value === "boolean") return node.value;
  problems.add(node.start, "WRONG_TYPE", `${fields.where}.${key} must be true or false`, {
    suggestion: "write true or false, without quotes",
  });
  return undefined;
}

export function readDurationMs(
  problems: Problems,
  fields: Fields,
  key: string,
  bounds: { readonly minMs: number; readonly maxMs?: number } = { minMs: 1 },
): number | undefined {
  const field = fields.get(key);
  if (field === undefined) return undefined;
  const { value: node } = field;
  const where = `${fields.where}.${key}`;
  const value = node.kind === "scalar" ? node.value : null;
  const ms = parseDuration(value === null ? "" : String(value));
  if (typeof ms === "string") {
    problems.add(node.start, "BAD_DURATION", `${where}: ${ms}`, {
      suggestion: ms.includes(durationForms) ? undefined : durationForms,
    });
    return undefined;
  }
  if (ms < bounds.minMs || (bounds.maxMs !== undefined && ms > bounds.maxMs)) {
    const most = bounds.maxMs === undefined ? "" : ` and at most ${bounds.maxMs} ms`;
    problems.add(node.start, "OUT_OF_RANGE", `${where} is ${ms} ms`, {
      suggestion: `write at least ${bounds.minMs} ms${most}`,
    });
    return undefined;
  }
  return ms;
}
