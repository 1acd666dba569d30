// Status: MeshError <-> gRPC status. The only file that knows both.
//
//   E4  A peer learns the code, the sentence and what to do; of what is not a MeshError it learns
//       DEFECT and nothing more.

import { ErrorInfo } from "@cloudbrain/proto";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { type ErrorCode, errorRules, isErrorCode, MeshError } from "../domain/index.ts";
import { clip, wholeMs } from "./checks.ts";

export const statusOfCode: Readonly<Record<ErrorCode, status>> = {
  CHAIN_INVALID: status.FAILED_PRECONDITION,
  APPLICATION_INVALID: status.INVALID_ARGUMENT,
  APPLICATION_EXISTS: status.ALREADY_EXISTS,
  APPLICATION_UNKNOWN: status.NOT_FOUND,
  APPLICATION_RETIRED: status.FAILED_PRECONDITION,
  CHAIN_UNKNOWN: status.NOT_FOUND,
  FEEDBACK_LATE: status.FAILED_PRECONDITION,
  CHAIN_ENDED: status.FAILED_PRECONDITION,
  USER_UNKNOWN: status.NOT_FOUND,
  USER_EXISTS: status.ALREADY_EXISTS,
  REVISION_CONFLICT: status.ABORTED,
  SIGN_IN_REFUSED: status.UNAUTHENTICATED,
  PASSWORD_CHANGE_NEEDED: status.FAILED_PRECONDITION,
  TASK_UNKNOWN: status.NOT_FOUND,
  TASK_TAKEN: status.FAILED_PRECONDITION,
  TASK_STATE: status.FAILED_PRECONDITION,
  TASK_CHANGED: status.ABORTED,
  FORM_INVALID: status.INVALID_ARGUMENT,
  BLOB_UNKNOWN: status.NOT_FOUND,
  BLOB_MISMATCH: status.INVALID_ARGUMENT,
  BLOB_DAMAGED: status.DATA_LOSS,
  RESOURCE_INVALID: status.INVALID_ARGUMENT,
  RESOURCE_EXISTS: status.ALREADY_EXISTS,
  RESOURCE_CODE_TAKEN: status.ALREADY_EXISTS,
  RESOURCE_UNKNOWN: status.NOT_FOUND,
  RESOURCE_STATE: status.FAILED_PRECONDITION,
  NODE_UNKNOWN: status.NOT_FOUND,
  TARGET_UNKNOWN: status.NOT_FOUND,
  SERVICE_UNKNOWN: status.NOT_FOUND,
  INSTRUCTION_UNKNOWN: status.NOT_FOUND,
  INSTRUCTION_ENDED: status.FAILED_PRECONDITION,
  INSTRUCTION_CANCELLED: status.FAILED_PRECONDITION,
  INSTRUCTION_TAKEN: status.FAILED_PRECONDITION,
  KEY_CONFLICT: status.ALREADY_EXISTS,
  NOT_ALLOWED: status.PERMISSION_DENIED,
  EPOCH_FENCED: status.ABORTED,
  AMNESIA: status.DATA_LOSS,
  QUOTA_EXCEEDED: status.RESOURCE_EXHAUSTED,
  HUB_BUSY: status.UNAVAILABLE,
  DRAINING: status.UNAVAILABLE,
  PAYLOAD_TOO_LARGE: status.INVALID_ARGUMENT,
  FRAME_INVALID: status.INVALID_ARGUMENT,
  FRAME_FORBIDDEN: status.PERMISSION_DENIED,
  VERSION_UNSUPPORTED: status.FAILED_PRECONDITION,
  LOOP_REFUSED: status.FAILED_PRECONDITION,
  ADDRESS_REFUSED: status.PERMISSION_DENIED,
  ADDRESS_INVALID: status.INVALID_ARGUMENT,
  IDENTITY_INVALID: status.UNAUTHENTICATED,
  IDENTITY_EXPIRED: status.UNAUTHENTICATED,
  IDENTITY_UNTRUSTED: status.UNAUTHENTICATED,
  CONFIG_INVALID: status.INVALID_ARGUMENT,
  INPUT_INVALID: status.INVALID_ARGUMENT,
  STORE_MISSING: status.FAILED_PRECONDITION,
  STORE_EXISTS: status.ALREADY_EXISTS,
  STORE_LOCKED: status.UNAVAILABLE,
  STORE_CORRUPT: status.DATA_LOSS,
  STORE_FAULT: status.DATA_LOSS,
  STORE_CLOSED: status.UNAVAILABLE,
  UNREACHABLE: status.UNAVAILABLE,
  TIMEOUT: status.DEADLINE_EXCEEDED,
  CANCELLED: status.CANCELLED,
  DEFECT: status.INTERNAL,
};

