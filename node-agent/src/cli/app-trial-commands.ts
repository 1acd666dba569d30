// `cloudbrain app dry-run`: what a definition would do if it were submitted now.

import type { DryRunSubject } from "@cloudbrain/sdk/client";
import type { Command } from "commander";
import { readApplicationName } from "./app-version-commands.ts";
import type { CommandHost } from "./command-host.ts";
import { addExamples } from "./help.ts";
import { describePlan } from "./plan-view.ts";
import { isFile, readCount, readJsonInput, readTextFile, refuseUsage } from "./usage.ts";

interface DryRunFlags {
  readonly input?: string;
  readonly inputFile?: string;
  readonly nodes?: string;
  readonly explain?: readonly string[];
}

export function addAppTrialCommands(app: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(
    app.command("dry-run"),
    `cloudbrain app dry-run typhoon.yaml --input '{"scope":"3702","typhoonId":"T7"}'`,
    "cloudbrain app dry-run emergency.typhoon.drill@1.0.0 --input-file input.json --json",
    `cloudbrain app dry-run typhoon.yaml --input '{"scope":"3702"}' --explain 370202001001`,
  )
    .description(say("about.app.dry-run"))
    .argument("<app>", say("argument.app.subject"))
    .option("--input <json>", say("option.input"))
    .option("--input-file <file>", say("option.app.input-file"))
    .option("--nodes <count>", say("option.app.nodes"))
    .option("--explain <node...>", say("option.app.explain"))
    .action((subject: string, flags: DryRunFlags, command: Command) =>
      dryRun(host, subject, flags, command),
    );
}

async function dryRun(
  host: CommandHost,
  subject: string,
  { input: text, inputFile, nodes, explain }: DryRunFlags,
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
  const nodesMax = nodes === undefined ? 0 : readCount(say, "--nodes", nodes);
  const tried: DryRunSubject = isFile(subject)
    ? { source: readTextFile(say, subject), file: subject }
    : readApplicationName(subject);
  await host.withClient(command, async (client, output, { signal }) => {
    const plan = await client.dryRun(tried, input, { signal, nodesMax, nodes: explain });
    output.result(plan, describePlan(plan, say, output));
  });
}
