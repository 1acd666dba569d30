// Deciding: what the step-*.ts files work with. `decide` applies a fact at once and keeps it for
// the journal, so a fact that can't be applied never gets there.

import type {
  AddWorkingTime,
  ErrorCode,
  Evaluate,
  JsonObject,
  JsonValue,
  Scope,
  Validate,
} from "@cloudbrain/sdk/domain";
import type { HubOutput, HubReply } from "./events.ts";
import type { HubFact } from "./facts.ts";
import type { Chain, Fanout, HubState } from "./state.ts";

export interface Deciding {
  readonly state: HubState;
  readonly nowMs: number;
  readonly evaluate: Evaluate;
  readonly validate: Validate;
  readonly addWorkingTime: AddWorkingTime;
  decide(fact: HubFact): void;
  emit(output: HubOutput): void;
  /** The chain may go on: looked at once the event is done. */
  review(chain: string): void;
  /** Whoever watches the chain is told, once a commit. */
  changed(chain: string): void;
  /** Whoever watches the task is told, once a commit. */
  changedTask(task: string): void;
  /** The fan-out may be complete or have news: looked at once the event is done. */
  reviewFanout(fanout: string): void;
  /** A number in [0, 1) from the seed and these words: the same in every replay. */
  spread(...words: readonly (string | number)[]): number;
}

export function reply(deciding: Deciding, request: number, answer: HubReply): void {
  deciding.emit({ type: "reply", request, reply: answer });
}

export function refuse(
  deciding: Deciding,
  request: number,
  code: ErrorCode,
  detail: string,
  retryAfterMs?: number,
): void {
  const later = retryAfterMs === undefined ? {} : { retryAfterMs };
  reply(deciding, request, { kind: "refused", code, detail, ...later });
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

export function coverageOf(counts: { readonly members: number; readonly replied: number }): number {
  return counts.members === 0 ? 0 : counts.replied / counts.members;
}

export interface FanoutCounts {
  readonly members: number;
  readonly replied: number;
  readonly failed: number;
  readonly closed: boolean;
  /** Nobody can still change anything. */
  readonly settled: boolean;
}

/** Own members and the latest partial of every child. */
export function countFanout(fanout: Fanout): FanoutCounts {
  let members = fanout.members.size;
  let { replied, failed } = fanout;
  let closed = true;
  let settled = fanout.live === 0;
  for (const child of fanout.children.values()) {
    members += child.members;
    replied += child.replied;
    failed += child.failed;
    if (!child.closed) closed = false;
    if (!child.final) settled = false;
  }
  return { members, replied, failed, closed, settled };
}
