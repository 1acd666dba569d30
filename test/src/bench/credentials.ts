// Credentials of a benchmark's mesh: made for one run in its own directory and gone with it.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseAddress } from "@cloudbrain/sdk/domain";
import {
  createMeshAuthority,
  issueCredentials,
  type MeshAuthority,
  openMeshAuthority,
  writeCredentials,
} from "@cloudbrain/sdk/identity";

const dayMs = 86_400_000;
const slackMs = 60_000;

export const benchMesh = "bench.mesh";
export const hubAddress = parseAddress("/3702");
export const agentAddress = parseAddress("/3702/s-worker");
export const operatorAddress = parseAddress("/3702/s-operator");

/** Address of one of many children of the hub. */
export function catalogChildAddress(index: number): string {
  return `${hubAddress}/s-child${index}`;
}

export class BenchAuthority {
  private readonly authority: MeshAuthority;
  private readonly directory: string;

  private constructor(authority: MeshAuthority, directory: string) {
    this.authority = authority;
    this.directory = directory;
  }

  static async create(directory: string): Promise<BenchAuthority> {
    const pem = await createMeshAuthority({
      mesh: benchMesh,
      rootAddress: hubAddress,
      nowMs: Date.now() - slackMs,
      days: 2,
    });
    return new BenchAuthority(await openMeshAuthority(pem, benchMesh), directory);
  }

  /** A new directory with the `identity` of this address in it. */
  async place(name: string, address: string): Promise<string> {
    const directory = join(this.directory, name);
    mkdirSync(directory, { recursive: true });
    const nowMs = Date.now();
    const credentials = await issueCredentials(this.authority, {
      address: parseAddress(address),
      notBeforeMs: nowMs - slackMs,
      notAfterMs: nowMs + dayMs,
    });
    writeCredentials(join(directory, "identity"), credentials);
    return directory;
  }
}
