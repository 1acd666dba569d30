// Step reader: one step of an application.
//
//   R6  A fan-out that could wait for ever is refused: it has a finish deadline of its own or the
//       chain has a total one. The same holds for a service step.

import type { FanoutEach, FanoutMembers, Need, ServiceStep, Step } from "../domain/application.ts";
import { limits } from "../domain/limits.ts";
import { levels } from "../domain/node-record.ts";
import { readAggregate } from "./aggregate-reader.ts";
import { closestName } from "./diagnostic.ts";
import type { ExpressionPlace } from "./expression-check.ts";
import {
  type Fields,
  readChoice,
  readDurationMs,
  readFields,
  readNumber,
  readText,
  requireField,
  textNode,
} from "./field-reader.ts";
import {
  type Reader,
  readCel,
  readDeadlines,
  readMappingField,
  readMatch,
  readRetry,
} from "./step-parts-reader.ts";
import { readTitle } from "./title-reader.ts";
import type { FieldsNode, Problems, SourceNode } from "./yaml-source.ts";

const stepIdPattern = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const stepTypes = ["service", "fanout"] as const;
const laterTypes = ["human", "subflow", "timer", "gate", "signal"];
const commonKeys = ["id", "type", "title", "needs", "when", "onError", "deadline"];
const laterKeys = [
  "compensate",
  "escalate",
  "output",
  "human",
  "subflow",
  "timer",
  "gate",
  "signal",
];

/** A step with the places that the checks of the whole graph point at. */
export interface ReadStep {
  readonly step: Step;
  readonly idAt: number;
  readonly needsAt: ReadonlyMap<string, number>;
}

/** Undefined where nothing more can be said than what is noted already. */
export function readStep(
  reader: Reader,
  node: SourceNode,
  index: number,
  chainTotalMs: number | undefined,
): ReadStep | undefined {
  const { problems } = reader;
  if (node.kind !== "fields") {
    problems.add(node.start, "WRONG_TYPE", `steps[${index}] must be a mapping`, {
      suggestion: "write - id: name, type: service, ...",
    });
    return undefined;
  }
  const named = node.fields.find(({ key }) => key === "id")?.value;
  const id = named?.kind === "scalar" ? String(named.value) : "";
  const where = stepIdPattern.test(id) ? `steps.${id}` : `steps[${index}]`;
  const type = readType(problems, node, where);
  const own = type === "fanout" ? ["fanout", "each", "aggregate"] : ["match", "input", "retry"];
  const other = type === "fanout" ? ["match", "input", "retry"] : ["fanout", "each", "aggregate"];
  if (type === undefined) return undefined;
  const misplaced = node.fields.filter(({ key }) => other.includes(key));
  for (const { key, keyStart } of misplaced) {
    problems.add(keyStart, "UNKNOWN_KEY", `${where} is a ${type} and takes no "${key}"`, {
      suggestion: type === "fanout" ? `move it into ${where}.each` : "write type: fanout",
    });
  }
  const rest = { ...node, fields: node.fields.filter((field) => !misplaced.includes(field)) };
  const fields = readFields(problems, rest, where, {
    known: [...commonKeys, ...own],
    unsupported: laterKeys,
  });
  requireField(problems, fields, "id", "write id: a-name-of-letters");
  readText(problems, fields, "id", {
    pattern: stepIdPattern,
    form: "letters, digits and _, beginning with a letter, so that steps.ID reads it",
  });
  const place: ExpressionPlace = { where, variables: ["input", "steps"], step: id };
  const { needs, needsAt } = readNeeds(problems, fields);
  const shared = {
    id,
    title: readTitle(problems, fields),
    needs,
    when: readCel(reader, fields.get("when"), { ...place, where: `${where}.when` }),
    onError: readOnError(reader, fields, place),
  };
  const step: Step =
    type === "service"
      ? readService(reader, fields, place, shared, chainTotalMs)
      : { ...shared, type, ...readFanout(reader, fields, place, chainTotalMs) };
  return { step, idAt: named?.start ?? node.start, needsAt };
}

function readType(
  problems: Problems,
  node: FieldsNode,
  where: string,
): (typeof stepTypes)[number] | undefined {
  const field = node.fields.find(({ key }) => key === "type");
  if (field === undefined) {
    problems.add(node.start, "MISSING_KEY", `${where} lacks the key "type"`, {
      suggestion: "write type: service or type: fanout",
    });
    return undefined;
  }
  const fields: Fields = { where, start: node.start, get: () => field };
  return readChoice(problems, fields, "type", stepTypes, laterTypes);
}

