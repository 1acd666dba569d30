// Driver rig: a real hub, the real agent as a process of its own, and applications of one step for
// each capability that its drivers serve.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChainSnapshot } from "@cloudbrain/sdk";
import type { JsonObject, JsonValue } from "@cloudbrain/sdk/domain";
import { AgentFiles, type ApiAnswer } from "./agent-files.ts";
import { waitFor } from "./mesh-waiting.ts";
import { repositoryRoot } from "./repository.ts";
import { defaultTiming, deskAddress, VendorMesh } from "./vendor-mesh.ts";

const main = join(repositoryRoot, "node-agent", "dist", "cli", "main.js");
const limitMs = 15_000;

export class DriverRig {
  readonly mesh: VendorMesh;
  readonly directory: string;
  /** Everything that the agent has said. */
  said = "";
  private readonly files: AgentFiles;
  private agent: ChildProcess | undefined;
  private submitted = 0;

  private constructor(mesh: VendorMesh, directory: string, files: AgentFiles) {
    this.mesh = mesh;
    this.directory = directory;
    this.files = files;
  }

  static async open(): Promise<DriverRig> {
    const mesh = await VendorMesh.open({ timing: defaultTiming });
    const directory = mkdtempSync(join(tmpdir(), "cloudbrain-driver-"));
    return new DriverRig(mesh, directory, await AgentFiles.prepare(directory));
  }

  write(name: string, text: string): string {
    return this.files.write(name, text);
  }

  /** Writes agent.yaml with this list of drivers. */
  configure(drivers: string): void {
    const { identity, data } = this.mesh.deskFiles();
    this.files.configure(`address: ${deskAddress}
title: { zh: 办理席 }
hub: ${this.mesh.access().hub}
identity: ${identity}
data: ${data}
drivers:
${drivers}`);
  }

  async startAgent(): Promise<void> {
    const child = spawn(process.execPath, [main, "agent", "run", "--config", this.files.config], {
      env: { PATH: "", HOME: this.directory },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.agent = child;
    let isOnline = false;
    const listen = (bytes: Buffer): void => {
      this.said += bytes.toString();
      isOnline ||= bytes.toString().includes("is online");
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    await waitFor({ what: "an agent that is online", limitMs }, () => {
      if (child.exitCode !== null) throw new Error(this.said);
      return isOnline || undefined;
    });
  }

  async endAgent(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const { agent } = this;
    this.agent = undefined;
    if (agent === undefined || agent.exitCode !== null || agent.signalCode !== null) return;
    const closed = once(agent, "close");
    agent.kill(signal);
    await closed;
  }

  /** An application of one step that this capability serves. */
  async publish(capability: string, step = ""): Promise<void> {
    await this.mesh.client.publish(`apiVersion: cloudbrain/v1
kind: Application
metadata: { id: ${idOf(capability)}, version: 1.0.0, title: { zh: 一步 } }
spec:
  input: { type: object }
  deadline: { total: 5m }
  onFailure: fail
  steps:
    - id: only
      type: service
      match: { capability: ${capability} }
      input: '=input'
${step}
  output: { result: '=steps.only.out' }
`);
  }

  async submit(capability: string, input: JsonValue): Promise<string> {
    this.submitted += 1;
    const key = `key-${this.submitted}`;
    const { chain } = await this.mesh.client.submit(idOf(capability), input, { key });
    return chain;
  }

  async ended(chain: string): Promise<ChainSnapshot> {
    return await this.mesh.ended(chain);
  }

  get apiOrigin(): string {
    return this.files.apiOrigin;
  }

  async api(...request: Parameters<AgentFiles["api"]>): Promise<ApiAnswer> {
    return await this.files.api(...request);
  }

  async act(id: string, action: string, body: JsonValue | string): Promise<ApiAnswer> {
    return await this.files.act(id, action, body);
  }

  /** The open instruction of this chain once it is in this state, as the API shows it. */
  async openOf(chain: string, state: "running" | "deferred" = "deferred"): Promise<JsonObject> {
    return await waitFor({ what: `a ${state} instruction of ${chain}`, limitMs }, async () => {
      const open = await this.files.open(state);
      return open.find((one) => one["chain"] === chain);
    });
  }

  async close(): Promise<void> {
    await this.endAgent("SIGTERM");
    await this.mesh.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function idOf(capability: string): string {
  return `test.${capability.replace(/\/v\d+$/, "")}`;
}
