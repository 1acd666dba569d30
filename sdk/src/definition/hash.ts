// Hash: the identity of a definition's content.

import { createHash } from "node:crypto";

import type { Application } from "../domain/application.ts";
import { canonicalJson, type JsonValue } from "../domain/value.ts";

/**
 * sha256 (lower-case hex) of the canonical JSON of everything in the application but the hash.
 * The JSON is the one of `encodeApplication`: fields without a value are left out.
 */
export function hashApplication(application: Omit<Application, "hash">): string {
  const { hash: _, ...content } = application as Application;
  return createHash("sha256")
    .update(canonicalJson(withoutUndefined(content)))
    .digest("hex");
}

/** A plain value as JSON: fields that are undefined are left out, the rest is copied. */
export function withoutUndefined(value: unknown): JsonValue {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== "object" || value === null) return value as JsonValue;
  const fields = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(fields.map(([key, item]) => [key, withoutUndefined(item)]));
}
