// Registry: which nodes match, best first. explain-match.ts tells why.
//
//   M1  Matching reads the registry of the whole subtree, never the clock or the network.
//   M2  Same registry, same answer: candidates are ordered by state, by what the match prefers, by
//       distance where the nearest is asked for, by load and by address.

import {
  type Address,
  type Application,
  addressSegments,
  type Evaluate,
  evaluateMapping,
  isWithin,
  lastLabel,
  type Match,
  type NodeRecord,
  type Scope,
} from "@cloudbrain/sdk/domain";
import { type Condition, conditionsOf, isPresent } from "./match-conditions.ts";
import { nodeScope } from "./node-scope.ts";
import type { Assignment, HubState } from "./state.ts";

export interface MatchResult {
  readonly candidates: readonly NodeRecord[];
  /** The first so many candidates differ by load and address alone. */
  readonly equals: number;
  /** For people: how many nodes each condition left. */
  readonly explanation: string;
  /** What was asked of the holders of the capability, in this order. */
  readonly conditions: readonly Condition[];
  /** Why the match itself can't be evaluated; empty when it can. */
  readonly problem: string;
}

export interface MatchDetail {
  /** Where "nearest" is measured from when the match does not say; else the hub itself. */
  readonly from?: Address | undefined;
  /** For what people do: those of this very hub are among them. */
  readonly forPeople?: boolean;
  /** Asked beside those of the match, and before them. */
  readonly also?: readonly Condition[];
  /** Told once of each holder that does not match: the first condition that it fails. */
  readonly onTurnedAway?: (record: NodeRecord, condition: Condition, seen: string) => void;
}

/** What is known of a node, this hub included. */
export function recordOf(state: HubState, address: Address): NodeRecord | undefined {
  return address === state.self ? state.own : state.nodes.get(address);
}

/** All nodes that satisfy the match, best first. `scope` holds {input, steps, item...}. */
export function findCandidates(
  state: HubState,
  match: Match,
  scope: Scope,
  evaluate: Evaluate,
  detail: MatchDetail = {},
): MatchResult {
  const { from = state.self, forPeople = false, also = [], onTurnedAway } = detail;
  const own = conditionsOf(match, scope, evaluate);
  if (typeof own === "string") {
    return { candidates: [], equals: 0, explanation: own, conditions: [], problem: own };
  }
  const conditions = [...also, ...own];
  let trouble = "";
  const passes = (condition: Condition) => (record: NodeRecord) => {
    const verdict = condition.check(record);
    if (verdict.trouble !== undefined) trouble = ` (${verdict.trouble})`;
    if (!verdict.holds) onTurnedAway?.(record, condition, verdict.trouble ?? verdict.seen);
    return verdict.holds;
  };
  const holders = holdersOf(state, match);
  const self = state.own;
  if (forPeople && self?.description.capabilities.includes(match.capability) === true) {
    holders.push(self);
  }
  let nodes = holders.filter(passes(isPresent));
  let explanation = `${nodes.length} with capability ${match.capability}`;
  for (const condition of conditions) {
    trouble = "";
    nodes = nodes.filter(passes(condition));
    explanation += `, ${nodes.length} ${condition.told}${trouble}`;
  }
  const order = createOrder(state, match, scope, evaluate, from);
  nodes.sort((a, b) => order.byMerit(a, b) || compareByLoad(state, a, b));
  const first = nodes[0];
  let equals = 0;
  while (first !== undefined && equals < nodes.length) {
    const next = nodes[equals];
    if (next === undefined || order.byMerit(first, next) !== 0) break;
    equals += 1;
  }
  return {
    candidates: nodes,
    equals,
    explanation,
    conditions: [isPresent, ...conditions],
    problem: "",
  };
}

function holdersOf(state: HubState, match: Match): NodeRecord[] {
  const nodes: NodeRecord[] = [];
  for (const address of state.nodesByCapability.get(match.capability) ?? []) {
    const record = state.nodes.get(address);
    if (record !== undefined) nodes.push(record);
  }
  return nodes;
}

/** The match with the condition of its policy, as it travels to hubs without the application. */
export function pinPolicy(application: Application, match: Match): Match {
  const { policy } = match;
  if (policy === undefined) return match;
  const allow = application.policies?.find(({ name }) => name === policy)?.allow;
  return allow === undefined ? match : { ...match, allow };
}