function readService(
  reader: Reader,
  fields: Fields,
  place: ExpressionPlace,
  shared: Omit<ServiceStep, "type" | "match" | "input" | "deadlines" | "retry">,
  chainTotalMs: number | undefined,
): ServiceStep {
  const deadlines = readDeadlines(reader.problems, fields);
  if (chainTotalMs === undefined && !hasKey(fields.get("deadline")?.value, ["finish", "total"])) {
    const message = `${fields.where} could wait for ever (rule R6)`;
    reader.problems.add(fields.start, "NO_DEADLINE", message, {
      suggestion: "write deadline: { finish: PT1H } or spec.deadline: { total: P1D }",
    });
  }
  return {
    ...shared,
    type: "service",
    match: readMatch(reader, fields, place),
    input: readMappingField(reader, fields, "input", place),
    deadlines,
    retry: readRetry(reader.problems, fields),
  };
}

/** Also true where the value is wrong: that is reported once, by whoever reads it. */
function hasKey(node: SourceNode | undefined, keys: readonly string[]): boolean {
  return node?.kind === "fields" && node.fields.some(({ key }) => keys.includes(key));
}

function readNeeds(
  problems: Problems,
  fields: Fields,
): { readonly needs: readonly Need[]; readonly needsAt: ReadonlyMap<string, number> } {
  const node = fields.get("needs")?.value;
  const needs: Need[] = [];
  const needsAt = new Map<string, number>();
  if (node === undefined) return { needs, needsAt };
  const where = `${fields.where}.needs`;
  if (node.kind !== "list") {
    problems.add(node.start, "WRONG_TYPE", `${where} must be a list`, {
      suggestion: "write needs: [other-step]",
    });
    return { needs, needsAt };
  }
  for (const [index, item] of node.items.entries()) {
    const need = readNeed(problems, item, `${where}[${index}]`);
    if (need === undefined) continue;
    if (needsAt.has(need.step)) {
      problems.add(item.start, "DUPLICATE_NEED", `${where} names "${need.step}" twice`, {
        suggestion: "remove one of the two",
      });
      continue;
    }
    needs.push(need);
    needsAt.set(need.step, item.start);
  }
  return { needs, needsAt };
}

function readNeed(problems: Problems, node: SourceNode, where: string): Need | undefined {
  if (node.kind !== "fields") {
    const step = textNode(problems, node, where)?.value;
    return step === undefined ? undefined : { step, on: "done" };
  }
  const fields = readFields(problems, node, where, { known: ["step", "on"] });
  requireField(problems, fields, "step", "write { step: other, on: failed }");
  const step = readText(problems, fields, "step", { form: "the id of another step" });
  const on = readChoice(problems, fields, "on", ["done", "failed"], ["partial"]) ?? "done";
  return step === undefined ? undefined : { step, on };
}

function readOnError(reader: Reader, parent: Fields, place: ExpressionPlace) {
  const node = parent.get("onError")?.value;
  if (node === undefined) return undefined;
  const fields = readFields(reader.problems, node, `${parent.where}.onError`, {
    known: ["continueWith"],
  });
  requireField(reader.problems, fields, "continueWith", "write onError: { continueWith: {...} }");
  return readMappingField(reader, fields, "continueWith", place);
}

function readFanout(
  reader: Reader,
  fields: Fields,
  place: ExpressionPlace,
  chainTotalMs: number | undefined,
) {
  const { problems } = reader;
  requireField(
    problems,
    fields,
    "fanout",
    "write fanout: { scope: '=input.scope', level: community }",
  );
  requireField(problems, fields, "each", "write each: { match: { capability: name/v1 } }");
  requireField(problems, fields, "aggregate", "write aggregate: { into: { replies: count() } }");
  const members = readMembers(reader, fields, place);
  const finishMs = readFinishMs(problems, fields) ?? chainTotalMs;
  if (finishMs === undefined && fields.get("deadline") === undefined) {
    problems.add(fields.start, "NO_DEADLINE", `${fields.where} could wait for ever (rule R6)`, {
      suggestion: "write deadline: { finish: PT10M } or spec.deadline: { total: P1D }",
    });
  }
  return {
    members,
    each: readEach(reader, fields, place, members.by),
    aggregate: readAggregate(reader, fields, place, finishMs ?? 1),
  };
}

