// `cloudbrain pki`: keys and certificates, from the authority that `hub init` made at the root.

import { resolve } from "node:path";
import { parseAddress } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import type { CommandHost } from "./command-host.ts";
import { addExamples } from "./help.ts";
import { readCount, refuseUsage } from "./usage.ts";

interface IssueFlags {
  readonly authority: string;
  readonly address: string;
  readonly out: string;
  readonly days?: number;
}

const daysDefault = 365;
const daysMax = 3_650;

export function addPkiCommands(pki: Command, host: CommandHost): void {
  const { say } = host;
  const example =
    "cloudbrain pki issue --authority city/authority --address /3702/s-desk --out desk/identity";
  addExamples(pki, example);
  addExamples(pki.command("issue"), example)
    .description(say("about.pki.issue"))
    .requiredOption("--authority <dir>", say("option.authority"))
    .requiredOption("--address <address>", say("argument.address"))
    .requiredOption("--out <dir>", say("option.out"))
    .option("--days <count>", say("option.days", { default: daysDefault }), (text) =>
      readDays(host, text),
    )
    .action((flags: IssueFlags, command: Command) => issue(host, flags, command));
}

function readDays({ say }: CommandHost, text: string): number {
  const days = readCount(say, "--days", text);
  if (days >= 1 && days <= daysMax) return days;
  return refuseUsage("--days", say("usage.days", { value: text, max: daysMax }));
}

async function issue(host: CommandHost, flags: IssueFlags, command: Command): Promise<void> {
  const address = parseAddress(flags.address);
  const identity = await import("@cloudbrain/sdk/identity");
  const authority = await identity.readAuthority(flags.authority);
  const period = identity.certificatePeriod(flags.days ?? daysDefault, Date.now());
  const issued = await identity.issueCredentials(authority, { address, ...period });
  const directory = resolve(flags.out);
  identity.writeCredentials(directory, issued);
  const told = host.say("pki.issued", { address, directory });
  host.outputOf(command).result({ address, directory }, told);
}
