// Step parts as JSON: what steps of several types and members of a fan-out have in common.

import type { Compensation, Deadlines, Mapping, Match, RetryRule } from "../domain/application.ts";
import { limits } from "../domain/limits.ts";
import { durationMsMax } from "./duration.ts";
import type { JsonFields } from "./json-fields.ts";
import { presentFields } from "./present-fields.ts";

export const durationBounds = { min: 1, max: durationMsMax };

/** Decodes an object of which nothing may be left unread. */
export function closed<Value>(fields: JsonFields, decode: (fields: JsonFields) => Value): Value {
  const value = decode(fields);
  fields.end();
  return value;
}

export function decodeMatch(fields: JsonFields): Match {
  return {
    capability: fields.text("capability", 128),
    level: fields.optionalText("level"),
    region: decodeOptionalMapping(fields, "region"),
    industry: decodeOptionalMapping(fields, "industry"),
    where: fields.optionalText("where"),
    pick: fields.choice("pick", ["one", "all", "leastLoaded", "nearest"]),
    ...presentFields({
      policy: fields.optionalText("policy", 64),
      prefer: fields.optionalTexts("prefer"),
    }),
  };
}

export function decodeDeadlines(fields: JsonFields): Deadlines {
  return {
    startMs: fields.optionalNumber("startMs", durationBounds),
    finishMs: fields.optionalNumber("finishMs", durationBounds),
    heartbeatMs: fields.optionalNumber("heartbeatMs", durationBounds),
    totalMs: fields.optionalNumber("totalMs", durationBounds),
    ...presentFields({
      claimMs: fields.optionalNumber("claimMs", durationBounds),
      calendar: fields.optionalText("calendar", 64),
      unboundedReason: fields.optionalText("unboundedReason", 500),
    }),
  };
}

export function decodeRetry(fields: JsonFields): RetryRule {
  return {
    max: fields.number("max", { min: 1, max: limits.attemptsMax }),
    initialMs: fields.number("initialMs", durationBounds),
    factor: fields.number("factor", { min: 1, max: 100 }),
    capMs: fields.number("capMs", durationBounds),
    jitter: fields.number("jitter", { min: 0, max: 1 }),
    notOn: fields.texts("notOn"),
    rematch: fields.boolean("rematch"),
  };
}

export function decodeOptionalCompensation(fields: JsonFields): Compensation | undefined {
  const child = fields.optionalChild("compensate");
  if (child === undefined) return undefined;
  return closed(child, () => ({
    match: closed(child.child("match"), decodeMatch),
    input: decodeOptionalMapping(child, "input"),
    retry: closed(child.child("retry"), decodeRetry),
    finishMs: child.number("finishMs", durationBounds),
  }));
}

export function decodeOptionalMapping(fields: JsonFields, key: string): Mapping | undefined {
  const child = fields.optionalChild(key);
  return child === undefined ? undefined : decodeMapping(child);
}

export function decodeMappings(fields: JsonFields, key: string): readonly Mapping[] {
  return fields.children(key).map(decodeMapping);
}

export function decodeMapping(fields: JsonFields): Mapping {
  return closed(fields, () => {
    const kind = fields.choice("kind", ["expression", "literal", "list", "fields"]);
    switch (kind) {
      case "expression":
        return { kind, source: fields.text("source") };
      case "literal":
        return { kind, value: fields.value("value") };
      case "list":
        return { kind, items: decodeMappings(fields, "items") };
      case "fields":
        return {
          kind,
          fields: fields.children("fields").map((field) =>
            closed(field, () => ({
              name: field.text("name"),
              mapping: decodeMapping(field.child("mapping")),
            })),
          ),
        };
    }
  });
}
