// Entry of a hosted process: some hubs or agents of a test, with failpoints below their stores. The
// process ends when its driver is gone, whatever happens to it.

import { join } from "node:path";
import { openHub } from "@cloudbrain/hub";
import { isMeshError, type JsonObject, parseAddress } from "@cloudbrain/sdk/domain";
import { readCredentials } from "@cloudbrain/sdk/identity";
import { createNode } from "@cloudbrain/sdk/node";
import { itemValue, reportValue, stepValue } from "./mesh-applications.ts";
import {
  armKillPoint,
  disarmKillPoint,
  installFailpoints,
  leaveSyncsOut,
} from "./process-failpoints.ts";
import type { FromHost, HostedNode, ToHost } from "./process-messages.ts";

/** Short, so that a killed neighbour is noticed soon. */
const heartbeatMs = 500;
const leaseMs = 2_000;

const closers: (() => Promise<void>)[] = [];

function tell(message: FromHost): void {
  if (process.connected) process.send?.(message);
}

async function start(nodes: readonly HostedNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => (node.role === "hub" ? startHub(node) : startAgent(node))));
  tell({ type: "ready" });
}

async function startHub(node: HostedNode): Promise<void> {
  const hub = await openHub({
    description: {
      address: parseAddress(node.address),
      kind: "level",
      level: node.level,
      division: node.division,
      industry: "",
      region: "",
      title: { zh: node.address },
      capabilities: node.capabilities ?? [],
      hub: true,
      version: "test",
    },
    dataDirectory: join(node.directory, "data"),
    credentials: readCredentials(join(node.directory, "identity")),
    listen: { host: "127.0.0.1", port: node.port },
    parent: node.parent === "" ? undefined : node.parent,
    heartbeatMs,
    leaseMs,
    passwordLogN: node.passwordLogN,
    log,
    fatal: fail,
  });
  closers.push(() => hub.close());
}

async function startAgent(node: HostedNode): Promise<void> {
  const agent = createNode({
    address: parseAddress(node.address),
    kind: "level",
    level: node.level,
    division: node.division,
    title: { zh: node.address },
    hub: node.parent,
    identity: readCredentials(join(node.directory, "identity")),
    dataDir: join(node.directory, "data"),
    heartbeatMs,
    leaseMs,
    log,
    onFatal: fail,
  });
  agent.handle("community.report/v1", (input) => ({
    v: reportValue(node.division, nonceOf(input)),
  }));
  agent.handle("work.item/v1", (input) => {
    return { v: itemValue(String((input as JsonObject)["item"]), nonceOf(input)) };
  });
  agent.handle("work.step/v1", (input) => {
    return { v: stepValue(Number((input as JsonObject)["v"]), nonceOf(input)) };
  });
  await agent.start();
  closers.push(() => agent.stop({ drain: 0 }));
}

function nonceOf(input: unknown): string {
  return String((input as JsonObject)["nonce"]);
}

function log(event: string, fields: Record<string, unknown>): void {
  // What the kernel's own auditor finds is the one thing that a test must never overlook.
  if (event !== "invariant broken" && process.env["TEST_LOG"] === undefined) return;
  process.stderr.write(`${event} ${JSON.stringify(fields)}\n`);
}

async function stop(): Promise<void> {
  const results = await Promise.allSettled(closers.map((close) => close()));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    fail(failed.reason);
    return;
  }
  process.exitCode = 0;
  // Exits once the driver has it in its pipe, or at once when the driver is gone.
  if (process.connected)
    process.send?.({ type: "stopped" } satisfies FromHost, () => process.exit());
  else process.exit();
}

function fail(error: unknown): void {
  const code = isMeshError(error) ? error.code : "DEFECT";
  tell({ type: "failed", code, reason: describe(error) });
  process.exitCode = 1;
  setImmediate(() => process.exit(1));
}

/** The error and what has caused it, outermost first; a defect with its stack. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = isMeshError(error) ? error.message : (error.stack ?? error.message);
  return error.cause === undefined ? own : `${own}; caused by ${describe(error.cause)}`;
}

process.on("message", (message: ToHost) => {
  switch (message.type) {
    case "start":
      if (message.unsynced) leaveSyncsOut();
      start(message.nodes).catch(fail);
      return;
    case "arm":
      armKillPoint(message.point, message.skip);
      return;
    case "disarm":
      disarmKillPoint();
      return;
    case "stop":
      stop().catch(fail);
  }
});
process.on("disconnect", () => {
  setImmediate(() => process.exit(1));
});
process.on("uncaughtException", fail);
installFailpoints();
