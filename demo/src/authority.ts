// Authority: the certificates of a run. Made for one run in its own directory and gone with it.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Address, parseAddress } from "@cloudbrain/sdk/domain";
import {
  type Credentials,
  createMeshAuthority,
  issueCredentials,
  type MeshAuthority,
  openMeshAuthority,
  writeCredentials,
} from "@cloudbrain/sdk/identity";

export type Authority = MeshAuthority;

const dayMs = 86_400_000;
/** Clocks of one machine agree; a minute of slack covers a clock that is set back meanwhile. */
const slackMs = 60_000;

export async function createAuthority(
  directory: string,
  mesh: string,
  rootAddress: Address,
): Promise<Authority> {
  const pem = await createMeshAuthority({
    mesh,
    rootAddress,
    nowMs: Date.now() - slackMs,
    days: 2,
  });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(join(directory, "authority.key"), pem.privateKeyPem, { mode: 0o600 });
  writeFileSync(join(directory, "authority.crt"), pem.certificatePem);
  return await openMeshAuthority(pem, mesh);
}

/** What `createAuthority` wrote, for the processes of the same run. */
export async function readAuthority(directory: string, mesh: string): Promise<Authority> {
  return await openMeshAuthority(
    {
      privateKeyPem: readFileSync(join(directory, "authority.key"), "utf8"),
      certificatePem: readFileSync(join(directory, "authority.crt"), "utf8"),
    },
    mesh,
  );
}

export async function issueNodeCredentials(
  authority: Authority,
  address: Address,
): Promise<Credentials> {
  const nowMs = Date.now();
  return await issueCredentials(authority, {
    address,
    notBeforeMs: nowMs - slackMs,
    notAfterMs: nowMs + dayMs,
  });
}

/** Credentials of whoever manages the city's hub, kept on disk for the command line. */
export async function issueOperatorCredentials(
  authority: Authority,
  directory: string,
  city: string,
): Promise<Credentials> {
  const address = parseAddress(`${city}/s-operator`);
  const credentials = await issueNodeCredentials(authority, address);
  writeCredentials(join(directory, "operator"), credentials);
  return credentials;
}
