// Catalogs over real hubs and links: three levels on loopback, each hub with a store of its own.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Hub, openHub } from "@cloudbrain/hub";
import { verifyHub } from "@cloudbrain/hub/internal/cli/hub-verify";
import {
  type Client,
  createClient,
  createNode,
  isMeshError,
  type Node,
  type ResourceDescription,
  readCredentials,
} from "@cloudbrain/sdk";
import { type Address, parentOf, parseAddress } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { codeOf, makeResource } from "../support/catalog-entries.ts";
import { type PreparedMesh, prepareMesh } from "../support/mesh-shape.ts";
import type { HostedNode } from "../support/process-messages.ts";
import { suite } from "../support/suite.ts";

const test = suite("catalogs over hubs", { timeLimitMs: 60_000 });

const city = parseAddress("/3702");
const district = parseAddress("/3702/370202");
const street = parseAddress("/3702/370202/370202001");
const vendor = parseAddress("/3702/370202/370202001/s-water");
const timing = { heartbeatMs: 200, leaseMs: 1_000 };

let directory: string;
let prepared: PreparedMesh;
const hubs = new Map<Address, Hub>();
const clients = new Map<Address, Client>();
const closing: Node[] = [];
const fatal: string[] = [];

function placeOf(address: Address): HostedNode {
  const node = prepared.nodes.get(address);
  if (node === undefined) throw new Error(`no node ${address}`);
  return node;
}

async function open(address: Address, level: string): Promise<void> {
  const place = placeOf(address);
  const parent = parentOf(address);
  const hub = await openHub({
    description: {
      ...{ address, kind: "level", level, division: "", industry: "", region: "" },
      ...{ title: { zh: level }, capabilities: [], hub: true, version: "test" },
    },
    dataDirectory: join(place.directory, "data"),
    credentials: readCredentials(join(place.directory, "identity")),
    listen: { host: "127.0.0.1", port: place.port },
    parent: parent === undefined ? undefined : prepared.target(parent),
    ...timing,
    log: () => undefined,
    fatal: (error) => fatal.push(error.message),
  });
  hubs.set(address, hub);
}

test.before(async () => {
  directory = mkdtempSync(join(tmpdir(), "cloudbrain-catalog-"));
  prepared = await prepareMesh(directory, [
    { role: "hub", address: city, level: "city", division: "", parent: undefined },
    { role: "hub", address: district, level: "district", division: "", parent: city },
    { role: "hub", address: street, level: "street", division: "", parent: district },
    { role: "agent", address: vendor, level: "", division: "", parent: street },
  ]);
  await open(city, "city");
  await open(district, "district");
  await open(street, "street");
  for (const address of [city, district, street]) {
    const hub = prepared.target(address);
    clients.set(address, createClient({ hub, identity: prepared.operator }));
  }
});
test.after(async () => {
  for (const node of closing) await node.stop({ drain: 0 });
  for (const client of clients.values()) client.close();
  for (const hub of hubs.values()) await hub.close();
  rmSync(directory, { recursive: true, force: true });
  assert.equal(fatal, []);
});

function at(address: Address): Client {
  const client = clients.get(address);
  if (client === undefined) throw new Error(`no client of ${address}`);
  return client;
}

function makeVendor(...resources: readonly ResourceDescription[]): Node {
  const place = placeOf(vendor);
  const node = createNode({
    address: vendor,
    title: { zh: "水务系统" },
    industry: "water",
    hub: prepared.target(street),
    identity: join(place.directory, "identity"),
    dataDir: join(place.directory, "data"),
    ...timing,
    log: () => undefined,
  }).publishes(...resources);
  closing.push(node);
  return node;
}

async function codesAt(address: Address): Promise<readonly string[]> {
  const codes: string[] = [];
  for await (const { entry } of at(address).resources.list()) codes.push(entry.code);
  return codes;
}

/** Until the directory of a hub lists exactly these; the test's limit ends the wait. */
async function untilCodes(address: Address, ...numbers: readonly number[]): Promise<void> {
  const wanted = numbers.map((number) => codeOf(number)).join();
  while ((await codesAt(address)).join() !== wanted) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  const error = await work.catch((refused: unknown) => refused);
  return isMeshError(error) ? error.code : `no refusal: ${String(error)}`;
}

