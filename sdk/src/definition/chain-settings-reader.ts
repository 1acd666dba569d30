// Chain settings reader: what holds for a chain as a whole: its time, key, order, lane, policies.

import { type Application, type PolicyRule, urgencies } from "../domain/application.ts";
import { limits } from "../domain/limits.ts";
import { compareText } from "../domain/value.ts";
import { type Fields, readChoice, readDurationMs, readFields, textNode } from "./field-reader.ts";
import { type Reader, readCalendar, readCel, type WholeDefinition } from "./reader.ts";

const ofSteps = "move it into the deadline of a step";

export interface ChainDeadline {
  readonly totalMs: number | undefined;
  readonly calendar: string | undefined;
  /** Whether a total stands there, be it right or wrong. */
  readonly hasTotal: boolean;
}

export function readChainDeadline(
  reader: Omit<Reader, "chainTotalMs">,
  parent: Fields,
): ChainDeadline {
  const { problems } = reader;
  const fields = readFields(problems, parent.get("deadline")?.value, "spec.deadline", {
    known: ["total", "calendar"],
    refused: { start: ofSteps, claim: ofSteps, finish: "write total", heartbeat: ofSteps },
  });
  const calendar = readCalendar({ ...reader, chainTotalMs: undefined }, fields);
  const hasTotal = fields.get("total") !== undefined;
  if (fields.get("calendar") !== undefined && !hasTotal) {
    const at = fields.get("calendar")?.value.start ?? fields.start;
    problems.add(at, "NO_EFFECT", "spec.deadline.calendar has nothing to count", {
      suggestion: "write total beside it, or remove it",
    });
  }
  return { totalMs: readDurationMs(problems, fields, "total"), calendar, hasTotal };
}

export function readIdempotency(
  reader: Reader,
  parent: Fields,
): Pick<Application, "keyExpression" | "keyKeepMs"> {
  const fields = readFields(reader.problems, parent.get("idempotency")?.value, "spec.idempotency", {
    known: ["key", "keep"],
  });
  return {
    keyExpression: readCel(reader, fields.get("key"), {
      where: "spec.idempotency.key",
      variables: ["input", "request"],
      step: undefined,
      expects: "scalar",
    }),
    keyKeepMs: readDurationMs(reader.problems, fields, "keep") ?? limits.keyKeepMs,
  };
}

/** CEL, or a number from 0 to 100 as it is. */
export function readPriority(reader: Reader, parent: Fields): string | undefined {
  const field = parent.get("priority");
  if (field === undefined) return undefined;
  const { value: node } = field;
  const text =
    node.kind === "scalar" && typeof node.value === "number" ? String(node.value) : undefined;
  const source =
    text ??
    readCel(reader, field, {
      where: "spec.priority",
      variables: ["input"],
      step: undefined,
      expects: "number",
    });
  const number = source !== undefined && /^\s*-?[\d.]+\s*$/.test(source) ? Number(source) : 50;
  if (!(number >= 0 && number <= 100)) {
    reader.problems.add(node.start, "OUT_OF_RANGE", "spec.priority is out of range", {
      suggestion: "write a number from 0 to 100, or CEL that gives one",
    });
  }
  return source?.trim();
}

/** Undefined for the lane that a chain has anyhow. */
export function readUrgency(reader: Reader, parent: Fields): Application["urgency"] {
  const urgency = readChoice(reader.problems, parent, "lane", urgencies);
  return urgency === "normal" ? undefined : urgency;
}

export function readEnds(
  { problems }: Reader,
  parent: Fields,
): Pick<Application, "onFailure" | "onCancel"> {
  const onFailure = readChoice(problems, parent, "onFailure", ["fail", "suspend", "compensate"], {
    keep: "write fail: it keeps what was done",
  });
  const onCancel = readChoice(problems, parent, "onCancel", ["keep", "compensate"]);
  return {
    onFailure: onFailure ?? "suspend",
    ...(onCancel === "compensate" ? { onCancel } : {}),
  };
}

/** The texts of all policies; each is checked for the steps that name it. */
export function readPolicies({ problems }: Reader, parent: Fields): WholeDefinition["policies"] {
  const node = parent.get("policies")?.value;
  const policies = new Map<string, NonNullable<ReturnType<typeof textNode>>>();
  if (node === undefined) return policies;
  if (node.kind !== "fields") {
    problems.add(node.start, "WRONG_TYPE", "spec.policies must be a mapping", {
      suggestion: `write policies: { accepts: 'node.level == "district"' }`,
    });
    return policies;
  }
  for (const { key, keyStart, value } of node.fields) {
    if (!/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/.test(key)) {
      problems.add(keyStart, "WRONG_VALUE", `spec.policies: "${key.slice(0, 60)}" is not a name`, {
        suggestion: "write letters, digits, _, . and -, beginning with a letter",
      });
    }
    const text = textNode(problems, value, `spec.policies.${key}`);
    if (text !== undefined) policies.set(key, text);
  }
  return policies;
}

/** As the application holds them; undefined for none. */
export function policyRulesOf(
  policies: WholeDefinition["policies"],
): readonly PolicyRule[] | undefined {
  if (policies.size === 0) return undefined;
  return [...policies]
    .map(([name, { value }]) => ({ name, allow: value }))
    .sort((a, b) => compareText(a.name, b.name));
}
