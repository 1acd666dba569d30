// Application diff: what has changed between two definitions, as data that a person can read.
//
//   D1  Equal content gives no change, whatever the version says.
//   D2  Steps, policies, reducers and fields are compared by name, so that a new one in the middle
//       is one change and not many. Other lists are compared as a whole.
//   D3  Running chains are never concerned: a chain keeps the version that it started with (P3 of
//       domain/application.ts).

import type { Application, ApplicationIdentity, Mapping } from "../domain/application.ts";
import {
  canonicalJson,
  compareText,
  isJsonObject,
  type JsonObject,
  type JsonValue,
} from "../domain/value.ts";
import { withoutUndefined } from "./hash.ts";

export interface ApplicationChange {
  /** Dots between names, such as `steps.bureau.deadlines.finishMs`. */
  readonly path: string;
  readonly kind: "added" | "removed" | "changed" | "reordered";
  /** As JSON, an expression as a text that begins with `=`; undefined where there was nothing. */
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
}

export interface ApplicationDiff {
  readonly before: ApplicationIdentity;
  readonly after: ApplicationIdentity;
  /** In the order of the definition after it, what is gone at the place where it was looked for. */
  readonly changes: readonly ApplicationChange[];
  /** Never: they keep their version. */
  readonly concernsRunningChains: false;
}

export function diffApplications(before: Application, after: Application): ApplicationDiff {
  const changes: ApplicationChange[] = [];
  compare("", comparableOf(before), comparableOf(after), changes);
  compareOrder(before, after, changes);
  return {
    before: identityOf(before),
    after: identityOf(after),
    changes,
    concernsRunningChains: false,
  };
}

function identityOf({ id, version, hash }: Application): ApplicationIdentity {
  return { id, version, hash };
}

/** Everything but version and hash, which differ by their nature. */
function comparableOf(application: Application): JsonValue {
  const { version: _version, hash: _hash, ...content } = application;
  return readable(withoutUndefined(content));
}

/** Lists whose items are told apart by a name, and the field that holds it. */
const nameFields: Readonly<Record<string, string>> = {
  steps: "id",
  needs: "step",
  into: "name",
  policies: "name",
};
/** JSON Schemas are compared as they are: their fields mean something else. */
const schemaFields = ["inputSchema", "form", "schema"];

/** Mappings as they are written, and lists of named things by their names. */
function readable(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(readable);
  if (!isJsonObject(value)) return value;
  if (isMapping(value)) return writtenMapping(value as unknown as Mapping);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const nameField = nameFields[key];
      if (schemaFields.includes(key)) return [key, item];
      if (nameField === undefined || !Array.isArray(item)) return [key, readable(item)];
      return [key, byName(item as readonly JsonValue[], nameField)];
    }),
  );
}

function byName(items: readonly JsonValue[], nameField: string): JsonValue {
  return Object.fromEntries(
    items.filter(isJsonObject).map((item) => {
      const { [nameField]: name, ...rest } = item;
      return [String(name), readable(rest)];
    }),
  );
}

const mappingKinds: Readonly<Record<string, string>> = {
  expression: "source",
  literal: "value",
  list: "items",
  fields: "fields",
};

function isMapping(value: JsonObject): boolean {
  const part = mappingKinds[String(value["kind"])];
  return part !== undefined && Object.hasOwn(value, part) && Object.keys(value).length === 2;
}

function writtenMapping(mapping: Mapping): JsonValue {
  switch (mapping.kind) {
    case "expression":
      return `=${mapping.source}`;
    case "literal":
      return mapping.value;
    case "list":
      return mapping.items.map(writtenMapping);
    case "fields":
      return Object.fromEntries(
        mapping.fields.map((field) => [field.name, writtenMapping(field.mapping)]),
      );
  }
}

function compare(
  path: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  changes: ApplicationChange[],
): void {
  if (before === undefined && after === undefined) return;
  if (before === undefined) changes.push({ path, kind: "added", before, after });
  else if (after === undefined) changes.push({ path, kind: "removed", before, after });
  else if (isJsonObject(before) && isJsonObject(after)) {
    const names = new Set([...Object.keys(after), ...Object.keys(before)]);
    for (const name of names) {
      compare(path === "" ? name : `${path}.${name}`, before[name], after[name], changes);
    }
  } else if (canonicalJson(before) !== canonicalJson(after)) {
    changes.push({ path, kind: "changed", before, after });
  }
}

/** Steps that both have may stand in another order, which changes the hash and nothing else. */
function compareOrder(before: Application, after: Application, changes: ApplicationChange[]): void {
  const idsOf = ({ steps }: Application, other: Application): readonly string[] =>
    steps.map(({ id }) => id).filter((id) => other.steps.some((step) => step.id === id));
  const [ofBefore, ofAfter] = [idsOf(before, after), idsOf(after, before)];
  if (compareText(ofBefore.join(), ofAfter.join()) === 0) return;
  changes.push({ path: "steps", kind: "reordered", before: ofBefore, after: ofAfter });
}
