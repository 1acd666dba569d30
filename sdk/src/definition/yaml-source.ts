// YAML source: a text as a tree of plain values, each with its place, and nothing else of YAML.
//
//   Y1  No anchors, aliases, merge keys or tags: what a reviewer reads is what runs, and a short
//       text can't unfold into a large one.
//   Y2  The text is at most `yamlBytesMax` and `yamlDepthMax` deep.
//   Y3  All problems are reported, each with its place.

import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments } from "yaml";

import type { JsonValue } from "../domain/value.ts";
import { compareDiagnostics, type Diagnostic } from "./diagnostic.ts";

const yamlBytesMax = 256 * 1024;
const yamlDepthMax = 64;

const yamlHint = "indent by spaces, close what is opened, and quote a text that holds : or #";

export type SourceNode = ScalarNode | ListNode | FieldsNode;
export interface ScalarNode {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  readonly start: number;
  readonly end: number;
}
interface ListNode {
  readonly kind: "list";
  readonly items: readonly SourceNode[];
  readonly start: number;
}
export interface FieldsNode {
  readonly kind: "fields";
  readonly fields: readonly SourceField[];
  readonly start: number;
}
export interface SourceField {
  readonly key: string;
  readonly keyStart: number;
  readonly value: SourceNode;
}

interface ProblemOptions {
  readonly suggestion?: string | undefined;
  readonly severity?: "error" | "warning";
}

/** Collects what is wrong with one text. */
export class Problems {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #found: Diagnostic[] = [];
  readonly #told = new Set<string>();

  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  add(offset: number, code: string, message: string, options: ProblemOptions = {}): void {
    const { line, col } = this.#lines.linePos(offset);
    const { suggestion, severity = "error" } = options;
    const place = { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) };
    const hint = suggestion === undefined ? {} : { suggestion };
    // What several steps share, such as a policy, is checked for each of them and told once.
    const told = `${place.line}:${place.column} ${code} ${message}`;
    if (this.#told.has(told)) return;
    this.#told.add(told);
    this.#found.push({ ...place, code, message, ...hint, severity });
  }

  /** Sorted by place. */
  list(): readonly Diagnostic[] {
    return this.#found.toSorted(compareDiagnostics);
  }

  hasErrors(): boolean {
    return this.#found.some(({ severity }) => severity === "error");
  }
}

interface YamlSource {
  readonly text: string;
  readonly problems: Problems;
  /** Undefined where the text is not YAML at all. */
  readonly root: SourceNode | undefined;
}

/** Reads one YAML document. Never throws; what is wrong stands in `problems`. */
export function readYaml(text: string, file: string): YamlSource {
  const lines = new LineCounter();
  const problems = new Problems(file, lines);
  const bytes = new TextEncoder().encode(text.slice(0, yamlBytesMax + 1)).length;
  if (bytes > yamlBytesMax || text.length > yamlBytesMax) {
    problems.add(0, "TOO_LARGE", `the text is over the limit of ${yamlBytesMax / 1024} KiB`);
    return { text, problems, root: undefined };
  }
  try {
    return { text, problems, root: readDocument(text, lines, problems) };
  } catch (error) {
    const why = error instanceof RangeError ? "it is nested too deep" : String(error);
    problems.add(0, "YAML_INVALID", `the text can't be read as YAML: ${why}`);
    return { text, problems, root: undefined };
  }
}

function readDocument(
  text: string,
  lines: LineCounter,
  problems: Problems,
): SourceNode | undefined {
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    schema: "core",
    version: "1.2",
    merge: false,
    strict: true,
    uniqueKeys: true,
  });
  if (!Array.isArray(documents) || documents[0] === undefined) {
    problems.add(0, "EMPTY", "the text is empty", {
      suggestion: "begin with `apiVersion: cloudbrain/v1`",
    });
    return undefined;
  }
  const [document, second] = documents;
  for (const { errors } of documents) {
    for (const { pos, message, code } of errors) {
      const duplicate = code === "DUPLICATE_KEY";
      problems.add(
        pos[0],
        duplicate ? "DUPLICATE_KEY" : "YAML_INVALID",
        message.split("\n")[0] ?? "",
        {
          suggestion: duplicate ? "remove one of the two" : yamlHint,
        },
      );
    }
  }
  if (second !== undefined) {
    problems.add(second.range[0], "MANY_DOCUMENTS", "the text holds more than one document", {
      suggestion: "write one application per file",
    });
  }
  if (document.contents === null) {
    problems.add(0, "EMPTY", "the document is empty", {
      suggestion: "write apiVersion, kind, metadata and spec",
    });
    return undefined;
  }
  return convert(document.contents, problems, 0);
}

