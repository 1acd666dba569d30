// Fan-out as JSON: members, what each is asked to do, and how the feedback becomes one result.

import type {
  AggregateRule,
  FanoutEach,
  FanoutMembers,
  ReducerRule,
} from "../domain/application.ts";
import { limits } from "../domain/limits.ts";
import { levels } from "../domain/node-record.ts";
import { decodeEscalation, decodeHuman } from "./human-json.ts";
import type { JsonFields } from "./json-fields.ts";
import { presentFields } from "./present-fields.ts";
import {
  closed,
  decodeDeadlines,
  decodeMapping,
  decodeMatch,
  decodeOptionalCompensation,
  decodeOptionalMapping,
  decodeRetry,
  durationBounds,
} from "./step-parts-json.ts";

export function decodeMembers(fields: JsonFields): FanoutMembers {
  const by = fields.choice("by", ["level", "items", "match"]);
  const max = by === "level" ? limits.fanoutMembersMax : limits.fanoutMembersPerHubMax;
  const membersMax = fields.number("membersMax", { min: 1, max });
  if (by === "match") return { by, membersMax };
  if (by === "level") {
    return {
      by,
      scope: decodeMapping(fields.child("scope")),
      level: fields.choice("level", levels),
      membersMax,
    };
  }
  return {
    by,
    items: decodeMapping(fields.child("items")),
    key: fields.optionalText("key"),
    membersMax,
    ...presentFields({
      concurrencyMax: fields.optionalNumber("concurrencyMax", { min: 1, max }),
      growsWith: fields.optionalText("growsWith", 64),
    }),
  };
}

export function decodeEach(fields: JsonFields): FanoutEach {
  const human = fields.optionalChild("human");
  return {
    match: closed(fields.child("match"), decodeMatch),
    input: decodeOptionalMapping(fields, "input"),
    deadlines: closed(fields.child("deadlines"), decodeDeadlines),
    retry: closed(fields.child("retry"), decodeRetry),
    ...presentFields({
      human: human === undefined ? undefined : closed(human, decodeHuman),
      escalate: fields.optionalChildren("escalate")?.map(decodeEscalation),
      revise: fields.optionalBoolean("revise"),
      compensate: decodeOptionalCompensation(fields),
    }),
  };
}

export function decodeAggregate(fields: JsonFields): AggregateRule {
  return {
    into: fields.children("into", limits.capabilitiesMax).map((item) =>
      closed(item, () => ({
        name: item.text("name", 64),
        reducer: closed(item.child("reducer"), decodeReducer),
      })),
    ),
    emitEveryMs: fields.number("emitEveryMs", durationBounds),
    quorum: fields.number("quorum", { min: 0, max: 1 }),
    or: fields.optionalText("or"),
    minimum: fields.number("minimum", { min: 0, max: 1 }),
    onShort: fields.choice("onShort", ["fail", "suspend", "partial"]),
    late: fields.choice("late", ["record", "revise", "reject"]),
    finishMs: fields.number("finishMs", durationBounds),
  };
}

const reducerOps = ["count", "sum", "min", "max", "avg", "first", "countIf", "collect"] as const;

function decodeReducer(fields: JsonFields): ReducerRule {
  const op = fields.choice("op", reducerOps);
  if (op === "count") return { op };
  if (op === "countIf") return { op, where: fields.text("where") };
  const value = fields.text("value");
  if (op !== "collect") return { op, value };
  const limit = fields.number("limit", { min: 1, max: limits.collectItemsMax });
  return { op, value, where: fields.optionalText("where"), limit };
}
