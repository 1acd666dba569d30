// Vendor mesh: one real hub over loopback and what a vendor needs to join a node to it. The hub
// runs in the test's own process, or in one that the test may kill.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Hub, openHub } from "@cloudbrain/hub";
import {
  type ChainSnapshot,
  type Client,
  type ClientOptions,
  createClient,
  createNode,
  type Node,
  type NodeOptions,
  readCredentials,
} from "@cloudbrain/sdk";
import { type JsonValue, limits, parseAddress } from "@cloudbrain/sdk/domain";
import type { Credentials } from "@cloudbrain/sdk/identity";
import { createClock } from "@cloudbrain/sdk/journal";
import { cityAddress, type PreparedMesh, prepareMesh } from "./mesh-shape.ts";
import { HostedProcess } from "./process-host.ts";

interface Timing {
  readonly heartbeatMs: number;
  readonly leaseMs: number;
}

/** Short, so that a lost neighbour is noticed soon. */
const shortTiming: Timing = { heartbeatMs: 200, leaseMs: 1_000 };
/** What an agent keeps that is a process of its own: its configuration has no timing. */
export const defaultTiming: Timing = {
  heartbeatMs: limits.heartbeatMs,
  leaseMs: limits.linkLeaseMs,
};
export const deskAddress = parseAddress(`${cityAddress}/s-desk`);

export class VendorMesh {
  readonly client: Client;
  /** Everything that nodes have logged. */
  readonly logged: string[] = [];
  /** How far the hub's clock goes ahead of ours. */
  aheadMs = 0;
  private readonly directory: string;
  private readonly prepared: PreparedMesh;
  private readonly process: HostedProcess | undefined;
  /** Of both ends of a link: who beats more slowly than the other's lease is lost at once. */
  private readonly timing: Timing;
  private hub: Hub | undefined;
  private readonly nodes: Node[] = [];
  private readonly clients: Client[] = [];
  private keys = 0;

  private constructor(
    directory: string,
    prepared: PreparedMesh,
    options: { readonly hasProcess: boolean; readonly timing: Timing },
  ) {
    const { hasProcess, timing } = options;
    this.timing = timing;
    this.directory = directory;
    this.prepared = prepared;
    const node = prepared.nodes.get(cityAddress);
    if (hasProcess && node !== undefined) {
      this.process = new HostedProcess({ name: "hub", nodes: [node] });
    }
    this.client = this.createClient();
  }

  /** With `hubProcess` the hub runs in a process of its own, which `killHub` ends. */
  static async open(
    options: { readonly hubProcess?: boolean; readonly timing?: Timing } = {},
  ): Promise<VendorMesh> {
    const directory = mkdtempSync(join(tmpdir(), "cloudbrain-vendor-"));
    const division = "370200000000";
    const prepared = await prepareMesh(directory, [
      { role: "hub", address: cityAddress, level: "city", division, parent: undefined },
      { role: "agent", address: deskAddress, level: "", division: "", parent: cityAddress },
    ]);
    const hasProcess = options.hubProcess === true;
    const timing = options.timing ?? shortTiming;
    const mesh = new VendorMesh(directory, prepared, { hasProcess, timing });
    await mesh.openHub();
    await mesh.client.publish(stepApplication);
    await mesh.client.publish(stepsApplication);
    return mesh;
  }

  /** The operator's client, of the hub itself or of what stands before it; closed with the mesh. */
  createClient(options: Partial<ClientOptions> = {}): Client {
    const hub = this.prepared.target(cityAddress);
    const client = createClient({ hub, identity: this.prepared.operator, ...options });
    this.clients.push(client);
    return client;
  }

  get operator(): Credentials {
    return this.prepared.operator;
  }

  get hubPort(): number {
    return this.prepared.nodes.get(cityAddress)?.port ?? 0;
  }

  async openHub(): Promise<void> {
    if (this.process === undefined) await this.openHubHere();
    else await this.process.start();
  }