function readFinishMs(problems: Problems, parent: Fields): number | undefined {
  const node = parent.get("deadline")?.value;
  if (node?.kind !== "fields") {
    if (node !== undefined)
      readFields(problems, node, `${parent.where}.deadline`, { known: ["finish"] });
    return undefined;
  }
  const where = `${parent.where}.deadline`;
  const forMembers = ["start", "heartbeat", "total"];
  for (const { key, keyStart } of node.fields.filter(({ key }) => forMembers.includes(key))) {
    problems.add(keyStart, "UNKNOWN_KEY", `${where} of a fan-out takes no "${key}"`, {
      suggestion: `move it into ${parent.where}.each.deadline`,
    });
  }
  const rest = { ...node, fields: node.fields.filter(({ key }) => !forMembers.includes(key)) };
  const fields = readFields(problems, rest, where, {
    known: ["finish"],
    unsupported: ["claim", "calendar"],
  });
  requireField(problems, fields, "finish", "write deadline: { finish: PT10M }");
  return readDurationMs(problems, fields, "finish");
}

function readMembers(reader: Reader, parent: Fields, place: ExpressionPlace): FanoutMembers {
  const { problems } = reader;
  const node = parent.get("fanout")?.value;
  const fields = readFields(problems, node, `${parent.where}.fanout`, {
    known: ["scope", "level", "items", "key", "maxMembers"],
    unsupported: ["where", "topology", "perHub", "grow", "maxConcurrency", "pinned"],
  });
  const inFanout = { ...place, where: fields.where };
  const byItems = fields.get("items") !== undefined;
  const foreign = (byItems ? ["scope", "level"] : ["key"]).filter((key) => fields.get(key));
  for (const key of foreign) {
    problems.add(
      fields.get(key)?.keyStart ?? 0,
      "UNKNOWN_KEY",
      `${fields.where} can't mix "${key}" in`,
      {
        suggestion: "write either { scope, level } or { items, key }",
      },
    );
  }
  const max = byItems ? limits.fanoutMembersPerHubMax : limits.fanoutMembersMax;
  const membersMax =
    readNumber(problems, fields, "maxMembers", { min: 1, max, whole: true }) ?? max;
  const nothing = { kind: "literal", value: null } as const;
  if (byItems) {
    const keyPlace = {
      ...place,
      where: `${fields.where}.key`,
      variables: [...place.variables, "item", "index"],
    };
    return {
      by: "items",
      items: readMappingField(reader, fields, "items", inFanout) ?? nothing,
      key: readCel(reader, fields.get("key"), keyPlace),
      membersMax,
    };
  }
  if (node !== undefined) {
    requireField(problems, fields, "scope", "write scope: '=input.scope', or items: '=input.list'");
    requireField(problems, fields, "level", `write one of ${levels.join(", ")}`);
  }
  return {
    by: "level",
    scope: readMappingField(reader, fields, "scope", inFanout) ?? nothing,
    level: readChoice(problems, fields, "level", levels) ?? levels[0],
    membersMax,
  };
}

function readEach(
  reader: Reader,
  parent: Fields,
  place: ExpressionPlace,
  by: FanoutMembers["by"],
): FanoutEach {
  const { problems } = reader;
  const node = parent.get("each")?.value;
  const fields = readFields(problems, node, `${parent.where}.each`, {
    known: ["type", "match", "input", "deadline", "retry"],
    unsupported: ["human", "feedback", "escalate", "compensate", "output", "subflow"],
  });
  readChoice(problems, fields, "type", ["service"], [...laterTypes, "fanout"]);
  const ofItem = by === "items" ? ["item", "index"] : [];
  const ofMember = by === "level" ? ["member"] : ofItem;
  const matchPlace = { ...place, variables: [...place.variables, ...ofItem] };
  const inputPlace = { ...place, variables: [...place.variables, ...ofMember] };
  const eachFields =
    node === undefined ? { ...fields, get: () => emptyMatch(fields.start) } : fields;
  return {
    match: readMatch(reader, eachFields, matchPlace),
    input: node === undefined ? undefined : readMappingField(reader, fields, "input", inputPlace),
    deadlines: readDeadlines(problems, fields),
    retry: readRetry(problems, fields),
  };
}

/** Stands in for an `each` that is missing, which is noted already. */
function emptyMatch(start: number) {
  const capability = { kind: "scalar", value: "missing", start, end: start } as const;
  const fields = [{ key: "capability", keyStart: start, value: capability }];
  return { key: "match", keyStart: start, value: { kind: "fields", fields, start } as const };
}

/** For sentences about a step that is named wrongly. */
export function nearestStep(name: string, ids: Iterable<string>): string | undefined {
  const near = closestName(name, ids);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}
