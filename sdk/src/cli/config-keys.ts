// Config keys: which keys a schema knows, what they are called outside, and how a text becomes a
// value of the kind that the schema wants.

import { type Fields, isFields } from "./config-source.ts";

/** Kinds of JSON Schema that matter for reading a text. */
export type KeyKind = "string" | "number" | "boolean" | "list" | "fields" | "other";

/** Keys that are no objects, dotted, with what kind they are. */
export type ConfigKeys = ReadonlyMap<string, KeyKind>;

/** What zod, valibot and others offer besides `safeParse`: Standard JSON Schema. */
export interface DescribedSchema {
  readonly "~standard"?: {
    readonly jsonSchema?: { input(options: { readonly target: string }): unknown };
  };
}

/** The keys that `schema` describes by Standard JSON Schema, with those of `defaults`. */
export function listConfigKeys(schema: object, defaults: Fields): ConfigKeys {
  const keys = new Map<string, KeyKind>();
  addDefaults(keys, defaults, "");
  addDescribed(keys, describe(schema), "");
  return keys;
}

function describe(schema: DescribedSchema): unknown {
  try {
    return schema["~standard"]?.jsonSchema?.input({ target: "draft-2020-12" });
  } catch {
    // A schema with transformations has no JSON Schema; its defaults name the keys then.
    return undefined;
  }
}

function addDefaults(keys: Map<string, KeyKind>, fields: Fields, before: string): void {
  for (const [name, value] of Object.entries(fields)) {
    const path = before + name;
    if (isFields(value)) addDefaults(keys, value, `${path}.`);
    else keys.set(path, Array.isArray(value) ? "list" : kindNamed(typeof value));
  }
}

function addDescribed(keys: Map<string, KeyKind>, described: unknown, before: string): void {
  if (!isFields(described) || !isFields(described["properties"])) return;
  for (const [name, property] of Object.entries(described["properties"])) {
    const path = before + name;
    if (!isFields(property)) continue;
    if (isFields(property["properties"])) addDescribed(keys, property, `${path}.`);
    else keys.set(path, kindNamed(property["type"]));
  }
}

function kindNamed(type: unknown): KeyKind {
  switch (type) {
    case "string":
    case "boolean":
    case "number":
      return type;
    case "integer":
      return "number";
    case "array":
      return "list";
    case "object":
      return "fields";
    default:
      return "other";
  }
}

/** `listen.grpcPort` is CLOUDBRAIN_LISTEN_GRPC_PORT. */
export function environmentName(prefix: string, path: string): string {
  const words = path.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replace(/[.-]/g, "_");
  return `${prefix}${words.toUpperCase()}`;
}

/** `listen.grpcPort` is --listen-grpc-port. */
export function flagName(path: string): string {
  const words = path.replace(/([a-z0-9])([A-Z])/g, "$1-$2").replaceAll(".", "-");
  return `--${words.toLowerCase()}`;
}

/** What does not fit its kind stays a text, so that the schema says what is wrong with it. */
export function readConfigText(text: string, kind: KeyKind): unknown {
  switch (kind) {
    case "number":
      return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
    case "boolean":
      if (text === "true" || text === "1") return true;
      return text === "false" || text === "0" ? false : text;
    case "list":
      return text.startsWith("[") ? readJson(text) : text.split(",").map((part) => part.trim());
    case "fields":
      return readJson(text);
    default:
      return text;
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
