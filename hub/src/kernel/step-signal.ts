// Steps: signals, from outside or of a signal step, and the gates that they open.
//
//   G1  A signal to all opens the gates that wait for it at that moment and is forgotten. A signal
//       to one chain that has a gate of that name still to come is kept until that gate begins;
//       the newest of a name replaces the one before, so a repeated signal is kept once.
//   G2  What a signal opens is decided with it, in one commit: no gate of it opens later.
//   G3  Whether a signal is meant is asked for each gate with the data of its own chain.

import {
  canonicalJson,
  evaluateMapping,
  type GateStep,
  type JsonValue,
  limits,
  type Scope,
  type SignalStep,
  utf8Length,
} from "@cloudbrain/sdk/domain";
import { runId } from "./apply-chain.ts";
import { chainScope, type Deciding, refuse, reply } from "./deciding.ts";
import type { HubEvent } from "./events.ts";
import type { Chain } from "./state.ts";
import { chainFor, endStep, suspend } from "./step-chain.ts";

interface Signal {
  readonly name: string;
  readonly payload: JsonValue;
  /** Who sent it: an address, or a step's run. */
  readonly source: string;
}

export function stepSignalled(
  deciding: Deciding,
  event: Extract<HubEvent, { type: "signalled" }>,
): void {
  const { request, name } = event;
  const wrong = name === "" ? "a signal has a name" : sizeProblem(event.payload);
  if (wrong !== undefined) {
    refuse(deciding, request, "INPUT_INVALID", wrong);
    return;
  }
  const chain = event.chain === undefined ? undefined : chainFor(deciding, request, event.chain);
  if (event.chain !== undefined && chain === undefined) return;
  const { opened, detail } = openGates(deciding, event, chain);
  let retained = false;
  if (chain !== undefined && opened === 0 && hasGateToCome(chain, name)) {
    const isNew = chain.signals.every((signal) => signal.name !== name);
    if (isNew && chain.signals.length >= limits.signalsRetainedMax) {
      const told = `${chain.signals.length} signals wait for gates of chain ${chain.id}`;
      refuse(deciding, request, "QUOTA_EXCEEDED", `${told}, which is the limit`, 60_000);
      return;
    }
    const { payload, source } = event;
    deciding.decide({ t: "signalRetained", chain: chain.id, name, payload, source });
    deciding.changed(chain.id);
    retained = true;
  }
  reply(deciding, request, { kind: "signalled", opened, retained, detail });
}

function sizeProblem(payload: JsonValue): string | undefined {
  const bytes = utf8Length(canonicalJson(payload));
  if (bytes <= limits.signalBytesMax) return undefined;
  return `payload: ${bytes} bytes are over the limit of ${limits.signalBytesMax}`;
}

/** A gate that has not begun, or that an operator will try again. */
function hasGateToCome(chain: Chain, name: string): boolean {
  if (chain.state === "cancelling") return false;
  return chain.application.steps.some((step) => {
    if (step.type !== "gate" || step.gate.signal !== name) return false;
    const state = chain.steps.get(step.id)?.state;
    return state === "waiting" || state === "suspended";
  });
}

/** Opens what waits for the signal, of one chain or of all. */
function openGates(
  deciding: Deciding,
  signal: Signal,
  only: Chain | undefined,
): { readonly opened: number; readonly detail: string } {
  let opened = 0;
  let detail = "";
  for (const entry of deciding.state.waits.gatesFor(signal.name)) {
    if (only !== undefined && entry.chain !== only.id) continue;
    const chain = deciding.state.chains.get(entry.chain);
    const step = chain?.application.steps.find(({ id }) => id === entry.step);
    const run = chain?.steps.get(entry.step);
    if (chain === undefined || run?.wait?.kind !== "gate" || step?.type !== "gate") continue;
    const refusal = isMeant(deciding, chain, step, signal.payload);
    if (refusal !== "") {
      detail = `${entry.id}: ${refusal}`;
      continue;
    }
    opened += 1;
    endStep(deciding, chain, run, "succeeded", `opened by ${signal.source}`, signal.payload);
  }
  return { opened, detail };
}

/** Empty when the payload opens this gate, else why it does not. */
export function isMeant(
  deciding: Deciding,
  chain: Chain,
  { gate }: GateStep,
  payload: JsonValue,
): string {
  const wrong = gate.schema === undefined ? undefined : deciding.validate(gate.schema, payload);
  if (wrong !== undefined) return `schema: ${wrong}`;
  if (gate.where === undefined) return "";
  const event = { name: gate.signal, payload };
  const scope = { ...chainScope(chain, deciding.state), event };
  const result = deciding.evaluate(gate.where, scope);
  if (!result.ok) return `where: ${result.reason}`;
  return result.value === true ? "" : `where: ${gate.where} is false`;
}

export function startSignal(
  deciding: Deciding,
  chain: Chain,
  step: SignalStep,
  scope: Scope,
): void {
  const { name, payload: mapping } = step.signal;
  const result =
    mapping === undefined
      ? { ok: true as const, value: scope["input"] ?? null }
      : evaluateMapping(mapping, scope, deciding.evaluate);
  const wrong = result.ok ? sizeProblem(result.value) : `signal.payload: ${result.reason}`;
  if (!result.ok || wrong !== undefined) {
    suspend(deciding, chain, step, wrong ?? "");
    return;
  }
  const payload = result.value;
  deciding.decide({ t: "signalSent", chain: chain.id, step: step.id, name, payload });
  const run = chain.steps.get(step.id);
  if (run === undefined) return;
  const id = runId(chain.id, step.id, run.visit);
  const { opened } = openGates(deciding, { name, payload, source: id }, undefined);
  deciding.emit({ type: "signalPublished", id, name, payload });
  endStep(deciding, chain, run, "succeeded", "", { opened });
}
