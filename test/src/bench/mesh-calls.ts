// Mesh calls: the three processes of the workload W1: a hub, an agent with one capability, and a
// caller that uses the SDK's client.

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { openHub } from "@cloudbrain/hub";
import { type Client, createClient } from "@cloudbrain/sdk/client";
import { type JsonObject, MeshError } from "@cloudbrain/sdk/domain";
import { readCredentials } from "@cloudbrain/sdk/identity";
import { initNodeStore } from "@cloudbrain/sdk/journal";
import { createNode } from "@cloudbrain/sdk/node";
import type { CallTable } from "./bench-calls.ts";
import { runClosedLoop } from "./closed-loop.ts";
import { agentAddress, hubAddress } from "./credentials.ts";

const application = `apiVersion: cloudbrain/v1
kind: Application
metadata: { id: bench.fold, version: 1.0.0, title: { zh: bench.fold } }
spec:
  input: { type: object }
  onFailure: fail
  steps:
    - id: fold
      type: fanout
      fanout: { items: '=input.items' }
      each:
        match: { capability: bench.echo/v1 }
        input: '=item'
      deadline: { finish: 5m }
      aggregate:
        into: { count: count(), sum: sum(out.v), min: min(out.v), max: max(out.v) }
        complete: { quorum: 1, atDeadline: partial, onShort: fail }
        late: record
  output: '=steps.fold.agg'
`;

let client: Client | undefined;
let lastKey = 0;

function fatal(error: MeshError): void {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

export const meshCalls: Pick<CallTable, "openHub" | "openAgent" | "openClient" | "runChains"> = {
  openHub: async ({ directory, passwordLogN }) => {
    const dataDirectory = join(directory, "data");
    const storeId = randomUUID();
    await initNodeStore({ directory: dataDirectory, identity: hubAddress, storeId });
    const hub = await openHub({
      description: {
        address: hubAddress,
        kind: "level",
        level: "city",
        division: "370200000000",
        industry: "",
        region: "",
        title: { zh: "bench" },
        capabilities: [],
        hub: true,
        version: "bench",
      },
      dataDirectory,
      credentials: readCredentials(join(directory, "identity")),
      listen: { host: "127.0.0.1", port: 0 },
      heartbeatMs: 3_000,
      leaseMs: 12_000,
      passwordLogN,
      log: () => undefined,
      fatal,
    });
    return { target: `127.0.0.1:${hub.port}` };
  },

  openAgent: async ({ directory, target }) => {
    const dataDir = join(directory, "data");
    const storeId = randomUUID();
    await initNodeStore({ directory: dataDir, identity: agentAddress, storeId });
    const agent = createNode({
      address: agentAddress,
      title: { zh: "worker" },
      hub: target,
      identity: readCredentials(join(directory, "identity")),
      dataDir,
      onFatal: fatal,
    });
    agent.handle("bench.echo/v1", (v) => ({ v }));
    await agent.start();
    return {};
  },

  openClient: async ({ directory, target }) => {
    const identity = readCredentials(join(directory, "identity"));
    client = createClient({ hub: target, identity, timeoutMs: 60_000 });
    await client.publish(application);
    return {};
  },

  runChains: async ({ n, ...loop }) => {
    const items = Array.from({ length: n }, (_, index) => index);
    const expected = { count: n, sum: (n * (n - 1)) / 2, min: 0, max: n - 1 };
    return await runClosedLoop(loop, () => runOne(items, expected));
  },
};

/** One chain; refuses a result that is not exact. */
async function runOne(items: readonly number[], expected: JsonObject): Promise<void> {
  if (client === undefined) throw new MeshError("DEFECT", { detail: "openClient comes first" });
  lastKey += 1;
  const { state, output, reason } = await client.run(
    "bench.fold",
    { items },
    { key: `bench-${lastKey}` },
  );
  const seen = output as JsonObject | null;
  const isExact = Object.entries(expected).every(([name, value]) => seen?.[name] === value);
  if (state === "succeeded" && isExact) return;
  const detail = `${state} ${reason}: ${JSON.stringify(output)}, not ${JSON.stringify(expected)}`;
  throw new MeshError("DEFECT", { subject: "chain", detail });
}
