// Command process: runs the built `cloudbrain` in an environment that holds nothing of this
// machine.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { repositoryRoot } from "./repository.ts";

const main = join(repositoryRoot, "node-agent", "dist", "cli", "main.js");

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Working and home directory. */
  readonly directory: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

export function runCommand(
  words: readonly string[],
  { directory, env = {}, input = "" }: CommandOptions,
): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...words], {
    cwd: directory,
    env: { PATH: "", HOME: directory, XDG_CONFIG_HOME: join(directory, "xdg"), ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const told = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    told.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    told.stderr += text;
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...told }));
  });
}
