// Mesh systems: nodes of a cast whose work is done by business systems behind the drivers of
// `cloudbrain agent run`: one that is asked by webhook, and one whose people work on its inbox.

import { mkdirSync } from "node:fs";
import type { JsonObject } from "@cloudbrain/sdk/domain";
import { AgentFiles } from "../support/agent-files.ts";
import { type Answered, type Asked, BusinessSystem } from "../support/business-system.ts";
import type { HostedNode } from "../support/process-messages.ts";
import type { Turn } from "../support/turn.ts";
import type { Scripts } from "./scripts.ts";

/** Which nodes are reached how, by address. */
export type Driven = Readonly<Record<string, "http" | "inbox">>;

/** Who works on the inbox. */
const clerk = "王磊";

export class MeshSystems {
  private readonly files: AgentFiles;
  private readonly scripts: Scripts;
  private readonly system = new BusinessSystem();
  /** Attempts of instructions that nobody goes on with. */
  private readonly hanging = new Set<string>();

  private constructor(files: AgentFiles, scripts: Scripts) {
    this.files = files;
    this.scripts = scripts;
    this.system.answering = (asked) => this.answer(asked);
  }

  /** Writes the configuration; `nodes` are those of `driven` with their capabilities in `asks`. */
  static async prepare(
    directory: string,
    nodes: readonly HostedNode[],
    driven: Driven,
    scripts: Scripts,
  ): Promise<MeshSystems> {
    mkdirSync(directory, { recursive: true });
    const files = await AgentFiles.prepare(directory);
    const systems = new MeshSystems(files, scripts);
    await systems.system.open();
    const entries = nodes.map((node) => systems.describe(node, driven[node.address] ?? "http"));
    files.configure(`agents:\n${entries.join("")}`);
    return systems;
  }

  private describe(node: HostedNode, driver: "http" | "inbox"): string {
    const drivers = (node.asks ?? []).map((capability) => {
      const how =
        driver === "http"
          ? `http: { url: "${this.system.url}" }`
          : `inbox: { title: { zh: "${node.title}" } }`;
      return `      - capability: ${capability}\n        ${how}\n`;
    });
    const features = Object.entries({
      title: { zh: node.title },
      nodeKind: node.kind,
      level: node.level === "" ? undefined : node.level,
      division: node.division === "" ? undefined : node.division,
      industry: node.industry === "" ? undefined : node.industry,
      region: node.region === "" ? undefined : node.region,
      hub: node.parent,
      identity: `${node.directory}/identity`,
      data: `${node.directory}/data`,
    }).flatMap(([name, value]) =>
      value === undefined ? [] : [`    ${name}: ${JSON.stringify(value)}\n`],
    );
    return `  - address: ${node.address}\n${features.join("")}    drivers:\n${drivers.join("")}`;
  }

  /** agent.yaml. */
  get config(): string {
    return this.files.config;
  }

  /** A webhook of the agent; a withdrawal is only confirmed. */
  private answer({ path, told }: Asked): Answered | undefined {
    if (path.endsWith("/cancel")) return { status: 200, body: "{}" };
    const turn = this.take(told as JsonObject);
    switch (turn.does) {
      case "answer":
        return { status: 200, body: JSON.stringify(turn.output) };
      case "reject":
        return { status: 404, body: JSON.stringify({ code: "REJECTED", message: turn.reason }) };
      case "fail": {
        const { code, retryable } = turn;
        return { status: 422, body: JSON.stringify({ code, message: code, retryable }) };
      }
      case "hang":
        return undefined;
    }
  }

  private take(told: JsonObject): Turn {
    const turn = this.scripts.take({
      node: String(told["agent"]),
      capability: String(told["capability"]),
      input: told["input"] ?? null,
      chain: String(told["chain"]),
      attempt: Number(told["attempt"]),
    });
    if (turn.does === "hang") this.hanging.add(attemptOf(told));
    return turn;
  }

  /** Works on what is in the inbox; true while anything goes on that needs no time to pass. */
  async isBusy(): Promise<boolean> {
    const [running, entries] = await Promise.all([
      this.files.open("running"),
      this.files.open("deferred"),
    ]);
    const isAlive = (told: JsonObject): boolean => !this.hanging.has(attemptOf(told));
    const open = entries.filter(isAlive);
    for (const entry of open) await this.work(entry);
    return open.length > 0 || running.some(isAlive);
  }

  private async work(entry: JsonObject): Promise<void> {
    const id = String(entry["id"]);
    const turn = this.take(entry);
    if (turn.does === "hang") return;
    await this.files.act(id, "claim", { name: clerk });
    if (turn.does === "answer") {
      await this.files.act(id, "complete", { name: clerk, form: turn.output });
      return;
    }
    if (turn.does === "fail") throw new Error(`people return what they can't do: ${turn.code}`);
    await this.files.act(id, "return", { name: clerk, reason: turn.reason });
  }

  async close(): Promise<void> {
    await this.system.close();
  }
}

function attemptOf(told: JsonObject): string {
  return `${told["id"]} ${told["attempt"]}`;
}
