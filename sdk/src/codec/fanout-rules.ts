// Rules of a fan-out as JSON: what a delegation carries of the definition. Checked here so that
// the kernel finds the shape that the domain promises. Fields of later versions stay in place:
// the rules travel on to the hubs below. What they mean, the hub that published has checked.

import {
  type AggregateRule,
  canonicalJson,
  type FanoutEach,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  MeshError,
} from "../domain/index.ts";
import { checkEscalations, checkHumanRule } from "./human-rule.ts";

/** Canonical JSON: the same rules are the same bytes, whichever hub sends them. */
export function encodeRule(rule: FanoutEach | AggregateRule): string {
  // Fields that are undefined are left out, as in every JSON.
  return canonicalJson(JSON.parse(JSON.stringify(rule)) as JsonValue);
}

export function parseFanoutEach(value: JsonValue, subject: string): FanoutEach {
  const check = new Check(subject);
  const each = check.object(value, "each");
  checkMatch(check, each["match"], "each.match");
  check.optionalMapping(each["input"], "each.input");
  if (each["revise"] !== undefined) check.flag(each["revise"], "each.revise");
  if (each["compensate"] !== undefined) {
    const rule = check.object(each["compensate"], "each.compensate");
    checkMatch(check, rule["match"], "each.compensate.match");
    check.optionalMapping(rule["input"], "each.compensate.input");
    checkRetry(check, rule["retry"], "each.compensate.retry");
    check.number(rule["finishMs"], "each.compensate.finishMs");
  }
  const deadlines = check.object(each["deadlines"], "each.deadlines");
  for (const name of ["startMs", "claimMs", "finishMs", "heartbeatMs", "totalMs"]) {
    if (deadlines[name] !== undefined) check.number(deadlines[name], `each.deadlines.${name}`);
  }
  check.optionalText(deadlines["calendar"], "each.deadlines.calendar");
  checkRetry(check, each["retry"], "each.retry");
  if (each["human"] !== undefined) checkHumanRule(check, check.object(each["human"], "each.human"));
  if (each["escalate"] !== undefined) checkEscalations(check, each["escalate"]);
  return each as unknown as FanoutEach;
}

function checkMatch(check: Check, value: JsonValue | undefined, name: string): void {
  const match = check.object(value, name);
  check.text(match["capability"], `${name}.capability`);
  for (const field of ["level", "where", "policy", "allow"]) {
    check.optionalText(match[field], `${name}.${field}`);
  }
  check.optionalMapping(match["region"], `${name}.region`);
  check.optionalMapping(match["industry"], `${name}.industry`);
  check.choice(match["pick"], picks, `${name}.pick`);
  for (const source of check.list(match["prefer"] ?? [], `${name}.prefer`)) {
    check.text(source, `${name}.prefer`);
  }
}

function checkRetry(check: Check, value: JsonValue | undefined, name: string): void {
  const retry = check.object(value, name);
  for (const field of ["max", "initialMs", "factor", "capMs", "jitter"]) {
    check.number(retry[field], `${name}.${field}`);
  }
  for (const code of check.list(retry["notOn"], `${name}.notOn`)) {
    check.text(code, `${name}.notOn`);
  }
  if (typeof retry["rematch"] !== "boolean") throw check.wrong(`${name}.rematch`);
}

export function parseAggregateRule(value: JsonValue, subject: string): AggregateRule {
  const check = new Check(subject);
  const rule = check.object(value, "aggregate");
  const into = check.list(rule["into"], "aggregate.into");
  if (into.length > reducersMax) throw check.wrong("aggregate.into");
  for (const item of into) {
    const entry = check.object(item, "aggregate.into");
    check.text(entry["name"], "aggregate.into.name");
    checkReducer(check, check.object(entry["reducer"], "aggregate.into.reducer"));
  }
  check.number(rule["emitEveryMs"], "aggregate.emitEveryMs");
  check.number(rule["finishMs"], "aggregate.finishMs");
  check.number(rule["quorum"], "aggregate.quorum", 1);
  check.number(rule["minimum"], "aggregate.minimum", 1);
  check.optionalText(rule["or"], "aggregate.or");
  check.choice(rule["onShort"], ["fail", "suspend", "partial"], "aggregate.onShort");
  check.choice(rule["late"], ["record", "revise", "reject"], "aggregate.late");
  return rule as unknown as AggregateRule;
}

