// Help: examples first, then the rest as commander has it, in the reader's language, with columns
// that fit Chinese text.

import { type Command, Help } from "commander";
import stringWidth from "string-width";
import type { Say } from "./texts.ts";
import type { TextKey } from "./texts-en.ts";

const titleTexts: Readonly<Record<string, TextKey>> = {
  "Usage:": "help.usage",
  "Arguments:": "help.arguments",
  "Options:": "help.options",
  "Global Options:": "help.global",
  "Commands:": "help.commands",
};

const examplesOf = new WeakMap<Command, readonly string[]>();

/** Lines to copy; shown before everything else. */
export function addExamples(command: Command, ...examples: readonly string[]): Command {
  examplesOf.set(command, examples);
  return command;
}

/** Applies to the commands that are added to `program` afterwards, too. */
export function configureHelp(program: Command, say: Say): void {
  const plain = new Help();
  program.configureHelp({
    showGlobalOptions: true,
    displayWidth: (text) => stringWidth(text),
    styleTitle: (title) => {
      const key = titleTexts[title];
      return key === undefined ? title : say(key);
    },
    commandUsage: (command) =>
      plain
        .commandUsage(command)
        .replace("[options]", `[${say("help.flags")}]`)
        .replace("[command]", `[${say("help.command")}]`),
    subcommandTerm: (command) => {
      const named = command.registeredArguments.map((argument) => {
        const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
        return argument.required ? `<${name}>` : `[${name}]`;
      });
      return [command.name(), ...named].join(" ");
    },
    formatHelp: (command, helper) => {
      const examples = examplesOf.get(command) ?? [];
      const rest = Help.prototype.formatHelp.call(helper, command, helper);
      if (examples.length === 0) return rest;
      const lines = examples.map((example) => `  ${example}`);
      return [say("help.examples"), ...lines, "", rest].join("\n");
    },
  });
}
