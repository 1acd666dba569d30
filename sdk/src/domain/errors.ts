// Errors: what a refusal or a fault looks like everywhere in the mesh.
//
//   E1  A code is stable within a major version; its sentence is not, and nobody matches on text.
//   E2  `retry` tells the caller what to do: never, the same request again, the same later, or ask
//       a level above. Every submit carries a key made by the caller, so `same` is always safe.
//   E3  DEFECT is our own broken rule. Its text stays with us; a peer sees the code alone.

/**
 * Who must act: `never` repeat, repeat the `same` at once, `later`, or let the level `above` act.
 */
export type Retry = "never" | "same" | "later" | "above";

interface ErrorRule {
  readonly retry: Retry;
  readonly sentence: string;
}

/**
 * The one table of codes. gRPC status lives in the codec, which a test walks against this table.
 */
export const errorRules = {
  CHAIN_INVALID: { retry: "never", sentence: "the chain or its input breaks its schema" },
  APPLICATION_INVALID: { retry: "never", sentence: "the application definition is not valid" },
  APPLICATION_EXISTS: {
    retry: "never",
    sentence: "this version is published already with another content",
  },
  APPLICATION_UNKNOWN: { retry: "never", sentence: "no such application or version is published" },
  APPLICATION_RETIRED: {
    retry: "never",
    sentence: "this version is retired and takes no new chains",
  },
  CHAIN_UNKNOWN: { retry: "never", sentence: "no such chain is known here" },
  FEEDBACK_LATE: { retry: "never", sentence: "the fan-out has ended and takes no more feedback" },
  CHAIN_ENDED: { retry: "never", sentence: "the chain has ended and takes no more commands" },
  USER_UNKNOWN: { retry: "never", sentence: "no such user is known at this hub" },
  USER_EXISTS: { retry: "never", sentence: "the account is taken" },
  REVISION_CONFLICT: {
    retry: "never",
    sentence: "it has been changed since it was read; read it again and repeat the change",
  },
  SIGN_IN_REFUSED: {
    retry: "never",
    sentence: "the account or the password is wrong, or the account is locked or disabled",
  },
  PASSWORD_CHANGE_NEEDED: {
    retry: "never",
    sentence: "the password was made by an administrator and has to be changed first",
  },
  TASK_UNKNOWN: { retry: "never", sentence: "no such task is known at this desk" },
  TASK_TAKEN: { retry: "never", sentence: "somebody else has claimed the task" },
  TASK_STATE: { retry: "never", sentence: "the state of the task does not allow it" },
  TASK_CHANGED: {
    retry: "never",
    sentence: "the task has changed since it was read; read it again and decide anew",
  },
  FORM_INVALID: { retry: "never", sentence: "the form breaks its schema" },
  BLOB_UNKNOWN: { retry: "never", sentence: "no such attachment is here for the caller" },
  BLOB_MISMATCH: { retry: "never", sentence: "the content is not what its header says" },
  BLOB_DAMAGED: {
    retry: "never",
    sentence: "what the hub holds of the attachment is not what was put; put it again",
  },
  RESOURCE_INVALID: { retry: "never", sentence: "the entry of the resource is not valid" },
  RESOURCE_EXISTS: { retry: "never", sentence: "this node has an entry with this code already" },
  RESOURCE_CODE_TAKEN: { retry: "never", sentence: "the code is used by another node" },
  RESOURCE_UNKNOWN: { retry: "never", sentence: "no such resource is in this directory" },
  RESOURCE_STATE: { retry: "never", sentence: "the state of the entry does not allow it" },
  NODE_UNKNOWN: { retry: "never", sentence: "no such node is registered here" },
  TARGET_UNKNOWN: { retry: "never", sentence: "no node matches" },
  SERVICE_UNKNOWN: { retry: "never", sentence: "no such service is served here" },
  INSTRUCTION_UNKNOWN: { retry: "never", sentence: "no such instruction is known at this node" },
  INSTRUCTION_ENDED: { retry: "never", sentence: "the instruction has ended already" },
  INSTRUCTION_CANCELLED: { retry: "never", sentence: "the instruction was cancelled" },
  INSTRUCTION_TAKEN: { retry: "never", sentence: "somebody else works on the instruction" },
  KEY_CONFLICT: { retry: "never", sentence: "the key was used before with another request" },
  NOT_ALLOWED: { retry: "never", sentence: "the caller may not do this" },
  EPOCH_FENCED: { retry: "above", sentence: "a newer life of this node has taken over" },
  AMNESIA: {
    retry: "above",
    sentence: "the store remembers less than its peer: it is an old copy",
  },
  QUOTA_EXCEEDED: { retry: "later", sentence: "a quota is used up" },
  HUB_BUSY: { retry: "later", sentence: "the hub takes no new work at the moment" },
  DRAINING: { retry: "later", sentence: "the node is draining and takes no new work" },
  PAYLOAD_TOO_LARGE: { retry: "never", sentence: "the payload is over its limit" },
  FRAME_INVALID: { retry: "never", sentence: "the frame can't be understood" },
  FRAME_FORBIDDEN: { retry: "never", sentence: "this peer may not send this frame" },
  VERSION_UNSUPPORTED: { retry: "never", sentence: "no protocol version is common to both ends" },
  LOOP_REFUSED: { retry: "never", sentence: "the link would close a loop" },
  ADDRESS_REFUSED: { retry: "never", sentence: "the address does not belong under this hub" },
  ADDRESS_INVALID: { retry: "never", sentence: "the address is not well formed" },
  IDENTITY_INVALID: {
    retry: "never",
    sentence: "the certificate does not name a node of the mesh",
  },
  IDENTITY_EXPIRED: { retry: "never", sentence: "the certificate is outside its time" },
  IDENTITY_UNTRUSTED: { retry: "never", sentence: "the certificate is not of this mesh" },
  CONFIG_INVALID: { retry: "never", sentence: "the configuration is not valid" },
  INPUT_INVALID: { retry: "never", sentence: "the input is not valid" },
  STORE_MISSING: { retry: "never", sentence: "there is no store here; `init` creates one" },
  STORE_EXISTS: { retry: "never", sentence: "there is a store here already" },
  STORE_LOCKED: { retry: "later", sentence: "another process uses the store" },
  STORE_CORRUPT: { retry: "never", sentence: "the store is damaged" },
  STORE_FAULT: { retry: "never", sentence: "writing failed; whether it was kept is unknown" },
  STORE_CLOSED: { retry: "never", sentence: "the store is closed" },
  UNREACHABLE: { retry: "later", sentence: "the peer can't be reached" },
  TIMEOUT: { retry: "same", sentence: "the time allowed has passed" },
  CANCELLED: { retry: "never", sentence: "the caller cancelled" },
  DEFECT: { retry: "never", sentence: "a rule of our own is broken" },
} as const satisfies Record<string, ErrorRule>;

