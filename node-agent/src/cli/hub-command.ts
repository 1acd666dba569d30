// `cloudbrain hub ...`: runs `cloudbrain-hub`, as git runs its extensions. Arguments, standard
// streams, signals and the exit code pass through.
//
// It is looked for beside this command, then on PATH, then among the packages that this one sees,
// which is where a workspace has it.

import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { constants as systemConstants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { exitCodes } from "@cloudbrain/sdk/cli";
import type { Environment } from "./settings.ts";

export interface Extension {
  readonly command: string;
  /** Before those of the user. */
  readonly args: readonly string[];
}

const extensionName = "cloudbrain-hub";
const extensionPackage = "@cloudbrain/hub";

/** `beside` is the directory of the command that runs. */
export function findHub(beside: string, env: Environment): Extension | undefined {
  const directories = [beside, ...(env["PATH"] ?? "").split(delimiter)];
  for (const directory of directories) {
    const command = join(directory, extensionName);
    if (directory !== "" && isExecutable(command)) return { command, args: [] };
  }
  return findPackage();
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function findPackage(): Extension | undefined {
  try {
    const file = createRequire(import.meta.url).resolve(`${extensionPackage}/package.json`);
    const { bin } = JSON.parse(readFileSync(file, "utf8")) as {
      readonly bin?: Readonly<Record<string, string>>;
    };
    const main = bin?.[extensionName];
    if (main === undefined) return undefined;
    const script = join(dirname(file), main);
    return existsSync(script) ? { command: process.execPath, args: [script] } : undefined;
  } catch {
    return undefined;
  }
}

/** Resolves with the exit code; 128 + the number of the signal that ended it. */
export function runExtension(extension: Extension, args: readonly string[]): Promise<number> {
  const child = spawn(extension.command, [...extension.args, ...args], { stdio: "inherit" });
  const forward = (signal: NodeJS.Signals): void => {
    // A terminal sends SIGINT to both of us; a second one would end a hub that drains.
    if (signal === "SIGTERM" || process.stdin.isTTY !== true) child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      for (const name of signals) process.off(name, forward);
      if (signal !== null) resolve(128 + systemConstants.signals[signal]);
      else resolve(code ?? exitCodes.failed);
    });
  });
}
