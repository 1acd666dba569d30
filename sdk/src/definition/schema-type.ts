// Schema type: what a JSON Schema says of a value, as far as expressions need to know it. Whatever
// it says by allOf, oneOf, $ref and the like is taken for anything.

import { isJsonObject, type JsonObject, type JsonValue } from "../domain/value.ts";
import {
  anything,
  eitherOf,
  listOf,
  mapOf,
  noValue,
  scalarType,
  type ValueType,
} from "./value-type.ts";

const namesOf: Readonly<Record<string, readonly string[]>> = {
  string: ["string"],
  integer: ["int"],
  number: ["int", "double"],
  boolean: ["bool"],
  null: ["null_type"],
};

export function typeOfSchema(schema: JsonValue | undefined): ValueType {
  if (!isJsonObject(schema)) return anything;
  const { type } = schema;
  const names = typeof type === "string" ? [type] : Array.isArray(type) ? type : [];
  if (names.length === 0) return anything;
  let result = noValue;
  for (const name of names as readonly JsonValue[]) {
    result = eitherOf(result, typeOfName(schema, String(name)));
  }
  return result;
}

function optionalOf(schema: JsonObject, names: readonly string[]): ReadonlySet<string> {
  const { required } = schema;
  const needed = new Set<JsonValue>(Array.isArray(required) ? (required as JsonValue[]) : []);
  return new Set(names.filter((name) => !needed.has(name)));
}

function typeOfName(schema: JsonObject, name: string): ValueType {
  if (name === "array") {
    const { items, maxItems } = schema;
    const isTuple = schema["prefixItems"] !== undefined;
    const itemsMax = typeof maxItems === "number" ? maxItems : undefined;
    return listOf(isTuple ? anything : typeOfSchema(items), itemsMax);
  }
  if (name === "object") {
    const { properties } = schema;
    const isComposed = ["allOf", "anyOf", "oneOf", "$ref", "patternProperties", "if"].some(
      (key) => schema[key] !== undefined,
    );
    if (!isJsonObject(properties) || isComposed) return scalarType("map");
    const fields = Object.entries(properties).map(
      ([key, value]) => [key, typeOfSchema(value)] as const,
    );
    const others = schema["additionalProperties"] === false ? "refused" : "unlikely";
    return mapOf(fields, others, optionalOf(schema, Object.keys(properties)));
  }
  const known = namesOf[name];
  return known === undefined ? anything : scalarType(...known);
}
