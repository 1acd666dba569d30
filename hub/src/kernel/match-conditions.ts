// Match conditions: what is asked of a node, one thing after the other, and what is seen there.

import {
  type Address,
  addressSegments,
  type Evaluate,
  evaluateMapping,
  isWithin,
  type Match,
  type NodeRecord,
  type Scope,
} from "@cloudbrain/sdk/domain";
import { nodeScope } from "./node-scope.ts";

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

export const isPresent: Condition = {
  name: "state",
  wanted: "not retired",
  told: "not retired",
  check: ({ state }) => ({ holds: state !== "retired", seen: state }),
};

/** What a fan-out by level asks of its members beside its match. */
export function levelConditions(level: string, root: Address): readonly Condition[] {
  const isAtLevel = levelCondition("fanout.level", level);
  const isInside: Condition = {
    name: "fanout.scope",
    wanted: root,
    told: `in ${root}`,
    check: ({ description: { address } }) => ({ holds: isWithin(address, root), seen: address }),
  };
  return [isAtLevel, isInside];
}

function levelCondition(name: string, level: string): Condition {
  return {
    name,
    wanted: level,
    told: `at level ${level}`,
    check: ({ description }) => ({ holds: description.level === level, seen: description.level }),
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
  if (level !== undefined) conditions.push(levelCondition("level", level));
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

/** A division code is a prefix of all codes inside it; an address covers its subtree. */
export function liesIn(node: NodeRecord, region: string): boolean {
  if (region.startsWith("/")) return isWithin(node.description.address, region);
  const { division } = node.description;
  if (node.description.region === region) return true;
  if (division !== "" && division.startsWith(region)) return true;
  return addressSegments(node.description.address).includes(region);
}
