// Deciding: what the step-*.ts files work with. `decide` applies a fact at once and keeps it for
// the journal, so a fact that can't be applied never gets there.

import type { Evaluate, JsonObject, JsonValue, Scope, Validate } from "@cloudbrain/sdk/domain";
import type { HubOutput, HubReply } from "./events.ts";
import type { HubFact } from "./facts.ts";
import { coverageOf } from "./fanout-fold.ts";
import type { Chain, HubState } from "./state.ts";

export interface Deciding {
  readonly state: HubState;
  readonly nowMs: number;
  readonly evaluate: Evaluate;
  readonly validate: Validate;
  decide(fact: HubFact): void;
  emit(output: HubOutput): void;
  /** The chain may go on: looked at once the event is done. */
  review(chain: string): void;
  /** Whoever watches the chain is told, once a commit. */
  changed(chain: string): void;
  /** The fan-out may be complete or have news: looked at once the event is done. */
  reviewFanout(fanout: string): void;
  /** A number in [0, 1) from the seed and these words: the same in every replay. */
  spread(...words: readonly (string | number)[]): number;
}

export function reply(deciding: Deciding, request: number, answer: HubReply): void {
  deciding.emit({ type: "reply", request, reply: answer });
}

/** What the expressions of a chain read: {input, steps}. */
export function chainScope(chain: Chain): Scope & JsonObject {
  const steps: Record<string, JsonValue> = {};
  for (const step of chain.steps.values()) {
    if (step.state === "waiting" || step.state === "running") continue;
    const seen: Record<string, JsonValue> = { state: step.state };
    if (step.output !== null) seen["out"] = step.output;
    if (step.summary !== undefined) {
      seen["agg"] = step.summary.aggregate;
      seen["members"] = step.summary.members;
      seen["replied"] = step.summary.replied;
      seen["failed"] = step.summary.failed;
      seen["coverage"] = coverageOf(step.summary);
    }
    steps[step.id] = seen;
  }
  return { input: chain.input, steps };
}
