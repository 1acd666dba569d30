// Steps: items come in.
//
//   I1  One submit key, one chain: the key row and the chain are decided together (I12).

import { type Application, type JsonValue, limits } from "@cloudbrain/sdk/domain";
import { findApplication, publicationOf } from "./application-versions.ts";
import { applicationKey, keyOf } from "./apply-chain.ts";
import { type Deciding, refuse, reply } from "./deciding.ts";
import type { HubEvent } from "./events.ts";
import { refuseUnknown } from "./step-application.ts";
import { chainDue } from "./working-due.ts";

type EventOf<Type extends HubEvent["type"]> = Extract<HubEvent, { type: Type }>;

export function stepSubmit(deciding: Deciding, event: EventOf<"submit">): void {
  const { state } = deciding;
  const { request } = event;
  const application = findApplication(state, event.application, event.version);
  if (application === undefined) {
    refuseUnknown(deciding, request, event.application, event.version);
    return;
  }
  const key = keyFor(deciding, application, event);
  const holder = state.keys.get(keyOf(application, key)) ?? event.holder;
  if (holder !== undefined && holder.expiresAtMs > deciding.nowMs) {
    if (holder.bodyHash !== event.bodyHash) {
      const detail = `key ${key} belongs to chain ${holder.chain} with another input`;
      refuse(deciding, request, "KEY_CONFLICT", detail);
      return;
    }
    reply(deciding, request, { kind: "accepted", chain: holder.chain, existed: true });
    return;
  }
  if (publicationOf(state, application).state === "retired") {
    const detail = `${event.application} ${event.version} is retired: name another version or none`;
    refuse(deciding, request, "APPLICATION_RETIRED", detail);
    return;
  }
  if (state.draining) {
    refuse(deciding, request, "DRAINING", "the hub is draining; submit at another or later", 5_000);
    return;
  }
  if (state.chains.size >= limits.liveChainsMax) {
    const detail = `${state.chains.size} chains are under way, which is the limit`;
    refuse(deciding, request, "HUB_BUSY", detail, 1_000);
    return;
  }
  if (application.inputSchema !== undefined) {
    const wrong = deciding.validate(application.inputSchema, event.input);
    if (wrong !== undefined) {
      refuse(deciding, request, "INPUT_INVALID", wrong);
      return;
    }
  }
  const priority = priorityOf(deciding, application, event.input);
  if (!priority.ok) {
    refuse(deciding, request, "INPUT_INVALID", priority.reason);
    return;
  }
  startChain(deciding, application, { event, key, priority: priority.value });
  reply(deciding, request, { kind: "accepted", chain: event.chain, existed: false });
  deciding.review(event.chain);
}

/** The caller's key, else the application's own expression, else one that nobody repeats. */
function keyFor(deciding: Deciding, application: Application, event: EventOf<"submit">): string {
  if (event.key !== "") return event.key;
  if (application.keyExpression !== undefined) {
    const result = deciding.evaluate(application.keyExpression, { input: event.input });
    if (result.ok && typeof result.value === "string" && result.value !== "") return result.value;
  }
  return event.chain;
}

interface Start {
  readonly event: EventOf<"submit">;
  readonly key: string;
  readonly priority: number | undefined;
}

function startChain(
  deciding: Deciding,
  application: Application,
  { event, key, priority }: Start,
): void {
  const { chain, bodyHash, input, submitter } = event;
  const total = chainDue(deciding, application, deciding.nowMs);
  deciding.decide({
    t: "chainStarted",
    chain,
    application: applicationKey(application),
    key,
    bodyHash,
    input,
    submitter,
    ...(total === undefined ? {} : { dueMs: total.ok ? total.dueMs : 0 }),
    ...(priority === undefined ? {} : { priority }),
  });
  // The item is taken all the same: an operator gives the hub the calendar and retries the chain.
  if (total?.ok === false) {
    deciding.decide({ t: "chainSuspended", chain, reason: `deadline.calendar: ${total.reason}` });
  }
}

type Priority =
  | { readonly ok: true; readonly value: number | undefined }
  | { readonly ok: false; readonly reason: string };

/** A whole number in 0..100; undefined where the application says nothing. */
export function priorityOf(
  deciding: Deciding,
  application: Application,
  input: JsonValue,
): Priority {
  if (application.priority === undefined) return { ok: true, value: undefined };
  const result = deciding.evaluate(application.priority, { input });
  if (!result.ok) return { ok: false, reason: `priority: ${result.reason}` };
  if (typeof result.value !== "number") return { ok: false, reason: "priority: it is no number" };
  return { ok: true, value: Math.min(100, Math.max(0, Math.round(result.value))) };
}
