// `cloudbrain app`: applications (应用管理).

import { exitCodes } from "@cloudbrain/sdk/cli";
import {
  type Diagnostic,
  formatDiagnostic,
  type ParseOptions,
  parseApplication,
} from "@cloudbrain/sdk/definition";
import type { Command } from "commander";
import { addAppDiffCommand } from "./app-diff-command.ts";
import { addAppTrialCommands } from "./app-trial-commands.ts";
import { addAppVersionCommands } from "./app-version-commands.ts";
import { applicationColumns, registeredColumns } from "./app-views.ts";
import type { CommandHost } from "./command-host.ts";
import { addExamples } from "./help.ts";
import { parseSoundApplication } from "./parse-sound-application.ts";
import { readTextFile } from "./usage.ts";

export function addAppCommands(app: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(app, "cloudbrain app lint typhoon.yaml", "cloudbrain app publish typhoon.yaml");
  addExamples(app.command("lint"), "cloudbrain app lint *.yaml", "cloudbrain app lint - < a.yaml")
    .description(say("about.app.lint"))
    .argument("<file...>", say("argument.file"))
    .option("--calendars <names>", say("option.calendars"))
    .action((files: readonly string[], flags: LintFlags, command: Command) =>
      lint(host, files, flags, command),
    );
  addExamples(app.command("publish"), "cloudbrain app publish typhoon.yaml")
    .description(say("about.app.publish"))
    .argument("<file>", say("argument.file"))
    .action((file: string, _flags: object, command: Command) => publish(host, file, command));
  addExamples(app.command("ls"), "cloudbrain app ls --json | jq -r .applications[].id")
    .description(say("about.app.ls"))
    .option("--registered", say("option.app.registered"))
    .action((flags: { readonly registered?: boolean }, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        const { lang } = output;
        if (flags.registered === true) {
          const registered = await client.listRegistered({ signal });
          output.table(registeredColumns(say, lang), registered, "registered");
          return;
        }
        const applications = await client.listApplications({ signal });
        output.table(applicationColumns(say, lang), applications, "applications");
      }),
    );
  addAppVersionCommands(app, host);
  addAppTrialCommands(app, host);
  addAppDiffCommand(app, host);
}

interface LintFlags {
  /** Names of working calendars, with commas between them. */
  readonly calendars?: string;
}

/** Findings are the result: they go to stdout, as compilers print them. */
async function lint(
  host: CommandHost,
  files: readonly string[],
  flags: LintFlags,
  command: Command,
): Promise<void> {
  const output = host.outputOf(command);
  const calendars = flags.calendars?.split(",").map((name) => name.trim());
  const all: Diagnostic[] = [];
  for (const file of files) {
    const name = file === "-" ? "stdin" : file;
    const found = diagnosticsOf(readTextFile(host.say, file), { file: name, calendars });
    all.push(...found);
    if (!found.some(({ severity }) => severity === "error")) {
      output.note(host.say("app.sound", { file: name }));
    }
  }
  if (output.json) output.result({ diagnostics: all });
  else for (const diagnostic of all) output.item(diagnostic, formatDiagnostic(diagnostic));
  if (all.some(({ severity }) => severity === "error")) process.exitCode = exitCodes.failed;
}

function diagnosticsOf(source: string, options: ParseOptions): readonly Diagnostic[] {
  const parsed = parseApplication(source, options);
  return parsed.ok ? parsed.warnings : parsed.diagnostics;
}

async function publish(host: CommandHost, file: string, command: Command): Promise<void> {
  const source = readTextFile(host.say, file);
  const name = file === "-" ? "stdin" : file;
  // The place of every mistake, before the hub names the first.
  parseSoundApplication(source, name);
  await host.withClient(command, async (client, output, { signal }) => {
    const published = await client.publish(source, { file: name, signal });
    const { id, version, hash } = published;
    const short = { id, version, hash: hash.slice(0, 12) };
    output.result(published, host.say("app.published", short));
  });
}
