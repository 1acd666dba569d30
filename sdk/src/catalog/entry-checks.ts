// Entry checks: whether a description is fit to be published, field by field.
//
//   E1  Every problem is told, with the path of its field and what to do; the first one leads.
//   E2  Text that people read has no control characters and no bidirectional overrides: a name that
//       shows as another one is a trap.
//   E3  What is not said is not guessed: a conditional sharing without conditions is refused.

import { isWithin, limits, MeshError, parseDay } from "../domain/index.ts";
import type { CatalogEntry, ResourceDescription, ResourceKind } from "./entry.ts";
import { isCreditCode, isResourceCode } from "./resource-code.ts";

export interface EntryProblem {
  /** Such as `items[3].name`. */
  readonly path: string;
  readonly reason: string;
}

/** Longest texts, in characters, and longest lists. */
export const entryBounds = {
  name: 200,
  abstract: 2_000,
  format: 100,
  conditions: 1_000,
  way: 200,
  word: 100,
  endpoint: 1_000,
  schema: 20_000,
  version: 64,
  items: 500,
  relatedCodes: 100,
  endpoints: 20,
  units: 100,
  cameras: 1_000,
  tables: 200,
  files: 200,
  methods: 100,
} as const;

/** Control characters but for line feed and tab, and what changes the direction of text. */
const unsafe = /[^\P{Cc}\n\t]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
/** A path, or a name that another system would take for one. */
const unsafeFile = /[/\\]|^\.{1,2}$/;

class Checks {
  readonly problems: EntryProblem[] = [];

  add(path: string, reason: string): void {
    // A list of a thousand wrong rows is told by its first ones.
    if (this.problems.length < problemsMax) this.problems.push({ path, reason });
  }

  text(path: string, text: string, charsMax: number, isNeeded = false): void {
    if (isNeeded && text.trim() === "") this.add(path, "it is missing");
    else if (text.length > charsMax) {
      this.add(path, `it has ${text.length} characters, at most ${charsMax} are allowed`);
    } else if (unsafe.test(text)) this.add(path, "it has control or direction characters");
  }

  list<Item>(
    path: string,
    items: readonly Item[],
    max: number,
    check: (item: Item, at: string) => void,
  ): void {
    if (items.length > max) this.add(path, `it has ${items.length} rows, at most ${max} fit`);
    for (const [index, item] of items.slice(0, max).entries()) check(item, `${path}[${index}]`);
  }

  unique(path: string, names: readonly string[], field: string): void {
    const seen = new Set<string>();
    names.forEach((name, index) => {
      if (seen.has(name)) this.add(`${path}[${index}]${field}`, `"${name}" stands there twice`);
      seen.add(name);
    });
  }

  count(path: string, value: number): void {
    if (!(Number.isSafeInteger(value) && value >= 0)) this.add(path, `${value} is no count`);
  }
}

const problemsMax = 50;

/** Empty for a sound description. `owner` is whose it would be. */
export function findProblems(entry: ResourceDescription, owner: string): readonly EntryProblem[] {
  const checks = new Checks();
  checkHeading(checks, entry);
  checkSharing(checks, entry);
  checkLists(checks, entry);
  checkVisibility(checks, entry, owner);
  checkDetails(checks, entry);
  return checks.problems;
}

function checkHeading(checks: Checks, entry: ResourceDescription): void {
  if (!isResourceCode(entry.code)) {
    checks.add("code", "it must be 类1 项2 目3 细目0-14 digits, /, and 1 to 10 digits");
  }
  checks.text("name.zh", entry.name.zh, entryBounds.name, true);
  checks.text("name.en", entry.name.en ?? "", entryBounds.name);
  checks.text("provider.name", entry.provider.name, entryBounds.name, true);
  if (!isCreditCode(entry.provider.code)) {
    checks.add("provider.code", "it is no unified social credit code: its check digit tells");
  }
  checks.text("abstract", entry.abstract, entryBounds.abstract, true);
  checks.text("format", entry.format, entryBounds.format);
  checks.text("version", entry.version, entryBounds.version);
  if (parseDay(entry.publishedOn) === undefined) {
    checks.add("publishedOn", `"${entry.publishedOn.slice(0, 20)}" is no date YYYY-MM-DD`);
  }
}

