// Application as JSON: what stores keep and what travels between hubs.
//
//   A1  decode(encode(a)) equals a, field for field.
//   A2  What is decoded has the shape, the bounds and the hash that parsing would have given it; a
//       store or a peer that hands out anything else is refused with APPLICATION_INVALID.
//   A3  What was published by an older version lacks the fields that came later, and decodes.

import { type Application, type Step, urgencies } from "../domain/application.ts";
import { limits } from "../domain/limits.ts";
import type { JsonValue, Title } from "../domain/value.ts";
import { durationMsMax } from "./duration.ts";
import { findCycle } from "./graph.ts";
import { hashApplication, withoutUndefined } from "./hash.ts";
import { JsonFields } from "./json-fields.ts";
import { presentFields } from "./present-fields.ts";
import { decodeStep } from "./step-json.ts";
import { closed, decodeOptionalMapping } from "./step-parts-json.ts";

export function encodeApplication(application: Application): JsonValue {
  return withoutUndefined(application);
}

/** Throws APPLICATION_INVALID with the path of what is wrong. */
export function decodeApplication(json: JsonValue): Application {
  const fields = new JsonFields(json, "application");
  const application: Application = {
    id: fields.text("id", 128),
    version: fields.text("version", 64),
    hash: fields.text("hash", 64),
    title: decodeTitle(fields.child("title")),
    inputSchema: fields.optionalValue("inputSchema"),
    totalMs: fields.optionalNumber("totalMs", { min: 1, max: durationMsMax }),
    keyExpression: fields.optionalText("keyExpression"),
    keyKeepMs: fields.number("keyKeepMs", { min: 1, max: durationMsMax }),
    onFailure: fields.choice("onFailure", ["fail", "suspend", "compensate"]),
    steps: fields.children("steps", limits.stepsMax).map((step) => decodeStep(step, decodeTitle)),
    output: decodeOptionalMapping(fields, "output"),
    ...presentFields({
      calendar: fields.optionalText("calendar", 64),
      priority: fields.optionalText("priority"),
      urgency: fields.optionalChoice("urgency", urgencies),
      onCancel: fields.optionalChoice("onCancel", ["keep", "compensate"]),
      policies: fields
        .optionalChildren("policies")
        ?.map((policy) =>
          closed(policy, () => ({ name: policy.text("name", 64), allow: policy.text("allow") })),
        ),
    }),
  };
  fields.end();
  checkSteps(fields, application.steps);
  if (hashApplication(application) !== application.hash) {
    fields.refuse("hash", "does not fit the content");
  }
  return application;
}

function checkSteps(fields: JsonFields, steps: readonly Step[]): void {
  const ids = new Set(steps.map(({ id }) => id));
  if (steps.length === 0) fields.refuse("steps", "is empty");
  if (ids.size !== steps.length) fields.refuse("steps", "names a step twice");
  for (const { id, needs } of steps) {
    const unknown = needs.find(({ step }) => !ids.has(step));
    if (unknown !== undefined) fields.refuse("steps", `has "${id}", which needs no step of it`);
  }
  if (findCycle(steps) !== undefined) fields.refuse("steps", "need each other in a circle");
}

function decodeTitle(fields: JsonFields): Title {
  const zh = fields.text("zh", 200);
  const en = fields.optionalText("en");
  fields.end();
  return en === undefined ? { zh } : { zh, en };
}
