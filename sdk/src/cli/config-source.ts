// Config source: a YAML file with the place of every key, and what a schema says of its keys.

import { readFileSync } from "node:fs";
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import { MeshError } from "../domain/index.ts";
import type { ConfigTexts } from "./config-texts.ts";

/** A larger file is not a configuration. */
const fileBytesMax = 1024 * 1024;

export type KeyPath = readonly PropertyKey[];
export type Fields = Record<string, unknown>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A file of configuration that has been read. */
export class ConfigSource {
  readonly file: string;
  readonly value: Fields;
  private readonly document: Document;
  private readonly lines: LineCounter;

  constructor(file: string, value: Fields, document: Document, lines: LineCounter) {
    this.file = file;
    this.value = value;
    this.document = document;
    this.lines = lines;
  }

  has(path: KeyPath): boolean {
    return this.document.hasIn(path);
  }

  /** `file:line:column` of the value at `path`, or of the nearest thing around it. */
  place(path: KeyPath): string {
    for (let length = path.length; length > 0; length -= 1) {
      const node = this.document.getIn(path.slice(0, length), true);
      const start = isNode(node) ? node.range?.[0] : undefined;
      if (start !== undefined) return this.placeOf(start);
    }
    return this.placeOf(0);
  }

  /** The place of the key itself, not of its value. */
  placeOfKey(path: KeyPath): string {
    const parent =
      path.length === 1 ? this.document.contents : this.document.getIn(path.slice(0, -1), true);
    const key = String(path.at(-1));
    if (isMap(parent)) {
      for (const pair of parent.items) {
        if (!isScalar(pair.key) || String(pair.key.value) !== key) continue;
        const start = pair.key.range?.[0];
        if (start !== undefined) return this.placeOf(start);
      }
    }
    return this.place(path);
  }

  private placeOf(offset: number): string {
    return placeIn(this.file, this.lines, offset);
  }
}

function placeIn(file: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`;
}

/**
 * Reads and parses; undefined when the file is not there and need not be. Refuses with
 * CONFIG_INVALID, one `file:line:column: reason` per line.
 */
export function readConfigSource(
  file: string,
  isOptional: boolean,
  texts: ConfigTexts,
): ConfigSource | undefined {
  const text = readText(file, isOptional, texts);
  if (text === undefined) return undefined;
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    schema: "core",
    uniqueKeys: true,
  });
  if (document.errors.length > 0) {
    const told = document.errors.map(({ pos, message }) => {
      const [first = ""] = message.split("\n");
      return `${placeIn(file, lines, pos[0])}: ${first}`;
    });
    throw new MeshError("CONFIG_INVALID", { subject: file, detail: told.join("\n") });
  }
  const value = plainOf(document, file, texts);
  return new ConfigSource(file, value, document, lines);
}

function readText(file: string, isOptional: boolean, texts: ConfigTexts): string | undefined {
  try {
    const bytes = readFileSync(file);
    if (bytes.length <= fileBytesMax) return bytes.toString("utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (isOptional && code === "ENOENT") return undefined;
    const why = code === "ENOENT" ? texts.missing : texts.unreadable(code ?? "");
    throw new MeshError("CONFIG_INVALID", { subject: file, detail: `${file}: ${why}`, cause });
  }
  throw new MeshError("CONFIG_INVALID", {
    subject: file,
    detail: `${file}: ${texts.tooLarge(fileBytesMax / 1024)}`,
  });
}

function plainOf(document: Document, file: string, texts: ConfigTexts): Fields {
  let value: unknown;
  try {
    // Aliases may unfold a short text into a large one; yaml stops at a hundred.
    value = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MeshError("CONFIG_INVALID", { subject: file, detail: `${file}:1:1: ${why}`, cause });
  }
  if (isFields(value)) return value;
  throw new MeshError("CONFIG_INVALID", {
    subject: file,
    detail: `${file}:1:1: ${texts.noFields}`,
  });
}
