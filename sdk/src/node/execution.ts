// Execution: runs the handler of one instruction and turns whatever happens into an outcome.
//
//   X1  A handler that throws has failed and may be retried; what it throws stays in our log, the
//       hub learns a code and a short sentence.
//   X2  Input and output are checked by the contract's schemas; a bad one is never retried.
//   X3  What leaves here fits a frame: a hub that refused the outcome of an instruction would be
//       told it again for ever.
//   X4  A handler may put its outcome off; what is answered later passes the same checks.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import { checkJsonText } from "../codec/checks.ts";
import { limits, MeshError, type Outcome } from "../domain/index.ts";
import type { GivenOutcome } from "../kernel/index.ts";

export interface InstructionContext {
  /** Aborted on cancel, deadline and shutdown; its reason is an error that says which. */
  readonly signal: AbortSignal;
  readonly chainId: string;
  readonly stepId: string;
  /** Counts the offers of this instruction, from 1. */
  readonly attempt: number;
  /** The same over all attempts and restarts: give it to systems that must not act twice. */
  readonly idempotencyKey: string;
  /** When the handler is given up, or undefined. */
  readonly deadline: Date | undefined;
  /** Longest silence that the application allows: tell progress more often. Else undefined. */
  readonly heartbeatMs: number | undefined;
  /** Tells the hub how far the work is: 0..1 and a note for people. Counts as a heartbeat. */
  progress(ratio: number, note?: string): void;
  /**
   * Corrects what the handler has returned, as often as needed, where the application lets answers
   * be revised; elsewhere the chain only records it. Resolves once it is handed to the node.
   * Rejects with INPUT_INVALID before the handler has succeeded, and for what its contract does
   * not allow.
   */
  revise(output: unknown): Promise<void>;
  /** Gives the work back: not this node's business. The chain may choose another node. */
  reject(reason: string): never;
  /** Fails with a code of your own; `retryable` (default true): another attempt may help. */
  fail(code: string, message: string, options?: { readonly retryable?: boolean }): never;
  /**
   * Ends the handler without an outcome: `node.answer` brings it, after days and restarts if need
   * be. Until then the instruction is open and durable, takes no handler's place, and the handler
   * does not run again. Its deadline and a cancel go on holding.
   */
  later(): never;
}

/** Untyped handler, as the node keeps it. */
export type AnyHandler = (input: unknown, context: InstructionContext) => unknown;

export interface Handler {
  readonly run: AnyHandler;
  readonly input: StandardSchemaV1 | undefined;
  readonly output: StandardSchemaV1 | undefined;
  /** Runs of this handler at once; undefined when it shares the node's. */
  readonly concurrency?: number | undefined;
  readonly withdrawn?: WithdrawnListener | undefined;
}

/** Tells whoever works on a deferred instruction outside that it has ended without them. */
export type WithdrawnListener = (withdrawal: Withdrawal) => Promise<void> | void;

export interface Withdrawal {
  readonly idempotencyKey: string;
  readonly chainId: string;
  readonly stepId: string;
  /** This attempt and those before it are meant. */
  readonly attempt: number;
  readonly outcome: Outcome;
  /** For people. */
  readonly reason: string;
  /** Aborted when the node stops, and when a newer attempt has come. */
  readonly signal: AbortSignal;
}

/** What a handler that has put its outcome off ends with. */
export const later = "later";
export type ExecutionEnd = GivenOutcome | typeof later;

/** Thrown by `context.reject` and `context.fail`. */
class Verdict extends Error {
  readonly result: GivenOutcome;
  constructor(result: GivenOutcome) {
    super(result.message);
    this.name = "Verdict";
    this.result = result;
  }
}

/** Thrown by `context.later`. */
class Deferral extends Error {
  constructor() {
    super("the outcome comes later");
    this.name = "Deferral";
  }
}

