// What every command shares: options of all levels, the output, the connection to a hub.

import { chooseColour, chooseLanguage, createOutput, formatTable } from "@cloudbrain/sdk/cli";
import { type Client, createClient } from "@cloudbrain/sdk/client";
import { MeshError } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";

export interface GlobalFlags {
  readonly hub?: string;
  readonly identity?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly lang?: string;
  readonly timeout?: string;
}

/** The output of a command: texts in one of two languages, made only when people read them. */
export interface CommandOutput {
  readonly json: boolean;
  say(zh: string, en: string): string;
  result(value: unknown, text: () => string): void;
  /** One of a stream. */
  item(value: unknown, text: () => string): void;
  table(headings: readonly string[], rows: readonly (readonly string[])[]): string;
  note(text: string): void;
  error(error: unknown): void;
}

export function outputOf(command: Command): CommandOutput {
  const flags = command.optsWithGlobals<GlobalFlags>();
  const lang = chooseLanguage(flags.lang, process.env);
  const json = flags.json ?? false;
  const output = createOutput({
    json,
    quiet: flags.quiet ?? false,
    lang,
    color: chooseColour(undefined, process.env, process.stdout.isTTY),
  });
  return {
    json,
    say: (zh, en) => (lang === "zh-CN" ? zh : en),
    result: (value, text) => output.result(value, json ? undefined : text()),
    item: (value, text) => output.item(value, json ? "" : text()),
    table: (headings, rows) => formatTable(headings, rows),
    note: (text) => output.note(text),
    error: (error) => output.error(error),
  };
}

/** Flag, then environment. */
function setting(flag: string | undefined, variable: string, option: string): string {
  const value = flag ?? process.env[variable];
  if (value !== undefined && value !== "") return value;
  throw new MeshError("INPUT_INVALID", {
    subject: option,
    detail: `say which with ${option}, or set ${variable}`,
  });
}

/** Runs `use` with a client and closes it, whatever happens. */
export async function withClient<Result>(
  command: Command,
  use: (client: Client, output: CommandOutput) => Promise<Result>,
): Promise<Result> {
  const flags = command.optsWithGlobals<GlobalFlags>();
  const seconds = flags.timeout === undefined ? undefined : Number(flags.timeout);
  if (seconds !== undefined && !(seconds > 0 && seconds <= 86_400)) {
    throw new MeshError("INPUT_INVALID", {
      subject: "--timeout",
      detail: `"${flags.timeout}" is not a number of seconds`,
    });
  }
  const client = createClient({
    hub: setting(flags.hub, "CLOUDBRAIN_HUB", "--hub"),
    identity: setting(flags.identity, "CLOUDBRAIN_IDENTITY", "--identity"),
    ...(seconds === undefined ? {} : { timeoutMs: seconds * 1_000 }),
  });
  try {
    return await use(client, outputOf(command));
  } finally {
    client.close();
  }
}
