// hub init: makes everything that a hub needs to run: identity, store, configuration; at the root
// of a mesh also the authority that issues identities, and the operator's own.
//
//   V1  Whatever can be refused is refused before anything is written.
//   V2  Nothing that exists is replaced: an identity or a store may be the only copy.
//   V3  `hub.yaml` is written last, and is one that `hub run` accepts.

import { randomUUID } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Address, lastLabel, MeshError, parseAddress } from "@cloudbrain/sdk/domain";
import {
  type AuthorityPem,
  certificatePeriod,
  createMeshAuthority,
  ensurePrivateDirectory,
  issueCredentials,
  type MeshAuthority,
  openMeshAuthority,
  parseMeshName,
  readAuthority,
  writeAuthority,
  writeCredentials,
} from "@cloudbrain/sdk/identity";
import { initNodeStore } from "@cloudbrain/sdk/journal";
import { stringify } from "yaml";
import { operatorOf } from "../api/callers.ts";
import { findConfigMistake } from "./hub-config.ts";

export interface HubInitOptions {
  readonly directory: string;
  readonly address: string;
  readonly title: string;
  readonly level: string | undefined;
  readonly division: string | undefined;
  /** Name of a mesh that begins here, or the one that `authority` has to be of. */
  readonly mesh: string | undefined;
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

const meshDefault = "mesh.local";
const authorityDays = 3_650;
const certificateDays = 365;

export async function initHub(options: HubInitOptions): Promise<HubInitResult> {
  const address = parseAddress(options.address);
  const operatorAddress = operatorOf(address);
  const keys = configKeys(address, options);
  checkKeys(keys);
  const directory = resolve(options.directory);
  const config = join(directory, "hub.yaml");
  const identityDirectory = join(directory, "identity");
  const operator = join(directory, "operator");
  const dataDirectory = join(directory, "data");
  const ownAuthority = join(directory, "authority");
  refuseExisting([config, identityDirectory, operator]);
  refuseExisting([join(dataDirectory, "store"), join(dataDirectory, "anchor")]);

  const given = options.authority === undefined ? undefined : resolve(options.authority);
  if (given === undefined) refuseExisting([ownAuthority]);
  const { authority, fresh } =
    given === undefined
      ? await createAuthority(address, options)
      : { authority: await givenAuthority(given, options.mesh), fresh: undefined };
  const period = certificatePeriod(certificateDays, Date.now());
  const own = await issueCredentials(authority, { address, ...period });
  const operators = await issueCredentials(authority, { address: operatorAddress, ...period });

  ensurePrivateDirectory(directory);
  if (fresh !== undefined) writeAuthority(ownAuthority, fresh, authority.mesh);
  writeCredentials(identityDirectory, own);
  writeCredentials(operator, operators);
  await initNodeStore({ directory: dataDirectory, identity: address, storeId: randomUUID() });
  writeFileSync(config, configText(keys), { flag: "wx" });
  return { config, authority: given ?? ownAuthority, operator };
}

/** V2. */
function refuseExisting(paths: readonly string[]): void {
  const existing = paths.find((path) => existsSync(path));
  if (existing === undefined) return;
  throw new MeshError("STORE_EXISTS", {
    subject: existing,
    detail: "a hub was made here before, wholly or in part; choose an empty directory",
  });
}

/** Flags of `hub init`, by the key of hub.yaml that they give. */
const flagOfKey: Readonly<Record<string, string>> = {
  level: "--level",
  division: "--division",
  parent: "--parent",
  "listen.port": "--port",
};

/** V3. */
function checkKeys(keys: Readonly<Record<string, unknown>>): void {
  const mistake = findConfigMistake(keys);
  if (mistake === undefined) return;
  const { key, message } = mistake;
  refuseFlag(flagOfKey[key] ?? key, message);
}

function refuseFlag(flag: string, detail: string, cause?: unknown): never {
  throw new MeshError("INPUT_INVALID", { subject: flag, detail, cause });
}

async function givenAuthority(directory: string, mesh: string | undefined): Promise<MeshAuthority> {
  const authority = await readAuthority(directory);
  if (mesh === undefined || mesh === authority.mesh) return authority;
  refuseFlag("--mesh", `the authority in ${directory} is of ${authority.mesh}, not of ${mesh}`);
}

interface NewAuthority {
  readonly authority: MeshAuthority;
  /** To be written: nothing of it is on disk yet. */
  readonly fresh: AuthorityPem;
}

async function createAuthority(address: Address, options: HubInitOptions): Promise<NewAuthority> {
  if (options.parent !== undefined) {
    const detail = "a hub below another needs the authority of that one's mesh: name its directory";
    refuseFlag("--authority", detail);
  }
  const mesh = readMesh(options.mesh ?? meshDefault);
  const { notBeforeMs: nowMs } = certificatePeriod(authorityDays, Date.now());
  const rootAddress = parseAddress(`/${address.split("/")[1] ?? ""}`);
  const fresh = await createMeshAuthority({ mesh, rootAddress, nowMs, days: authorityDays });
  return { authority: await openMeshAuthority(fresh, mesh), fresh };
}

function readMesh(text: string): string {
  try {
    return parseMeshName(text);
  } catch (cause) {
    refuseFlag("--mesh", cause instanceof MeshError ? (cause.detail ?? "") : String(cause), cause);
  }
}

function configKeys(address: Address, options: HubInitOptions): Readonly<Record<string, unknown>> {
  return {
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
}

function configText(keys: Readonly<Record<string, unknown>>): string {
  return [
    "# A hub of the mesh. Every key can be overridden by CLOUDBRAIN_<KEY>, for example",
    "# CLOUDBRAIN_LISTEN_PORT, and by a flag of `cloudbrain hub run`.",
    "#   parent: host:port of the hub above; leave it out at the root",
    "#   listen.host: 0.0.0.0 to be reached from other machines",
    "#   heartbeatMs, leaseMs: how often links show life, and when a silent one is given up",
    "#   log: debug, info, warn, error or silent",
    "#   capabilities: what the people of this hub do, so that steps of type human find them, for",
    "#     example",
    "#     capabilities: [clerk.handle/v1]",
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
    stringify(keys),
  ].join("\n");
}
