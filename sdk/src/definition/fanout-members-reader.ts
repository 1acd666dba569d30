// Fan-out members reader: who or what the members are: a level below a scope, the items of a list,
// or every node that matches.
//
//   R3  A list grows only with the partials of one other fan-out, by key, and closes when that one
//       is done; so it grows within a bound and ends.

import type { FanoutMembers, Mapping, Need } from "../domain/application.ts";
import { limits } from "../domain/limits.ts";
import { levels } from "../domain/node-record.ts";
import { examineSource, parseSource } from "./cel-source.ts";
import type { ExpressionPlace } from "./expression-check.ts";
import {
  type Fields,
  readChoice,
  readFields,
  readNumber,
  readText,
  requireField,
} from "./field-reader.ts";
import { presentFields } from "./present-fields.ts";
import { type Reader, readCel, readMappingField } from "./reader.ts";

const nothing: Mapping = { kind: "literal", value: null };
const byItemsOnly = ["key", "grow", "maxConcurrency"];
const refused = {
  where: "move it into each.match.where, over node",
  topology: "remove it: members are pinned when the step starts",
  pinned: "remove it: members are pinned when the step starts",
  perHub: "remove it: a link's credits bound what a hub hands out",
};

export interface MembersContext {
  readonly needs: readonly Need[];
  /** Whether `each.match` says `pick: all`. */
  readonly picksAll: boolean;
}

export function readMembers(
  reader: Reader,
  parent: Fields,
  place: ExpressionPlace,
  context: MembersContext,
): FanoutMembers {
  const { problems } = reader;
  const node = parent.get("fanout")?.value;
  const fields = readFields(problems, node, `${parent.where}.fanout`, {
    known: ["scope", "level", "items", "maxMembers", ...byItemsOnly],
    refused,
  });
  const has = (key: string): boolean => fields.get(key) !== undefined;
  if (has("items")) {
    refuseMixed(reader, fields, ["scope", "level"]);
    return readItems(reader, fields, place, context);
  }
  refuseMixed(reader, fields, byItemsOnly);
  if (context.picksAll && !has("scope") && !has("level")) {
    return { by: "match", membersMax: readMax(reader, fields, limits.fanoutMembersPerHubMax) };
  }
  if (node?.kind === "fields") {
    const suggestion = "write scope: '=input.scope', items: '=input.list' or each.match.pick: all";
    requireField(problems, fields, "scope", suggestion);
    requireField(problems, fields, "level", `write one of ${levels.join(", ")}`);
  }
  return {
    by: "level",
    scope: readMappingField(reader, fields, "scope", { ...place, expects: "text" }) ?? nothing,
    level: readChoice(problems, fields, "level", levels) ?? levels[0],
    membersMax: readMax(reader, fields, limits.fanoutMembersMax),
  };
}

function refuseMixed({ problems }: Reader, fields: Fields, keys: readonly string[]): void {
  for (const key of keys) {
    const field = fields.get(key);
    if (field === undefined) continue;
    problems.add(field.keyStart, "UNKNOWN_KEY", `${fields.where} can't mix "${key}" in`, {
      suggestion: "write either { scope, level } or { items, key }",
    });
  }
}

function readMax({ problems }: Reader, fields: Fields, max: number): number {
  return readNumber(problems, fields, "maxMembers", { min: 1, max, whole: true }) ?? max;
}

function readItems(
  reader: Reader,
  fields: Fields,
  place: ExpressionPlace,
  { needs }: MembersContext,
): FanoutMembers {
  const { problems } = reader;
  const membersMax = readMax(reader, fields, limits.fanoutMembersPerHubMax);
  const items = readMappingField(reader, fields, "items", { ...place, expects: "list" }) ?? nothing;
  checkItemCount(reader, fields, membersMax);
  const concurrencyMax = readNumber(problems, fields, "maxConcurrency", {
    min: 1,
    max: membersMax,
    whole: true,
  });
  return {
    by: "items",
    items,
    key: readCel(reader, fields.get("key"), {
      ...place,
      where: `${fields.where}.key`,
      variables: [...place.variables, "item", "index"],
      expects: "scalar",
    }),
    membersMax,
    ...presentFields({ concurrencyMax, growsWith: readGrowth(reader, fields, place, needs) }),
  };
}

function checkItemCount({ problems }: Reader, fields: Fields, membersMax: number): void {
  const node = fields.get("items")?.value;
  if (node?.kind !== "list" || node.items.length <= membersMax) return;
  const message = `${fields.where}.items holds ${node.items.length} items`;
  problems.add(node.items[membersMax]?.start ?? node.start, "TOO_MANY", message, {
    suggestion: `write at most the ${membersMax} of maxMembers`,
  });
}

