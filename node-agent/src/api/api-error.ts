// API error: what the local API answers when it refuses. The only file that knows both MeshError
// and HTTP status.

import { adviceEn, adviceZhCn } from "@cloudbrain/sdk/cli";
import { type ErrorCode, errorRules, isMeshError, type Outcome } from "@cloudbrain/sdk/domain";

export type ErrorStatus = 400 | 401 | 403 | 404 | 409 | 413 | 422 | 500 | 503;

const statuses: Readonly<Partial<Record<ErrorCode, ErrorStatus>>> = {
  INSTRUCTION_UNKNOWN: 404,
  INSTRUCTION_ENDED: 409,
  INSTRUCTION_CANCELLED: 409,
  INSTRUCTION_TAKEN: 409,
  INPUT_INVALID: 400,
  NOT_ALLOWED: 403,
  PAYLOAD_TOO_LARGE: 413,
  STORE_CLOSED: 503,
  STORE_FAULT: 503,
};

export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly title: string;
  readonly outcome?: Outcome;
}

/** Of what is not a MeshError a caller learns DEFECT and nothing more. */
export function describeError(
  error: unknown,
  language: string | undefined,
): { readonly status: ErrorStatus; readonly body: ErrorBody } {
  const code = isMeshError(error) ? error.code : "DEFECT";
  const detail = isMeshError(error) && code !== "DEFECT" ? error.detail : undefined;
  return {
    status: statuses[code] ?? 500,
    body: { code, message: detail ?? errorRules[code].sentence, title: titleOf(code, language) },
  };
}

export function titleOf(code: ErrorCode, language: string | undefined): string {
  const advice = /^\s*zh\b/i.test(language ?? "") ? adviceZhCn : adviceEn;
  return advice.happened[code];
}
