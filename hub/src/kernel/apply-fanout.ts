// Apply: facts about fan-outs and the partials of the hubs below.
//
// A fan-out is `open` while its result is awaited. With `late: revise` it is `late` once that was
// given: all goes on, and what comes changes the revised result. Then its rows may be `kept`: see
// apply-fanout-end.ts.

import type { Address } from "@cloudbrain/sdk/domain";
import { type Applying, sendFrame } from "./apply.ts";
import { beginStep, stepOf, touchChain } from "./apply-chain.ts";
import { taskOf } from "./apply-compensation.ts";
import { moveTo, recall, releaseKept, removeRow, retire, retireBelow } from "./apply-fanout-end.ts";
import { dropMembers, dropQueue, noteChange, putMember, reviseMember } from "./apply-member.ts";
import type { HubFact } from "./facts.ts";
import type { Chain, ChildPart, Fanout } from "./state.ts";
import { lateUntilMs } from "./time-left.ts";

type FanoutFact = Extract<
  HubFact,
  {
    t:
      | "fanoutOpened"
      | "membersPut"
      | "fed"
      | "revised"
      | "fanoutClosed"
      | "fanoutEnded"
      | "partialReceived"
      | "partialEmitted"
      | "withdrawn"
      | "delegatedAgain";
  }
>;
type OpenedFact = Extract<HubFact, { t: "fanoutOpened" }>;

/**
 * What a hub keeps back of the time it was given, so that its answer arrives before its parent's
 * patience ends: 3 %, at least 5 ms.
 */
export function budgetBelow(budgetMs: number): number {
  return Math.max(1, Math.floor(budgetMs - Math.max(5, budgetMs * 0.03)));
}

export function applyFanoutFact(applying: Applying, fact: FanoutFact): void {
  if (fact.t === "fanoutOpened") {
    openFanout(applying, fact);
    return;
  }
  const fanout = applying.state.fanouts.get(fact.fanout);
  if (fanout === undefined) return;
  applying.dirty.mark("fanout", fanout.id);
  switch (fact.t) {
    case "membersPut":
      for (const member of fact.members) putMember(applying, fanout, member, "null");
      fanout.overflow = fact.overflow ?? fanout.overflow;
      if (fact.closes === true) fanout.growing = false;
      noteChange(applying, fanout);
      return;
    case "fed":
      fanout.changed = false;
      fanout.emitDueMs = 0;
      return;
    case "revised":
      reviseMember(applying, fanout, fact);
      return;
    case "partialReceived":
      takePartial(applying, fanout, fact);
      return;
    case "partialEmitted":
      emit(applying, fanout, fact);
      return;
    case "withdrawn":
      if (fanout.stage === "kept") {
        if (fact.forgets === true) releaseKept(applying, fanout);
        return;
      }
      fanout.withdrawn = true;
      fanout.forgets = fact.forgets === true;
      dropQueue(fanout, "withdrawn");
      recall(applying, fanout, "withdrawn", fanout.forgets);
      return;
    case "delegatedAgain":
      delegate(applying, fanout, fact.child, fanout.children.get(fact.child)?.members ?? 0);
      return;
    case "fanoutClosed":
      closeLate(applying, fanout, fact);
      return;
    case "fanoutEnded":
      endFanout(applying, fanout, fact);
  }
}

function takePartial(
  applying: Applying,
  fanout: Fanout,
  fact: Extract<FanoutFact, { t: "partialReceived" }>,
): void {
  const child = fanout.children.get(fact.child);
  if (child === undefined) return;
  Object.assign(child, {
    version: fact.version,
    closed: fact.closed,
    final: fact.final,
    members: fact.members,
    replied: fact.replied,
    failed: fact.failed,
    accumulators: fact.accumulators,
    missing: fact.missing,
  } satisfies Partial<ChildPart>);
  noteChange(applying, fanout);
}

function endFanout(
  applying: Applying,
  fanout: Fanout,
  fact: Extract<FanoutFact, { t: "fanoutEnded" }>,
): void {
  const chain = applying.state.chains.get(fanout.chain);
  const goesOn = fanout.aggregate.late === "revise" && fact.state === "succeeded";
  if (goesOn && (fanout.each.revise === true || !isSettled(fanout))) {
    moveTo(applying, fanout, "late", lateUntilMs(fanout));
    fanout.lateChanges = 0;
  } else {
    retire(applying, fanout, fact.state);
  }
  if (chain === undefined) return;
  const step = stepOf(chain, fanout.step);
  step.summary = fact.summary;
  step.state = fact.state;
  step.reason = fact.reason;
  if (fact.output !== undefined) step.output = fact.output;
  step.endedAtMs = applying.atMs;
  touchChain(applying, chain);
}

function isSettled(fanout: Fanout): boolean {
  if (fanout.live > 0 || fanout.queue.length > 0) return false;
  return [...fanout.children.values()].every(({ final }) => final);
}

function closeLate(
  applying: Applying,
  fanout: Fanout,
  fact: Extract<FanoutFact, { t: "fanoutClosed" }>,
): void {
  const chain = applying.state.chains.get(fanout.chain);
  if (fanout.stage === "kept") {
    releaseKept(applying, fanout);
    return;
  }
  retire(applying, fanout, "no more late feedback is awaited");
  if (chain === undefined) return;
  if (fact.summary !== undefined) stepOf(chain, fanout.step).revised = fact.summary;
  touchChain(applying, chain);
}