function checkSharing(checks: Checks, entry: ResourceDescription): void {
  const { sharing, sharingConditions, open, opennessConditions } = entry;
  const isConditioned = sharing !== "unconditional";
  checks.text("sharingConditions", sharingConditions, entryBounds.conditions, isConditioned);
  if (!isConditioned && sharingConditions !== "") {
    checks.add("sharingConditions", "unconditional sharing has none");
  }
  checks.text("sharingWay", entry.sharingWay, entryBounds.way, sharing !== "notShared");
  checks.text("opennessConditions", opennessConditions, entryBounds.conditions);
  if (open && sharing === "notShared") checks.add("open", "what is not shared can't be open");
}

function checkLists(checks: Checks, entry: ResourceDescription): void {
  checks.list("items", entry.items, entryBounds.items, (item, at) => {
    checks.text(`${at}.name`, item.name, entryBounds.name, true);
    checks.count(`${at}.length`, item.length);
  });
  checks.unique("items", names(entry.items), ".name");
  checks.list("relatedCodes", entry.relatedCodes, entryBounds.relatedCodes, (code, at) => {
    if (!isResourceCode(code)) checks.add(at, "it is no code of a resource");
    else if (code === entry.code) checks.add(at, "it is the resource itself");
  });
  checks.unique("relatedCodes", entry.relatedCodes, "");
  checks.list("endpoints", entry.endpoints, entryBounds.endpoints, (endpoint, at) => {
    if (!/^[a-z][a-z0-9+.-]{0,31}$/.test(endpoint.protocol)) {
      checks.add(`${at}.protocol`, "it is no protocol, such as https or grpc");
    }
    checks.text(`${at}.address`, endpoint.address, entryBounds.endpoint, true);
    // A directory is read by many.
    if (/\/\/[^/?#]*@/.test(endpoint.address)) {
      checks.add(`${at}.address`, "it holds a user or a password");
    }
  });
}

function checkVisibility(checks: Checks, { visibleUpTo }: ResourceDescription, owner: string) {
  if (visibleUpTo !== "" && !isWithin(owner, visibleUpTo)) {
    checks.add("visibleUpTo", `it must be ${owner} or an address above it`);
  }
}

function checkDetails(checks: Checks, entry: ResourceDescription): void {
  for (const kind of ["infrastructure", "data", "component", "application"] as const) {
    if (entry[kind] !== undefined && entry.kind !== kind) {
      checks.add(kind, `a resource of kind ${entry.kind} has none`);
    }
  }
  detailChecks[entry.kind](checks, entry);
}

type DetailCheck = (checks: Checks, entry: ResourceDescription) => void;

const detailChecks: Readonly<Record<ResourceKind, DetailCheck>> = {
  infrastructure: (checks, { infrastructure }) => {
    if (infrastructure === undefined) return;
    const { units, cameras } = infrastructure;
    checks.list("infrastructure.units", units, entryBounds.units, (unit, at) => {
      checks.text(`${at}.type`, unit.type, entryBounds.word, true);
      checks.text(`${at}.model`, unit.model, entryBounds.name);
      checks.count(`${at}.count`, unit.count);
    });
    checks.list("infrastructure.cameras", cameras, entryBounds.cameras, (camera, at) => {
      checks.text(`${at}.id`, camera.id, entryBounds.word, true);
      checks.text(`${at}.name`, camera.name, entryBounds.name);
      if (!(Math.abs(camera.longitude) <= 180)) checks.add(`${at}.longitude`, "it is no longitude");
      if (!(Math.abs(camera.latitude) <= 90)) checks.add(`${at}.latitude`, "it is no latitude");
    });
    const ids = cameras.map(({ id }) => id);
    checks.unique("infrastructure.cameras", ids, ".id");
  },
  data: (checks, { data }) => {
    if (data === undefined) return;
    checks.list("data.tables", data.tables, entryBounds.tables, (table, at) => {
      checks.text(`${at}.name`, table.name, entryBounds.name, true);
      checks.count(`${at}.rows`, table.rows);
    });
    checks.unique("data.tables", names(data.tables), ".name");
    checks.list("data.files", data.files, entryBounds.files, (file, at) => {
      checks.text(`${at}.name`, file.name, entryBounds.name, true);
      if (unsafeFile.test(file.name)) checks.add(`${at}.name`, "a file is named without a path");
      checks.count(`${at}.bytes`, file.bytes);
      if (!/^(?:[0-9a-f]{64})?$/.test(file.sha256)) {
        checks.add(`${at}.sha256`, "it must be 64 digits of lower-case hex, or empty");
      }
    });
    checks.unique("data.files", names(data.files), ".name");
  },
  component: (checks, { component }) => {
    if (component === undefined) return;
    checks.list("component.methods", component.methods, entryBounds.methods, (method, at) => {
      checks.text(`${at}.name`, method.name, entryBounds.name, true);
      checkSchemaText(checks, `${at}.inputSchema`, method.inputSchema);
      checkSchemaText(checks, `${at}.outputSchema`, method.outputSchema);
    });
    checks.unique("component.methods", names(component.methods), ".name");
    if (component.healthUrl !== "") checkUrl(checks, "component.healthUrl", component.healthUrl);
  },
  application: (checks, { application }) => {
    if (application === undefined) {
      checks.add("application", "an application has an entry: give entryUrl and version");
      return;
    }
    checkUrl(checks, "application.entryUrl", application.entryUrl);
    checks.text("application.version", application.version, entryBounds.version, true);
  },
};

function names(rows: readonly { readonly name: string }[]): readonly string[] {
  return rows.map(({ name }) => name);
}

function checkSchemaText(checks: Checks, path: string, text: string): void {
  checks.text(path, text, entryBounds.schema);
  if (text === "" || text.length > entryBounds.schema) return;
  try {
    const schema: unknown = JSON.parse(text);
    if (typeof schema !== "object" || schema === null) checks.add(path, "it is no JSON Schema");
  } catch {
    checks.add(path, "it is no JSON");
  }
}

function checkUrl(checks: Checks, path: string, text: string): void {
  checks.text(path, text, entryBounds.endpoint, true);
  if (!/^https?:\/\/[^\s/?#@]+(?:[/?#]\S*)?$/.test(text)) {
    checks.add(path, "it must be http:// or https:// without a user");
  }
}

const factsMax = 16;

/** Refuses with RESOURCE_INVALID, each wrong field a fact. */
export function refuseProblems(code: string, problems: readonly EntryProblem[]): never {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  throw new MeshError("RESOURCE_INVALID", {
    subject: `${code.slice(0, 40)} ${first?.path ?? ""}`.trim(),
    detail: `${first?.path}: ${first?.reason}${more}`,
    facts: Object.fromEntries(problems.slice(0, factsMax).map((it) => [it.path, it.reason])),
  });
}

/** Refuses with RESOURCE_INVALID. */
export function assertSound<Entry extends CatalogEntry | ResourceDescription>(
  entry: Entry,
  owner: string,
): Entry {
  const problems = findProblems(entry, owner);
  if (problems.length > 0) refuseProblems(entry.code, problems);
  return entry;
}

/** Refuses with PAYLOAD_TOO_LARGE what no hub would take. */
export function assertSize(code: string, bytes: Uint8Array): void {
  if (bytes.length <= limits.catalogEntryBytesMax) return;
  throw new MeshError("PAYLOAD_TOO_LARGE", {
    subject: code,
    detail: `the entry has ${bytes.length} bytes, at most ${limits.catalogEntryBytesMax} are allowed`,
  });
}
