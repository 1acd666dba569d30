// Schema validation: the pure `validate` that kernels are given, over JSON Schema 2020-12.
//
//   J1  A schema stands alone: a `$ref` points into it (`#...`), and nothing is ever fetched.
//   J2  A schema is bounded in size and depth and compiled once; what is compiled is kept by its
//       canonical text, the oldest leaving first.
//   J3  `pattern` and `patternProperties` run on RE2, which is linear in the text, so that a
//       vendor's pattern can't hang a hub. RE2 has no look-around and no back references: such a
//       pattern is refused when the schema is checked.
//   J4  `format` is checked for the formats below; an unknown one is refused (strict mode).
//   J5  A value is never changed: `default` is an annotation, there is no coercion.

import { RE2JS } from "@bufbuild/re2";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";

import { type BlobRef, isBlobRef } from "../domain/blob.ts";
import type { Validate } from "../domain/evaluation.ts";
import { canonicalJson, isJsonObject, type JsonValue } from "../domain/value.ts";

const schemaCharsMax = 64 * 1024;
const schemaDepthMax = 32;
const patternCharsMax = 512;
const schemasMax = 512;

export interface ValidateOptions {
  /** Compiled schemas that are kept. Default 512. */
  readonly schemasMax?: number;
}

const day = String.raw`\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])`;
const time = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)`;

const formats: Readonly<Record<string, RegExp>> = {
  date: new RegExp(`^${day}$`),
  time: new RegExp(`^${time}$`, "i"),
  "date-time": new RegExp(`^${day}T${time}$`, "i"),
  duration: /^P(?!$)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)$/,
  email: /^[^\s@]{1,64}@[^\s@]{1,255}$/,
  uri: /^[a-z][a-z0-9+.-]*:\S+$/i,
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  ipv4: /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/,
};

/** Where the texts go that a schema takes for references, while they are looked for. */
let seenRefs: Set<BlobRef> | undefined;

/** An attachment; ajv tells a format the text alone, so that what it saw is noted beside. */
function isRef(text: string): boolean {
  if (!isBlobRef(text)) return false;
  seenRefs?.add(text);
  return true;
}

/** ajv asks for what looks like a RegExp and tells patterns apart by `toString`; RE2 answers. */
function compilePattern(pattern: string): {
  readonly test: (text: string) => boolean;
  readonly toString: () => string;
} {
  if (pattern.length > patternCharsMax) {
    throw new Error(`a pattern is longer than ${patternCharsMax} characters`);
  }
  const compiled = RE2JS.compile(pattern);
  return { test: (text) => compiled.test(text), toString: () => pattern };
}
/** Only standalone code, which we never make, would print this. */
compilePattern.code = "compilePattern";

function createCompiler(): Ajv2020 {
  return new Ajv2020({
    strict: true,
    // `required` without `properties` and a list of types are plain JSON Schema.
    strictRequired: false,
    strictTypes: false,
    strictTuples: false,
    // A person corrects a form at once, field by field; schema and value are bounded.
    allErrors: true,
    addUsedSchema: false,
    logger: false,
    formats: { ...formats, "blob-ref": isRef },
    code: { regExp: compilePattern as never },
  });
}

/** A sentence that says why the schema can't be used, or undefined. */
export function checkSchema(schema: JsonValue): string | undefined {
  const compiled = compile(schema);
  return typeof compiled === "string" ? compiled : undefined;
}

function compile(schema: JsonValue): ValidateFunction | string {
  if (typeof schema !== "boolean" && !isJsonObject(schema)) {
    return "a schema is a mapping or true or false";
  }
  const wrong = findForbidden(schema, 0);
  if (wrong !== undefined) return wrong;
  if (canonicalJson(schema).length > schemaCharsMax) {
    return `it is longer than ${schemaCharsMax} characters`;
  }
  try {
    // A compiler of its own for each: an `$id` of one schema must not mean anything in another.
    return createCompiler().compile(schema as object | boolean as object);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const referenceKeys = ["$ref", "$dynamicRef"];

function findForbidden(value: JsonValue, depth: number): string | undefined {
  if (depth > schemaDepthMax) return `it is nested deeper than ${schemaDepthMax} levels`;
  if (typeof value !== "object" || value === null) return undefined;
  if (isJsonObject(value)) {
    for (const key of referenceKeys) {
      const target = value[key];
      if (typeof target === "string" && !target.startsWith("#")) {
        return `${key} "${target}" points outside of the schema; only #... is allowed`;
      }
    }
    if (value["$async"] !== undefined) return "$async is not supported";
  }
  for (const part of Object.values(value)) {
    const wrong = findForbidden(part as JsonValue, depth + 1);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/** Creates a `validate` with its own bounded cache of compiled schemas. Never throws. */
export function createValidate(options: ValidateOptions = {}): Validate {
  const kept = options.schemasMax ?? schemasMax;
  const byText = new Map<string, ValidateFunction | string>();
  // A schema that is the same object needs no canonical text; values are never changed.
  const byObject = new WeakMap<object, ValidateFunction | string>();

  const find = (schema: JsonValue): ValidateFunction | string => {
    const isObject = typeof schema === "object" && schema !== null;
    const known = isObject ? byObject.get(schema) : undefined;
    if (known !== undefined) return known;
    const deep = findForbidden(schema, 0);
    if (deep !== undefined) return deep;
    const text = canonicalJson(schema);
    let compiled = byText.get(text);
    if (compiled === undefined) {
      compiled = compile(schema);
      for (const oldest of byText.keys()) {
        if (byText.size < kept) break;
        byText.delete(oldest);
      }
      byText.set(text, compiled);
    }
    if (isObject) byObject.set(schema, compiled);
    return compiled;
  };

  return (schema, value) => {
    const compiled = find(schema);
    if (typeof compiled === "string") return `the schema can't be used: ${compiled}`;
    try {
      if (compiled(value) === true) return undefined;
    } catch (error) {
      return `the value can't be checked: ${error instanceof Error ? error.message : String(error)}`;
    }
    return describeFailures(compiled.errors ?? []);
  };
}

/**
 * The references (`format: blob-ref`) that the schema sees in the value; `validate` is one that has
 * its schemas compiled. What breaks the schema may hide some.
 */
export function findBlobRefs(
  validate: Validate,
  schema: JsonValue,
  value: JsonValue,
): ReadonlySet<BlobRef> {
  const refs = new Set<BlobRef>();
  seenRefs = refs;
  try {
    validate(schema, value);
  } finally {
    seenRefs = undefined;
  }
  return refs;
}

/** So many reasons are a lesson; more of them are noise. */
const reasonsMax = 20;

/** Every field that is wrong, with its reason. */
function describeFailures(errors: readonly ErrorObject[]): string {
  if (errors.length === 0) return "the value breaks its schema";
  const reasons = [...new Set(errors.map(describeFailure))];
  const more = reasons.length > reasonsMax ? `; and ${reasons.length - reasonsMax} more` : "";
  return `${reasons.slice(0, reasonsMax).join("; ")}${more}`;
}

function describeFailure(error: ErrorObject): string {
  const where = error.instancePath === "" ? "the value" : error.instancePath;
  const { additionalProperty, allowedValues } = error.params as Record<string, unknown>;
  if (typeof additionalProperty === "string")
    return `${where} has no field "${additionalProperty}"`;
  const choices = Array.isArray(allowedValues) ? `: ${allowedValues.slice(0, 12).join(", ")}` : "";
  return `${where} ${error.message ?? "breaks its schema"}${choices}`;
}
