// Steps: fan-outs over items: one member an item, keyed, matched on its own, dispatched when it is
// its turn; those that grow with another fan-out.
//
//   I4  A key is a member at most once, however often its item is seen: put if absent.
//   I8  A fan-out that grows closes when the step that it grows with has ended, whatever became of
//       that one; it can't be complete before.

import {
  type Address,
  canonicalJson,
  evaluateMapping,
  type FanoutEach,
  type FanoutStep,
  type JsonValue,
  limits,
  type Scope,
} from "@cloudbrain/sdk/domain";
import { runId } from "./apply-chain.ts";
import { compareKeys } from "./apply-member.ts";
import { chainScope, type Deciding } from "./deciding.ts";
import type { OpenedMember } from "./facts.ts";
import { findCandidates, loadOf, pinPolicy, submitterArea } from "./registry.ts";
import { type Chain, endedStepStates, type Fanout, type FanoutHuman } from "./state.ts";
import { inputText } from "./step-chain.ts";
import { type MemberWork, openMembersHere, safetyOf, withTask } from "./step-human.ts";

interface KeyedItem {
  readonly key: string;
  readonly item: JsonValue;
  readonly index: number;
}

/** What a fan-out over items opens with; a text answers why it can't be done. */
export function itemMembers(
  deciding: Deciding,
  chain: Chain,
  step: FanoutStep,
  scope: Scope,
  human: FanoutHuman | undefined,
):
  | {
      readonly members: readonly OpenedMember[];
      readonly growing?: true;
      readonly overflow?: number;
    }
  | string {
  const items = readItems(deciding, step, scope);
  if (typeof items === "string") return items;
  const max = membersMaxOf(step);
  const source = sourceOf(step);
  if (items.length > max && source === undefined) {
    return `fanout.items: ${items.length} items are over the limit of ${max}`;
  }
  const work = workOn(chain, step, human);
  const free = concurrencyOf(step);
  const members = prepare(deciding, chain, work, scope, items.slice(0, max), free);
  if (source === undefined) return { members };
  const overflow = Math.max(0, items.length - max);
  const isOver = isEnded(chain, source);
  return { members, overflow, ...(isOver ? {} : { growing: true }) };
}

function membersMaxOf(step: FanoutStep): number {
  return Math.min(step.members.membersMax, limits.fanoutMembersPerHubMax);
}

function sourceOf(step: FanoutStep): string | undefined {
  return step.members.by === "items" ? step.members.growsWith : undefined;
}

function concurrencyOf(step: FanoutStep): number {
  const max = step.members.by === "items" ? step.members.concurrencyMax : undefined;
  return max ?? Number.MAX_SAFE_INTEGER;
}

function isEnded(chain: Chain, step: string): boolean {
  return endedStepStates.has(chain.steps.get(step)?.state ?? "skipped");
}

/** The items with their keys, each key once; a text answers why there are none. */
function readItems(
  deciding: Deciding,
  step: FanoutStep,
  scope: Scope,
): readonly KeyedItem[] | string {
  if (step.members.by !== "items") return "fanout.items is missing";
  const { items, key, growsWith } = step.members;
  const result = evaluateMapping(items, scope, deciding.evaluate);
  if (!result.ok) return `fanout.items: ${result.reason}`;
  if (!Array.isArray(result.value)) return "fanout.items: it is not a list";
  const keyed = new Map<string, KeyedItem>();
  for (const [index, item] of (result.value as readonly JsonValue[]).entries()) {
    let name = String(index);
    if (key !== undefined) {
      const named = deciding.evaluate(key, { ...scope, item, index });
      if (!named.ok) return `fanout.key: ${named.reason}`;
      name = String(named.value);
    } else if (growsWith !== undefined) {
      // Places shift while the list grows; the item itself does not.
      name = typeof item === "string" ? item : canonicalJson(item);
    }
    if (!keyed.has(name)) keyed.set(name, { key: name, item, index });
  }
  return [...keyed.values()];
}

/** Dispatches the first `free` items in the order of keys and queues the others. */
function prepare(
  deciding: Deciding,
  chain: Chain,
  work: MemberWork,
  scope: Scope,
  items: readonly KeyedItem[],
  free: number,
): readonly OpenedMember[] {
  const { each } = work;
  const chooser = createChooser(deciding, chain, each, scope);
  // Without a bound all go at once, and their order is that of the list.
  const ordered =
    items.length > free ? [...items].sort((a, b) => compareKeys(a.key, b.key)) : items;
  return ordered.map(({ key, item, index }, at) => {
    if (at >= free) return { key, node: "", item, index, queued: true };
    const itemScope = { ...scope, item, index };
    const member = itemMember(deciding, each, itemScope, key, item, chooser(itemScope));
    return withTask(deciding, work, itemScope, member);
  });
}

function workOn(chain: Chain, step: FanoutStep, human: MemberWork["human"]): MemberWork {
  return { each: { ...step.each, match: pinPolicy(chain.application, step.each.match) }, human };
}

/** Members that come while the fan-out runs: their time begins when they do. */
function putMembers(
  deciding: Deciding,
  chain: Chain,
  fanout: Fanout,
  step: FanoutStep,
  { items, free }: { readonly items: readonly KeyedItem[]; readonly free: number },
  more: { readonly overflow?: number; readonly closes?: true } = {},
): void {
  const scope = chainScope(chain, deciding.state);
  const { human } = fanout;
  const safety = human === undefined ? undefined : safetyOf(deciding, step.each);
  // Whom they ask was pinned when the fan-out opened; only the time is theirs.
  const work = workOn(chain, step, typeof safety === "string" ? safety : human);
  const prepared = prepare(deciding, chain, work, scope, items, free);
  const members =
    typeof safety !== "object"
      ? prepared
      : prepared.map((member) => (member.desk === undefined ? member : { ...member, ...safety }));
  deciding.decide({ t: "membersPut", fanout: fanout.id, members, ...more });
  openMembersHere(deciding, fanout.id, members);
}

