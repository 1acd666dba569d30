// Program: the commands and flags of `cloudbrain`.
//
// What a noun needs is loaded only when it is asked for: gRPC, the definition language and the
// store together take longer to load than most commands take to run.

import { Command, CommanderError } from "commander";
import type { CommandHost } from "./command-host.ts";
import { addExamples, configureHelp } from "./help.ts";
import type { TextKey } from "./texts-en.ts";
import { readDuration, readTarget, usageErrorOf } from "./usage.ts";

/** Flags of every command that take a value: who scans the words must skip it. */
export const valueFlags: ReadonlySet<string> = new Set([
  "--hub",
  "--identity",
  "--lang",
  "--timeout",
]);

interface Noun {
  readonly name: string;
  readonly about: TextKey;
  readonly add: (command: Command, host: CommandHost) => Promise<void>;
}

const nouns: readonly Noun[] = [
  // Never runs: `hub` is passed on before the words are read. It stands here for the help.
  { name: "hub", about: "about.hub", add: () => Promise.resolve() },
  {
    name: "agent",
    about: "about.agent",
    add: async (...words) => (await import("./agent-commands.ts")).addAgentCommands(...words),
  },
  {
    name: "node",
    about: "about.node",
    add: async (...words) => (await import("./node-commands.ts")).addNodeCommands(...words),
  },
  {
    name: "chain",
    about: "about.chain",
    add: async (...words) => (await import("./chain-commands.ts")).addChainCommands(...words),
  },
  {
    name: "task",
    about: "about.task",
    add: async (...words) => (await import("./task-commands.ts")).addTaskCommands(...words),
  },
  {
    name: "blob",
    about: "about.blob",
    add: async (...words) => (await import("./blob-commands.ts")).addBlobCommands(...words),
  },
  {
    name: "app",
    about: "about.app",
    add: async (...words) => (await import("./app-commands.ts")).addAppCommands(...words),
  },
  {
    name: "resource",
    about: "about.resource",
    add: async (...words) => (await import("./resource-commands.ts")).addResourceCommands(...words),
  },
  {
    name: "user",
    about: "about.user",
    add: async (...words) => (await import("./user-commands.ts")).addUserCommands(...words),
  },
  {
    name: "login",
    about: "about.login",
    add: async (...words) => (await import("./sign-in-commands.ts")).addLoginCommand(...words),
  },
  {
    name: "logout",
    about: "about.logout",
    add: async (...words) => (await import("./sign-in-commands.ts")).addLogoutCommand(...words),
  },
  {
    name: "whoami",
    about: "about.whoami",
    add: async (...words) => (await import("./sign-in-commands.ts")).addWhoAmICommand(...words),
  },
  {
    name: "mesh",
    about: "about.mesh",
    add: async (...words) => (await import("./node-commands.ts")).addMeshCommands(...words),
  },
  {
    name: "calendar",
    about: "about.calendar",
    add: async (...words) => (await import("./calendar-commands.ts")).addCalendarCommands(...words),
  },
  {
    name: "pki",
    about: "about.pki",
    add: async (...words) => (await import("./pki-commands.ts")).addPkiCommands(...words),
  },
  {
    name: "config",
    about: "about.config",
    add: async (...words) => (await import("./config-commands.ts")).addConfigCommands(...words),
  },
  {
    name: "version",
    about: "about.version",
    add: async (...words) => (await import("./config-commands.ts")).addVersionCommand(...words),
  },
];

/** The program with the commands of `noun`; of the others it knows the names. */
export async function buildProgram(host: CommandHost, noun: string | undefined): Promise<Command> {
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
  for (const { name, about, add } of nouns) {
    const command = program.command(name).description(say(about));
    if (name === noun) await add(command, host);
  }
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