/** Not `all`: what asks every node that matches is not delegated. */
const picks = ["one", "leastLoaded", "nearest"];
const reducers = ["count", "sum", "min", "max", "avg", "first", "countIf", "collect"];
/** As many as a definition may have. */
const reducersMax = 256;

function checkReducer(check: Check, reducer: JsonObject): void {
  const { op } = reducer;
  check.choice(op, reducers, "aggregate.into.reducer.op");
  if (op === "count") return;
  if (op === "countIf") {
    check.text(reducer["where"], "aggregate.into.reducer.where");
    return;
  }
  check.text(reducer["value"], "aggregate.into.reducer.value");
  if (op !== "collect") return;
  check.optionalText(reducer["where"], "aggregate.into.reducer.where");
  check.number(reducer["limit"], "aggregate.into.reducer.limit", limits.collectItemsMax);
}

/** Refuses with FRAME_INVALID and the path of what is wrong. */
export class Check {
  private readonly subject: string;

  constructor(subject: string) {
    this.subject = subject;
  }

  wrong(name: string): MeshError {
    const detail = `${name} is missing or malformed`;
    return new MeshError("FRAME_INVALID", { subject: this.subject, detail });
  }

  object(value: JsonValue | undefined, name: string): JsonObject {
    if (!isJsonObject(value)) throw this.wrong(name);
    return value;
  }

  list(value: JsonValue | undefined, name: string): readonly JsonValue[] {
    if (!Array.isArray(value)) throw this.wrong(name);
    return value as readonly JsonValue[];
  }

  text(value: JsonValue | undefined, name: string): void {
    if (typeof value !== "string") throw this.wrong(name);
  }

  optionalText(value: JsonValue | undefined, name: string): void {
    if (value !== undefined) this.text(value, name);
  }

  number(value: JsonValue | undefined, name: string, max = Number.MAX_VALUE): void {
    if (typeof value !== "number" || !(value >= 0 && value <= max)) throw this.wrong(name);
  }

  flag(value: JsonValue | undefined, name: string): void {
    if (typeof value !== "boolean") throw this.wrong(name);
  }

  mappings(value: JsonValue | undefined, name: string): void {
    const items = this.list(value, name);
    if (items.length > limits.taskNamesMax) throw this.wrong(name);
    for (const item of items) this.mapping(item, name);
  }

  choice(value: JsonValue | undefined, choices: readonly string[], name: string): void {
    if (typeof value !== "string" || !choices.includes(value)) throw this.wrong(name);
  }

  optionalMapping(value: JsonValue | undefined, name: string): void {
    if (value !== undefined) this.mapping(value, name);
  }

  /** Recursive; the nesting of all JSON is bounded where it is parsed. */
  private mapping(value: JsonValue | undefined, name: string): void {
    const mapping = this.object(value, name);
    switch (mapping["kind"]) {
      case "expression":
        this.text(mapping["source"], name);
        return;
      case "literal":
        if (mapping["value"] === undefined) throw this.wrong(name);
        return;
      case "list":
        for (const item of this.list(mapping["items"], name)) this.mapping(item, name);
        return;
      case "fields":
        for (const item of this.list(mapping["fields"], name)) {
          const field = this.object(item, name);
          this.text(field["name"], name);
          this.mapping(field["mapping"], name);
        }
        return;
      default:
        throw this.wrong(name);
    }
  }
}
