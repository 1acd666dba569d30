// Registry: which nodes match, and why the others do not.
//
//   M1  Matching reads the registry of the whole subtree, never the clock or the network.
//   M2  Same registry, same answer: candidates are ordered by state, load, nearness and address.

import {
  type Address,
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
  /** For people: how many nodes each condition left. */
  readonly explanation: string;
}

/** All nodes that satisfy the match, best first. `scope` holds {input, steps, item...}. */
export function findCandidates(
  state: HubState,
  match: Match,
  scope: Scope,
  evaluate: Evaluate,
): MatchResult {
  const trail: string[] = [];
  let nodes: NodeRecord[] = [];
  for (const address of state.nodesByCapability.get(match.capability) ?? []) {
    const record = state.nodes.get(address);
    if (record !== undefined && record.state !== "retired") nodes.push(record);
  }
  trail.push(`${nodes.length} with capability ${match.capability}`);
  if (match.level !== undefined) {
    nodes = nodes.filter((node) => node.description.level === match.level);
    trail.push(`${nodes.length} at level ${match.level}`);
  }
  for (const [name, mapping] of [
    ["region", match.region],
    ["industry", match.industry],
  ] as const) {
    if (mapping === undefined) continue;
    const wanted = evaluateMapping(mapping, scope, evaluate);
    if (!wanted.ok || typeof wanted.value !== "string") {
      const reason = wanted.ok ? "it is not a text" : wanted.reason;
      return { candidates: [], explanation: `match.${name}: ${reason}` };
    }
    const text = wanted.value;
    nodes = nodes.filter((node) =>
      name === "region" ? liesIn(node, text) : node.description.industry === text,
    );
    trail.push(`${nodes.length} of ${name} ${text}`);
  }
  if (match.where !== undefined) {
    const where = match.where;
    let failure = "";
    nodes = nodes.filter((node) => {
      const result = evaluate(where, { ...scope, node: nodeScope(node) });
      if (!result.ok) failure = result.reason;
      return result.ok && result.value === true;
    });
    trail.push(`${nodes.length} where ${where}${failure === "" ? "" : ` (${failure})`}`);
  }
  nodes.sort((a, b) => compareCandidates(state, match, a, b));
  return { candidates: nodes, explanation: trail.join(", ") };
}

/** A division code is a prefix of all codes inside it; an address covers its subtree. */
export function liesIn(node: NodeRecord, region: string): boolean {
  if (region.startsWith("/")) return isWithin(node.description.address, region);
  const { division } = node.description;
  if (node.description.region === region) return true;
  if (division !== "" && division.startsWith(region)) return true;
  return addressSegments(node.description.address).includes(region);
}

function compareCandidates(state: HubState, match: Match, a: NodeRecord, b: NodeRecord): number {
  const byState = rankOf(a) - rankOf(b);
  if (byState !== 0) return byState;
  if (match.pick === "nearest") {
    const near = commonSegments(state.self, b) - commonSegments(state.self, a);
    if (near !== 0) return near;
  }
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

export function loadOf(state: HubState, node: Address): number {
  const own = state.assignmentsByNode.get(node)?.size ?? 0;
  return own + (state.tasksAbout.get(node) ?? 0);
}

/** Levels of the tree that the node is away from us: fewer is nearer. */
function commonSegments(self: Address, node: NodeRecord): number {
  return addressSegments(self).length - addressSegments(node.description.address).length;
}

export function assignmentsTo(state: HubState, node: Address): readonly Assignment[] {
  const found: Assignment[] = [];
  for (const id of state.assignmentsByNode.get(node) ?? []) {
    const assignment = state.assignments.get(id);
    if (assignment !== undefined) found.push(assignment);
  }
  return found;
}

/** The address that a scope names: itself, or the node with this division code. */
export function resolveScope(state: HubState, scope: string): Address | undefined {
  if (scope.startsWith("/")) return scope as Address;
  if (lastLabel(state.self) === scope || paddedDivision(lastLabel(state.self)) === scope) {
    return state.self;
  }
  for (const [address, record] of state.nodes) {
    const { division } = record.description;
    if (lastLabel(address) === scope || (division !== "" && division === paddedDivision(scope))) {
      return address;
    }
  }
  return undefined;
}

function paddedDivision(code: string): string {
  return code.padEnd(12, "0");
}
