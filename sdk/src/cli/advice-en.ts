// What a person can do about each error, in English.

import type { ErrorCode } from "../domain/index.ts";

export interface Advice {
  /** The words around an error. */
  readonly error: string;
  /** Between a label and what it labels. */
  readonly colon: string;
  readonly where: string;
  readonly why: string;
  readonly remedy: string;
  readonly retryAfter: (seconds: string) => string;
  /** What happened. */
  readonly happened: Readonly<Record<ErrorCode, string>>;
  /** What to do; codes without a line of their own say it in their reason. */
  readonly remedies: Readonly<Partial<Record<ErrorCode, string>>>;
  /** For what is not a MeshError. */
  readonly unexpected: string;
  readonly unexpectedRemedy: string;
}

export const adviceEn: Advice = {
  error: "error",
  colon: ": ",
  where: "where",
  why: "why",
  remedy: "do",
  retryAfter: (seconds) => `repeat it after ${seconds} s`,
  happened: {
    CHAIN_INVALID: "the chain or its input breaks its schema",
    APPLICATION_INVALID: "the application definition is not valid",
    APPLICATION_EXISTS: "this version is published already with another content",
    APPLICATION_UNKNOWN: "no such application or version is published",
    APPLICATION_RETIRED: "this version is retired and takes no new chains",
    CHAIN_UNKNOWN: "no such chain is known at this hub",
    FEEDBACK_LATE: "the fan-out has ended and takes no more feedback",
    CHAIN_ENDED: "the chain has ended and takes no more commands",
    USER_UNKNOWN: "no such user is known at this hub",
    USER_EXISTS: "the account is taken",
    REVISION_CONFLICT: "it has been changed since it was read",
    SIGN_IN_REFUSED: "the sign-in was refused",
    PASSWORD_CHANGE_NEEDED: "the password has to be changed first",
    TASK_UNKNOWN: "no such task is known at this hub",
    TASK_TAKEN: "somebody else has claimed the task",
    TASK_STATE: "the state of the task does not allow it",
    TASK_CHANGED: "the task has changed since you looked at it",
    FORM_INVALID: "the form breaks its schema",
    NODE_UNKNOWN: "no such node is registered at this hub",
    TARGET_UNKNOWN: "no node matches",
    SERVICE_UNKNOWN: "the hub serves no such service",
    INSTRUCTION_UNKNOWN: "no such instruction is known at this node",
    INSTRUCTION_ENDED: "the instruction has ended already",
    INSTRUCTION_CANCELLED: "the instruction was cancelled",
    INSTRUCTION_TAKEN: "somebody else works on the instruction",
    KEY_CONFLICT: "the key was used before with another request",
    NOT_ALLOWED: "you may not do this",
    EPOCH_FENCED: "a newer life of this node has taken over",
    AMNESIA: "the store is an old copy: it remembers less than its peer",
    QUOTA_EXCEEDED: "a quota is used up",
    HUB_BUSY: "the hub takes no new work at the moment",
    DRAINING: "the node is draining and takes no new work",
    PAYLOAD_TOO_LARGE: "the data is over its limit",
    FRAME_INVALID: "the frame can't be understood",
    FRAME_FORBIDDEN: "this peer may not send this frame",
    VERSION_UNSUPPORTED: "the two ends have no protocol version in common",
    LOOP_REFUSED: "the link would close a loop",
    ADDRESS_REFUSED: "the address does not belong under this hub",
    ADDRESS_INVALID: "the address is not well formed",
    IDENTITY_INVALID: "the certificate does not name a node of the mesh",
    IDENTITY_EXPIRED: "the certificate is outside its time",
    IDENTITY_UNTRUSTED: "the certificate is not trusted",
    CONFIG_INVALID: "the configuration is not valid",
    INPUT_INVALID: "the input is not valid",
    STORE_MISSING: "there is no store here",
    STORE_EXISTS: "there is a store here already",
    STORE_LOCKED: "another process uses the store",
    STORE_CORRUPT: "the store is damaged",
    STORE_FAULT: "writing failed; whether it was kept is unknown",
    STORE_CLOSED: "the store is closed",
    UNREACHABLE: "the hub can't be reached",
    TIMEOUT: "the time allowed has passed",
    CANCELLED: "the call was cancelled",
    DEFECT: "the hub has met a defect of its own",
  },
  remedies: {
    CHAIN_INVALID: "compare the input with the schema of the application",
    APPLICATION_INVALID: "run `cloudbrain app lint FILE` for the place of every mistake",
    APPLICATION_EXISTS: "raise `version` in the definition and publish again",
    APPLICATION_UNKNOWN: "run `cloudbrain app ls` to see what is published",
    CHAIN_UNKNOWN: "run `cloudbrain chain ls`; a chain is known at the hub that took it",
    FEEDBACK_LATE: "report to who is in charge of the chain: its result stays as it is",
    APPLICATION_RETIRED: "name another version or none; `cloudbrain app ls` tells their states",
    CHAIN_ENDED: "run `cloudbrain chain show CHAIN` to see how it ended",
    USER_UNKNOWN: "run `cloudbrain user ls` to see who is known",
    USER_EXISTS: "use another account name; `cloudbrain user show ACCOUNT` tells whose it is",
    REVISION_CONFLICT: "look at it again and repeat the change",
    SIGN_IN_REFUSED: "check account and password; after five wrong ones wait 15 minutes",
    PASSWORD_CHANGE_NEEDED: "run `cloudbrain login ACCOUNT` and choose a password of your own",
    TASK_UNKNOWN: "a task is known at the hub that holds it; check its id and the hub",
    TASK_TAKEN: "take another task, or ask the person who holds it",
    TASK_STATE: "look at the task again and do what its state allows",
    TASK_CHANGED: "look at the task again and decide anew",
    FORM_INVALID: "correct each field that is named and send the form again",
    NODE_UNKNOWN: "run `cloudbrain node ls` to see what is registered",
    INSTRUCTION_UNKNOWN: "ask the agent for its list: GET /v1/instructions",
    INSTRUCTION_ENDED: "its first outcome counts; nothing is left to do",
    INSTRUCTION_CANCELLED: "stop the work; nobody waits for its outcome any more",
    INSTRUCTION_TAKEN: "agree with who holds it, or wait until they let go",
    KEY_CONFLICT: "use another --key, or repeat with the very same input and version",
    NOT_ALLOWED:
      "sign in as somebody who may (`cloudbrain login`), or use an operator's --identity DIR",
    EPOCH_FENCED: "stop one of the two processes that run as this node",
    AMNESIA: "restore the latest store, or set the node up anew",
    QUOTA_EXCEEDED: "wait, or ask the operator of the hub for more",
    HUB_BUSY: "repeat the command later",
    DRAINING: "repeat the command later, or use another hub",
    ADDRESS_INVALID: "write an address such as /3702/370202/i-traffic",
    IDENTITY_INVALID: "ask the operator of the hub for a certificate of the mesh",
    IDENTITY_EXPIRED: "ask for a new certificate, or set the clock of this machine right",
    IDENTITY_UNTRUSTED: "check that --identity and --hub belong to the same mesh",
    CONFIG_INVALID: "correct the place that is named and run the command again",
    INPUT_INVALID: "see --help for what the command takes",
    STORE_MISSING: "make it once with `init`, or correct the directory",
    STORE_EXISTS: "use another directory; a store is never overwritten",
    STORE_LOCKED: "stop the process that uses it",
    STORE_CORRUPT: "keep a copy of the directory and restore the last backup",
    STORE_FAULT: "check the disk and its free space, then start again",
    UNREACHABLE: "check that the hub runs and that --hub names it, then repeat the command",
    TIMEOUT: "repeat the command, or allow more with --timeout",
    DEFECT: "look into the log of the hub",
  },
  unexpected: "something unexpected has happened",
  unexpectedRemedy: "report it with the command and CLOUDBRAIN_DEBUG=1, which adds a stack",
};