/** Metadata key of the encoded cloudbrain.v1.ErrorInfo. */
export const errorInfoKey = "cloudbrain-error-bin";

export interface StatusObject {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/**
 * What a failed call tells the peer. Text is cut to 1,000 characters: all of it travels in headers,
 * of which HTTP/2 peers take 16 KiB.
 */
export function encodeError(error: unknown): StatusObject {
  const info = errorInfoOf(error);
  const metadata = new Metadata();
  metadata.set(errorInfoKey, Buffer.from(ErrorInfo.encode(info).finish()));
  return { code: statusOfCode[info.code], details: `${info.code}: ${info.detail}`, metadata };
}

/** What a peer learns of a failure that concerns a part of a call. */
export function errorInfoOf(error: unknown): ErrorInfo & { readonly code: ErrorCode } {
  const known = error instanceof MeshError && error.code !== "DEFECT";
  const code: ErrorCode = known ? error.code : "DEFECT";
  const sentence = errorRules[code].sentence;
  return {
    code,
    retry: errorRules[code].retry,
    subject: known ? clip(error.subject ?? "") : "",
    detail: known ? clip(error.detail ?? sentence) : sentence,
    retryAfterMs: known ? wholeMs(error.retryAfterMs ?? 0) : 0,
    facts: known ? boundedFacts(error.facts) : {},
  };
}

/** Bounds of what travels in headers, both ways. */
const factsMax = 16;
const factCharsMax = 200;

function boundedFacts(facts: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(facts).slice(0, factsMax);
  return Object.fromEntries(
    entries.map(([name, text]) => [name.slice(0, factCharsMax), text.slice(0, factCharsMax)]),
  );
}

/**
 * Statuses that grpc-js has made. CANCELLED and INTERNAL come with a stream that the hub's end
 * reset: it was shut down, or its connection broke. Whoever has cancelled by itself knows that.
 */
const codeOfStatus: Readonly<Partial<Record<status, ErrorCode>>> = {
  [status.UNAVAILABLE]: "UNREACHABLE",
  [status.DEADLINE_EXCEEDED]: "TIMEOUT",
  [status.CANCELLED]: "UNREACHABLE",
  [status.INTERNAL]: "UNREACHABLE",
  [status.UNAUTHENTICATED]: "IDENTITY_UNTRUSTED",
  [status.PERMISSION_DENIED]: "NOT_ALLOWED",
  [status.RESOURCE_EXHAUSTED]: "PAYLOAD_TOO_LARGE",
  [status.INVALID_ARGUMENT]: "INPUT_INVALID",
};

/** What a call failed with. Statuses that our services did not make are told by their kind. */
export function decodeError(error: Partial<ServiceError>): MeshError {
  const [bytes] = error.metadata?.get(errorInfoKey) ?? [];
  const info = bytes instanceof Uint8Array ? readInfo(bytes) : undefined;
  const known = info === undefined ? undefined : meshErrorOf(info, error);
  if (known !== undefined) return known;
  const code = codeOfStatus[error.code ?? status.UNKNOWN] ?? "DEFECT";
  return new MeshError(code, { detail: error.details, cause: error });
}

/** The refusal that an ErrorInfo tells; undefined for a code that this version does not know. */
export function meshErrorOf(info: ErrorInfo, cause?: unknown): MeshError | undefined {
  if (!isErrorCode(info.code)) return undefined;
  return new MeshError(info.code, {
    subject: info.subject === "" ? undefined : info.subject,
    detail: info.detail,
    retryAfterMs: info.retryAfterMs === 0 ? undefined : info.retryAfterMs,
    facts: boundedFacts(info.facts),
    cause,
  });
}

/** Undefined for bytes that are no ErrorInfo: then the status alone tells what happened. */
function readInfo(bytes: Uint8Array): ErrorInfo | undefined {
  try {
    return ErrorInfo.decode(bytes);
  } catch {
    return undefined;
  }
}
