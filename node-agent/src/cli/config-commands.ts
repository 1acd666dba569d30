// `cloudbrain config` and `cloudbrain version`: about this command itself.

import type { Column } from "@cloudbrain/sdk/cli";
import type { Command } from "commander";
import type { CommandHost } from "./command-host.ts";
import { addExamples } from "./help.ts";
import type { Settings } from "./settings.ts";
import { agentVersion } from "./version.ts";

interface ConfigRow {
  readonly key: string;
  readonly value: string | undefined;
  readonly source: string;
  readonly place: string;
}

export function addConfigCommands(config: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(config, "cloudbrain config show --origin");
  addExamples(config.command("show"), "cloudbrain config show --origin")
    .description(say("about.config.show"))
    .option("--origin", say("option.origin"))
    .action((flags: { readonly origin?: boolean }, command: Command) => {
      const columns: Column<ConfigRow>[] = [
        { heading: say("column.key"), text: ({ key }) => key },
        { heading: say("column.value"), text: ({ value }) => value ?? "-" },
      ];
      if (flags.origin === true) {
        columns.push({ heading: say("column.origin"), text: ({ place }) => place });
      }
      host.outputOf(command).table(columns, rowsOf(host, command), "values");
    });
}

export function addVersionCommand(command: Command, host: CommandHost): void {
  command.action(() => {
    const version = agentVersion();
    host.outputOf(command).result({ version, node: process.version }, version);
  });
}

function rowsOf(host: CommandHost, command: Command): readonly ConfigRow[] {
  const settings = host.settingsOf(command);
  const values: Readonly<Record<keyof Settings, string | undefined>> = {
    hub: settings.value.hub,
    identity: settings.value.identity,
    lang: settings.value.lang,
    timeout: settings.value.timeout,
  };
  return Object.entries(values).map(([key, value]) => {
    const { source, place } = settings.origin(key);
    return { key, value, source, place };
  });
}
