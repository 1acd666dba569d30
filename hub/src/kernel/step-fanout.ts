// Steps: fan-outs. The member set is pinned when the fan-out opens; hubs below pin their part and
// say so (closed). Partials replace, never add.
//
//   I4  A member contributes at most once: its row is written by the first feedback that counts.
//   I5  An aggregate is folded from the rows whenever it is needed; nothing is kept incrementally.
//   I6  A final partial is the last one, and all members below it are settled or given up.

import {
  type Accumulators,
  type Address,
  childTowards,
  compareText,
  type DelegateBody,
  evaluateMapping,
  type FanoutStep,
  foldContributions,
  isWithin,
  type JsonObject,
  type JsonValue,
  levels,
  limits,
  mergeAccumulators,
  type PartialBody,
  resultOf,
  type Scope,
} from "@cloudbrain/sdk/domain";
import { runId } from "./apply-chain.ts";
import { countFanout, type Deciding, type FanoutCounts } from "./deciding.ts";
import type { OpenedMember } from "./facts.ts";
import { findCandidates, nodeScope, resolveScope } from "./registry.ts";
import type { Chain, Fanout, FanoutSummary } from "./state.ts";
import { failStep, inputText, suspend } from "./step-chain.ts";

/** How many of those that did not reply are named. */
const missingMax = 20;

export function openOrigin(
  deciding: Deciding,
  chain: Chain,
  step: FanoutStep,
  scope: Scope & JsonObject,
): void {
  const run = chain.steps.get(step.id);
  const fanout = runId(chain.id, step.id, (run?.visit ?? 0) + 1);
  const common = {
    t: "fanoutOpened",
    fanout,
    chain: chain.id,
    step: step.id,
    finishMs: step.aggregate.finishMs,
    membersMax: step.members.membersMax,
  } as const;
  if (step.members.by === "items") {
    const members = itemMembers(deciding, step, scope);
    if (typeof members === "string") {
      suspend(deciding, chain, step, members);
      return;
    }
    deciding.decide({
      ...common,
      by: "items",
      scope: "",
      level: "",
      context: {},
      members,
      children: [],
      input: "null",
    });
  } else if (step.members.by === "match") {
    suspend(deciding, chain, step, "this hub can't open a fan-out over what matches");
    return;
  } else {
    const wanted = evaluateMapping(step.members.scope, scope, deciding.evaluate);
    const text = wanted.ok ? wanted.value : null;
    const root = typeof text === "string" ? resolveScope(deciding.state, text) : undefined;
    if (root === undefined) {
      const why = wanted.ok ? `no node has the address or code ${String(text)}` : wanted.reason;
      suspend(deciding, chain, step, `fanout.scope: ${why}`);
      return;
    }
    const part = levelPart(deciding, root, step.members.level, step.each, scope);
    deciding.decide({
      ...common,
      by: "level",
      scope: root,
      level: step.members.level,
      context: scope,
      ...part,
    });
  }
  deciding.reviewFanout(fanout);
}

type LevelPart = {
  readonly members: readonly OpenedMember[];
  readonly children: readonly Address[];
  readonly input: string;
};

/** Our direct nodes of the level, and the child hubs that have more of them below. */
function levelPart(
  deciding: Deciding,
  root: Address,
  level: string,
  each: FanoutStep["each"],
  scope: Scope,
): LevelPart {
  const { state } = deciding;
  const match = { ...each.match, level: each.match.level ?? level };
  const found = findCandidates(state, match, scope, deciding.evaluate);
  const members: OpenedMember[] = [];
  const children = new Set<Address>();
  // One text for all where the input does not read the member: it is stored and encoded once.
  const shared = inputText(deciding, each.input, scope);
  for (const record of found.candidates) {
    const { address } = record.description;
    if (record.description.level !== level || !isWithin(address, root)) continue;
    const child = childTowards(state.self, address);
    if (child === undefined) continue;
    if (child !== address) {
      children.add(child);
      continue;
    }
    const own = shared.ok
      ? undefined
      : inputText(deciding, each.input, { ...scope, member: nodeScope(record) });
    if (own !== undefined && !own.ok) members.push({ key: address, node: "", reason: own.reason });
    else if (own !== undefined) members.push({ key: address, node: address, input: own.text });
    else members.push({ key: address, node: address });
  }
  members.sort((a, b) => compareText(a.key, b.key));
  return {
    members,
    children: [...children].sort(compareText),
    input: shared.ok ? shared.text : "null",
  };
}

