// Waiting: for a fact, within a limit, and never for a time alone.

import { setTimeout as delay } from "node:timers/promises";
import { MeshError } from "@cloudbrain/sdk/domain";

export interface Wait {
  /** Names the fact in the error when it does not come. */
  readonly what: string;
  readonly limitMs: number;
  readonly everyMs?: number;
}

/**
 * Asks until the answer is neither undefined nor an error. Rejects with TIMEOUT and the last error.
 */
export async function waitFor<Fact>(
  wait: Wait,
  ask: () => Promise<Fact | undefined> | Fact | undefined,
): Promise<Fact> {
  const untilMs = performance.now() + wait.limitMs;
  let cause: unknown;
  for (;;) {
    try {
      const fact = await ask();
      if (fact !== undefined) return fact;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > untilMs) {
      const why = cause instanceof Error ? ` (${cause.message})` : "";
      const detail = `${wait.what} within ${wait.limitMs} ms${why}`;
      throw new MeshError("TIMEOUT", { detail, cause });
    }
    await delay(wait.everyMs ?? 50);
  }
}
