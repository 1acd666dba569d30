// Nodes of a hosted process: a hub or an agent as `HostedNode` describes it.

import { join } from "node:path";
import { openHub } from "@cloudbrain/hub";
import { type JsonObject, parseAddress } from "@cloudbrain/sdk/domain";
import { readCredentials } from "@cloudbrain/sdk/identity";
import { type Clock, systemClock } from "@cloudbrain/sdk/journal";
import { createNode } from "@cloudbrain/sdk/node";
import { itemValue, reportValue, stepValue } from "./mesh-applications.ts";
import type { HandlerCalls } from "./process-calls.ts";
import type { HostedNode } from "./process-messages.ts";

/** Short, so that a killed neighbour is noticed soon. */
const shortTiming = { heartbeatMs: 500, leaseMs: 2_000 };

export interface NodeSurroundings {
  readonly calls: HandlerCalls;
  readonly clock?: Clock | undefined;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
  readonly fatal: (error: unknown) => void;
}

/** Resolves with what closes it, once it serves. */
export async function openNode(
  node: HostedNode,
  around: NodeSurroundings,
): Promise<() => Promise<void>> {
  return node.role === "hub" ? await openHostedHub(node, around) : await openAgent(node, around);
}

async function openHostedHub(
  node: HostedNode,
  { clock, log, fatal }: NodeSurroundings,
): Promise<() => Promise<void>> {
  const hub = await openHub({
    description: { ...describe(node), capabilities: node.capabilities ?? [], hub: true },
    dataDirectory: join(node.directory, "data"),
    credentials: readCredentials(join(node.directory, "identity")),
    listen: { host: "127.0.0.1", port: node.port },
    parent: node.parent === "" ? undefined : node.parent,
    ...(node.timing ?? shortTiming),
    clock,
    passwordLogN: node.passwordLogN,
    log,
    fatal,
  });
  return () => hub.close();
}

async function openAgent(
  node: HostedNode,
  { calls, clock = systemClock, log, fatal }: NodeSurroundings,
): Promise<() => Promise<void>> {
  const agent = createNode({
    ...describe(node),
    hub: node.parent,
    identity: readCredentials(join(node.directory, "identity")),
    dataDir: join(node.directory, "data"),
    ...(node.timing ?? shortTiming),
    clock,
    log,
    onFatal: fatal,
  });
  if (node.asks === undefined) {
    agent.handle("community.report/v1", (input) => ({
      v: reportValue(node.division, nonceOf(input)),
    }));
    agent.handle("work.item/v1", (input) => {
      return { v: itemValue(String((input as JsonObject)["item"]), nonceOf(input)) };
    });
    agent.handle("work.step/v1", (input) => {
      return { v: stepValue(Number((input as JsonObject)["v"]), nonceOf(input)) };
    });
  } else {
    for (const capability of node.asks) {
      agent.handle(capability, calls.handler(node.address, capability));
    }
  }
  await agent.start();
  return () => agent.stop({ drain: 0 });
}

function describe(node: HostedNode) {
  const { level, division, kind = "level", industry = "", region = "", title } = node;
  return {
    address: parseAddress(node.address),
    kind,
    level,
    division,
    industry,
    region,
    title: { zh: title ?? node.address },
    version: "test",
  };
}

function nonceOf(input: unknown): string {
  return String((input as JsonObject)["nonce"]);
}