/** One member per item, each matched on its own; a text answers why it can't be done. */
function itemMembers(
  deciding: Deciding,
  step: FanoutStep,
  scope: Scope,
): readonly OpenedMember[] | string {
  if (step.members.by !== "items") return "fanout.items is missing";
  const result = evaluateMapping(step.members.items, scope, deciding.evaluate);
  if (!result.ok) return `fanout.items: ${result.reason}`;
  if (!Array.isArray(result.value)) return "fanout.items: it is not a list";
  const max = Math.min(step.members.membersMax, limits.fanoutMembersPerHubMax);
  if (result.value.length > max) {
    return `fanout.items: ${result.value.length} items are over the limit of ${max}`;
  }
  const { key } = step.members;
  const chooser = createChooser(deciding, step, scope);
  const members = new Map<string, OpenedMember>();
  for (const [index, item] of (result.value as readonly JsonValue[]).entries()) {
    const itemScope = { ...scope, item, index };
    let name = String(index);
    if (key !== undefined) {
      const named = deciding.evaluate(key, itemScope);
      if (!named.ok) return `fanout.key: ${named.reason}`;
      name = String(named.value);
    }
    if (members.has(name)) continue;
    members.set(name, itemMember(deciding, step, itemScope, name, item, chooser(itemScope)));
  }
  return [...members.values()];
}

interface Choice {
  readonly node: Address | undefined;
  readonly explanation: string;
}

function itemMember(
  deciding: Deciding,
  step: FanoutStep,
  scope: Scope,
  key: string,
  item: JsonValue,
  choice: Choice,
): OpenedMember {
  if (choice.node === undefined) {
    return { key, node: "", item, reason: `no node matches: ${choice.explanation}` };
  }
  const input = inputText(
    deciding,
    step.each.input ?? { kind: "expression", source: "item" },
    scope,
  );
  if (!input.ok) return { key, node: "", item, reason: input.reason };
  return { key, node: choice.node, input: input.text, item };
}

/** Spreads items over equally good nodes in turn; matches once where no item is read. */
function createChooser(
  deciding: Deciding,
  step: FanoutStep,
  scope: Scope,
): (itemScope: Scope) => Choice {
  const { match } = step.each;
  const readsItem = JSON.stringify(match).includes("item");
  const findBest = (itemScope: Scope) => {
    const found = findCandidates(deciding.state, match, itemScope, deciding.evaluate);
    const best = found.candidates[0];
    return { ...found, best: found.candidates.filter(({ state }) => state === best?.state) };
  };
  const fixed = readsItem ? undefined : findBest(scope);
  let turn = 0;
  return (itemScope) => {
    const { best, explanation } = fixed ?? findBest(itemScope);
    const chosen = best[turn % best.length];
    turn += 1;
    return { node: chosen?.description.address, explanation };
  };
}

/** A hub above asks for our part. A repeated request changes nothing: ids are derived. */
export function stepDelegate(deciding: Deciding, from: Address, body: DelegateBody): void {
  const { state } = deciding;
  if (state.fanouts.has(body.fanout)) return;
  if (!levels.some((level) => level === body.level)) return;
  const part = levelPart(deciding, body.scope, body.level, body.each, body.context);
  deciding.decide({
    t: "fanoutOpened",
    fanout: body.fanout,
    chain: body.chain,
    step: body.step,
    upstream: from,
    by: "level",
    scope: body.scope,
    level: body.level,
    context: body.context,
    finishMs: body.budgetMs,
    each: body.each,
    aggregate: body.aggregate,
    membersMax: body.membersMax,
    ...part,
  });
  deciding.reviewFanout(body.fanout);
}

export function stepWithdraw(deciding: Deciding, from: Address, id: string): void {
  const fanout = deciding.state.fanouts.get(id);
  if (fanout === undefined || fanout.upstream !== from || fanout.withdrawn) return;
  deciding.decide({ t: "withdrawn", fanout: id });
  deciding.reviewFanout(id);
}

export function stepPartial(deciding: Deciding, from: Address, body: PartialBody): void {
  const fanout = deciding.state.fanouts.get(body.fanout);
  const child = fanout?.children.get(from);
  if (fanout === undefined || child === undefined) return;
  // Old news, or news after the end: what is final stays (I6).
  if (child.final || body.version <= child.version) return;
  const { kind: _kind, ...partial } = body;
  deciding.decide({ t: "partialReceived", child: from, ...partial });
  deciding.reviewFanout(fanout.id);
}

/** Whether the fan-out is complete, and whether the parent should hear of it. */
export function reviewFanout(deciding: Deciding, fanout: Fanout): void {
  const counts = countFanout(fanout);
  if (fanout.upstream !== undefined) {
    if (counts.settled) emitPartial(deciding, fanout, counts, true);
    return;
  }
  const chain = deciding.state.chains.get(fanout.chain);
  if (chain === undefined) return;
  if (chain.state === "cancelling") {
    if (counts.settled) endOrigin(deciding, chain, fanout, "cancelled", chain.reason);
    return;
  }
  const { aggregate } = fanout;
  const isDone =
    counts.settled ||
    (counts.closed && counts.members > 0 && counts.replied / counts.members >= aggregate.quorum) ||
    isTrue(deciding, fanout);
  if (isDone) completeOrigin(deciding, chain, fanout, counts, "");
}

function isTrue(deciding: Deciding, fanout: Fanout): boolean {
  const { or } = fanout.aggregate;
  if (or === undefined) return false;
  const agg = resultOf(fanout.aggregate.into, accumulate(fanout));
  const result = deciding.evaluate(or, { ...fanout.context, agg });
  return result.ok && result.value === true;
}

