// Output: everything that a command prints.
//
//   O1  Results go to stdout, and nothing else does: notes, progress and errors go to stderr.
//   O2  With `json`, stdout holds one JSON document, or one per line for a stream; an error is one
//       line of JSON on stderr. JSON does not depend on the language.
//   O3  Progress is drawn on a terminal only, and wiped before anything else is written.
//   O4  An error says what happened, where, why and what to do, in the chosen language.

import { stringify } from "yaml";
import { type ErrorCode, MeshError } from "../domain/index.ts";
import { type Advice, adviceEn } from "./advice-en.ts";
import { adviceZhCn } from "./advice-zh-cn.ts";
import type { Language } from "./language.ts";
import { paint, type Tone } from "./style.ts";
import { cleanText, formatTable } from "./table.ts";

/** Where text goes; `process.stdout` is one. */
export interface TextSink {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

export interface OutputOptions {
  /** Print JSON in place of text for people. */
  readonly json: boolean;
  readonly color: boolean;
  readonly lang: Language;
  /** No notes and no progress. */
  readonly quiet: boolean;
  /** `process.stdout` by default. */
  readonly stdout?: TextSink;
  /** `process.stderr` by default. */
  readonly stderr?: TextSink;
  /** Add stacks to errors that nobody expected. */
  readonly debug?: boolean;
}

/** A column of a table for people. */
export interface Column<Row> {
  readonly heading: string;
  readonly text: (row: Row) => string;
  readonly tone?: (row: Row) => Tone;
}

export interface Output {
  readonly json: boolean;
  readonly lang: Language;
  /**
   * For people a table, with JSON one document: the rows themselves, under `name` if it is given,
   * so that fields can be added beside them.
   */
  table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], name?: string): void;
  /** One document: JSON, or `text`, or the value written as YAML. */
  result(value: unknown, text?: string): void;
  /** One of a stream: a line of JSON, or `text`. */
  item(value: unknown, text: string): void;
  /** For people, on stderr; not with `quiet`. */
  note(text: string): void;
  /** Replaces the line of progress; an empty text wipes it. */
  progress(text: string): void;
  error(error: unknown): void;
  paint(tone: Tone, text: string): string;
}

export function createOutput(options: OutputOptions): Output {
  return new TextOutput(options);
}

const eraseLine = "\r\u001b[2K";
const adviceOf: Readonly<Record<Language, Advice>> = { "zh-CN": adviceZhCn, en: adviceEn };

class TextOutput implements Output {
  readonly json: boolean;
  readonly lang: Language;
  private readonly options: OutputOptions;
  private readonly stdout: TextSink;
  private readonly stderr: TextSink;
  private isProgressShown = false;

  constructor(options: OutputOptions) {
    this.options = options;
    this.json = options.json;
    this.lang = options.lang;
    this.stdout = options.stdout ?? process.stdout;
    this.stderr = options.stderr ?? process.stderr;
  }

  table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], name?: string): void {
    if (this.json) {
      this.result(name === undefined ? rows : { [name]: rows });
      return;
    }
    const headings = columns.map(({ heading }) => this.paint("heading", heading));
    const cells = rows.map((row) =>
      columns.map(({ text, tone }) => this.paint(tone?.(row) ?? "plain", cleanText(text(row)))),
    );
    this.print(formatTable(headings, cells));
  }

  result(value: unknown, text?: string): void {
    if (this.json) this.print(JSON.stringify(value) ?? "null");
    else this.print(text ?? stringify(value, { lineWidth: 0 }).trimEnd());
  }

  item(value: unknown, text: string): void {
    this.print(this.json ? (JSON.stringify(value) ?? "null") : text);
  }

  note(text: string): void {
    if (!this.options.quiet) this.complain(text);
  }

  progress(text: string): void {
    if (this.options.quiet || this.stderr.isTTY !== true) return;
    this.wipeProgress();
    if (text === "") return;
    this.stderr.write(text);
    this.isProgressShown = true;
  }

  error(error: unknown): void {
    const known = error instanceof MeshError ? error : undefined;
    if (this.json) {
      this.complain(JSON.stringify({ error: plainError(error) }));
    } else {
      this.complain(known === undefined ? this.unexpected(error) : this.explained(known));
    }
    if (this.options.debug === true && error instanceof Error) this.complain(error.stack ?? "");
  }

  paint(tone: Tone, text: string): string {
    return paint(tone, text, this.options.color && !this.json);
  }

  private explained(error: MeshError): string {
    const advice = adviceOf[this.lang];
    const title = this.paint("bad", `${advice.error}${advice.colon}`);
    const lines = [`${title}${advice.happened[error.code]} (${error.code})`];
    if (error.subject !== undefined) lines.push(this.labelled(advice.where, error.subject));
    const why = reasonOf(error);
    if (why !== undefined) lines.push(this.labelled(advice.why, why));
    const remedy = remedyOf(advice, error.code, error.retryAfterMs);
    if (remedy !== undefined) lines.push(this.labelled(advice.remedy, remedy));
    return lines.join("\n");
  }

  private unexpected(error: unknown): string {
    const advice = adviceOf[this.lang];
    const title = this.paint("bad", `${advice.error}${advice.colon}`);
    const why = error instanceof Error ? error.message : String(error);
    return [
      `${title}${advice.unexpected}`,
      this.labelled(advice.why, why),
      this.labelled(advice.remedy, advice.unexpectedRemedy),
    ].join("\n");
  }

  private labelled(label: string, text: string): string {
    const head = `  ${label}${adviceOf[this.lang].colon}`;
    const [first = "", ...rest] = text.split("\n").map(cleanText);
    return [`${this.paint("faint", head)}${first}`, ...rest.map((line) => `    ${line}`)].join(
      "\n",
    );
  }

  private print(text: string): void {
    this.wipeProgress();
    this.stdout.write(`${text}\n`);
  }

  private complain(text: string): void {
    this.wipeProgress();
    this.stderr.write(`${text}\n`);
  }

  private wipeProgress(): void {
    if (!this.isProgressShown) return;
    this.isProgressShown = false;
    this.stderr.write(eraseLine);
  }
}

function reasonOf(error: MeshError): string | undefined {
  const { detail, cause } = error;
  if (detail !== undefined) return detail;
  return cause instanceof Error ? cause.message : undefined;
}

function remedyOf(advice: Advice, code: ErrorCode, retryAfterMs = 0): string | undefined {
  if (retryAfterMs > 0) return advice.retryAfter((retryAfterMs / 1_000).toFixed(1));
  return advice.remedies[code];
}

function plainError(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof MeshError)) {
    return { code: "UNEXPECTED", detail: error instanceof Error ? error.message : String(error) };
  }
  const { code, retry, subject, detail, retryAfterMs, facts } = error;
  const more = Object.keys(facts).length === 0 ? {} : { facts };
  return { code, retry, subject, detail: detail ?? reasonOf(error), retryAfterMs, ...more };
}