  private async openHubHere(): Promise<void> {
    const own = this.ownDirectory(cityAddress);
    this.hub = await openHub({
      description: {
        address: cityAddress,
        kind: "level",
        level: "city",
        division: "370200000000",
        industry: "",
        region: "",
        title: { zh: "市" },
        capabilities: [],
        hub: true,
        version: "test",
      },
      dataDirectory: join(own, "data"),
      credentials: readCredentials(join(own, "identity")),
      listen: { host: "127.0.0.1", port: this.hubPort },
      ...this.timing,
      clock: createClock(() => Date.now() + this.aheadMs),
      passwordLogN: 14,
      log: () => undefined,
      fatal: (error) => this.logged.push(`hub fatal: ${error.message}`),
    });
  }

  /** As by `kill -9`: nothing is said, and what was not synced is gone. */
  async killHub(): Promise<void> {
    if (this.process === undefined) throw new Error("this hub has no process of its own");
    await this.process.kill();
  }

  async closeHub(): Promise<void> {
    await this.process?.stop();
    await this.hub?.close();
    this.hub = undefined;
  }

  /** Where a node keeps its store and anchor. */
  dataDirectory(address: string): string {
    return join(this.ownDirectory(address), "data");
  }

  private ownDirectory(address: string): string {
    return this.prepared.nodes.get(parseAddress(address))?.directory ?? this.directory;
  }

  /** The desk's node, closed with the mesh. */
  createDesk(options: Partial<NodeOptions> = {}): Node {
    const own = this.ownDirectory(deskAddress);
    const node = createNode({
      address: deskAddress,
      title: { zh: "办理席" },
      hub: this.prepared.target(cityAddress),
      identity: join(own, "identity"),
      dataDir: join(own, "data"),
      ...this.timing,
      log: (event) => this.logged.push(event),
      ...options,
    });
    this.nodes.push(node);
    return node;
  }

  /** Where a process of its own finds what the desk's node needs. */
  deskFiles(): { readonly identity: string; readonly data: string } {
    const own = this.ownDirectory(deskAddress);
    return { identity: join(own, "identity"), data: join(own, "data") };
  }

  /** host:port of the hub, and who may manage it. */
  access(): { readonly hub: string; readonly operator: Credentials } {
    return { hub: this.prepared.target(cityAddress), operator: this.prepared.operator };
  }

  /** Credentials of a caller below the hub that end soon. */
  async issueCaller({ liveMs }: { readonly liveMs: number }): Promise<Credentials> {
    return await this.prepared.issue(parseAddress(`${cityAddress}/s-caller`), liveMs);
  }

  /** Submits the one-step application and answers the chain's id. */
  async submit(input: JsonValue): Promise<string> {
    this.keys += 1;
    const { chain } = await this.client.submit("test.step", input, { key: `key-${this.keys}` });
    return chain;
  }

  async ended(chain: string): Promise<ChainSnapshot> {
    for await (const snapshot of this.client.watch(chain)) {
      if (endedStates.has(snapshot.state)) return snapshot;
    }
    return await this.client.getChain(chain);
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop({ drain: 0 })));
    for (const client of this.clients) client.close();
    await this.closeHub();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const endedStates: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled"]);

const stepApplication = `apiVersion: cloudbrain/v1
kind: Application
metadata: { id: test.step, version: 1.0.0, title: { zh: 一步 } }
spec:
  input: { type: object }
  deadline: { total: 5m }
  onFailure: fail
  steps:
    - id: only
      type: service
      match: { capability: desk.work/v1 }
      input: '=input'
      retry: { max: 5, backoff: { initial: 10ms, factor: 2, max: 100ms } }
  output: { result: '=steps.only.out' }
`;

/** Three steps one after another, so that a chain has several states to follow. */
const stepsApplication = `apiVersion: cloudbrain/v1
kind: Application
metadata: { id: test.steps, version: 1.0.0, title: { zh: 三步 } }
spec:
  input: { type: object }
  deadline: { total: 5m }
  onFailure: fail
  steps:
    - id: first
      type: service
      match: { capability: desk.work/v1 }
      input: { n: '=input.n' }
    - id: second
      type: service
      needs: [first]
      match: { capability: desk.work/v1 }
      input: { n: '=steps.first.out.n' }
    - id: third
      type: service
      needs: [second]
      match: { capability: desk.work/v1 }
      input: { n: '=steps.second.out.n' }
  output: { n: '=steps.third.out.n' }
`;
