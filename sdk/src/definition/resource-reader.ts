// Resource reader: plain JSON as people write it becomes a description, or problems by path.
//
//   R1  A field that is not known is an error: a misspelt one must not be lost without a word.

import {
  type EntryProblem,
  findProblems,
  itemTypes,
  type ResourceDescription,
  resource,
  resourceKinds,
  resourceStates,
  sharingTypes,
  updateCycles,
} from "../catalog/index.ts";
import type { JsonObject, JsonValue } from "../domain/index.ts";
import { closestName } from "./diagnostic.ts";

export type ReadResource =
  | { readonly ok: true; readonly description: ResourceDescription }
  | { readonly ok: false; readonly problems: readonly EntryProblem[] };

/** Reads and checks one resource; whose it will be is not known yet. */
export function readResource(value: JsonValue): ReadResource {
  const reader = new Reader();
  const description = reader.description(reader.object("", value));
  const problems = [...reader.problems];
  if (problems.length === 0) {
    const { visibleUpTo } = description;
    problems.push(...findProblems(description, visibleUpTo));
  }
  return problems.length === 0 ? { ok: true, description } : { ok: false, problems };
}

class Reader {
  readonly problems: EntryProblem[] = [];

  private wrong(path: string, reason: string): void {
    this.problems.push({ path, reason });
  }

  object(path: string, value: JsonValue | undefined): JsonObject {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as JsonObject;
    }
    this.wrong(path, "it must have fields");
    return {};
  }

  /** Reads the fields of an object, and complains about those that nobody asked for. */
  private fields(path: string, value: JsonValue | undefined): Fields {
    return new Fields(path, this.object(path, value), (at, reason) => this.wrong(at, reason));
  }

  description(value: JsonObject): ResourceDescription {
    const top = this.fields("", value);
    const name = top.raw("name");
    const title = this.fields("name", typeof name === "string" ? { zh: name } : (name ?? {}));
    const provider = this.fields("provider", top.raw("provider") ?? {});
    const zh = title.text("zh");
    const en = title.text("en");
    const details = {
      ...this.optional(top, "infrastructure", (it) => this.infrastructure(it)),
      ...this.optional(top, "data", (it) => this.data(it)),
      ...this.optional(top, "component", (it) => this.component(it)),
      ...this.optional(top, "application", (it) => ({
        entryUrl: it.text("entryUrl"),
        version: it.text("version"),
      })),
    };
    const description = resource({
      code: top.text("code"),
      kind: top.choice("kind", resourceKinds),
      name: en === "" ? { zh } : { zh, en },
      provider: { name: provider.text("name"), code: provider.text("code") },
      abstract: top.text("abstract"),
      format: top.text("format"),
      items: this.rows(top, "items", (it) => ({
        name: it.text("name"),
        type: it.choice("type", itemTypes),
        length: it.count("length"),
        sensitive: it.flag("sensitive"),
      })),
      sharing: top.choice("sharing", sharingTypes),
      sharingConditions: top.text("sharingConditions"),
      sharingWay: top.text("sharingWay"),
      open: top.flag("open"),
      opennessConditions: top.text("opennessConditions"),
      updateCycle: top.choice("updateCycle", updateCycles),
      publishedOn: top.text("publishedOn"),
      relatedCodes: top.texts("relatedCodes"),
      visibleUpTo: top.text("visibleUpTo"),
      endpoints: this.rows(top, "endpoints", (it) => ({
        protocol: it.text("protocol"),
        address: it.text("address"),
      })),
      version: top.text("version"),
      state: top.choice("state", resourceStates, "published"),
      ...details,
    });
    for (const fields of [top, title, provider]) fields.refuseOthers();
    return description;
  }

  private optional<Name extends string, Value>(
    parent: Fields,
    name: Name,
    read: (fields: Fields) => Value,
  ): Partial<Record<Name, Value>> {
    const value = parent.raw(name);
    if (value === undefined) return {};
    const fields = this.fields(name, value);
    const details = read(fields);
    fields.refuseOthers();
    return { [name]: details } as Partial<Record<Name, Value>>;
  }

  private rows<Row>(parent: Fields, name: string, read: (fields: Fields) => Row): readonly Row[] {
    return parent.list(name).map(({ path, value }) => {
      const fields = this.fields(path, value);
      const row = read(fields);
      fields.refuseOthers();
      return row;
    });
  }

  private infrastructure(fields: Fields) {
    return {
      units: this.rows(fields, "units", (it) => ({
        type: it.text("type"),
        model: it.text("model"),
        count: it.count("count"),
      })),
      cameras: this.rows(fields, "cameras", (it) => ({
        id: it.text("id"),
        name: it.text("name"),
        longitude: it.number("longitude"),
        latitude: it.number("latitude"),
      })),
    };
  }

  private data(fields: Fields) {
    return {
      tables: this.rows(fields, "tables", (it) => ({
        name: it.text("name"),
        rows: it.count("rows"),
      })),
      files: this.rows(fields, "files", (it) => ({
        name: it.text("name"),
        bytes: it.count("bytes"),
        sha256: it.text("sha256"),
      })),
    };
  }

  private component(fields: Fields) {
    return {
      methods: this.rows(fields, "methods", (it) => ({
        name: it.text("name"),
        inputSchema: it.schema("inputSchema"),
        outputSchema: it.schema("outputSchema"),
      })),
      healthUrl: fields.text("healthUrl"),
    };
  }
}

