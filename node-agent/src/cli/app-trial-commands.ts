// `cloudbrain app dry-run|diff`: what a definition would do, and what it changes.

import { existsSync } from "node:fs";
import { cleanText, type Output } from "@cloudbrain/sdk/cli";
import type { Client, DryRunSubject } from "@cloudbrain/sdk/client";
import {
  type ApplicationDifference,
  diffApplications,
  formatDiagnostic,
  parseApplication,
} from "@cloudbrain/sdk/definition";
import { type Application, canonicalJson, MeshError } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import { readApplicationName } from "./app-version-commands.ts";
import type { CommandHost } from "./command-host.ts";
import { addExamples } from "./help.ts";
import { describePlan } from "./plan-view.ts";
import { readJsonInput, readTextFile, refuseUsage } from "./usage.ts";

interface DryRunFlags {
  readonly input?: string;
  readonly inputFile?: string;
}

export function addAppTrialCommands(app: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(
    app.command("dry-run"),
    `cloudbrain app dry-run typhoon.yaml --input '{"scope":"3702","typhoonId":"T7"}'`,
    "cloudbrain app dry-run emergency.typhoon.drill@1.0.0 --input-file input.json --json",
  )
    .description(say("about.app.dry-run"))
    .argument("<app>", say("argument.app.subject"))
    .option("--input <json>", say("option.input"))
    .option("--input-file <file>", say("option.app.input-file"))
    .action((subject: string, flags: DryRunFlags, command: Command) =>
      dryRun(host, subject, flags, command),
    );
  addExamples(
    app.command("diff"),
    "cloudbrain app diff old.yaml new.yaml",
    "cloudbrain app diff emergency.typhoon.drill@1.0.0 typhoon.yaml",
  )
    .description(say("about.app.diff"))
    .argument("<before>", say("argument.app.before"))
    .argument("<after>", say("argument.app.after"))
    .action((before: string, after: string, _flags: object, command: Command) =>
      diff(host, before, after, command),
    );
}

/** Stdin or a file that is there; everything else is a name at the hub. */
function isFile(subject: string): boolean {
  return subject === "-" || existsSync(subject);
}

async function dryRun(
  host: CommandHost,
  subject: string,
  { input: text, inputFile }: DryRunFlags,
  command: Command,
): Promise<void> {
  const { say } = host;
  if (text !== undefined && inputFile !== undefined) refuseUsage("--input", say("app.oneOf"));
  const flag = inputFile === undefined ? "--input" : "--input-file";
  const input = readJsonInput(
    say,
    flag,
    inputFile === undefined ? (text ?? "{}") : `@${inputFile}`,
  );
  const tried: DryRunSubject = isFile(subject)
    ? { source: readTextFile(say, subject), file: subject }
    : readApplicationName(subject);
  await host.withClient(command, async (client, output, { signal }) => {
    const plan = await client.dryRun(tried, input, { signal });
    output.result(plan, describePlan(plan, say, output));
  });
}

async function diff(
  host: CommandHost,
  before: string,
  after: string,
  command: Command,
): Promise<void> {
  const compare = async (client: Client | undefined, output: Output): Promise<void> => {
    const [left, right] = [await load(host, client, before), await load(host, client, after)];
    const differences = diffApplications(left, right);
    const lines = differences.map((difference) => describeDifference(difference, output));
    const text = lines.length === 0 ? host.say("app.same") : lines.join("\n");
    output.result({ differences }, text);
  };
  // Two files need no hub.
  if (isFile(before) && isFile(after)) await compare(undefined, host.outputOf(command));
  else await host.withClient(command, (client, output) => compare(client, output));
}

async function load(
  host: CommandHost,
  client: Client | undefined,
  subject: string,
): Promise<Application> {
  const source =
    client === undefined || isFile(subject)
      ? readTextFile(host.say, subject)
      : await sourceAt(host, client, subject);
  const parsed = parseApplication(source, { file: subject });
  if (parsed.ok) return parsed.application;
  const detail = parsed.diagnostics.map(formatDiagnostic).join("\n");
  throw new MeshError("APPLICATION_INVALID", { subject, detail });
}

async function sourceAt(host: CommandHost, client: Client, subject: string): Promise<string> {
  const { id, version } = readApplicationName(subject);
  const { source } = await client.getApplication(id, version);
  if (source !== "") return source;
  const detail = host.say("app.noSource", { value: subject });
  throw new MeshError("APPLICATION_UNKNOWN", { subject, detail });
}

function describeDifference(
  { kind, path, before, after }: ApplicationDifference,
  output: Output,
): string {
  const removed = before === undefined ? "" : output.paint("bad", `- ${textOf(before)}`);
  const added = after === undefined ? "" : output.paint("good", `+ ${textOf(after)}`);
  const sign = { added: "+", removed: "-", changed: "~" }[kind];
  return [`${sign} ${path}`, removed, added].filter((line) => line !== "").join("\n    ");
}

function textOf(value: Parameters<typeof canonicalJson>[0]): string {
  return cleanText(canonicalJson(value));
}
