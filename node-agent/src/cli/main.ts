// cloudbrain: the command. Reads the words, runs one command, ends with its exit code.

import { realpathSync } from "node:fs";
import { dirname } from "node:path";
import {
  chooseColour,
  chooseLanguage,
  createOutput,
  exitCodeOf,
  exitCodes,
  type Language,
} from "@cloudbrain/sdk/cli";
import { z } from "zod";
import { createCommandHost } from "./command-host.ts";
import { findHub, runExtension } from "./hub-command.ts";
import { buildProgram, runProgram, valueFlags } from "./program.ts";
import { loadSettings } from "./settings.ts";
import { createSay } from "./texts.ts";

const { env } = process;

/** The value of a flag that must be known before the words are read. */
function scanFlag(words: readonly string[], flag: string): string | undefined {
  let found: string | undefined;
  for (const [index, word] of words.entries()) {
    if (word === "--") break;
    if (word === flag) found = words[index + 1];
    else if (word.startsWith(`${flag}=`)) found = word.slice(flag.length + 1);
  }
  return found;
}

/** Index of the first word that is neither a flag nor its value: the command. */
function findCommand(words: readonly string[]): number {
  let isValue = false;
  return words.findIndex((word) => {
    const wasValue = isValue;
    isValue = !wasValue && valueFlags.has(word);
    return !wasValue && !word.startsWith("-");
  });
}

/** `--lang`, CLOUDBRAIN_LANG, the file of the user, then the locale. */
function languageOf(words: readonly string[]): Language {
  const flag = scanFlag(words, "--lang");
  if (flag !== undefined) return chooseLanguage(flag, env);
  try {
    return chooseLanguage(loadSettings(env, {}).value.lang, env);
  } catch {
    // What is wrong with the settings is told by the command that needs them.
    return chooseLanguage(undefined, env);
  }
}

async function runHubCommand(words: readonly string[], lang: Language): Promise<number> {
  const script = process.argv[1] ?? "";
  const found = findHub(dirname(script), env) ?? findHub(dirname(realpathSync(script)), env);
  if (found !== undefined) return await runExtension(found, words);
  process.stderr.write(`${createSay(lang)("hub.missing")}\n`);
  return exitCodes.notFound;
}

/** `help chain watch` is `chain watch --help`, `--version` is `version`. */
function plainWords(words: readonly string[]): readonly string[] {
  const at = findCommand(words);
  if (words[at] === "help") return [...words.toSpliced(at, 1), "--help"];
  return words[0] === "--version" || words[0] === "-V" ? ["version"] : words;
}

async function runWords(given: readonly string[]): Promise<number> {
  const words = plainWords(given);
  const lang = languageOf(words);
  if (lang === "zh-CN") z.config(z.locales.zhCN());
  const isTerminal = process.stdout.isTTY === true;
  const isColoured = chooseColour(
    words.includes("--no-color") ? false : undefined,
    env,
    isTerminal,
  );
  const at = findCommand(words);
  if (words[at] === "hub") return await runHubCommand(words.toSpliced(at, 1), lang);
  const host = createCommandHost({ lang, env, isColoured });
  const program = await buildProgram(host, words[at]);
  await runProgram(program, host, words);
  return Number(process.exitCode ?? exitCodes.done);
}

/** Output to a pipe may still be under way. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  // `cloudbrain node ls | head` closes our stdout early; that is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCodes.done);
    throw error;
  });
  try {
    process.exitCode = await runWords(words);
  } catch (error) {
    const flag = scanFlag(words, "--lang");
    const isKnown = flag === undefined || /^(?:zh|en)\b/i.test(flag);
    createOutput({
      json: words.includes("--json"),
      quiet: false,
      lang: isKnown ? languageOf(words) : chooseLanguage(undefined, env),
      color: chooseColour(
        words.includes("--no-color") ? false : undefined,
        env,
        process.stderr.isTTY === true,
      ),
      debug: (env["CLOUDBRAIN_DEBUG"] ?? "") !== "",
    }).error(error);
    process.exitCode = exitCodeOf(error);
  }
}

await main();
// A connection that was being made when its client was closed would keep the process for a while.
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
process.exit();
