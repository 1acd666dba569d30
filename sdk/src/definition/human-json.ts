// Human rule as JSON: what a person is asked to do, and what happens when nobody does it.

import {
  type EscalationRule,
  type HumanRule,
  type ReturnRule,
  taskActions,
} from "../domain/application.ts";
import { durationMsMax } from "./duration.ts";
import type { JsonFields } from "./json-fields.ts";
import { closed, decodeMappings, durationBounds } from "./step-parts-json.ts";

/** Far above what a definition may say, so that a later version may raise its bound. */
const timesMax = 1_000;

export function decodeHuman(fields: JsonFields): HumanRule {
  const onReturn = fields.optionalChild("onReturn");
  return {
    candidates: closed(fields.child("candidates"), (candidates) => ({
      users: decodeMappings(candidates, "users"),
      groups: decodeMappings(candidates, "groups"),
      roles: decodeMappings(candidates, "roles"),
      departments: decodeMappings(candidates, "departments"),
    })),
    actions: fields.choices("actions", taskActions),
    form: fields.optionalValue("form"),
    onReturn: onReturn === undefined ? undefined : closed(onReturn, decodeReturn),
    extension: closed(fields.child("extension"), (extension) => ({
      max: extension.number("max", { min: 0, max: timesMax }),
      longestMs: extension.number("longestMs", { min: 0, max: durationMsMax }),
      decidedBy: decodeMappings(extension, "decidedBy"),
    })),
  };
}

function decodeReturn(fields: JsonFields): ReturnRule {
  return {
    to: decodeMappings(fields, "to"),
    may: fields.choices("may", ["changeCandidates", "insist", "reject"]),
    visitsMax: fields.number("visitsMax", { min: 1, max: timesMax }),
    // biome-ignore lint/suspicious/noThenProperty: a word of the language; nothing ever awaits it.
    then: fields.choice("then", ["suspend", "fail"]),
  };
}

export function decodeEscalation(fields: JsonFields): EscalationRule {
  return closed(fields, () => ({
    afterMs: fields.number("afterMs", durationBounds),
    on: fields.choice("on", ["unclaimed", "unfinished"]),
    action: fields.choice("action", ["remind", "offer", "offerUp", "supervise"]),
    to: decodeMappings(fields, "to"),
    channels: fields.texts("channels"),
  }));
}