function itemMember(
  deciding: Deciding,
  each: FanoutEach,
  scope: Scope,
  key: string,
  item: JsonValue,
  choice: Choice,
): OpenedMember {
  if (choice.node === undefined) {
    return { key, node: "", item, reason: `no node matches: ${choice.explanation}` };
  }
  const input = inputText(deciding, each.input ?? { kind: "expression", source: "item" }, scope);
  if (!input.ok) return { key, node: "", item, reason: input.reason };
  return { key, node: choice.node, input: input.text, item };
}

interface Choice {
  readonly node: Address | undefined;
  readonly explanation: string;
}

/** Spreads items over equally good nodes; matches once where nothing depends on the item. */
function createChooser(
  deciding: Deciding,
  chain: Chain,
  each: FanoutEach,
  scope: Scope,
): (itemScope: Scope) => Choice {
  const { state } = deciding;
  const { match } = each;
  const from = submitterArea(state, chain.submitter);
  const detail = { from, forPeople: each.human !== undefined };
  const readsItem = match.pick === "nearest" || JSON.stringify(match).includes("item");
  const findBest = (itemScope: Scope) => {
    const found = findCandidates(state, match, itemScope, deciding.evaluate, detail);
    return { ...found, best: found.candidates.slice(0, found.equals) };
  };
  const fixed = readsItem ? undefined : findBest(scope);
  const given = new Map<Address, number>();
  let turn = 0;
  return (itemScope) => {
    const { best, explanation } = fixed ?? findBest(itemScope);
    let node = best[turn % best.length]?.description.address;
    turn += 1;
    if (match.pick === "leastLoaded") {
      const loadWith = (address: Address): number =>
        loadOf(state, address) + (given.get(address) ?? 0);
      for (const { description } of best) {
        const { address } = description;
        if (node === undefined || loadWith(address) < loadWith(node)) node = address;
      }
    }
    if (node !== undefined) given.set(node, (given.get(node) ?? 0) + 1);
    return { node, explanation };
  };
}

/** Members whose turn it is are dispatched, in the order of their keys. */
export function dispatchQueued(deciding: Deciding, chain: Chain, fanout: Fanout): void {
  const step = fanoutStep(chain, fanout.step);
  // Who finds no node fails at once, and it is the turn of the next.
  while (step !== undefined && fanout.queue.length > 0) {
    const free = fanout.concurrencyMax - fanout.live;
    if (free <= 0) return;
    const items: KeyedItem[] = [];
    for (const key of fanout.queue.slice(0, free)) {
      const member = fanout.members.get(key);
      items.push({ key, item: member?.item ?? null, index: member?.index ?? 0 });
    }
    putMembers(deciding, chain, fanout, step, { items, free });
  }
}

/** The state of a fan-out that others read has changed: what grows with it is given new items. */
export function stepFeedDue(deciding: Deciding, source: Fanout): void {
  deciding.decide({ t: "fed", fanout: source.id });
  const chain = deciding.state.chains.get(source.chain);
  if (chain === undefined) return;
  for (const fanout of growingWith(deciding, chain, source.step)) {
    grow(deciding, chain, fanout, false);
  }
  deciding.review(chain.id);
}

/** Fan-outs whose source has ended take its last items and close. */
export function closeGrown(deciding: Deciding, chain: Chain): void {
  for (const step of chain.application.steps) {
    const source = step.type === "fanout" ? sourceOf(step) : undefined;
    if (source === undefined || !isEnded(chain, source)) continue;
    for (const fanout of growingWith(deciding, chain, source)) grow(deciding, chain, fanout, true);
  }
}

function growingWith(deciding: Deciding, chain: Chain, source: string): readonly Fanout[] {
  const found: Fanout[] = [];
  for (const step of chain.application.steps) {
    if (step.type !== "fanout" || sourceOf(step) !== source) continue;
    const visit = chain.steps.get(step.id)?.visit ?? 0;
    const fanout = deciding.state.fanouts.get(runId(chain.id, step.id, visit));
    if (fanout?.growing === true) found.push(fanout);
  }
  return found;
}

function grow(deciding: Deciding, chain: Chain, fanout: Fanout, closes: boolean): void {
  const step = fanoutStep(chain, fanout.step);
  if (step === undefined) return;
  const scope = chainScope(chain, deciding.state);
  const items = readItems(deciding, step, scope);
  // While the source runs its aggregate may not be readable yet; at the end the set must be known.
  if (typeof items === "string" && !closes) return;
  const fresh =
    typeof items === "string" ? [] : items.filter(({ key }) => !fanout.members.has(key));
  const room = Math.max(0, membersMaxOf(step) - fanout.members.size);
  const overflow = Math.max(0, fresh.length - room) + (typeof items === "string" ? 1 : 0);
  const put = fresh.slice(0, room);
  if (put.length === 0 && !closes && overflow === fanout.overflow) return;
  const free = Math.max(0, fanout.concurrencyMax - fanout.live - fanout.queue.length);
  const more = { overflow, ...(closes ? { closes: true as const } : {}) };
  putMembers(deciding, chain, fanout, step, { items: put, free }, more);
  deciding.reviewFanout(fanout.id);
}

function fanoutStep(chain: Chain, id: string): FanoutStep | undefined {
  const step = chain.application.steps.find((candidate) => candidate.id === id);
  return step?.type === "fanout" ? step : undefined;
}
