// Probed hub: one real hub over loopback, and calls to it by a stranger to our client: grpc-js
// alone, with whatever certificate the test gives it.

import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Hub, openHub } from "@cloudbrain/hub";
import { MeshError, parseAddress } from "@cloudbrain/sdk/domain";
import {
  type Credentials,
  certificatePeriod,
  createMeshAuthority,
  dnsNameOf,
  issueCredentials,
  type MeshAuthority,
  openMeshAuthority,
} from "@cloudbrain/sdk/identity";
import { initNodeStore, type OpenStore } from "@cloudbrain/sdk/journal";
import { openLevelStore } from "@cloudbrain/sdk/store";
import { type ChannelCredentials, type ChannelOptions, credentials } from "@grpc/grpc-js";

const mesh = "probe.mesh";
const rootAddress = parseAddress("/3702");
/** Not at the root, so that the mesh has members that are not below it. */
export const probedAddress = parseAddress("/3702/370202");

/** What a client of grpc-js is made from. */
export type Caller = readonly [string, ChannelCredentials, ChannelOptions];

export class ProbedHub {
  readonly hub: Hub;
  readonly authority: MeshAuthority;
  /** What the hub has said must end its process. */
  readonly fatal: MeshError[];
  readonly logged: string[];
  readonly directory: string;
  private readonly failCommits: () => void;

  private constructor(parts: Omit<ProbedHub, "close" | "caller" | "breakStore"> & Breakable) {
    this.hub = parts.hub;
    this.authority = parts.authority;
    this.fatal = parts.fatal;
    this.logged = parts.logged;
    this.directory = parts.directory;
    this.failCommits = parts.failCommits;
  }

  static async open(): Promise<ProbedHub> {
    const directory = mkdtempSync(join(tmpdir(), "cloudbrain-probed-"));
    const authority = await makeAuthority(mesh);
    const dataDirectory = join(directory, "data");
    await initNodeStore({
      directory: dataDirectory,
      identity: probedAddress,
      storeId: randomUUID(),
    });
    const fatal: MeshError[] = [];
    const logged: string[] = [];
    let isFailing = false;
    const hub = await openHub({
      description: {
        address: probedAddress,
        kind: "level",
        level: "district",
        division: "",
        industry: "",
        region: "",
        title: { zh: "市南区" },
        capabilities: [],
        hub: true,
        version: "test",
      },
      dataDirectory,
      credentials: await issueTo(authority, probedAddress),
      listen: { host: "127.0.0.1", port: 0 },
      heartbeatMs: 1_000,
      leaseMs: 5_000,
      log: (event) => logged.push(event),
      fatal: (error) => fatal.push(error),
      openStore: failingStore(() => isFailing),
    });
    const failCommits = (): void => {
      isFailing = true;
    };
    return new ProbedHub({ hub, authority, fatal, logged, directory, failCommits });
  }

  /** From now on the disk takes nothing. */
  breakStore(): void {
    this.failCommits();
  }

  /** The certificate of a member of the mesh, or one that `authority` has issued. */
  async caller(address: string, authority = this.authority): Promise<Caller> {
    const own = await issueTo(authority, address);
    const tls = credentials.createSsl(
      Buffer.from(this.authority.certificatePem),
      Buffer.from(own.privateKeyPem),
      Buffer.from(own.certificatePem),
    );
    // Certificates name addresses of the mesh, not hosts: this is what any TLS client compares.
    const name = dnsNameOf(probedAddress, mesh);
    return [`127.0.0.1:${this.hub.port}`, tls, { "grpc.ssl_target_name_override": name }];
  }

  async close(): Promise<void> {
    await this.hub.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

interface Breakable {
  readonly failCommits: () => void;
}

export async function makeAuthority(name: string): Promise<MeshAuthority> {
  const nowMs = certificatePeriod(1, Date.now()).notBeforeMs;
  return await openMeshAuthority(
    await createMeshAuthority({ mesh: name, rootAddress, nowMs, days: 2 }),
    name,
  );
}

export async function issueTo(authority: MeshAuthority, address: string): Promise<Credentials> {
  const period = certificatePeriod(1, Date.now());
  return await issueCredentials(authority, { address: parseAddress(address), ...period });
}

function failingStore(isFailing: () => boolean): OpenStore {
  return async (options) => {
    const store = await openLevelStore(options);
    const commit = store.commit.bind(store);
    store.commit = (operations, epoch) =>
      isFailing()
        ? Promise.reject(new MeshError("STORE_FAULT", { detail: "no space" }))
        : commit(operations, epoch);
    return store;
  };
}
