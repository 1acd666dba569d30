// `cloudbrain app diff`: what differs between two definitions, in files or published at a hub.

import type { Output } from "@cloudbrain/sdk/cli";
import type { Client } from "@cloudbrain/sdk/client";
import { type ApplicationChange, diffApplications } from "@cloudbrain/sdk/definition";
import { type Application, MeshError } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import { readApplicationName } from "./app-version-commands.ts";
import type { CommandHost } from "./command-host.ts";
import { addExamples } from "./help.ts";
import { parseSoundApplication } from "./parse-sound-application.ts";
import type { Say } from "./texts.ts";
import { isFile, readTextFile } from "./usage.ts";

export function addAppDiffCommand(app: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(
    app.command("diff"),
    "cloudbrain app diff typhoon.yaml typhoon-new.yaml",
    "cloudbrain app diff emergency.typhoon.drill@1.0.0 typhoon.yaml",
  )
    .description(say("about.app.diff"))
    .argument("<before>", say("argument.app.before"))
    .argument("<after>", say("argument.app.after"))
    .action(async (before: string, after: string, _flags: object, command: Command) => {
      // Two files need no hub.
      if (isFile(before) && isFile(after)) {
        const [left, right] = [readSound(host, before), readSound(host, after)];
        tellDifference(say, host.outputOf(command), left, right);
        return;
      }
      await host.withClient(command, async (client, output) => {
        const left = await load(host, client, before);
        tellDifference(say, output, left, await load(host, client, after));
      });
    });
}

/** Changes are the result, one a line; how the two are named goes to the notes. */
function tellDifference(say: Say, output: Output, left: Application, right: Application): void {
  const difference = diffApplications(left, right);
  const { before, after, changes } = difference;
  if (output.json) {
    output.result(difference);
    return;
  }
  for (const change of changes) output.item(change, describeChange(say, change));
  const names = { before: `${before.id}@${before.version}`, after: `${after.id}@${after.version}` };
  output.note(say(changes.length === 0 ? "app.same" : "app.changed", names));
  if (changes.length > 0) output.note(say("app.running"));
}

async function load(host: CommandHost, client: Client, subject: string): Promise<Application> {
  if (isFile(subject)) return readSound(host, subject);
  const { id, version } = readApplicationName(subject);
  const { source } = await client.getApplication(id, version);
  if (source !== "") return parseSoundApplication(source, subject);
  const detail = host.say("app.noSource", { value: subject });
  throw new MeshError("APPLICATION_UNKNOWN", { subject, detail });
}

function readSound(host: CommandHost, file: string): Application {
  return parseSoundApplication(readTextFile(host.say, file), file === "-" ? "stdin" : file);
}

function describeChange(say: Say, { path, kind, before, after }: ApplicationChange): string {
  const told = {
    path,
    before: JSON.stringify(before ?? null),
    after: JSON.stringify(after ?? null),
  };
  return say(`app.change.${kind}`, told);
}