export type ErrorCode = keyof typeof errorRules;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorRules, text);
}

export interface ErrorDetail {
  /** What it is about: a chain, a file and offset, a field path. */
  readonly subject?: string | undefined;
  /** What happened and what to do, in one English sentence. */
  readonly detail?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  /** What programs may want to know beside the sentence; see the code that gives them. */
  readonly facts?: Readonly<Record<string, string>> | undefined;
  readonly cause?: unknown;
}

/** The one class for refusals, faults and defects; an outcome of work is data and never thrown. */
export class MeshError extends Error {
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly subject: string | undefined;
  readonly detail: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly facts: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, detail: ErrorDetail = {}) {
    const rule = errorRules[code];
    const subject = detail.subject === undefined ? "" : ` [${detail.subject}]`;
    const text = detail.detail === undefined ? rule.sentence : detail.detail;
    super(`${code}: ${text}${subject}`, detail.cause === undefined ? {} : { cause: detail.cause });
    this.name = "MeshError";
    this.code = code;
    this.retry = rule.retry;
    this.subject = detail.subject;
    this.detail = detail.detail;
    this.retryAfterMs = detail.retryAfterMs;
    this.facts = detail.facts ?? {};
  }
}

export function isMeshError(error: unknown): error is MeshError {
  return error instanceof MeshError;
}

/** A rule of our own, checked in production too. */
export function assertRule(holds: boolean, rule: string, subject?: string): asserts holds {
  if (!holds) throw new MeshError("DEFECT", { detail: rule, subject });
}
