// Exit codes: what a shell script learns from a command. Part of the contract with users.
//
//   X1  Every error code has exactly one exit code; a new error code does not compile without one.
//   X2  6 means that the same command may be repeated as it stands.

import { type ErrorCode, MeshError } from "../domain/index.ts";

export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  notAllowed: 4,
  /** Something else is there already, or the state does not allow it. */
  conflict: 5,
  /** Unreachable, too busy or too slow. */
  unreachable: 6,
  /** The chain that the command waited for did not succeed. */
  chainFailed: 7,
  /** EX_CONFIG of sysexits.h: a service manager must not start the command again. */
  badConfiguration: 78,
  /** 128 + SIGINT. */
  interrupted: 130,
  /** 128 + SIGTERM. */
  terminated: 143,
} as const;

export const exitCodeOfCode: Readonly<Record<ErrorCode, number>> = {
  CHAIN_INVALID: exitCodes.failed,
  APPLICATION_INVALID: exitCodes.failed,
  APPLICATION_EXISTS: exitCodes.conflict,
  APPLICATION_UNKNOWN: exitCodes.notFound,
  APPLICATION_RETIRED: exitCodes.conflict,
  CHAIN_UNKNOWN: exitCodes.notFound,
  FEEDBACK_LATE: exitCodes.conflict,
  CHAIN_ENDED: exitCodes.conflict,
  USER_UNKNOWN: exitCodes.notFound,
  USER_EXISTS: exitCodes.conflict,
  REVISION_CONFLICT: exitCodes.conflict,
  SIGN_IN_REFUSED: exitCodes.notAllowed,
  PASSWORD_CHANGE_NEEDED: exitCodes.notAllowed,
  TASK_UNKNOWN: exitCodes.notFound,
  TASK_TAKEN: exitCodes.conflict,
  TASK_STATE: exitCodes.conflict,
  TASK_CHANGED: exitCodes.conflict,
  FORM_INVALID: exitCodes.usage,
  BLOB_UNKNOWN: exitCodes.notFound,
  BLOB_MISMATCH: exitCodes.failed,
  BLOB_DAMAGED: exitCodes.failed,
  RESOURCE_INVALID: exitCodes.usage,
  RESOURCE_EXISTS: exitCodes.conflict,
  RESOURCE_CODE_TAKEN: exitCodes.conflict,
  RESOURCE_UNKNOWN: exitCodes.notFound,
  RESOURCE_STATE: exitCodes.conflict,
  NODE_UNKNOWN: exitCodes.notFound,
  TARGET_UNKNOWN: exitCodes.notFound,
  SERVICE_UNKNOWN: exitCodes.notFound,
  INSTRUCTION_UNKNOWN: exitCodes.notFound,
  INSTRUCTION_ENDED: exitCodes.conflict,
  INSTRUCTION_CANCELLED: exitCodes.conflict,
  INSTRUCTION_TAKEN: exitCodes.conflict,
  KEY_CONFLICT: exitCodes.conflict,
  NOT_ALLOWED: exitCodes.notAllowed,
  EPOCH_FENCED: exitCodes.conflict,
  AMNESIA: exitCodes.failed,
  QUOTA_EXCEEDED: exitCodes.failed,
  HUB_BUSY: exitCodes.unreachable,
  DRAINING: exitCodes.unreachable,
  PAYLOAD_TOO_LARGE: exitCodes.failed,
  FRAME_INVALID: exitCodes.failed,
  FRAME_FORBIDDEN: exitCodes.notAllowed,
  VERSION_UNSUPPORTED: exitCodes.failed,
  LOOP_REFUSED: exitCodes.failed,
  ADDRESS_REFUSED: exitCodes.notAllowed,
  ADDRESS_INVALID: exitCodes.usage,
  IDENTITY_INVALID: exitCodes.notAllowed,
  IDENTITY_EXPIRED: exitCodes.notAllowed,
  IDENTITY_UNTRUSTED: exitCodes.notAllowed,
  CONFIG_INVALID: exitCodes.badConfiguration,
  INPUT_INVALID: exitCodes.usage,
  STORE_MISSING: exitCodes.notFound,
  STORE_EXISTS: exitCodes.conflict,
  STORE_LOCKED: exitCodes.conflict,
  STORE_CORRUPT: exitCodes.failed,
  STORE_FAULT: exitCodes.failed,
  STORE_CLOSED: exitCodes.failed,
  UNREACHABLE: exitCodes.unreachable,
  TIMEOUT: exitCodes.unreachable,
  CANCELLED: exitCodes.failed,
  DEFECT: exitCodes.failed,
};

/** The exit code for whatever a command threw; what is not a MeshError has failed. */
export function exitCodeOf(error: unknown): number {
  return error instanceof MeshError ? exitCodeOfCode[error.code] : exitCodes.failed;
}
