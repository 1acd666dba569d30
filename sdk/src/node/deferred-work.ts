// Deferred work: what is open at a node, and the outcomes that come from outside its handlers.
//
// Owns nothing durable: what is open is read from the kernel, and every change is an event to it.
//
//   L1  The first answer counts. The same answer again is told so, another one is refused.
//   L2  An answer or a claim is confirmed once it is durable, never before.
//   L3  A worker that could not be told of an end is told again at the next start.

import { type ErrorCode, type JsonValue, MeshError, type Outcome } from "../domain/index.ts";
import type {
  AgentEvent,
  AgentInstruction,
  AgentKernel,
  AgentOutput,
  GivenOutcome,
} from "../kernel/index.ts";
import { boundProgress, failure, type Handler, judgeOutput, refusal } from "./execution.ts";

type Withdrawn = Extract<AgentOutput, { type: "withdrawn" }>;

/** What is under way at a node: with a handler, or put off by it. */
export interface OpenInstruction {
  /** The idempotency key. */
  readonly id: string;
  readonly chainId: string;
  readonly stepId: string;
  readonly attempt: number;
  readonly capability: string;
  readonly input: JsonValue;
  readonly deadline: Date | undefined;
  readonly heartbeatMs: number | undefined;
  /** Its handler has put the outcome off. */
  readonly isDeferred: boolean;
  /** Who has claimed it; empty for nobody. */
  readonly holder: string;
  /** Empty while it is open. */
  readonly outcome: Outcome | "";
}

/** How work has come out that a handler has put off. */
export type Answer =
  | { readonly outcome: "succeeded"; readonly output: JsonValue }
  | {
      readonly outcome: "failed";
      readonly code: string;
      readonly message: string;
      /** Another attempt may help; true by default. */
      readonly retryable?: boolean | undefined;
    }
  | { readonly outcome: "returned"; readonly reason: string };

/** What became of an answer. One that breaks the contract counts as failed, and says why. */
export interface AnswerReceipt {
  readonly outcome: Outcome;
  readonly errorCode: string;
  readonly message: string;
  /** The very same answer had come before. */
  readonly isRepeated: boolean;
}

export interface DeferredWorkOptions {
  readonly handlers: ReadonlyMap<string, Handler>;
  /** Undefined until the store is open, and after it is closed. */
  readonly kernel: () => AgentKernel | undefined;
  readonly submit: (event: AgentEvent) => void;
  readonly whenDurable: (callback: () => void) => void;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

export class DeferredWork {
  private readonly options: DeferredWorkOptions;
  private readonly stopped = new AbortController();
  /** By instruction: the newest withdrawal that is being told. */
  private readonly telling = new Map<string, AbortController>();

  constructor(options: DeferredWorkOptions) {
    this.options = options;
  }

  get isOpen(): boolean {
    return this.options.kernel() !== undefined;
  }

  list(): readonly OpenInstruction[] {
    const state = this.options.kernel()?.state;
    if (state === undefined) return [];
    return [...state.running].flatMap((id) => {
      const known = state.instructions.get(id);
      return known === undefined ? [] : [viewOf(known)];
    });
  }

  find(id: string): OpenInstruction | undefined {
    const known = this.options.kernel()?.state.instructions.get(id);
    return known === undefined ? undefined : viewOf(known);
  }

  async answer(
    id: string,
    answer: Answer,
    { holder }: { readonly holder?: string } = {},
  ): Promise<AnswerReceipt> {
    const { capability } = this.known(id);
    const handler = this.options.handlers.get(capability);
    const given = await judge(handler, answer, id);
    // It may have ended while the answer was being checked.
    const known = this.known(id);
    if (known.outcome !== "") return await this.repeated(known, given);
    this.assertOpen(known);
    if (holder !== undefined) assertHolder(known, holder);
    this.options.submit({ type: "answered", id, ...given });
    await this.durable();
    const { outcome, errorCode, message } = given;
    return { outcome, errorCode, message, isRepeated: false };
  }

  private async repeated(known: AgentInstruction, given: GivenOutcome): Promise<AnswerReceipt> {
    const { outcome, output, errorCode, message } = known;
    const isSame =
      outcome === given.outcome &&
      output === given.output &&
      errorCode === given.errorCode &&
      message === given.message;
    if (!isSame) throw endedError(known);
    await this.durable();
    return { outcome: given.outcome, errorCode, message, isRepeated: true };
  }

  progress(id: string, ratio: number, note: string): void {
    this.assertOpen(this.known(id));
    const [bounded, told] = boundProgress(ratio, note);
    this.options.submit({ type: "progress", id, ratio: bounded, note: told });
  }

