// Run instruction: one handler of a node, alone, with what it would see in a mesh. Needs no hub and
// no virtual time.

import { type JsonValue, limits, MeshError, type Outcome } from "../domain/index.ts";
import type { GivenOutcome } from "../kernel/index.ts";
import { type Duration, parseDurationMs } from "../node/duration.ts";
import { type ExecutionEnd, execute, later } from "../node/execution.ts";
import { partsOf } from "../node/node-parts.ts";
import type { Node } from "../node/node-surface.ts";

export interface RunInstructionOptions {
  /** The idempotency key. Default: instruction-1. */
  readonly id?: string;
  /** Default: 1. */
  readonly attempt?: number;
  /** `context.deadline` is so far from now, and the handler is aborted then. Default: none. */
  readonly deadline?: Duration;
  /** Aborts the handler, as a cancelled chain does. */
  readonly signal?: AbortSignal;
}

/** The feedback that a hub would receive, and what the handler told on the way. */
export interface InstructionResult {
  /** `later`: the handler has put its outcome off. */
  readonly outcome: Outcome | typeof later;
  /** Undefined unless it succeeded. */
  readonly output: JsonValue | undefined;
  readonly errorCode: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly progress: readonly { readonly ratio: number; readonly note: string }[];
  /** Outputs that `context.revise` has put in place of the first; grows when it is called. */
  readonly revisions: readonly JsonValue[];
}

/**
 * Runs the handler that `node` has for `name`, schemas included. Resolves when the handler has
 * ended, whatever comes of it. Throws NODE_UNKNOWN when there is no such handler.
 */
export async function runInstruction(
  node: Node,
  name: string,
  input: JsonValue,
  options: RunInstructionOptions = {},
): Promise<InstructionResult> {
  const parts = partsOf(node);
  const handler = parts?.handlers.get(name);
  if (parts === undefined || handler === undefined) {
    throw new MeshError("NODE_UNKNOWN", { subject: name, detail: "the node has no such handler" });
  }
  const { id = "instruction-1", attempt = 1, deadline, signal } = options;
  const leftMs = deadline === undefined ? undefined : parseDurationMs(deadline, "deadline");
  const bounds = new Bounds(id, leftMs, signal);
  const revisions: JsonValue[] = [];
  const progress: { readonly ratio: number; readonly note: string }[] = [];
  try {
    const result = await execute({
      handler,
      id,
      chain: "chain-1",
      step: "step-1",
      attempt,
      input: JSON.stringify(input),
      finishDueMs: leftMs === undefined ? 0 : Date.now() + leftMs,
      heartbeatMs: 0,
      signal: bounds.signal,
      progress: (ratio, note) => progress.push({ ratio, note }),
      revise: (text) => revisions.push(JSON.parse(text) as JsonValue),
      log: parts.complain,
    });
    const end = bounds.answer(result);
    if (end === later) return { ...putOff, progress, revisions };
    const { output, ...rest } = end;
    const known = output === "" ? undefined : (JSON.parse(output) as JsonValue);
    return { ...rest, output: known, progress, revisions };
  } finally {
    bounds.end();
  }
}

const putOff = {
  outcome: later,
  output: undefined,
  errorCode: "",
  message: "",
  retryable: false,
} as const;

/** What stops one execution from outside, and what its hub hears then instead of its result. */
class Bounds {
  private readonly stop = new AbortController();
  private readonly caller: AbortSignal | undefined;
  private readonly timer: NodeJS.Timeout | undefined;
  private isExpired = false;

  constructor(id: string, leftMs: number | undefined, caller: AbortSignal | undefined) {
    this.caller = caller;
    if (caller?.aborted === true) this.cancel();
    caller?.addEventListener("abort", this.cancel, { once: true });
    if (leftMs === undefined) return;
    const expire = (): void => {
      this.isExpired = true;
      const detail = "the finish deadline has passed";
      this.stop.abort(new MeshError("CANCELLED", { subject: id, detail }));
    };
    this.timer = setTimeout(expire, Math.min(leftMs, limits.timerDelayMsMax));
  }

  get signal(): AbortSignal {
    return this.stop.signal;
  }

  private readonly cancel = (): void => {
    this.stop.abort(this.caller?.reason);
  };

  /** As the agent's kernel: a deadline ends all; who succeeds despite a cancel has succeeded. */
  answer(result: ExecutionEnd): GivenOutcome | typeof later {
    if (this.isExpired) {
      const why = { errorCode: "FINISH_DEADLINE", message: "not done in time", retryable: true };
      return { outcome: "expired", output: "", ...why };
    }
    if (this.caller?.aborted !== true) return result;
    if (result !== later && result.outcome === "succeeded") return result;
    const { reason } = this.caller;
    const message = reason instanceof Error ? reason.message : String(reason);
    return { outcome: "cancelled", output: "", errorCode: "", message, retryable: false };
  }

  end(): void {
    clearTimeout(this.timer);
    this.caller?.removeEventListener("abort", this.cancel);
  }
}