function openFanout(applying: Applying, fact: OpenedFact): void {
  const { state, atMs } = applying;
  const chain = state.chains.get(fact.chain);
  const origin = fact.upstream === undefined;
  const fromStep = stepDefinition(chain, fact.step);
  const each = fact.each ?? fromStep?.each;
  const aggregate = fact.aggregate ?? fromStep?.aggregate;
  if (each === undefined || aggregate === undefined) return;
  if (origin && chain !== undefined) {
    const task = taskOf(chain, fact.fanout);
    if (task !== undefined) task.state = "running";
    else beginStep(chain, fact.step, atMs);
    touchChain(applying, chain);
  }
  if (fact.compensates !== undefined) replaceUndone(applying, fact.compensates);
  const isOwn = origin && fact.compensates === undefined;
  const fanout: Fanout = {
    id: fact.fanout,
    chain: fact.chain,
    step: fact.step,
    upstream: fact.upstream,
    by: fact.by,
    scope: fact.scope,
    level: fact.level,
    each,
    aggregate,
    context: fact.context,
    openedAtMs: atMs,
    membersMax: fact.membersMax,
    dueMs: atMs + fact.finishMs,
    members: new Map(),
    children: new Map(),
    live: 0,
    replied: 0,
    failed: 0,
    version: 0,
    emitDueMs: 0,
    changed: false,
    withdrawn: false,
    ...(fact.urgent === true || (origin && chain?.application.urgency === "emergency")
      ? { urgent: true as const }
      : {}),
    human: fact.human,
    forgets: false,
    queue: [],
    concurrencyMax: isOwn ? concurrencyOf(fromStep) : Number.MAX_SAFE_INTEGER,
    growing: fact.growing === true,
    overflow: fact.overflow ?? 0,
    feeds: isOwn && chain !== undefined && isReadWhileRunning(chain, fact.step),
    toldSettled: false,
    stage: "open",
    keepDueMs: 0,
    lateChanges: 0,
    compensates: fact.compensates,
  };
  state.fanouts.set(fanout.id, fanout);
  applying.dirty.mark("fanout", fanout.id);
  state.due.push("fanout", fanout.id, fanout.dueMs);
  for (const member of fact.members) putMember(applying, fanout, member, fact.input);
  fact.children.forEach((child, index) => {
    delegate(applying, fanout, child, fact.expected?.[index] ?? 0);
  });
  noteChange(applying, fanout);
}

function stepDefinition(chain: Chain | undefined, id: string) {
  const step = chain?.application.steps.find((candidate) => candidate.id === id);
  return step?.type === "fanout" ? step : undefined;
}

function concurrencyOf(step: ReturnType<typeof stepDefinition>): number {
  const max = step?.members.by === "items" ? step.members.concurrencyMax : undefined;
  return max ?? Number.MAX_SAFE_INTEGER;
}

function isReadWhileRunning(chain: Chain, id: string): boolean {
  return chain.application.steps.some(
    (step) =>
      step.needs.some((need) => need.on === "partial" && need.step === id) ||
      (step.type === "fanout" && step.members.by === "items" && step.members.growsWith === id),
  );
}

/** Who undoes takes over from what is undone: late outcomes of that are recorded, no more. */
function replaceUndone(applying: Applying, id: string): void {
  const undone = applying.state.fanouts.get(id);
  if (undone === undefined) return;
  if (undone.stage !== "kept") {
    recall(applying, undone, "it is undone", false);
    dropMembers(applying.state, undone);
  }
  removeRow(applying, undone);
}

/** Until the child has told, its members are those that we know of: nobody is forgotten. */
function delegate(applying: Applying, fanout: Fanout, child: Address, expected: number): void {
  fanout.children.set(child, {
    address: child,
    version: 0,
    closed: false,
    final: false,
    members: expected,
    replied: 0,
    failed: 0,
    accumulators: [],
    missing: [],
  });
  sendFrame(applying, child, {
    kind: "delegate",
    fanout: fanout.id,
    chain: fanout.chain,
    step: fanout.step,
    scope: fanout.scope as Address,
    level: fanout.level,
    membersMax: fanout.membersMax,
    each: fanout.each,
    aggregate: fanout.aggregate,
    context: fanout.context,
    budgetMs: budgetBelow(Math.max(1, fanout.dueMs - applying.atMs)),
    ...(fanout.human === undefined ? {} : { heading: fanout.human.heading }),
    compensates: fanout.compensates ?? "",
  });
}

function emit(
  applying: Applying,
  fanout: Fanout,
  fact: Extract<FanoutFact, { t: "partialEmitted" }>,
): void {
  fanout.version = fact.version;
  fanout.changed = false;
  fanout.emitDueMs = 0;
  fanout.toldSettled = fact.closed && fact.replied + fact.failed === fact.members;
  const { t: _kind, late, ...partial } = fact;
  if (fanout.upstream !== undefined) {
    sendFrame(applying, fanout.upstream, { kind: "partial", ...partial });
  }
  if (late === true) moveTo(applying, fanout, "late", lateUntilMs(fanout));
  if (fact.final) retireBelow(applying, fanout, fact);
}
