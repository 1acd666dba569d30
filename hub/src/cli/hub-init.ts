// hub init: makes everything that a hub needs to run: identity, store, configuration; at the root
// of a mesh also the authority that issues identities, and the operator's own.

import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  type Address,
  lastLabel,
  levels,
  MeshError,
  parentOf,
  parseAddress,
} from "@cloudbrain/sdk/domain";
import {
  createMeshAuthority,
  issueCertificate,
  type MeshAuthority,
  openMeshAuthority,
  parseMeshName,
  writeCredentials,
} from "@cloudbrain/sdk/identity";
import { initNodeStore } from "@cloudbrain/sdk/journal";
import { stringify } from "yaml";
import { operatorOf } from "../api/callers.ts";

export interface HubInitOptions {
  readonly directory: string;
  readonly address: string;
  readonly title: string;
  readonly level: string | undefined;
  readonly division: string | undefined;
  readonly mesh: string;
  /** Directory of an authority that exists; made in `directory` when not given. */
  readonly authority: string | undefined;
  readonly parent: string | undefined;
  readonly port: number;
}

export interface HubInitResult {
  readonly config: string;
  readonly authority: string;
  readonly operator: string;
}

const authorityDays = 3_650;
const certificateDays = 365;
const dayMs = 86_400_000;
/** Clocks in a mesh may differ by this much. */
const slackMs = 300_000;

export async function initHub(options: HubInitOptions): Promise<HubInitResult> {
  const directory = resolve(options.directory);
  const address = parseAddress(options.address);
  const config = join(directory, "hub.yaml");
  if (existsSync(config)) {
    throw new MeshError("STORE_EXISTS", {
      subject: config,
      detail: "a hub was made here before; choose an empty directory",
    });
  }
  if (options.level !== undefined && !levels.some((level) => level === options.level)) {
    throw new MeshError("INPUT_INVALID", {
      subject: "--level",
      detail: `"${options.level}" is not one of ${levels.join(", ")}`,
    });
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const authorityDirectory = options.authority ?? join(directory, "authority");
  const authority = await openAuthority(authorityDirectory, address, options);
  await issueTo(authority, address, join(directory, "identity"));
  const operator = join(directory, "operator");
  await issueTo(authority, operatorOf(address), operator);
  await initNodeStore({
    directory: join(directory, "data"),
    identity: address,
    storeId: randomUUID(),
  });
  writeFileSync(config, configText(address, options));
  return { config, authority: authorityDirectory, operator };
}

async function openAuthority(
  directory: string,
  address: Address,
  options: HubInitOptions,
): Promise<MeshAuthority> {
  const keyFile = join(directory, "ca.key");
  const certificateFile = join(directory, "ca.crt");
  if (options.authority !== undefined) return await readAuthority(directory, options.mesh);
  const mesh = parseMeshName(options.mesh);
  const root = parentOf(address) === undefined ? address : parseAddress(rootText(address));
  const pem = await createMeshAuthority({
    mesh,
    rootAddress: root,
    nowMs: Date.now() - slackMs,
    days: authorityDays,
  });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(keyFile, pem.privateKeyPem, { mode: 0o600, flag: "wx" });
  writeFileSync(certificateFile, pem.certificatePem, { flag: "wx" });
  writeFileSync(join(directory, "mesh"), `${mesh}\n`, { flag: "wx" });
  return await openMeshAuthority(pem, mesh);
}

function rootText(address: Address): string {
  return `/${address.split("/")[1] ?? ""}`;
}

/** Reads an authority directory that `hub init` made. */
export async function readAuthority(directory: string, mesh: string): Promise<MeshAuthority> {
  const read = (name: string): string => {
    try {
      return readFileSync(join(directory, name), "utf8");
    } catch (cause) {
      throw new MeshError("CONFIG_INVALID", {
        subject: join(directory, name),
        detail: "the authority's file is missing; `cloudbrain hub init` at the root makes it",
        cause,
      });
    }
  };
  const name = mesh === "" ? read("mesh").trim() : mesh;
  const pem = { privateKeyPem: read("ca.key"), certificatePem: read("ca.crt") };
  return await openMeshAuthority(pem, parseMeshName(name));
}

/** A certificate for `address` in three files. */
export async function issueTo(
  authority: MeshAuthority,
  address: Address,
  directory: string,
): Promise<void> {
  const nowMs = Date.now();
  const issued = await issueCertificate(authority, {
    address,
    notBeforeMs: nowMs - slackMs,
    notAfterMs: nowMs + certificateDays * dayMs,
  });
  writeCredentials(directory, { ...issued, authorityPem: authority.certificatePem });
}

function configText(address: Address, options: HubInitOptions): string {
  const fields = {
    apiVersion: "cloudbrain/v1",
    kind: "Hub",
    address,
    title: { zh: options.title === "" ? lastLabel(address) : options.title },
    ...(options.level === undefined ? {} : { level: options.level }),
    ...(options.division === undefined ? {} : { division: options.division }),
    ...(options.parent === undefined ? {} : { parent: options.parent }),
    listen: { host: "127.0.0.1", port: options.port },
    identityDir: "identity",
    dataDir: "data",
  };
  return [
    "# A hub of the mesh. Every key can be overridden by CLOUDBRAIN_<KEY>, for example",
    "# CLOUDBRAIN_LISTEN_PORT, and by a flag of `cloudbrain hub run`.",
    "#   parent: host:port of the hub above; leave it out at the root",
    "#   listen.host: 0.0.0.0 to be reached from other machines",
    "#   heartbeatMs, leaseMs: how often links show life, and when a silent one is given up",
    "#   log: debug, info, warn, error or silent",
    "#   calendars: working calendars for deadlines beside cn-workdays and always, for example",
    "#     calendars:",
    "#       service-hall:",
    "#         base: cn-workdays",
    '#         hours: ["09:00-12:00", "13:00-17:00"]',
    "#         closed: [2026-12-31]",
    "#         open: [2027-01-02]",
    "#         knownUntil: 2027-12-31 # once you have written down what was arranged for 2027",
    "#   try them: cloudbrain calendar due service-hall --from 2026-12-30 --duration P3D \\",
    "#     --config hub.yaml",
    stringify(fields),
  ].join("\n");
}
