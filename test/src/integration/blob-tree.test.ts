// Attachments in a tree of hubs: what a node far below puts is read above it and beside it, and
// stays where it is while something refers to it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Hub, openHub } from "@cloudbrain/hub";
import { type Client, createClient, createNode, type Node } from "@cloudbrain/sdk";
import { type Address, parseAddress } from "@cloudbrain/sdk/domain";
import { readCredentials } from "@cloudbrain/sdk/identity";
import { createClock } from "@cloudbrain/sdk/journal";
import * as assert from "uvu/assert";
import {
  cityAddress,
  type PreparedMesh,
  prepareMesh,
  type TreeNode,
} from "../support/mesh-shape.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { suite } from "../support/suite.ts";
import { refusalOf } from "../support/task-mesh.ts";

const test = suite("attachments in a tree of hubs", { timeLimitMs: 60_000 });

const dayMs = 24 * 3_600_000;
const east = parseAddress(`${cityAddress}/370202`);
const west = parseAddress(`${cityAddress}/370203`);
const street = parseAddress(`${east}/370202001`);
const camera = parseAddress(`${street}/s-camera`);
const hubs: readonly Address[] = [cityAddress, east, west, street];
const timing = { heartbeatMs: 500, leaseMs: 2_000 };

const application = `apiVersion: cloudbrain/v1
kind: Application
metadata: { id: camera.shot, version: 1.0.0, title: { zh: 抓拍 } }
spec:
  deadline: { total: 5m }
  onFailure: fail
  steps:
    - { id: shoot, type: service, match: { capability: camera.shoot/v1 }, input: '=input' }
  output: { shot: '=steps.shoot.out.shot' }
`;

let directory = "";
let prepared: PreparedMesh;
let node: Node;
let aheadMs = 0;
const open = new Map<Address, Hub>();
const clients: Client[] = [];

function treeNode(role: TreeNode["role"], address: Address): TreeNode {
  const parent = address === cityAddress ? undefined : address.slice(0, address.lastIndexOf("/"));
  return { role, address, level: "", division: "", parent: parent as Address | undefined };
}

async function openOne(address: Address): Promise<void> {
  const own = prepared.nodes.get(address);
  if (own === undefined) throw new Error(`no node ${address}`);
  const hub = await openHub({
    description: {
      address,
      kind: "level",
      level: "",
      division: "",
      industry: "",
      region: "",
      title: { zh: address },
      capabilities: [],
      hub: true,
      version: "test",
    },
    dataDirectory: join(own.directory, "data"),
    credentials: readCredentials(join(own.directory, "identity")),
    listen: { host: "127.0.0.1", port: own.port },
    parent: own.parent === "" ? undefined : own.parent,
    ...timing,
    clock: createClock(() => Date.now() + aheadMs),
    log: () => undefined,
    fatal: (error) => {
      throw error;
    },
  });
  open.set(address, hub);
}

/** A client of a hub with the identity of a node at or below it that manages nothing. */
function connect(hub: Address, as: Address): Client {
  const own = prepared.nodes.get(as)?.directory ?? "";
  const client = createClient({ hub: prepared.target(hub), identity: join(own, "identity") });
  clients.push(client);
  return client;
}

test.before(async () => {
  directory = mkdtempSync(join(tmpdir(), "cloudbrain-blob-tree-"));
  const tree = [...hubs.map((address) => treeNode("hub", address)), treeNode("agent", camera)];
  prepared = await prepareMesh(directory, tree);
  for (const address of hubs) await openOne(address);
  const own = prepared.nodes.get(camera)?.directory ?? "";
  node = createNode({
    address: camera,
    title: { zh: "摄像头" },
    hub: prepared.target(street),
    identity: join(own, "identity"),
    dataDir: join(own, "data"),
    ...timing,
    log: () => undefined,
  });
  const atStreet = connect(street, camera);
  node.handle("camera.shoot/v1", async (input) => {
    const { what } = input as { readonly what: string };
    const { ref } = await atStreet.blobs.put(Buffer.from(what.repeat(50_000)));
    return { shot: ref };
  });
  await node.start();
  const operator = createClient({
    hub: prepared.target(cityAddress),
    identity: prepared.operator,
  });
  clients.push(operator);
  await operator.publish(application);
  await waitFor({ what: "the camera is known to the city", limitMs: 15_000 }, async () => {
    for await (const { state } of operator.listNodes({ capability: "camera.shoot/v1" })) {
      if (state === "online") return state;
    }
    return undefined;
  });
});
test.after(async () => {
  await node.stop({ drain: 0 });
  for (const client of clients) client.close();
  for (const hub of [...open.values()].toReversed()) await hub.close();
  rmSync(directory, { recursive: true, force: true });
});

async function all(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString("utf8");
}

async function shoot(what: string): Promise<{ readonly chain: string; readonly ref: string }> {
  const city = connect(cityAddress, camera);
  const { id, state, output } = await city.run("camera.shot", { what });
  assert.is(state, "succeeded");
  return { chain: id, ref: (output as { readonly shot: string }).shot };
}

test("a shot at a street is read at the city, its own district and the one beside it", async () => {
  const { chain, ref } = await shoot("a");
  const wanted = "a".repeat(50_000);
  // The one beside asks the city, which asks the other district, which asks its street.
  for (const [hub, as] of [
    [west, west],
    [cityAddress, camera],
    [east, camera],
    [street, street],
  ] as const) {
    assert.is(await all(connect(hub, as).blobs.get(ref, { chain })), wanted, hub);
  }
  const unknown = `sha256:${"0".repeat(64)}`;
  const refused = await refusalOf(connect(west, west).blobs.stat(unknown, { chain }));
  assert.is(refused.code, "BLOB_UNKNOWN");
});

test("what feedback refers to stays at its street, what nothing refers to goes", async () => {
  const { chain, ref } = await shoot("b");
  const loose = await connect(street, camera).blobs.put(Buffer.from("nobody needs this"));
  await open.get(street)?.close();
  aheadMs = 2 * dayMs;
  await openOne(street);
  const atStreet = connect(street, camera);
  assert.is((await atStreet.blobs.stat(ref)).size, 50_000);
  assert.is((await refusalOf(atStreet.blobs.stat(loose.ref))).code, "BLOB_UNKNOWN");
  await waitFor({ what: "the street answers its district again", limitMs: 20_000 }, () =>
    all(connect(cityAddress, camera).blobs.get(ref, { chain })),
  );
});

test("hubs look for a blob that the one which has it can't give, and come to an end", async () => {
  const { chain, ref } = await shoot("c");
  await open.get(street)?.close();
  const city = connect(cityAddress, camera);
  assert.is((await refusalOf(city.blobs.stat(ref, { chain }))).code, "BLOB_UNKNOWN");
  await openOne(street);
  const found = await waitFor({ what: "it is found again", limitMs: 20_000 }, () =>
    city.blobs.stat(ref, { chain }),
  );
  assert.is(found.size, 50_000);
  const lost = await refusalOf(connect(west, west).blobs.stat(ref, { chain: "another" }));
  assert.is(lost.code, "BLOB_UNKNOWN");
});
