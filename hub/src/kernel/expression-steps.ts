// Which steps an expression reads: what it gives can't be known before those have ended.

import type { Mapping } from "@cloudbrain/sdk/domain";

const namedStep = /\bsteps\s*(?:\.\s*([A-Za-z_]\w*)|\[\s*["']([^"']+)["']\s*\])/g;

/** Ids in the order of the text. An expression that reads all steps reads those of `needs`. */
export function stepsReadBy(source: string, needs: readonly string[]): readonly string[] {
  const named = new Set<string>();
  for (const found of source.matchAll(namedStep)) named.add(found[1] ?? found[2] ?? "");
  // `steps` without a name, as in a function that goes over all of them.
  if (/\bsteps\b/.test(source.replaceAll(namedStep, ""))) for (const need of needs) named.add(need);
  return [...named];
}

export function stepsReadByMapping(
  mapping: Mapping | undefined,
  needs: readonly string[],
): readonly string[] {
  return [...new Set(sourcesOf(mapping).flatMap((source) => stepsReadBy(source, needs)))];
}

/** The expressions of a mapping. */
export function sourcesOf(mapping: Mapping | undefined): readonly string[] {
  if (mapping === undefined || mapping.kind === "literal") return [];
  if (mapping.kind === "expression") return [mapping.source];
  const parts =
    mapping.kind === "list" ? mapping.items : mapping.fields.map((field) => field.mapping);
  return parts.flatMap(sourcesOf);
}