export function stepFanoutDue(deciding: Deciding, fanout: Fanout): void {
  const counts = countFanout(fanout);
  if (fanout.upstream !== undefined) {
    emitPartial(deciding, fanout, counts, true);
    return;
  }
  const chain = deciding.state.chains.get(fanout.chain);
  if (chain === undefined) return;
  if (chain.state === "cancelling") {
    endOrigin(deciding, chain, fanout, "cancelled", chain.reason);
    return;
  }
  completeOrigin(deciding, chain, fanout, counts, "the finish deadline has passed");
}

export function stepEmitDue(deciding: Deciding, fanout: Fanout): void {
  if (!fanout.changed || fanout.upstream === undefined) return;
  emitPartial(deciding, fanout, countFanout(fanout), false);
}

function completeOrigin(
  deciding: Deciding,
  chain: Chain,
  fanout: Fanout,
  counts: FanoutCounts,
  why: string,
): void {
  const { aggregate } = fanout;
  const ratio = counts.members === 0 ? 0 : counts.replied / counts.members;
  const told = `${counts.replied} of ${counts.members} replied`;
  const reason = why === "" ? told : `${why}: ${told}`;
  const isEnough = counts.members > 0 && (ratio >= aggregate.minimum || isTrue(deciding, fanout));
  if (isEnough || aggregate.onShort === "partial") {
    endOrigin(deciding, chain, fanout, "succeeded", ratio < 1 ? reason : "");
    return;
  }
  const short = `${reason}, at least ${aggregate.minimum} was asked`;
  if (aggregate.onShort === "suspend") {
    endOrigin(deciding, chain, fanout, "suspended", short);
    const text = `step ${fanout.step}: ${short}`;
    deciding.decide({ t: "chainSuspended", chain: chain.id, reason: text });
    return;
  }
  endOrigin(deciding, chain, fanout, "failed", short);
  const run = chain.steps.get(fanout.step);
  if (run !== undefined) failStep(deciding, chain, run, short);
}

function endOrigin(
  deciding: Deciding,
  chain: Chain,
  fanout: Fanout,
  state: "succeeded" | "failed" | "suspended" | "cancelled",
  reason: string,
): void {
  const summary = summaryOf(fanout);
  deciding.decide({ t: "fanoutEnded", fanout: fanout.id, state, reason, summary });
  deciding.review(chain.id);
}

function emitPartial(
  deciding: Deciding,
  fanout: Fanout,
  counts: FanoutCounts,
  final: boolean,
): void {
  deciding.decide({
    t: "partialEmitted",
    fanout: fanout.id,
    version: fanout.version + 1,
    closed: counts.closed || final,
    final,
    members: counts.members,
    replied: counts.replied,
    failed: counts.failed,
    accumulators: accumulate(fanout),
    missing: missingOf(fanout),
  });
}

/** The fold of own members and the latest partial of every child (I5). */
export function accumulate(fanout: Fanout): Accumulators {
  const { into } = fanout.aggregate;
  let accumulators = foldContributions(into, repliedOf(fanout));
  for (const child of fanout.children.values()) {
    if (child.version > 0) {
      accumulators = mergeAccumulators(into, accumulators, child.accumulators);
    }
  }
  return accumulators;
}

function* repliedOf(fanout: Fanout) {
  for (const { key, state, atMs, contribution } of fanout.members.values()) {
    if (state === "replied") yield { key, atMs, contribution };
  }
}

function missingOf(fanout: Fanout): readonly Address[] {
  const missing: Address[] = [];
  for (const member of fanout.members.values()) {
    if (missing.length >= missingMax) return missing;
    if (member.state !== "replied" && member.node !== "") missing.push(member.node as Address);
  }
  for (const child of fanout.children.values()) {
    missing.push(...child.missing.slice(0, missingMax - missing.length));
    if (missing.length >= missingMax) return missing;
  }
  return missing;
}

/** What people see of a fan-out, running or ended. */
export function summaryOf(fanout: Fanout): FanoutSummary {
  const { into } = fanout.aggregate;
  const counts = countFanout(fanout);
  return {
    members: counts.members,
    replied: counts.replied,
    failed: counts.failed,
    closed: counts.closed,
    aggregate: resultOf(into, accumulate(fanout)),
    children: [...fanout.children.values()].map((child) => ({
      address: child.address,
      members: child.members,
      replied: child.replied,
      failed: child.failed,
      final: child.final,
      version: child.version,
      aggregate: resultOf(into, child.accumulators),
    })),
    missing: missingOf(fanout),
  };
}

/** What the reducers' expressions read beside `out`. */
export function memberScope(deciding: Deciding, fanout: Fanout, memberKey: string): JsonObject {
  const member = fanout.members.get(memberKey);
  const record = member === undefined ? undefined : deciding.state.nodes.get(member.node);
  return {
    member: record === undefined ? { address: memberKey } : nodeScope(record),
    item: member?.item ?? null,
  };
}