  async claim(id: string, holder: string): Promise<void> {
    const known = this.known(id);
    this.assertOpen(known);
    if (!known.deferred) {
      const detail = "its handler still works on it; ask again when it has put the outcome off";
      throw new MeshError("INSTRUCTION_TAKEN", { subject: id, detail });
    }
    if (known.holder !== "") assertHolder(known, holder);
    this.options.submit({ type: "claimed", id, holder });
    await this.durable();
  }

  async release(id: string, holder: string): Promise<void> {
    const known = this.known(id);
    this.assertOpen(known);
    assertHolder(known, holder);
    this.options.submit({ type: "claimed", id, holder: "" });
    await this.durable();
  }

  private known(id: string): AgentInstruction {
    const kernel = this.options.kernel();
    if (kernel === undefined) throw closedError();
    const known = kernel.state.instructions.get(id);
    if (known !== undefined) return known;
    throw new MeshError("INSTRUCTION_UNKNOWN", { subject: id });
  }

  private assertOpen(known: AgentInstruction): void {
    if (known.outcome !== "" || known.cancelReason !== "") throw endedError(known);
  }

  /** Rejects when the node stops before: whether it was kept is unknown then (L2). */
  private durable(): Promise<void> {
    const { signal } = this.stopped;
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(closedError());
      if (signal.aborted) {
        stop();
        return;
      }
      signal.addEventListener("abort", stop, { once: true });
      this.options.whenDurable(() => {
        signal.removeEventListener("abort", stop);
        resolve();
      });
    });
  }

  /** A newer attempt goes out: what is still being told of an older one would confuse. */
  begun(id: string): void {
    this.telling.get(id)?.abort();
    this.telling.delete(id);
  }

  withdraw(output: Withdrawn): void {
    const { id, attempt } = output;
    const listener = this.options.handlers.get(output.capability)?.withdrawn;
    if (listener === undefined || this.stopped.signal.aborted) return;
    this.begun(id);
    const controller = new AbortController();
    this.telling.set(id, controller);
    const { signal } = controller;
    const tell = async (): Promise<void> => {
      await listener({
        idempotencyKey: id,
        chainId: output.chain,
        stepId: output.step,
        attempt,
        outcome: output.outcome,
        reason: output.reason,
        signal,
      });
    };
    tell()
      .then(() => {
        if (!signal.aborted) this.options.submit({ type: "told", id, attempt });
      })
      .catch((error: unknown) => {
        if (!signal.aborted) this.options.log("a withdrawal could not be told", { id, error });
      })
      .finally(() => {
        if (this.telling.get(id) === controller) this.telling.delete(id);
      });
  }

  stop(): void {
    this.stopped.abort();
    for (const controller of this.telling.values()) controller.abort();
  }
}

function assertHolder({ id, holder }: AgentInstruction, name: string): void {
  if (holder === name) return;
  const detail = holder === "" ? "claim it first" : `${holder} has claimed it`;
  throw new MeshError("INSTRUCTION_TAKEN", { subject: id, detail });
}

function closedError(): MeshError {
  const detail = "the node is not open; repeat the request when it is";
  return new MeshError("STORE_CLOSED", { detail });
}

function endedError({ id, outcome, cancelReason }: AgentInstruction): MeshError {
  const isCancelled = outcome === "cancelled" || cancelReason !== "";
  const code: ErrorCode = isCancelled ? "INSTRUCTION_CANCELLED" : "INSTRUCTION_ENDED";
  const detail = isCancelled ? cancelReason : `its outcome is: ${outcome}`;
  return new MeshError(code, { subject: id, detail: detail === "" ? undefined : detail });
}

async function judge(
  handler: Handler | undefined,
  answer: Answer,
  id: string,
): Promise<GivenOutcome> {
  if (answer.outcome === "failed") {
    return failure(answer.code, answer.message, answer.retryable ?? true);
  }
  if (answer.outcome === "returned") return refusal(answer.reason);
  const open = handler ?? { run: () => null, input: undefined, output: undefined };
  return await judgeOutput(open, answer.output, id);
}

/** What is no JSON never reaches a handler; it fails in a moment. */
function inputOf({ input }: AgentInstruction): JsonValue {
  try {
    return input === "" ? null : (JSON.parse(input) as JsonValue);
  } catch {
    return null;
  }
}

function viewOf(known: AgentInstruction): OpenInstruction {
  const { finishDueMs, heartbeatMs } = known;
  return {
    id: known.id,
    chainId: known.chain,
    stepId: known.step,
    attempt: known.attempt,
    capability: known.capability,
    input: inputOf(known),
    deadline: finishDueMs === 0 ? undefined : new Date(finishDueMs),
    heartbeatMs: heartbeatMs === 0 ? undefined : heartbeatMs,
    isDeferred: known.deferred,
    holder: known.holder,
    outcome: known.outcome,
  };
}