/** The fields of one object. What is missing reads as empty: the checks say what must be there. */
class Fields {
  private readonly path: string;
  private readonly value: JsonObject;
  private readonly wrong: (path: string, reason: string) => void;
  private readonly known = new Set<string>();

  constructor(path: string, value: JsonObject, wrong: (path: string, reason: string) => void) {
    this.path = path;
    this.value = value;
    this.wrong = wrong;
  }

  private at(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }

  raw(name: string): JsonValue | undefined {
    this.known.add(name);
    const value = Object.hasOwn(this.value, name) ? this.value[name] : undefined;
    return value === null ? undefined : value;
  }

  text(name: string): string {
    const value = this.raw(name);
    if (value === undefined) return "";
    if (typeof value === "string") return value;
    // `version: 2` is a text for people all the same; a code of digits alone may have been rounded.
    if (typeof value === "number" && name === "version") return String(value);
    this.wrong(this.at(name), "it must be a text: put it in quotes");
    return "";
  }

  /** JSON Schema as text, or written out. */
  schema(name: string): string {
    const value = this.raw(name);
    return typeof value === "object" ? JSON.stringify(value) : this.text(name);
  }

  texts(name: string): readonly string[] {
    return this.list(name).map(({ path, value }) => {
      if (typeof value === "string") return value;
      this.wrong(path, "it must be a text: put it in quotes");
      return "";
    });
  }

  flag(name: string): boolean {
    const value = this.raw(name);
    if (value === undefined || typeof value === "boolean") return value ?? false;
    this.wrong(this.at(name), "it must be true or false");
    return false;
  }

  number(name: string): number {
    const value = this.raw(name);
    if (value === undefined || typeof value === "number") return value ?? 0;
    this.wrong(this.at(name), "it must be a number");
    return 0;
  }

  count(name: string): number {
    const value = this.number(name);
    if (!Number.isSafeInteger(value) || value < 0)
      this.wrong(this.at(name), `${value} is no count`);
    return value;
  }

  choice<Choice extends string>(
    name: string,
    choices: readonly Choice[],
    missing?: Choice,
  ): Choice {
    const value = this.raw(name) ?? missing;
    const chosen = choices.find((choice) => choice === value);
    if (chosen !== undefined) return chosen;
    const near = typeof value === "string" ? closestName(value, choices) : undefined;
    const hint = near === undefined ? choices.join(", ") : `${choices.join(", ")}; meant ${near}?`;
    this.wrong(
      this.at(name),
      value === undefined ? `it is missing: ${hint}` : `it must be ${hint}`,
    );
    return choices[0] as Choice;
  }

  list(name: string): readonly { readonly path: string; readonly value: JsonValue }[] {
    const value = this.raw(name) ?? [];
    if (Array.isArray(value)) {
      return value.map((item, index) => ({ path: `${this.at(name)}[${index}]`, value: item }));
    }
    this.wrong(this.at(name), "it must be a list");
    return [];
  }

  refuseOthers(): void {
    for (const name of Object.keys(this.value)) {
      if (this.known.has(name)) continue;
      const near = closestName(name, this.known);
      const hint = near === undefined ? [...this.known].join(", ") : `did you mean ${near}?`;
      this.wrong(this.at(name), `there is no such field (${hint})`);
    }
  }
}