/** By what candidates differ in merit: equal ones take turns. */
function createOrder(
  state: HubState,
  match: Match,
  scope: Scope,
  evaluate: Evaluate,
  from: Address,
): { byMerit(a: NodeRecord, b: NodeRecord): number } {
  const prefer = match.prefer ?? [];
  const isNearest = match.pick === "nearest";
  if (prefer.length === 0 && !isNearest) return { byMerit: (a, b) => rankOf(a) - rankOf(b) };
  const area = isNearest ? areaOf(state, match, scope, evaluate, from) : state.self;
  const merits = new Map<NodeRecord, readonly number[]>();
  const meritOf = (record: NodeRecord): readonly number[] => {
    const known = merits.get(record);
    if (known !== undefined) return known;
    const nodeView = { ...scope, node: nodeScope(record) };
    // Higher is better; what gives no number is the last choice.
    const scores = prefer.map((source) => {
      const result = evaluate(source, nodeView);
      return result.ok && typeof result.value === "number" ? result.value : -Infinity;
    });
    if (isNearest) scores.push(-edgesBetween(area, record.description.address));
    merits.set(record, scores);
    return scores;
  };
  return {
    byMerit: (a, b) => {
      const byState = rankOf(a) - rankOf(b);
      if (byState !== 0) return byState;
      const left = meritOf(a);
      const right = meritOf(b);
      const at = left.findIndex((score, index) => score !== right[index]);
      return at < 0 ? 0 : (left[at] ?? 0) > (right[at] ?? 0) ? -1 : 1;
    },
  };
}

function compareByLoad(state: HubState, a: NodeRecord, b: NodeRecord): number {
  const byLoad = loadOf(state, a.description.address) - loadOf(state, b.description.address);
  if (byLoad !== 0) return byLoad;
  return a.description.address < b.description.address ? -1 : 1;
}

/** Who can start at once comes first; who drains comes last. */
function rankOf(node: NodeRecord): number {
  if (node.state === "online") return 0;
  if (node.state === "joining" || node.state === "suspect") return 1;
  return node.state === "offline" ? 2 : 3;
}

/**
 * Where "nearest" is measured from: the region that the match names, else the item if it is the
 * address or division code of a node, else `from`, which is where the chain was submitted.
 */
function areaOf(
  state: HubState,
  match: Match,
  scope: Scope,
  evaluate: Evaluate,
  from: Address,
): Address {
  const region =
    match.region === undefined ? undefined : evaluateMapping(match.region, scope, evaluate);
  for (const named of [region?.ok === true ? region.value : undefined, scope["item"]]) {
    const area = typeof named === "string" ? resolveScope(state, named) : undefined;
    if (area !== undefined) return area;
  }
  return from;
}

/** Edges of the tree on the way from one address to the other. */
function edgesBetween(a: Address, b: Address): number {
  const left = addressSegments(a);
  const right = addressSegments(b);
  let shared = 0;
  while (shared < left.length && shared < right.length && left[shared] === right[shared]) {
    shared += 1;
  }
  return left.length + right.length - 2 * shared;
}

/** Where a chain comes from: whoever submitted it, if that is below us; else ourselves. */
export function submitterArea(state: HubState, submitter: string): Address {
  // A signed-in user stands before the node: ACCOUNT@ADDRESS.
  const node = submitter.slice(submitter.lastIndexOf("@") + 1) as Address;
  return isWithin(node, state.self) ? node : state.self;
}

/** Open instructions of ours at the node. */
export function loadOf(state: HubState, node: Address): number {
  const own = state.assignmentsByNode.get(node)?.size ?? 0;
  return own + (state.tasksAbout.get(node) ?? 0);
}

export function assignmentsTo(state: HubState, node: Address): readonly Assignment[] {
  const found: Assignment[] = [];
  for (const id of state.assignmentsByNode.get(node) ?? []) {
    const assignment = state.assignments.get(id);
    if (assignment !== undefined) found.push(assignment);
  }
  return found;
}

/**
 * The address that a scope names: itself, the node with this division code however many zeros it
 * ends in, or else the node with this label, such as an industry's own hub for a district.
 */
export function resolveScope(state: HubState, scope: string): Address | undefined {
  if (scope.startsWith("/")) return scope as Address;
  const label = lastLabel(state.self);
  const code = paddedDivision(scope);
  const own = state.own?.description.division || paddedDivision(label);
  if (label === scope || own === code) return state.self;
  let labelled: Address | undefined;
  for (const [address, { description }] of state.nodes) {
    if (description.division === code) return address;
    if (lastLabel(address) === scope) labelled ??= address;
  }
  return labelled;
}

function paddedDivision(code: string): string {
  return code.padEnd(12, "0");
}
