// Answers: what a call gives the kernel, and what it makes of the kernel's reply.

import { type JsonValue, MeshError } from "@cloudbrain/sdk/domain";
import type { HubReply } from "../kernel/index.ts";

export function refusalOf(reply: HubReply, subject: string): MeshError {
  if (reply.kind !== "refused") return new MeshError("DEFECT", { detail: "an unexpected reply" });
  const { code, detail, retryAfterMs } = reply;
  return new MeshError(code, { subject, detail, retryAfterMs });
}

/** Undefined for an empty field; refuses with PAYLOAD_TOO_LARGE or INPUT_INVALID. */
export function parseJsonField(
  subject: string,
  bytes: Uint8Array,
  bytesMax: number,
): JsonValue | undefined {
  if (bytes.length > bytesMax) {
    throw new MeshError("PAYLOAD_TOO_LARGE", {
      subject,
      detail: `${bytes.length} bytes are over the limit of ${bytesMax}`,
    });
  }
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as JsonValue;
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : "it is not JSON";
    throw new MeshError("INPUT_INVALID", { subject, detail, cause });
  }
}
