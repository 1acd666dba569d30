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
  type JsonObject,
  lastLabel,
  type Match,
  type NodeRecord,
  type Scope,
} from "@cloudbrain/sdk/domain";
import type { Assignment, HubState } from "./state.ts";

/** What expressions see of a node. */
export function nodeScope(record: NodeRecord): JsonObject {
  const { description } = record;
  return {
    address: description.address,
    code: description.division,
    level: description.level,
    kind: description.kind,
    industry: description.industry,
    region: description.region,
    title: description.title.zh,
    capabilities: description.capabilities,
  };
}

export interface MatchResult {
  readonly candidates: readonly NodeRecord[];
  /** The first so many candidates differ by load and address alone. */
  readonly equals: number;
  /** For people: how many nodes each condition left. */
  readonly explanation: string;
}

/** All nodes that satisfy the match, best first. `scope` holds {input, steps, item...}. */
export function findCandidates(
  state: HubState,
  match: Match,
  scope: Scope,
  evaluate: Evaluate,
  from: Address = state.self,
): MatchResult {
  return rank(state, match, scope, evaluate, from, holdersOf(state, match));
}

/** As `findCandidates` for what people do: those of this very hub are among them. */
export function findDesks(
  state: HubState,
  match: Match,
  scope: Scope,
  evaluate: Evaluate,
  from: Address = state.self,
): MatchResult {
  const { own } = state;
  const holders = holdersOf(state, match);
  if (own?.description.capabilities.includes(match.capability) === true) holders.push(own);
  return rank(state, match, scope, evaluate, from, holders);
}

/** What is known of a node, this hub included. */
export function recordOf(state: HubState, address: Address): NodeRecord | undefined {
  return address === state.self ? state.own : state.nodes.get(address);
}

function rank(
  state: HubState,
  match: Match,
  scope: Scope,
  evaluate: Evaluate,
  from: Address,
  holders: readonly NodeRecord[],
): MatchResult {
  const conditions = conditionsOf(match, scope, evaluate);
  if (typeof conditions === "string") {
    return { candidates: [], equals: 0, explanation: conditions };
  }
  let nodes = holders.filter(isPresent);
  let explanation = `${nodes.length} with capability ${match.capability}`;
  for (const condition of conditions) {
    let trouble = "";
    nodes = nodes.filter((node) => {
      const verdict = condition.check(node);
      if (verdict.trouble !== undefined) trouble = ` (${verdict.trouble})`;
      return verdict.holds;
    });
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
  return { candidates: nodes, equals, explanation };
}

export function holdersOf(state: HubState, match: Match): NodeRecord[] {
  const nodes: NodeRecord[] = [];
  for (const address of state.nodesByCapability.get(match.capability) ?? []) {
    const record = state.nodes.get(address);
    if (record !== undefined) nodes.push(record);
  }
  return nodes;
}

function isPresent(record: NodeRecord): boolean {
  return record.state !== "retired";
}

export interface Condition {
  readonly name: string;
  readonly wanted: string;
  /** Ends the sentence "3 ...". */
  readonly told: string;
  check(record: NodeRecord): {
    readonly holds: boolean;
    readonly seen: string;
    /** Why the expression could not be evaluated. */
    readonly trouble?: string;
  };
}

/** The conditions in the order in which they are asked; a text tells why there are none. */
export function conditionsOf(
  match: Match,
  scope: Scope,
  evaluate: Evaluate,
): readonly Condition[] | string {
  const conditions: Condition[] = [];
  const { level, where, policy, allow } = match;
  if (level !== undefined) {
    conditions.push({
      name: "level",
      wanted: level,
      told: `at level ${level}`,
      check: ({ description }) => ({
        holds: description.level === level,
        seen: description.level,
      }),
    });
  }
  for (const name of ["region", "industry"] as const) {
    const mapping = match[name];
    if (mapping === undefined) continue;
    const wanted = evaluateMapping(mapping, scope, evaluate);
    if (!wanted.ok || typeof wanted.value !== "string") {
      return `match.${name}: ${wanted.ok ? "it is not a text" : wanted.reason}`;
    }
    const text = wanted.value;
    conditions.push({
      name,
      wanted: text,
      told: `of ${name} ${text}`,
      check: (record) => {
        const { description } = record;
        return name === "region"
          ? { holds: liesIn(record, text), seen: description.division || description.address }
          : { holds: description.industry === text, seen: description.industry };
      },
    });
  }
  if (where !== undefined) {
    conditions.push(expressionCondition("where", where, `where ${where}`, scope, evaluate));
  }
  if (policy !== undefined) {
    if (allow === undefined) return `match.policy: the application has no policy ${policy}`;
    const told = `allowed by policy ${policy}`;
    conditions.push(expressionCondition("policy", allow, told, scope, evaluate));
  }
  return conditions;
}

function expressionCondition(
  name: string,
  expression: string,
  told: string,
  scope: Scope,
  evaluate: Evaluate,
): Condition {
  return {
    name,
    wanted: expression,
    told,
    check: (record) => {
      const result = evaluate(expression, { ...scope, node: nodeScope(record) });
      if (!result.ok) return { holds: false, seen: "", trouble: result.reason };
      return { holds: result.value === true, seen: JSON.stringify(result.value) };
    },
  };
}

/** The match with the condition of its policy, as it travels to hubs without the application. */
export function pinPolicy(application: Application, match: Match): Match {
  const { policy } = match;
  if (policy === undefined) return match;
  const allow = application.policies?.find(({ name }) => name === policy)?.allow;
  return allow === undefined ? match : { ...match, allow };
}

/** A division code is a prefix of all codes inside it; an address covers its subtree. */
export function liesIn(node: NodeRecord, region: string): boolean {
  if (region.startsWith("/")) return isWithin(node.description.address, region);
  const { division } = node.description;
  if (node.description.region === region) return true;
  if (division !== "" && division.startsWith(region)) return true;
  return addressSegments(node.description.address).includes(region);
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
