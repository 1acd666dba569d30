// Config: one value out of flags, environment, a file and defaults.
//
//   C1  A flag wins over the environment, the environment over the file, the file over a default;
//       key by key, not source by source.
//   C2  Whoever reads the value can ask where each key came from.
//   C3  What is wrong is told all at once, each with its place: file:line:column, the name of the
//       variable, or the flag.

import { readFileSync } from "node:fs";
import { closestName } from "../definition/diagnostic.ts";
import { MeshError } from "../domain/index.ts";
import {
  type ConfigKeys,
  environmentName,
  flagName,
  listConfigKeys,
  readConfigText,
} from "./config-keys.ts";
import {
  type ConfigSource,
  type Fields,
  isFields,
  type KeyPath,
  readConfigSource,
} from "./config-source.ts";
import { type ConfigTexts, configTextsIn } from "./config-texts.ts";
import type { Language } from "./language.ts";

/** An issue of a schema; zod's are of this shape. */
export interface ConfigIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly code?: string | undefined;
  /** Of `unrecognized_keys`. */
  readonly keys?: readonly string[] | undefined;
}

/** Anything with `safeParse`, such as a schema of zod. */
export interface ConfigSchema<Value> {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: Value }
    | { readonly success: false; readonly error: { readonly issues: readonly ConfigIssue[] } };
}

export interface ConfigOptions<Value> {
  /** A YAML file; none by default. */
  readonly file?: string | undefined;
  /** The file may be missing. */
  readonly fileOptional?: boolean;
  readonly schema: ConfigSchema<Value>;
  /** `process.env`, as a rule. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By dotted key, such as `listen.grpc`; undefined where a flag was not given. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** Begins the names of variables; `CLOUDBRAIN_` by default. */
  readonly prefix?: string;
  /** Keys, dotted, that a variable NAME_FILE may give as the content of a file. */
  readonly secrets?: readonly string[];
  /** English by default. */
  readonly lang?: Language | undefined;
}

export interface ConfigOrigin {
  readonly source: "flag" | "env" | "file" | "default" | "unset";
  /** `--hub`, `CLOUDBRAIN_HUB`, `config.yaml:3:6`, or the name of the source. */
  readonly place: string;
}

export interface Config<Value> {
  readonly value: Value;
  /** The file that was read, if there was one. */
  readonly file: string | undefined;
  /** Every known key, dotted and sorted. */
  readonly keys: readonly string[];
  /** Where the value of a dotted key came from. */
  origin(path: string): ConfigOrigin;
}

/** Refuses with CONFIG_INVALID; its detail has one line per mistake. */
export function loadConfig<Value>(options: ConfigOptions<Value>): Config<Value> {
  return new ConfigLoader(options).load();
}

class ConfigLoader<Value> {
  private readonly options: ConfigOptions<Value>;
  private readonly texts: ConfigTexts;
  private readonly defaults: Fields;
  private readonly keys: ConfigKeys;
  private readonly source: ConfigSource | undefined;
  private readonly merged: Fields;
  private readonly origins = new Map<string, ConfigOrigin>();
  private readonly mistakes: string[] = [];

  constructor(options: ConfigOptions<Value>) {
    this.options = options;
    this.texts = configTextsIn(options.lang);
    this.defaults = { ...options.defaults };
    this.keys = listConfigKeys(options.schema, this.defaults);
    const { file, fileOptional = false } = options;
    this.source = file === undefined ? undefined : readConfigSource(file, fileOptional, this.texts);
    this.merged = mergeFields(this.defaults, this.source?.value ?? {});
  }

  load(): Config<Value> {
    this.takeEnvironment();
    for (const [path, value] of Object.entries(this.options.flags ?? {})) {
      if (value !== undefined) this.take(path, value, "flag", flagName(path));
    }
    const parsed = this.options.schema.safeParse(this.merged);
    if (!parsed.success) {
      for (const issue of parsed.error.issues) this.mistakes.push(...this.tell(issue));
    }
    if (!parsed.success || this.mistakes.length > 0) {
      throw new MeshError("CONFIG_INVALID", {
        subject: this.source?.file,
        detail: [...new Set(this.mistakes)].sort(comparePlaces).join("\n"),
      });
    }
    const value = parsed.data;
    return {
      value,
      file: this.source?.file,
      keys: [...this.keys.keys()].sort(),
      origin: (path) => this.origin(path, value),
    };
  }

