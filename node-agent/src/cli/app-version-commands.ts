// `cloudbrain app show|rollback|deprecate|retire`: versions of applications.

import type { ApplicationState } from "@cloudbrain/sdk/client";
import { MeshError } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import { describeApplication } from "./app-views.ts";
import type { CommandHost } from "./command-host.ts";
import { addExamples } from "./help.ts";
import type { Say } from "./texts.ts";
import { refuseUsage } from "./usage.ts";

export function addAppVersionCommands(app: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(app.command("show"), "cloudbrain app show emergency.typhoon.drill@1.0.0")
    .description(say("about.app.show"))
    .argument("<app>", say("argument.app.version"))
    .option("--source", say("option.app.source"))
    .action((subject: string, flags: { readonly source?: boolean }, command: Command) =>
      show(host, subject, flags.source === true, command),
    );
  addExamples(
    app.command("rollback"),
    "cloudbrain app rollback emergency.typhoon.drill@1.0.0",
    "cloudbrain app rollback emergency.typhoon.drill --newest",
  )
    .description(say("about.app.rollback"))
    .argument("<app>", say("argument.app.rollback"))
    .option("--newest", say("option.app.newest"))
    .action((subject: string, flags: { readonly newest?: boolean }, command: Command) =>
      rollBack(host, subject, flags.newest === true, command),
    );
  addExamples(app.command("deprecate"), "cloudbrain app deprecate emergency.typhoon.drill@1.0.0")
    .description(say("about.app.deprecate"))
    .argument("<app>", say("argument.app.exact"))
    .option("--undo", say("option.app.undo"))
    .action((subject: string, flags: { readonly undo?: boolean }, command: Command) =>
      setState(host, subject, flags.undo === true ? "published" : "deprecated", command),
    );
  addExamples(app.command("retire"), "cloudbrain app retire emergency.typhoon.drill@1.0.0")
    .description(say("about.app.retire"))
    .argument("<app>", say("argument.app.exact"))
    .action((subject: string, _flags: object, command: Command) =>
      setState(host, subject, "retired", command),
    );
}

/** `id` or `id@version`; the version may be empty. */
export function readApplicationName(text: string): {
  readonly id: string;
  readonly version: string;
} {
  const cut = text.indexOf("@");
  if (cut < 0) return { id: text, version: "" };
  return { id: text.slice(0, cut), version: text.slice(cut + 1) };
}

function readExactName(say: Say, text: string) {
  const name = readApplicationName(text);
  if (name.id !== "" && name.version !== "") return name;
  return refuseUsage("app", say("app.exact", { value: text }));
}

async function show(
  host: CommandHost,
  subject: string,
  isSource: boolean,
  command: Command,
): Promise<void> {
  const { id, version } = readApplicationName(subject);
  await host.withClient(command, async (client, output, { signal }) => {
    const found = await client.getApplication(id, version, { signal });
    if (!isSource) {
      output.result(found, describeApplication(found, host.say, output));
      return;
    }
    if (found.source === "") {
      const detail = host.say("app.noSource", { value: subject });
      throw new MeshError("APPLICATION_UNKNOWN", { subject, detail });
    }
    output.result({ source: found.source }, found.source.trimEnd());
  });
}

async function rollBack(
  host: CommandHost,
  subject: string,
  isNewest: boolean,
  command: Command,
): Promise<void> {
  const { say } = host;
  if (isNewest && subject.includes("@")) refuseUsage("--newest", say("app.newestOnly"));
  const { id, version } = isNewest ? { id: subject, version: "" } : readExactName(say, subject);
  await host.withClient(command, async (client, output, { signal }) => {
    const current = await client.rollBack(id, version, { signal });
    output.result(current, say("app.current", { id, version: current.version }));
  });
}

async function setState(
  host: CommandHost,
  subject: string,
  state: ApplicationState,
  command: Command,
): Promise<void> {
  const { id, version } = readExactName(host.say, subject);
  await host.withClient(command, async (client, output, { signal }) => {
    const set = await client.setApplicationState(id, version, state, { signal });
    output.result(set, host.say("app.state", { id, version, state: set.state }));
  });
}
