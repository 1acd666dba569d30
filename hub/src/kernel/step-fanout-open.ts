// Steps: a fan-out opens. The member set is pinned here; hubs below pin their part and say so
// (closed).

import {
  type Address,
  childTowards,
  compareText,
  evaluateMapping,
  type FanoutStep,
  isWithin,
  type JsonObject,
  type JsonValue,
  limits,
  type Scope,
} from "@cloudbrain/sdk/domain";
import { runId } from "./apply-chain.ts";
import type { Deciding } from "./deciding.ts";
import type { OpenedMember } from "./facts.ts";
import { findCandidates, nodeScope, resolveScope } from "./registry.ts";
import type { Chain } from "./state.ts";
import { inputText, suspend } from "./step-chain.ts";

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
export function levelPart(
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