const growForm = "write grow: { on: STEP.partial, closeOn: STEP.done }";

/** Id of the fan-out that the list grows with. */
function readGrowth(
  reader: Reader,
  parent: Fields,
  place: ExpressionPlace,
  needs: readonly Need[],
): string | undefined {
  const { problems } = reader;
  const node = parent.get("grow")?.value;
  if (node === undefined) return undefined;
  const fields = readFields(problems, node, `${parent.where}.grow`, { known: ["on", "closeOn"] });
  requireField(problems, fields, "on", growForm);
  if (fields.get("closeOn") === undefined) {
    const message = `${fields.where} never ends: it lacks the key "closeOn" (rule R6)`;
    problems.add(fields.start, "NEVER_CLOSES", message, { suggestion: growForm });
  }
  requireField(problems, parent, "key", "write key: item, so that an item is added once");
  const source = readPart(reader, fields, "on", "partial");
  const end = readPart(reader, fields, "closeOn", "done");
  if (source === undefined) return undefined;
  if (end !== undefined && end !== source) {
    const at = fields.get("closeOn")?.value.start ?? fields.start;
    problems.add(at, "NEVER_CLOSES", `${fields.where} grows with "${source}", not with "${end}"`, {
      suggestion: `write closeOn: ${source}.done`,
    });
  }
  checkSource(reader, fields, place, { source, needs });
  return source;
}

/** `alert` of `alert.partial`. */
function readPart(
  { problems }: Reader,
  fields: Fields,
  key: "on" | "closeOn",
  state: "partial" | "done",
): string | undefined {
  const text = readText(problems, fields, key, { form: `the id of a fan-out and .${state}` });
  if (text === undefined) return undefined;
  const [id = "", named, ...rest] = text.split(".");
  if (id !== "" && named === state && rest.length === 0) return id;
  const at = fields.get(key)?.value.start ?? fields.start;
  problems.add(
    at,
    key === "closeOn" ? "NEVER_CLOSES" : "WRONG_VALUE",
    `${fields.where}.${key} can't be "${text}"`,
    {
      suggestion: `write ${id === "" ? "STEP" : id}.${state}`,
    },
  );
  return undefined;
}

function checkSource(
  reader: Reader,
  fields: Fields,
  { step: own = "" }: ExpressionPlace,
  { source, needs }: { readonly source: string; readonly needs: readonly Need[] },
): void {
  const { problems } = reader;
  const at = fields.get("on")?.value.start ?? fields.start;
  const need = needs.find(({ step }) => step === source);
  reader.afterwards.push(({ steps, ids }) => {
    const step = steps.get(source);
    if (step === undefined && ids.has(source)) return;
    if (source === own || step === undefined || step.type !== "fanout") {
      const what = source === own ? "itself" : step === undefined ? "no step" : `a ${step.type}`;
      problems.add(at, "GROW_SOURCE", `${fields.where}: "${source}" is ${what}`, {
        suggestion: "name another fan-out, whose partial results add items",
      });
      return;
    }
    if (need?.on !== "partial") {
      const why = need === undefined ? "does not need it" : "starts only after its end";
      problems.add(at, "GROW_SOURCE", `steps.${own} grows with "${source}" but ${why}`, {
        suggestion: `write needs: [{ step: ${source}, on: partial }]`,
      });
    }
    const grown = steps.get(own);
    const items =
      grown?.type === "fanout" && grown.members.by === "items" ? grown.members.items : undefined;
    if (items !== undefined && !readsStep(items, source)) {
      problems.add(at, "GROW_SOURCE", `${fields.where}: the items do not read steps.${source}`, {
        suggestion: `write items: '=steps.${source}.agg.NAME', or remove grow`,
      });
    }
  });
}

function readsStep(mapping: Mapping, id: string): boolean {
  switch (mapping.kind) {
    case "literal":
      return false;
    case "expression":
      return readsIn(mapping.source, id);
    case "list":
      return mapping.items.some((item) => readsStep(item, id));
    case "fields":
      return mapping.fields.some((field) => readsStep(field.mapping, id));
  }
}

function readsIn(source: string, id: string): boolean {
  const parsed = parseSource(source);
  // What can't be read is reported as that.
  if (!parsed.ok) return true;
  const { readings } = examineSource(parsed.parsed);
  return readings.some(({ name, path }) => name === "steps" && path[0] === id);
}
