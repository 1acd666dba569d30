// Human rules: what a delegation says of members that people do, as JSON of the definition.

import { type JsonObject, type JsonValue, limits, taskActions } from "../domain/index.ts";
import type { Check } from "./fanout-rules.ts";

export function checkHumanRule(check: Check, human: JsonObject): void {
  const candidates = check.object(human["candidates"], "each.human.candidates");
  for (const name of ["users", "groups", "roles", "departments"]) {
    check.mappings(candidates[name], `each.human.candidates.${name}`);
  }
  for (const action of check.list(human["actions"], "each.human.actions")) {
    check.choice(action, taskActions, "each.human.actions");
  }
  if (human["onReturn"] !== undefined) {
    const rule = check.object(human["onReturn"], "each.human.onReturn");
    check.mappings(rule["to"], "each.human.onReturn.to");
    for (const decision of check.list(rule["may"], "each.human.onReturn.may")) {
      check.choice(decision, ["changeCandidates", "insist", "reject"], "each.human.onReturn.may");
    }
    check.number(rule["visitsMax"], "each.human.onReturn.visitsMax");
    check.choice(rule["then"], ["suspend", "fail"], "each.human.onReturn.then");
  }
  const extension = check.object(human["extension"], "each.human.extension");
  check.number(extension["max"], "each.human.extension.max");
  check.number(extension["longestMs"], "each.human.extension.longestMs");
  check.mappings(extension["decidedBy"], "each.human.extension.decidedBy");
}

export function checkEscalations(check: Check, value: JsonValue): void {
  const rules = check.list(value, "each.escalate");
  if (rules.length > limits.escalationsMax) throw check.wrong("each.escalate");
  for (const item of rules) {
    const rule = check.object(item, "each.escalate");
    check.number(rule["afterMs"], "each.escalate.afterMs");
    check.choice(rule["on"], ["unclaimed", "unfinished"], "each.escalate.on");
    const actions = ["remind", "offer", "offerUp", "supervise"];
    check.choice(rule["action"], actions, "each.escalate.action");
    check.mappings(rule["to"], "each.escalate.to");
    for (const channel of check.list(rule["channels"], "each.escalate.channels")) {
      check.text(channel, "each.escalate.channels");
    }
  }
}