test("what a vendor's node declares is found at the city, and what it drops is withdrawn", async () => {
  const first = makeVendor(makeResource(1), makeResource(2, { visibleUpTo: street }));
  await first.start();
  await untilCodes(city, 1);
  await untilCodes(street, 1, 2);
  assert.equal(await codesAt(district), [codeOf(1)]);
  const { entry, owner, via } = await at(city).resources.get(codeOf(1));
  assert.equal([entry.industry, owner, via], ["water", vendor, district]);
  await first.stop({ drain: 0 });
  const second = makeVendor(makeResource(2));
  await second.start();
  await untilCodes(city, 2);
  await second.stop({ drain: 0 });
});

test("an operator publishes, changes, suspends and withdraws the hub's own entries", async () => {
  const { resources } = at(district);
  const made = await resources.publish(makeResource(10));
  assert.is(await refusalOf(resources.publish(makeResource(10))), "RESOURCE_EXISTS");
  assert.is(await refusalOf(resources.publish(makeResource(2))), "RESOURCE_CODE_TAKEN");
  assert.is(
    await refusalOf(resources.publish(makeResource(11, { abstract: "" }))),
    "RESOURCE_INVALID",
  );
  const changed = await resources.update(makeResource(10, { abstract: "新" }), made.etag);
  assert.is(await refusalOf(resources.update(makeResource(10), made.etag)), "REVISION_CONFLICT");
  await resources.suspend(codeOf(10), changed.etag);
  while (
    (
      await at(city)
        .resources.get(codeOf(10))
        .catch(() => undefined)
    )?.entry.state !== "suspended"
  ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await resources.withdraw(codeOf(10));
  await untilCodes(city, 2);
  assert.is(await refusalOf(resources.get(codeOf(10))), "RESOURCE_UNKNOWN");
});

test("a hub that stops and starts again keeps its directory and is told what it missed", async () => {
  await hubs.get(city)?.close();
  const { entries: verified } = await verifyHub(join(placeOf(city).directory, "data"), city);
  assert.is(verified, 1);
  await at(street).resources.publish(makeResource(20));
  await open(city, "city");
  await untilCodes(city, 2, 20);
  const { children, entries } = await at(city).resources.directory();
  assert.is(entries, 2);
  assert.equal(
    children.map(({ child, entries: count }) => [child, count]),
    [[district, 2]],
  );
});

test("entries of a child that is lost stay, and say since when they are stale", async () => {
  await hubs.get(street)?.close();
  for (;;) {
    const { staleSinceMs } = await at(city).resources.get(codeOf(20));
    if (staleSinceMs > 0) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(await codesAt(city), [codeOf(2), codeOf(20)]);
  await open(street, "street");
  while ((await at(city).resources.get(codeOf(20))).staleSinceMs > 0) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

test("a search finds words of both languages, counts facets and asks back", async () => {
  const { resources } = at(city);
  await resources.publish(
    makeResource(30, {
      kind: "application",
      name: { zh: "停车诱导系统", en: "Parking guidance" },
      abstract: "空余车位",
      application: { entryUrl: "https://parking.example/", version: "2" },
    }),
  );
  const han = await resources.search("停车");
  assert.equal(
    han.hits.map(({ entry }) => entry.code),
    [codeOf(30)],
  );
  assert.is((await resources.search("PARKING guidance")).total, 1);
  const water = await resources.search("积水点", { facets: { kind: ["data"] }, pageSize: 1 });
  assert.is(water.total, 2);
  assert.ok(
    water.facets.some(
      ({ facet, value, count }) => facet === "kind" && value === "data" && count === 2,
    ),
  );
  const next = await resources.search("积水点", {
    facets: { kind: ["data"] },
    pageSize: 1,
    page: water.nextPage,
  });
  assert.is(next.hits.length, 1);
  assert.is(next.nextPage, "");
  assert.not.equal(next.hits[0]?.entry.code, water.hits[0]?.entry.code);
  assert.is((await resources.search("parkin")).didYouMean, "parking");
  assert.is((await resources.search("停本诱导")).didYouMean, "停车诱导");
});