function convert(node: unknown, problems: Problems, depth: number): SourceNode {
  const place = (node as Partial<Node> | null)?.range;
  const start = place?.[0] ?? 0;
  const nothing: ScalarNode = { kind: "scalar", value: null, start, end: place?.[1] ?? start };
  if (depth > yamlDepthMax) {
    problems.add(start, "TOO_DEEP", `it is nested deeper than ${yamlDepthMax} levels`, {
      suggestion: "write it flatter",
    });
    return nothing;
  }
  if (isAlias(node)) {
    problems.add(start, "ALIAS", "aliases are not supported", {
      suggestion: "write the value out",
    });
    return nothing;
  }
  if (!isScalar(node) && !isMap(node) && !isSeq(node)) return nothing;
  if (node.anchor !== undefined) {
    problems.add(start, "ALIAS", "anchors are not supported", {
      suggestion: `remove &${node.anchor}`,
    });
  }
  if (node.tag !== undefined) {
    problems.add(start, "TAG", `the tag ${node.tag} is not supported`, { suggestion: "remove it" });
  }
  if (isSeq(node)) {
    const items = node.items.map((item) => convert(item, problems, depth + 1));
    return { kind: "list", items, start };
  }
  if (isMap(node)) return convertFields(node, problems, depth, start);
  const { value } = node;
  if (typeof value === "number") checkNumber(value, start, problems);
  const known =
    typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return { ...nothing, value: known ? value : null };
}

function checkNumber(value: number, start: number, problems: Problems): void {
  if (!Number.isFinite(value)) {
    problems.add(start, "NUMBER", "infinities and NaN are no numbers of JSON", {
      suggestion: "write a number, or leave it away",
    });
  } else if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    problems.add(start, "NUMBER", "the integer is beyond 2^53 - 1 and would be rounded", {
      suggestion: "write it as a string",
    });
  }
}

function convertFields(
  node: { readonly items: readonly { readonly key: unknown; readonly value: unknown }[] },
  problems: Problems,
  depth: number,
  start: number,
): FieldsNode {
  const fields: SourceField[] = [];
  for (const { key, value } of node.items) {
    const keyNode = convert(key, problems, depth + 1);
    const keyStart = keyNode.start;
    if (keyNode.kind !== "scalar" || keyNode.value === null) {
      problems.add(keyStart, "KEY", "a key must be a text", {
        suggestion: "write a name before the colon",
      });
      continue;
    }
    const text = String(keyNode.value);
    if (text === "__proto__") {
      problems.add(keyStart, "KEY", "the key __proto__ is not allowed", {
        suggestion: "choose another name",
      });
      continue;
    }
    const place = { kind: "scalar", value: null, start: keyStart, end: keyStart } as const;
    fields.push({
      key: text,
      keyStart,
      value: value === null || value === undefined ? place : convert(value, problems, depth + 1),
    });
  }
  return { kind: "fields", fields, start };
}

/** The value as JSON. */
export function plainValue(node: SourceNode): JsonValue {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(plainValue);
  return Object.fromEntries(node.fields.map(({ key, value }) => [key, plainValue(value)]));
}

/**
 * Where the character at `index` of a scalar's value stands in the text. Folding and escapes change
 * white space and add letters, so both are walked together; exact for unquoted and block scalars.
 */
export function offsetInScalar(text: string, node: ScalarNode, index: number): number {
  const value = typeof node.value === "string" ? node.value : "";
  let at = node.start;
  // The header of a block scalar (`>-`) is no part of its value.
  if (/[|>]/.test(text.charAt(at))) at = Math.max(at, text.indexOf("\n", at));
  let last = at;
  for (let position = 0; position < Math.min(index + 1, value.length); position += 1) {
    const letter = value.charAt(position);
    if (/\s/.test(letter)) continue;
    let found = at;
    while (found < node.end && text.charAt(found) !== letter) found += 1;
    if (found >= node.end) return last;
    last = found;
    at = found + 1;
  }
  // Past the end: the place after the last letter.
  return index >= value.trimEnd().length && value.length > 0 ? Math.min(last + 1, node.end) : last;
}
