// Turn: what a test has a handler do with one instruction, in place of a real system. Plain data:
// it may be sent to another process.

import type { JsonValue } from "@cloudbrain/sdk/domain";
import type { InstructionContext } from "@cloudbrain/sdk/node";

export type Turn =
  /** Answers this. */
  | { readonly does: "answer"; readonly output: JsonValue }
  /** Gives the instruction back. */
  | { readonly does: "reject"; readonly reason: string }
  | { readonly does: "fail"; readonly code: string; readonly retryable: boolean }
  /** Works until it is stopped, by a deadline or because it is cancelled. */
  | { readonly does: "hang" };

/** An instruction that a handler has begun. One that was offered again is another one. */
export interface Call {
  readonly node: string;
  readonly capability: string;
  readonly input: JsonValue;
  readonly chain: string;
  readonly attempt: number;
}

export function callOf(
  node: string,
  capability: string,
  input: unknown,
  { chainId: chain, attempt }: InstructionContext,
): Call {
  return { node, capability, input: input as JsonValue, chain, attempt };
}

/** Within a handler; what is no wait is answered at once. */
export function takeTurn(turn: Turn, context: InstructionContext): JsonValue | Promise<never> {
  switch (turn.does) {
    case "answer":
      return turn.output;
    case "reject":
      return context.reject(turn.reason);
    case "fail":
      return context.fail(turn.code, turn.code, { retryable: turn.retryable });
    case "hang":
      return stopped(context.signal);
  }
}

function stopped(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
  });
}
