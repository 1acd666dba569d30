// Command run: the built `cloudbrain` command in a directory of a test.

import { join } from "node:path";
import { type CommandOptions, type Ended, runCommand } from "./command.ts";
import { repositoryRoot } from "./repository.ts";

export type RunCommand = (
  words: readonly string[],
  options?: Omit<CommandOptions, "directory">,
) => Promise<Ended>;

const main = join(repositoryRoot, "node-agent", "dist", "cli", "main.js");

/** The command works in `directory`, which is its home too. */
export function createCommandRun(directory: string): RunCommand {
  return (words, options) => runCommand(main, words, { directory, ...options });
}
