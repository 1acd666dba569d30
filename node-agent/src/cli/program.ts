// Program: the commands and flags of `cloudbrain`.

import { Command, CommanderError } from "commander";
import { addAgentCommands } from "./agent-commands.ts";
import { addAppCommands } from "./app-commands.ts";
import { addChainCommands } from "./chain-commands.ts";
import type { CommandHost } from "./command-host.ts";
import { addConfigCommands } from "./config-commands.ts";
import { addExamples, configureHelp } from "./help.ts";
import { addMeshCommands, addNodeCommands } from "./node-commands.ts";
import { readDuration, readTarget, usageErrorOf } from "./usage.ts";

/** Flags of every command that take a value: who scans the words must skip it. */
export const valueFlags: ReadonlySet<string> = new Set([
  "--hub",
  "--identity",
  "--lang",
  "--timeout",
]);

export function buildProgram(host: CommandHost): Command {
  const { say } = host;
  const program = new Command("cloudbrain").description(say("about.program"));
  configureHelp(program, say);
  program
    .exitOverride()
    // Usage errors are printed by us, with everything else that goes wrong.
    .configureOutput({ outputError: () => undefined })
    .helpOption("-h, --help", say("option.help"))
    .helpCommand("help [command]", say("about.help"))
    .option("--hub <host:port>", say("option.hub"), (text) => readTarget(say, text))
    .option("--identity <dir>", say("option.identity"))
    .option("--json", say("option.json"))
    .option("--lang <language>", say("option.lang"))
    .option("--no-color", say("option.color"))
    .option("--timeout <time>", say("option.timeout"), (text) => {
      readDuration("--timeout", text);
      return text;
    })
    .option("-q, --quiet", say("option.quiet"));
  addExamples(
    program,
    "cloudbrain hub init city --address /3702 --title 青岛市 --level city",
    "cloudbrain node ls --level street --area 370202",
    "cloudbrain chain start emergency.typhoon.drill --input @drill.json --wait",
    "cloudbrain agent run --config agent.yaml",
  );
  // Never runs: `hub` is passed on before the words are read. It stands here for the help.
  program.command("hub").description(say("about.hub")).argument("[args...]", say("argument.hub"));
  addAgentCommands(program, host);
  addNodeCommands(program, host);
  addChainCommands(program, host);
  addAppCommands(program, host);
  addMeshCommands(program, host);
  addConfigCommands(program, host);
  return program;
}

/** Resolves when the command is done; rejects with whatever went wrong. */
export async function runProgram(
  program: Command,
  host: CommandHost,
  words: readonly string[],
): Promise<void> {
  try {
    await program.parseAsync([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help that was asked for is no error.
    if (error.exitCode !== 0) throw usageErrorOf(host.say, error);
  }
}
