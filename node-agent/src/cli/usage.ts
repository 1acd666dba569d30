// Usage: reads the words of a command line, and says in the reader's language what is wrong with
// them. Everything here refuses with INPUT_INVALID, which is exit code 2.

import { existsSync, readFileSync } from "node:fs";
import { closestName, parseDuration } from "@cloudbrain/sdk/cli";
import { type JsonValue, MeshError } from "@cloudbrain/sdk/domain";
import type { CommanderError } from "commander";
import { targetPattern } from "./settings.ts";
import type { Say } from "./texts.ts";
import type { TextKey } from "./texts-en.ts";

export function refuseUsage(subject: string | undefined, detail: string): never {
  throw new MeshError("INPUT_INVALID", { subject, detail });
}

export function hintOf(say: Say, near: string | undefined): string {
  return near === undefined ? "" : ` (${say("usage.didYouMean", { name: near })})`;
}

export function readTarget(say: Say, text: string): string {
  if (targetPattern.test(text)) return text;
  return refuseUsage("--hub", say("usage.target", { value: text }));
}

/** Milliseconds. */
export function readDuration(flag: string, text: string): number {
  const ms = parseDuration(text);
  return typeof ms === "number" ? ms : refuseUsage(flag, ms);
}

export function readCount(say: Say, flag: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  return refuseUsage(flag, say("usage.count", { value: text }));
}

export function readChoice<Choice extends string>(
  say: Say,
  flag: string,
  text: string,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  const told = say("usage.oneOf", { value: text, choices: choices.join(", ") });
  return refuseUsage(flag, told + hintOf(say, closestName(text, choices)));
}

/** JSON text, `@file` or `-` for stdin. */
export function readJsonInput(say: Say, flag: string, text: string): JsonValue {
  const source = text.startsWith("@") ? text.slice(1) : undefined;
  const json = text === "-" || source !== undefined ? readTextFile(say, source ?? "-") : text;
  try {
    return JSON.parse(json) as JsonValue;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return refuseUsage(source ?? flag, say("usage.json", { why }));
  }
}

/** Stdin or a file that is there: where a word may also be a name at the hub. */
export function isFile(word: string): boolean {
  return word === "-" || existsSync(word);
}

/** The text of a file, or of stdin for `-`. */
export function readTextFile(say: Say, file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return refuseUsage(file, say("usage.file", { why }));
  }
}

const usageTexts: Readonly<Record<string, TextKey>> = {
  "commander.unknownOption": "usage.unknownOption",
  "commander.unknownCommand": "usage.unknownCommand",
  "commander.missingArgument": "usage.missingArgument",
  "commander.optionMissingArgument": "usage.optionMissingArgument",
  "commander.excessArguments": "usage.excessArguments",
  "commander.missingMandatoryOptionValue": "usage.missingFlag",
  "commander.help": "usage.noCommand",
};

/** What commander has found, in the reader's language; it tells names only inside its sentence. */
export function usageErrorOf(say: Say, error: CommanderError): MeshError {
  const name = /'([^']*)'/.exec(error.message)?.[1] ?? error.message;
  const near = /\(Did you mean (?:one of )?([^?]*)\?\)/.exec(error.message)?.[1];
  const told = say(usageTexts[error.code] ?? "usage.other", { name });
  return new MeshError("INPUT_INVALID", { detail: told + hintOf(say, near) });
}