export interface ExecutionOptions {
  readonly handler: Handler;
  readonly id: string;
  readonly chain: string;
  readonly step: string;
  readonly attempt: number;
  /** JSON text. */
  readonly input: string;
  readonly finishDueMs: number;
  readonly heartbeatMs: number;
  readonly signal: AbortSignal;
  readonly progress: (ratio: number, note: string) => void;
  /** JSON text that stands in place of the output. */
  readonly revise: (output: string) => void;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

/** Never rejects. A handler without promises has ended before the event loop turns (B3). */
export async function execute(options: ExecutionOptions): Promise<ExecutionEnd> {
  try {
    const parsed = parseInput(options.input);
    const input = await check(options.handler.input, parsed, "INPUT_INVALID");
    const stage = { hasSucceeded: false };
    const pending = options.handler.run(input, contextOf(options, stage));
    const answer = pending instanceof Promise ? await pending : pending;
    const result = await judgeOutput(options.handler, answer, options.id);
    stage.hasSucceeded = result.outcome === "succeeded";
    return result;
  } catch (error) {
    if (error instanceof Verdict) return error.result;
    if (error instanceof Deferral) return later;
    // Who is asked to stop and throws has not failed; the kernel knows what to answer.
    if (options.signal.aborted) return failure("ABORTED", "it was asked to stop", true);
    options.log("a handler failed", {
      id: options.id,
      error: error instanceof Error ? error.stack : String(error),
    });
    const message = error instanceof Error ? error.message : String(error);
    return failure("HANDLER_FAILED", message, true);
  }
}

/** Within what a frame and a person take. */
export function boundProgress(ratio: number, note: string): [ratio: number, note: string] {
  return [ratio > 0 ? Math.min(ratio, 1) : 0, String(note).slice(0, messageCharsMax)];
}

const messageCharsMax = 300;
const codeCharsMax = 100;

/** Succeeded with this output, or failed with what is wrong with it (X2, X3). */
export async function judgeOutput(
  handler: Handler,
  answer: unknown,
  id: string,
): Promise<GivenOutcome> {
  try {
    return encodeOutput(await check(handler.output, answer, "OUTPUT_INVALID"), id);
  } catch (error) {
    if (error instanceof Verdict) return error.result;
    throw error;
  }
}

export function failure(errorCode: string, message: string, retryable: boolean): GivenOutcome {
  return {
    outcome: "failed",
    output: "",
    errorCode: errorCode.slice(0, codeCharsMax),
    message: message.slice(0, messageCharsMax),
    retryable,
  };
}

function parseInput(text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new Verdict(failure("INPUT_INVALID", "it is not JSON", false));
  }
}

export function refusal(reason: string): GivenOutcome {
  return {
    outcome: "returned",
    output: "",
    errorCode: "REJECTED",
    message: reason.slice(0, messageCharsMax),
    retryable: true,
  };
}

function encodeOutput(output: unknown, id: string): GivenOutcome {
  let text: string;
  try {
    text = JSON.stringify(output ?? null) ?? "null";
    checkJsonText(text, id);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return failure("OUTPUT_INVALID", message, false);
  }
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.outputBytesMax) {
    const allowed = `${bytes} bytes, at most ${limits.outputBytesMax} are allowed`;
    return failure("PAYLOAD_TOO_LARGE", `the output has ${allowed}`, false);
  }
  return { outcome: "succeeded", output: text, errorCode: "", message: "", retryable: false };
}

async function check(
  schema: StandardSchemaV1 | undefined,
  value: unknown,
  code: string,
): Promise<unknown> {
  if (schema === undefined) return value;
  const checked = schema["~standard"].validate(value);
  const result = checked instanceof Promise ? await checked : checked;
  if (result.issues === undefined) return result.value;
  const told = result.issues.map(({ message, path }) => `${pathText(path)}: ${message}`).join("; ");
  throw new Verdict(failure(code, told, false));
}

function pathText(path: StandardSchemaV1.Issue["path"]): string {
  if (path === undefined || path.length === 0) return "value";
  return path.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
}

/** What the schema and the limits leave of a correction, as JSON text. */
async function encodeRevision(options: ExecutionOptions, answer: unknown): Promise<string> {
  const { handler, id } = options;
  const result = await judgeOutput(handler, answer, id);
  if (result.outcome === "succeeded") return result.output;
  throw new MeshError("INPUT_INVALID", { subject: id, detail: result.message });
}

function contextOf(
  options: ExecutionOptions,
  stage: { readonly hasSucceeded: boolean },
): InstructionContext {
  const { finishDueMs, heartbeatMs } = options;
  return {
    get signal() {
      return options.signal;
    },
    chainId: options.chain,
    stepId: options.step,
    attempt: options.attempt,
    idempotencyKey: options.id,
    deadline: finishDueMs === 0 ? undefined : new Date(finishDueMs),
    heartbeatMs: heartbeatMs === 0 ? undefined : heartbeatMs,
    progress: (ratio, note = "") => options.progress(...boundProgress(ratio, note)),
    revise: async (answer) => {
      if (!stage.hasSucceeded) {
        const detail = "the handler has not succeeded: return the output instead";
        throw new MeshError("INPUT_INVALID", { subject: options.id, detail });
      }
      options.revise(await encodeRevision(options, answer));
    },
    reject: (reason) => {
      throw new Verdict(refusal(reason));
    },
    fail: (code, message, { retryable = true } = {}) => {
      throw new Verdict(failure(code, message, retryable));
    },
    later: () => {
      throw new Deferral();
    },
  };
}
