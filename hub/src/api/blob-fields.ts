// Blob fields: what inputs and forms refer to. The kernel knows no files, so that it is looked at
// here, before the kernel is asked (ADR 0033).

import { findBlobRefs } from "@cloudbrain/sdk/definition";
import { type BlobRef, blobRefsIn, type JsonValue, placesOf } from "@cloudbrain/sdk/domain";
import type { HubReply } from "../kernel/index.ts";
import type { ServiceParts } from "./services.ts";

/** So many fields are a lesson. */
const fieldsMax = 20;

/**
 * Every field that refers to a blob which this hub does not hold, in one sentence; undefined when
 * there is none. `known`: may be referred to again, wherever they are.
 */
export function missingBlobs(
  { blobs, validate }: ServiceParts,
  schema: JsonValue | undefined,
  value: JsonValue,
  known: readonly BlobRef[] = [],
): string | undefined {
  if (schema === undefined) return undefined;
  const missing = new Set<string>();
  for (const ref of findBlobRefs(validate, schema, value)) {
    if (!blobs.store.has(ref) && !known.includes(ref)) missing.add(ref);
  }
  if (missing.size === 0) return undefined;
  const places = placesOf(value, missing);
  const told = places
    .slice(0, fieldsMax)
    .map(({ path, text }) => `${path} refers to ${text}, which is not at this hub: put it first`);
  const more = places.length - told.length;
  return more > 0 ? `${told.join("; ")}; and ${more} more` : told.join("; ");
}

/** Asks the kernel while what the value refers to is kept, which it stays if it is taken. */
export async function whileKept(
  { blobs }: ServiceParts,
  value: JsonValue,
  ask: () => Promise<HubReply>,
): Promise<HubReply> {
  const refs = blobs.store.size === 0 ? [] : blobRefsIn(JSON.stringify(value));
  if (refs.length === 0) return await ask();
  const hold = blobs.store.hold(refs);
  // Whoever does not hear an answer does not know: then it is kept.
  let isTaken = true;
  try {
    const reply = await ask();
    isTaken = reply.kind !== "refused";
    return reply;
  } finally {
    hold.settle(isTaken);
  }
}
