// Blob access: who may read a blob, and what else of the mesh may have it.
//
//   U1  Whoever sees a chain or a task that refers to a blob may read it; so may the operator of
//       the hub, and who put it here. To everybody else it is unknown, as one that is not here.
//   U2  A hub below asks for its own people, and is given what a chain of this hub refers to, or
//       what the hub above gives us for the same chain.

import { type BlobRef, isBlobRef, MeshError } from "@cloudbrain/sdk/domain";
import type { BlobRecord } from "../blobs/blob-record.ts";
import { isAllowed } from "./callers.ts";
import type { CallContext } from "./calls.ts";
import type { ServiceParts } from "./services.ts";
import { taskActorOf } from "./task-people.ts";
import { whoOf } from "./who-of.ts";

/** Through what the caller sees the blob. */
export type Referrer =
  | { readonly $case: "chain"; readonly value: string }
  | { readonly $case: "task"; readonly value: string }
  | undefined;

export function parseBlobRef(text: string): BlobRef {
  if (isBlobRef(text)) return text;
  const detail = "a reference is sha256: and 64 lower-case hex digits";
  throw new MeshError("INPUT_INVALID", { subject: "ref", detail });
}

/** The blob, fetched if need be; refuses with BLOB_UNKNOWN or BLOB_DAMAGED. */
export async function readableBlob(
  parts: ServiceParts,
  context: CallContext,
  ref: BlobRef,
  referrer: Referrer,
): Promise<BlobRecord> {
  const { store, exchange } = parts.blobs;
  const chain = await chainThrough(parts, context, ref, referrer);
  const record = store.record(ref);
  if (chain !== undefined || isOwn(parts, context, record)) {
    if (record !== undefined) return record;
    if (await exchange.fetchBelow(ref, context.caller)) return here(parts, ref);
  }
  // Perhaps a hub above has the chain: it says whether it refers to the blob (U2).
  const named = chain ?? (referrer?.$case === "chain" ? referrer.value : undefined);
  if (named !== undefined && (await exchange.fetchAbove(ref, named))) return here(parts, ref);
  throw unknownBlob(ref);
}

/** It has come just now. */
function here({ blobs }: ServiceParts, ref: BlobRef): BlobRecord {
  const record = blobs.store.record(ref);
  if (record === undefined) throw unknownBlob(ref);
  return record;
}

function unknownBlob(ref: BlobRef): MeshError {
  const detail = "no attachment with this hash is here that you may read; name what refers to it";
  return new MeshError("BLOB_UNKNOWN", { subject: ref, detail });
}

/** The chain through which the caller sees the blob; empty where that is not known. */
async function chainThrough(
  parts: ServiceParts,
  context: CallContext,
  ref: BlobRef,
  referrer: Referrer,
): Promise<string | undefined> {
  const { kernel, history, journal } = parts;
  if (referrer?.$case === "chain") {
    const row = await history.chain(referrer.value);
    return row !== undefined && JSON.stringify(row).includes(ref) ? row.id : undefined;
  }
  if (referrer === undefined) return undefined;
  const actor = taskActorOf(parts, context);
  const detail = kernel.taskNow(referrer.value, actor, journal.now());
  if (detail === undefined || !JSON.stringify(detail).includes(ref)) return undefined;
  return kernel.state.tasks.get(referrer.value)?.chain;
}

function isOwn(
  { description }: ServiceParts,
  context: CallContext,
  record: BlobRecord | undefined,
): boolean {
  const { caller, user } = context;
  if (user === undefined && isAllowed(caller, description.address, "manage")) return true;
  return record?.uploaders.includes(whoOf(context)) === true;
}
