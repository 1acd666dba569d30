// Application diff: what differs between two definitions, by path, as their canonical JSON has it.
//
//   D1  Steps, reducers and fields of a mapping are known by id or name: to put one in front of
//       others changes nothing of those.
//   D2  Equal hashes, no difference; other hashes, at least one.

import type { Application } from "../domain/application.ts";
import { canonicalJson, compareText, isJsonObject, type JsonValue } from "../domain/value.ts";
import { encodeApplication } from "./application-json.ts";

export interface ApplicationDifference {
  readonly kind: "added" | "removed" | "changed";
  /** Such as `steps.report.deadlines.finishMs`. */
  readonly path: string;
  /** Undefined where it was added. */
  readonly before: JsonValue | undefined;
  /** Undefined where it was removed. */
  readonly after: JsonValue | undefined;
}

/** By path. */
export function diffApplications(
  before: Application,
  after: Application,
): readonly ApplicationDifference[] {
  const found: ApplicationDifference[] = [];
  const { hash: _before, ...left } = encodeApplication(before) as {
    readonly [key: string]: JsonValue;
  };
  const { hash: _after, ...right } = encodeApplication(after) as {
    readonly [key: string]: JsonValue;
  };
  compare(found, "", left, right);
  return found.sort((a, b) => compareText(a.path, b.path));
}

function compare(
  found: ApplicationDifference[],
  path: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
): void {
  if (before === undefined || after === undefined) {
    if (before === after) return;
    found.push({ kind: before === undefined ? "added" : "removed", path, before, after });
    return;
  }
  const left = fieldsOf(before);
  const right = fieldsOf(after);
  if (left !== undefined && right !== undefined) {
    for (const key of new Set([...left.keys(), ...right.keys()])) {
      compare(found, path === "" ? key : `${path}.${key}`, left.get(key), right.get(key));
    }
    compareOrder(found, path, left, right);
    return;
  }
  if (canonicalJson(before) !== canonicalJson(after)) {
    found.push({ kind: "changed", path, before, after });
  }
}

/** What both have, in another order: that is a difference of its own. */
function compareOrder(
  found: ApplicationDifference[],
  path: string,
  left: ReadonlyMap<string, JsonValue>,
  right: ReadonlyMap<string, JsonValue>,
): void {
  const before = [...left.keys()].filter((key) => right.has(key));
  const after = [...right.keys()].filter((key) => left.has(key));
  if (before.join("\n") === after.join("\n")) return;
  found.push({ kind: "changed", path: `${path}[order]`, before, after });
}

/** Fields of an object sorted by name, entries of a list of named things by name, or undefined. */
function fieldsOf(value: JsonValue): ReadonlyMap<string, JsonValue> | undefined {
  if (isJsonObject(value)) {
    return new Map(Object.entries(value).sort(([a], [b]) => compareText(a, b)));
  }
  if (!Array.isArray(value)) return undefined;
  const entries = new Map<string, JsonValue>();
  for (const item of value as readonly JsonValue[]) {
    const name = isJsonObject(item) ? (item["id"] ?? item["name"]) : undefined;
    if (typeof name !== "string" || entries.has(name)) return undefined;
    entries.set(name, item);
  }
  return entries.size === 0 ? undefined : entries;
}
