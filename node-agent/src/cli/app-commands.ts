// `cloudbrain app`: applications (应用管理).

import { type Column, exitCodes } from "@cloudbrain/sdk/cli";
import type { ApplicationInfo } from "@cloudbrain/sdk/client";
import {
  type ApplicationChange,
  type Diagnostic,
  diffApplications,
  formatDiagnostic,
  type ParseOptions,
  parseApplication,
} from "@cloudbrain/sdk/definition";
import { type Application, MeshError } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import type { CommandHost } from "./command-host.ts";
import { titleIn } from "./formats.ts";
import { addExamples } from "./help.ts";
import type { Say } from "./texts.ts";
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
  addExamples(app.command("diff"), "cloudbrain app diff typhoon.yaml typhoon-new.yaml")
    .description(say("about.app.diff"))
    .argument("<before>", say("argument.file"))
    .argument("<after>", say("argument.file"))
    .action((before: string, after: string, _flags: object, command: Command) =>
      diff(host, { before, after }, command),
    );
  addExamples(app.command("publish"), "cloudbrain app publish typhoon.yaml")
    .description(say("about.app.publish"))
    .argument("<file>", say("argument.file"))
    .action((file: string, _flags: object, command: Command) => publish(host, file, command));
  addExamples(app.command("ls"), "cloudbrain app ls --json | jq -r .applications[].id")
    .description(say("about.app.ls"))
    .action((_flags: object, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        const applications = await client.listApplications({ signal });
        output.table(columnsOf(host, output.lang), applications, "applications");
      }),
    );
  addExamples(app.command("show"), "cloudbrain app show emergency.typhoon.drill")
    .description(say("about.app.show"))
    .argument("<app>", say("argument.app.version"))
    .action((app: string, _flags: object, command: Command) => show(host, app, command));
}

function columnsOf({ say }: CommandHost, lang: string): readonly Column<ApplicationInfo>[] {
  return [
    { heading: say("column.id"), text: ({ id }) => id },
    { heading: say("column.version"), text: ({ version }) => version },
    { heading: say("column.name"), text: ({ title }) => titleIn(title, lang) },
    { heading: say("column.hash"), text: ({ hash }) => hash.slice(0, 12) },
  ];
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

/** Changes are the result, one a line; how the two are named goes to the notes. */
async function diff(
  host: CommandHost,
  files: { readonly before: string; readonly after: string },
  command: Command,
): Promise<void> {
  const output = host.outputOf(command);
  const difference = diffApplications(readSound(host, files.before), readSound(host, files.after));
  const { before, after, changes } = difference;
  if (output.json) {
    output.result(difference);
    return;
  }
  for (const change of changes) output.item(change, describeChange(host.say, change));
  const names = { before: `${before.id}@${before.version}`, after: `${after.id}@${after.version}` };
  output.note(host.say(changes.length === 0 ? "app.same" : "app.changed", names));
  if (changes.length > 0) output.note(host.say("app.running"));
}

/** The application in a file; refused with the place of every mistake. */
function readSound(host: CommandHost, file: string): Application {
  const name = file === "-" ? "stdin" : file;
  const parsed = parseApplication(readTextFile(host.say, file), { file: name });
  if (parsed.ok) return parsed.application;
  throw refusalOf(name, parsed.diagnostics);
}

function refusalOf(subject: string, diagnostics: readonly Diagnostic[]): MeshError {
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  const detail = errors.map(formatDiagnostic).join("\n");
  return new MeshError("APPLICATION_INVALID", { subject, detail });
}

function describeChange(say: Say, { path, kind, before, after }: ApplicationChange): string {
  const told = {
    path,
    before: JSON.stringify(before ?? null),
    after: JSON.stringify(after ?? null),
  };
  return say(`app.change.${kind}`, told);
}

async function publish(host: CommandHost, file: string, command: Command): Promise<void> {
  const source = readTextFile(host.say, file);
  const name = file === "-" ? "stdin" : file;
  // The place of every mistake, before the hub names the first.
  const parsed = parseApplication(source, { file: name });
  if (!parsed.ok) throw refusalOf(name, parsed.diagnostics);
  await host.withClient(command, async (client, output, { signal }) => {
    const published = await client.publish(source, { file: name, signal });
    const { id, version, hash } = published;
    const short = { id, version, hash: hash.slice(0, 12) };
    output.result(published, host.say("app.published", short));
  });
}

async function show(host: CommandHost, app: string, command: Command): Promise<void> {
  await host.withClient(command, async (client, output, { signal }) => {
    const all = await client.listApplications({ signal });
    const found = all.filter(({ id, version }) => app === id || app === `${id}@${version}`);
    if (found.length === 0) throw new MeshError("APPLICATION_UNKNOWN", { subject: app });
    output.table(columnsOf(host, output.lang), found, "applications");
  });
}
