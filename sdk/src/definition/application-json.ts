// Application as JSON: what stores keep and what travels between hubs.
//
//   A1  decode(encode(a)) equals a, field for field.
//   A2  What is decoded has the shape, the bounds and the hash that parsing would have given it; a
//       store or a peer that hands out anything else is refused with APPLICATION_INVALID.

import type {
  AggregateRule,
  Application,
  Deadlines,
  FanoutEach,
  FanoutMembers,
  Mapping,
  Match,
  Need,
  ReducerRule,
  RetryRule,
  Step,
} from "../domain/application.ts";
import { limits } from "../domain/limits.ts";
import { levels } from "../domain/node-record.ts";
import type { JsonValue, Title } from "../domain/value.ts";
import { durationMsMax } from "./duration.ts";
import { findCycle } from "./graph.ts";
import { hashApplication, withoutUndefined } from "./hash.ts";
import { JsonFields } from "./json-fields.ts";

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
    onFailure: fields.choice("onFailure", ["fail", "suspend"]),
    steps: fields.children("steps", limits.stepsMax).map(decodeStep),
    output: decodeOptionalMapping(fields, "output"),
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

function decodeStep(fields: JsonFields): Step {
  const type = fields.choice("type", ["service", "fanout"]);
  const title = fields.optionalChild("title");
  const shared = {
    id: fields.text("id", 64),
    title: title === undefined ? undefined : decodeTitle(title),
    needs: fields.children("needs", limits.stepsMax).map(decodeNeed),
    when: fields.optionalText("when"),
    onError: decodeOptionalMapping(fields, "onError"),
  };
  const step: Step =
    type === "service"
      ? { ...shared, type, ...decodeEach(fields) }
      : {
          ...shared,
          type,
          members: decodeMembers(fields.child("members")),
          each: closed(fields.child("each"), decodeEach),
          aggregate: decodeAggregate(fields.child("aggregate")),
        };
  fields.end();
  return step;
}

function closed<Value>(fields: JsonFields, decode: (fields: JsonFields) => Value): Value {
  const value = decode(fields);
  fields.end();
  return value;
}

function decodeNeed(fields: JsonFields): Need {
  return closed(fields, () => ({
    step: fields.text("step", 64),
    on: fields.choice("on", ["done", "failed"]),
  }));
}

function decodeEach(fields: JsonFields): FanoutEach {
  return {
    match: closed(fields.child("match"), decodeMatch),
    input: decodeOptionalMapping(fields, "input"),
    deadlines: closed(fields.child("deadlines"), decodeDeadlines),
    retry: closed(fields.child("retry"), decodeRetry),
  };
}

function decodeMatch(fields: JsonFields): Match {
  return {
    capability: fields.text("capability", 128),
    level: fields.optionalText("level"),
    region: decodeOptionalMapping(fields, "region"),
    industry: decodeOptionalMapping(fields, "industry"),
    where: fields.optionalText("where"),
    pick: fields.choice("pick", ["one", "leastLoaded", "nearest"]),
  };
}

function decodeDeadlines(fields: JsonFields): Deadlines {
  const bounds = { min: 1, max: durationMsMax };
  return {
    startMs: fields.optionalNumber("startMs", bounds),
    finishMs: fields.optionalNumber("finishMs", bounds),
    heartbeatMs: fields.optionalNumber("heartbeatMs", bounds),
    totalMs: fields.optionalNumber("totalMs", bounds),
  };
}

function decodeRetry(fields: JsonFields): RetryRule {
  const bounds = { min: 1, max: durationMsMax };
  return {
    max: fields.number("max", { min: 1, max: limits.attemptsMax }),
    initialMs: fields.number("initialMs", bounds),
    factor: fields.number("factor", { min: 1, max: 100 }),
    capMs: fields.number("capMs", bounds),
    jitter: fields.number("jitter", { min: 0, max: 1 }),
    notOn: fields.texts("notOn"),
    rematch: fields.boolean("rematch"),
  };
}

function decodeMembers(fields: JsonFields): FanoutMembers {
  const by = fields.choice("by", ["level", "items"]);
  const max = by === "level" ? limits.fanoutMembersMax : limits.fanoutMembersPerHubMax;
  const membersMax = fields.number("membersMax", { min: 1, max });
  const members: FanoutMembers =
    by === "level"
      ? {
          by,
          scope: decodeMapping(fields.child("scope")),
          level: fields.choice("level", levels),
          membersMax,
        }
      : {
          by,
          items: decodeMapping(fields.child("items")),
          key: fields.optionalText("key"),
          membersMax,
        };
  fields.end();
  return members;
}

function decodeAggregate(fields: JsonFields): AggregateRule {
  return closed(fields, () => ({
    into: fields.children("into", limits.capabilitiesMax).map((item) =>
      closed(item, () => ({
        name: item.text("name", 64),
        reducer: closed(item.child("reducer"), decodeReducer),
      })),
    ),
    emitEveryMs: fields.number("emitEveryMs", { min: 1, max: durationMsMax }),
    quorum: fields.number("quorum", { min: 0, max: 1 }),
    or: fields.optionalText("or"),
    minimum: fields.number("minimum", { min: 0, max: 1 }),
    onShort: fields.choice("onShort", ["fail", "suspend", "partial"]),
    late: fields.choice("late", ["record"]),
    finishMs: fields.number("finishMs", { min: 1, max: durationMsMax }),
  }));
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

function decodeOptionalMapping(fields: JsonFields, key: string): Mapping | undefined {
  const child = fields.optionalChild(key);
  return child === undefined ? undefined : decodeMapping(child);
}

function decodeMapping(fields: JsonFields): Mapping {
  return closed(fields, () => {
    const kind = fields.choice("kind", ["expression", "literal", "list", "fields"]);
    switch (kind) {
      case "expression":
        return { kind, source: fields.text("source") };
      case "literal":
        return { kind, value: fields.value("value") };
      case "list":
        return { kind, items: fields.children("items").map(decodeMapping) };
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
