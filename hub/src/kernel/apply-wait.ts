// Apply: facts about steps that wait for a time, a signal or another chain.

import type { Applying } from "./apply.ts";
import { beginStep, runId, touchChain } from "./apply-chain.ts";
import type { HubFact } from "./facts.ts";
import type { Chain, HubState, StepRun } from "./state.ts";

type WaitFact = Extract<HubFact, { t: "waitBegun" | "signalSent" | "signalRetained" }>;

export function applyWaitFact(applying: Applying, fact: WaitFact): void {
  const chain = applying.state.chains.get(fact.chain);
  if (chain === undefined) return;
  touchChain(applying, chain);
  switch (fact.t) {
    case "waitBegun": {
      const step = beginStep(chain, fact.step, applying.atMs);
      step.wait = fact.wait;
      indexWait(applying.state, chain.id, step);
      if (fact.wait.kind === "gate" && fact.retained === true) {
        forgetSignal(chain, fact.wait.signal);
      }
      return;
    }
    case "signalSent":
      // The gates that it opened have facts of their own.
      beginStep(chain, fact.step, applying.atMs);
      return;
    case "signalRetained": {
      const { name, payload, source } = fact;
      forgetSignal(chain, name);
      chain.signals = [...chain.signals, { name, payload, source }];
    }
  }
}

function forgetSignal(chain: Chain, name: string): void {
  chain.signals = chain.signals.filter((signal) => signal.name !== name);
}

/** Puts the wait of a step into the index and the heap; after a restore, too. */
export function indexWait(state: HubState, chain: string, step: StepRun): void {
  const { wait } = step;
  if (wait === undefined) return;
  const id = runId(chain, step.id, step.visit);
  const signal = wait.kind === "gate" ? wait.signal : "";
  state.waits.add({ id, chain, step: step.id, dueMs: wait.dueMs, signal });
  state.due.push("wait", id, wait.dueMs);
}

/** The step waits no more. */
export function dropWait(state: HubState, chain: string, step: StepRun): void {
  if (step.wait === undefined) return;
  step.wait = undefined;
  state.waits.drop(runId(chain, step.id, step.visit));
}

/** The steps above say why they wait for long: a chain below them is suspended. */
export function tellAbove(applying: Applying, chain: Chain): void {
  let text = "";
  let below = chain;
  while (below.parent !== undefined) {
    if (below.state === "suspended") text = `chain ${below.id} is suspended: ${below.reason}`;
    const above = applying.state.chains.get(below.parent.chain);
    const step = above?.steps.get(below.parent.step);
    if (above === undefined || step?.wait?.kind !== "subflow") return;
    if (step.wait.child !== below.id) return;
    step.reason = text;
    touchChain(applying, above);
    below = above;
  }
}

/**
 * A chain that is being cancelled waits for nobody but those who work for it: chains below it that
 * are cancelled with it stay, all other waits end here.
 */
export function closeWaits(applying: Applying, chain: Chain): void {
  for (const step of chain.steps.values()) {
    const { wait } = step;
    if (wait === undefined || (wait.kind === "subflow" && !wait.leave)) continue;
    dropWait(applying.state, chain.id, step);
    step.state = "cancelled";
    step.endedAtMs = applying.atMs;
  }
}
