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
import { runId } from "./apply-chain.ts";
import type { HubOutput, HubReply } from "./events.ts";
import type { HubFact } from "./facts.ts";
import { countFanout, coverageOf, summaryOf } from "./fanout-fold.ts";
import type { Chain, FanoutSummary, HubState, StepRun } from "./state.ts";

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

/**
 * What the expressions of a chain read: {input, steps}. A step that runs is seen only if it is a
 * fan-out that others were written to read meanwhile, and has something to tell.
 */
export function chainScope(chain: Chain, state: HubState): Scope & JsonObject {
  const steps: Record<string, JsonValue> = {};
  for (const step of chain.steps.values()) {
    if (step.state === "waiting") continue;
    const summary = step.state === "running" ? feedOf(state, chain, step) : step.summary;
    if (step.state === "running" && summary === undefined) continue;
    const seen: Record<string, JsonValue> = { state: step.state };
    if (step.output !== null) seen["out"] = step.output;
    if (summary !== undefined) Object.assign(seen, viewOf(summary));
    const revised = step.summary === undefined ? undefined : revisedOf(state, chain, step);
    if (revised !== undefined) seen["revised"] = viewOf(revised);
    steps[step.id] = seen;
  }
  return { input: chain.input, steps };
}

function viewOf(summary: FanoutSummary): JsonObject {
  const { aggregate, members, replied, failed } = summary;
  return { agg: aggregate, members, replied, failed, coverage: coverageOf(summary) };
}

/** What a fan-out that runs tells the steps that read it; undefined before its first reply. */
export function feedOf(state: HubState, chain: Chain, step: StepRun): FanoutSummary | undefined {
  if (step.state !== "running") return undefined;
  const fanout = state.fanouts.get(runId(chain.id, step.id, step.visit));
  if (fanout === undefined || !fanout.feeds) return undefined;
  return countFanout(fanout).replied > 0 ? summaryOf(fanout) : undefined;
}

/** What late feedback has made of a result that was given, so far. */
export function revisedOf(
  state: HubState,
  chain: { readonly id: string },
  step: StepRun,
): FanoutSummary | undefined {
  const fanout = state.fanouts.get(runId(chain.id, step.id, step.visit));
  if (fanout?.stage !== "late" || fanout.lateChanges === 0) return step.revised;
  return summaryOf(fanout);
}