  private takeEnvironment(): void {
    const { env, prefix = "CLOUDBRAIN_", secrets = [] } = this.options;
    for (const [path, kind] of this.keys) {
      const name = environmentName(prefix, path);
      // An empty variable counts as none, as in shells that can't unset one for a command.
      const text = env[name] ?? "";
      const secretFile = secrets.includes(path) ? (env[`${name}_FILE`] ?? "") : "";
      if (text !== "" && secretFile !== "") {
        this.mistakes.push(`${name}: ${this.texts.bothSet(`${name}_FILE`)}`);
      } else if (text !== "") {
        this.take(path, readConfigText(text, kind), "env", name);
      } else if (secretFile !== "") {
        const secret = this.readSecret(secretFile, `${name}_FILE`);
        if (secret !== undefined) this.take(path, secret, "env", `${name}_FILE`);
      }
    }
  }

  private readSecret(file: string, name: string): string | undefined {
    try {
      return readFileSync(file, "utf8").trimEnd();
    } catch {
      this.mistakes.push(`${name}: ${this.texts.secretMissing(file)}`);
      return undefined;
    }
  }

  private take(path: string, value: unknown, source: "flag" | "env", place: string): void {
    const kind = this.keys.get(path) ?? "other";
    const read = typeof value === "string" ? readConfigText(value, kind) : value;
    putIn(this.merged, path.split("."), read);
    this.origins.set(path, { source, place });
  }

  private origin(path: string, value: Value): ConfigOrigin {
    const taken = this.origins.get(path);
    if (taken !== undefined) return taken;
    const keys = path.split(".");
    if (this.source?.has(keys) === true) return { source: "file", place: this.source.place(keys) };
    const source = getIn(value, keys) === undefined ? "unset" : "default";
    return { source, place: source };
  }

  /** One line per mistake of the schema, beginning with the place. */
  private tell(issue: ConfigIssue): string[] {
    if (issue.code === "unrecognized_keys" && issue.keys !== undefined) {
      return issue.keys.map((key) => this.tellUnknown([...issue.path, key]));
    }
    const path = issue.path.map(String).join(".");
    const what = path === "" ? "" : `${path}: `;
    return [`${this.placeOf(issue.path)}: ${what}${issue.message}`];
  }

  private tellUnknown(path: KeyPath): string {
    const place = this.source?.placeOfKey(path) ?? this.placeOf(path);
    const before = path.slice(0, -1).map(String).join(".");
    const siblings = [...this.keys.keys()]
      .filter((key) => before === "" || key.startsWith(`${before}.`))
      .map((key) => key.slice(before === "" ? 0 : before.length + 1).split(".")[0] ?? "");
    const near = closestName(String(path.at(-1)), new Set(siblings));
    const hint = near === undefined ? "" : this.texts.didYouMean(near);
    return `${place}: ${path.map(String).join(".")}: ${this.texts.unknownKey}${hint}`;
  }

  private placeOf(path: KeyPath): string {
    const dotted = path.map(String);
    for (let length = dotted.length; length > 0; length -= 1) {
      const origin = this.origins.get(dotted.slice(0, length).join("."));
      if (origin !== undefined) return origin.place;
    }
    return this.source?.place(path) ?? "configuration";
  }
}

/** In the order of the file: line 9 before line 10. */
function comparePlaces(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

/** A copy of `below` with what `above` says laid over it; lists are replaced as a whole. */
function mergeFields(below: Fields, above: Fields): Fields {
  const merged: Fields = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const under = merged[key];
    if (isFields(value)) setOwn(merged, key, mergeFields(isFields(under) ? under : {}, value));
    // A key without a value is as if it were not there.
    else if (value !== null) setOwn(merged, key, value);
  }
  return merged;
}

function putIn(fields: Fields, keys: readonly string[], value: unknown): void {
  const [key, ...rest] = keys;
  if (key === undefined) return;
  if (rest.length === 0) {
    setOwn(fields, key, value);
    return;
  }
  const under = fields[key];
  const inner = isFields(under) ? { ...under } : {};
  putIn(inner, rest, value);
  setOwn(fields, key, inner);
}

/** A key `__proto__` of a file is a key like others, for the schema to refuse. */
function setOwn(fields: Fields, key: string, value: unknown): void {
  Object.defineProperty(fields, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

function getIn(value: unknown, keys: readonly string[]): unknown {
  let at = value;
  for (const key of keys) {
    if (!isFields(at)) return undefined;
    at = at[key];
  }
  return at;
}
