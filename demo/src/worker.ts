// Worker: a process of the demo that hosts hubs or agents. Each node has a certificate, a store and
// a link of its own; the process ends when the demo ends, whatever happens to it.

import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseAddress } from "@cloudbrain/sdk/domain";
import { initNodeStore } from "@cloudbrain/sdk/journal";
import { issueNodeCredentials, readAuthority } from "./authority.ts";
import type { FromProcess, OpenMessage, PrepareMessage, ToProcess } from "./messages.ts";
import type { OpenedNode, PreparedNode } from "./prepared-node.ts";

/** Nodes that are made ready or opened at once in one process. */
const inParallel = 16;

const prepared: PreparedNode[] = [];
const opened: OpenedNode[] = [];
let role: PrepareMessage["role"] = "agent";

function tell(message: FromProcess): void {
  if (process.connected) process.send?.(message);
}

async function inTurns<Item>(items: readonly Item[], use: (item: Item) => Promise<void>) {
  const waiting = [...items];
  const next = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await use(item);
  };
  await Promise.all(Array.from({ length: inParallel }, next));
}

async function prepare(message: PrepareMessage): Promise<void> {
  ({ role } = message);
  const authority = await readAuthority(message.directory, message.mesh);
  await inTurns(message.nodes, async (planned) => {
    const directory = join(message.directory, "nodes", planned.division);
    mkdirSync(directory, { recursive: true });
    const address = parseAddress(planned.address);
    const credentials = await issueNodeCredentials(authority, address);
    const dataDirectory = join(directory, "data");
    await initNodeStore({ directory: dataDirectory, identity: address, storeId: randomUUID() });
    prepared.push({ planned, address, credentials, dataDirectory });
  });
  tell({ type: "prepared" });
}

async function open(message: OpenMessage): Promise<void> {
  // An agent's process never loads what only a hub needs.
  const openOne =
    role === "hub"
      ? (await import("./open-hub.ts")).openPlannedHub
      : (await import("./open-agent.ts")).openPlannedAgent;
  await inTurns(prepared, async (node) => {
    const up = await openOne(node, message.parents[node.planned.parent], fail);
    opened.push(up);
    const ports = up.port === 0 ? {} : { [node.address]: up.port };
    tell({ type: "up", ports, count: 1 });
  });
  tell({ type: "ready" });
}

async function stop(): Promise<void> {
  await Promise.allSettled(opened.map((node) => node.close()));
  process.exit(0);
}

function fail(error: unknown): void {
  tell({ type: "failed", reason: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
  setImmediate(() => process.exit(1));
}

process.on("message", (message: ToProcess) => {
  const steps = { prepare, open, stop };
  const step = steps[message.type] as (message: ToProcess) => Promise<void>;
  step(message).catch(fail);
});
// The demo is gone: nobody would ever end us.
process.on("disconnect", () => {
  stop().catch(fail);
});
