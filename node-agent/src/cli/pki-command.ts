// pki issue: a key and a certificate for one node, from the authority that `hub init` made.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MeshError, parseAddress } from "@cloudbrain/sdk/domain";
import {
  issueCertificate,
  openMeshAuthority,
  parseMeshName,
  writeCredentials,
} from "@cloudbrain/sdk/identity";
import type { Command } from "commander";
import { outputOf } from "./session.ts";

interface IssueFlags {
  readonly authority: string;
  readonly address: string;
  readonly out: string;
  readonly days: string;
}

const dayMs = 86_400_000;
/** Clocks in a mesh may differ by this much. */
const slackMs = 300_000;
const daysMax = 3_650;

export function addPkiCommands(program: Command): void {
  program
    .command("pki")
    .description("身份 / identities")
    .command("issue")
    .description("key and certificate for a node / 为节点签发证书")
    .requiredOption("--authority <directory>", "made by `cloudbrain hub init` / 签发机构目录")
    .requiredOption("--address <address>", "of the node / 节点地址")
    .requiredOption("--out <directory>", "where to put the three files / 输出目录")
    .option("--days <number>", "how long it is valid / 有效天数", "365")
    .action(async (flags: IssueFlags, command: Command) => {
      const output = outputOf(command);
      const address = parseAddress(flags.address);
      const days = Number(flags.days);
      if (!(Number.isInteger(days) && days >= 1 && days <= daysMax)) {
        throw new MeshError("INPUT_INVALID", {
          subject: "--days",
          detail: `"${flags.days}" is not a whole number from 1 to ${daysMax}`,
        });
      }
      const authority = await readAuthority(flags.authority);
      const nowMs = Date.now();
      const issued = await issueCertificate(authority, {
        address,
        notBeforeMs: nowMs - slackMs,
        notAfterMs: nowMs + days * dayMs,
      });
      writeCredentials(flags.out, { ...issued, authorityPem: authority.certificatePem });
      output.result({ address, directory: flags.out }, () =>
        output.say(`已签发 ${address}：${flags.out}`, `Issued ${address}: ${flags.out}`),
      );
    });
}

async function readAuthority(directory: string) {
  const read = (name: string): string => {
    const file = join(directory, name);
    try {
      return readFileSync(file, "utf8");
    } catch (cause) {
      throw new MeshError("CONFIG_INVALID", {
        subject: file,
        detail: "the authority's file is missing; `cloudbrain hub init` at the root makes it",
        cause,
      });
    }
  };
  const pem = { privateKeyPem: read("ca.key"), certificatePem: read("ca.crt") };
  return await openMeshAuthority(pem, parseMeshName(read("mesh").trim()));
}
