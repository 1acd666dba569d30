// Blob: an attachment (附件) by the hash of its content. Whoever has the reference can tell whether
// what they were given is what is meant.

import type { JsonValue } from "./value.ts";

declare const blobRefBrand: unique symbol;

/** `sha256:` and 64 lower-case hex digits. */
export type BlobRef = string & { readonly [blobRefBrand]: true };

const form = "sha256:[0-9a-f]{64}";
const whole = new RegExp(`^${form}$`);

export function isBlobRef(text: string): text is BlobRef {
  return whole.test(text);
}

/** References anywhere in a text, such as one of JSON, each once. */
export function blobRefsIn(text: string): readonly BlobRef[] {
  // Most texts have none, and looking for the prefix alone is cheap.
  if (!text.includes("sha256:")) return [];
  return [...new Set(text.match(new RegExp(`\\b${form}\\b`, "g")) ?? [])] as BlobRef[];
}

/** Where a value has one of these texts, as JSON Pointers. */
export function placesOf(
  value: JsonValue,
  texts: ReadonlySet<string>,
): readonly { readonly path: string; readonly text: string }[] {
  if (typeof value === "string") return texts.has(value) ? [{ path: "", text: value }] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) =>
    placesOf(part as JsonValue, texts).map(({ path, text }) => ({
      path: `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}${path}`,
      text,
    })),
  );
}
