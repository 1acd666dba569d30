// Registration of applications over a tree of kernels: what is needed, and what is there.

import { audit, registrationKey, viewRegistration } from "@cloudbrain/hub/kernel";
import type { Address, Application } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { KernelMesh, makeApplication, makeFanout, makeService } from "../support/kernel-mesh.ts";
import { suite } from "../support/suite.ts";

const test = suite("registration");
const city = "/c" as Address;
const origin = city;
const key = registrationKey({ origin, application: "test.app", version: "1.0.0" });

/** Every community reports; some node classifies. */
function makeDrill(): Application {
  const classify = makeService("sort", {
    match: { ...makeService("x").match, capability: "item.classify/v1" },
  });
  return makeApplication({ steps: [makeFanout("ask"), classify] });
}

function makeTree(): KernelMesh {
  const mesh = new KernelMesh();
  for (const hub of ["/c", "/c/east", "/c/east/s1", "/c/west"]) mesh.addHub(hub);
  mesh.addAgent("/c/east/s1/a", ["work/v1"]);
  mesh.addAgent("/c/east/s1/b", []);
  mesh.addAgent("/c/west/d", ["work/v1"]);
  mesh.deliver();
  mesh.advance(2_000);
  return mesh;
}

function publish(mesh: KernelMesh, application = makeDrill()): void {
  mesh.step(city, { type: "publish", request: 1, application });
  mesh.deliver();
}

function settle(mesh: KernelMesh): void {
  for (let second = 0; second < 8; second += 1) mesh.advance(1_001);
}

/** The picture at the city, short enough to be compared whole. */
function picture(mesh: KernelMesh, hub = city) {
  const { state } = mesh.hub(hub);
  const registration = state.registrations.get(key);
  if (registration === undefined) return undefined;
  const { total, children, needs, unmet } = viewRegistration(state, registration);
  return {
    hubs: total.hubs,
    pending: total.pending,
    needs: needs.map(({ capability }, index) => {
      const { holders, online, expected } = total.counts[index] ?? {};
      return `${capability} ${holders} (${online}) of ${expected}`;
    }),
    unmet: unmet.map((index) => needs[index]?.capability),
    gaps: total.gaps.map((gap) => `${gap.hub} ${gap.holders} of ${gap.expected}`),
    children: children.map(({ address, report }) => `${address} ${report?.hubs ?? "?"}`),
  };
}

test("publication registers the application down the tree and tells what is missing where", () => {
  const mesh = makeTree();
  publish(mesh);
  settle(mesh);
  assert.equal(picture(mesh), {
    hubs: 4,
    pending: 0,
    needs: ["item.classify/v1 0 (0) of 0", "work/v1 2 (2) of 3"],
    unmet: ["item.classify/v1"],
    gaps: ["/c/east/s1 1 of 2"],
    children: ["/c/east 2", "/c/west 1"],
  });
  for (const hub of ["/c/east", "/c/east/s1", "/c/west"] as Address[]) {
    assert.is(mesh.hub(hub).state.registrations.get(key)?.hash, "hash-1");
  }
});

test("a publication is answered at once, whoever below has not answered yet", () => {
  const mesh = makeTree();
  const outputs = mesh.step(city, { type: "publish", request: 1, application: makeDrill() });
  assert.equal(
    outputs.filter(({ type }) => type === "reply"),
    [{ type: "reply", request: 1, reply: { kind: "done" } }],
  );
  assert.equal(picture(mesh)?.pending, 2);
});

test("nodes that come and go renew the picture, at most once a second", () => {
  const mesh = makeTree();
  publish(mesh);
  settle(mesh);
  const street = "/c/east/s1" as Address;
  const before = reportsOf(mesh, street);
  for (let index = 0; index < 50; index += 1) {
    mesh.addAgent(`/c/east/s1/n${index}`, index < 40 ? ["work/v1", "item.classify/v1"] : []);
    mesh.deliver();
  }
  mesh.disconnect("/c/west/d");
  settle(mesh);
  assert.is(reportsOf(mesh, street) - before, 1);
  assert.equal(picture(mesh)?.needs, ["item.classify/v1 40 (40) of 0", "work/v1 42 (41) of 53"]);
  assert.equal(picture(mesh)?.unmet, []);
  const quiet = reportsOf(mesh, street);
  settle(mesh);
  assert.is(reportsOf(mesh, street), quiet);
});

test("a child hub that joins later is told, and what stands below it counts", () => {
  const mesh = makeTree();
  publish(mesh);
  settle(mesh);
  mesh.addHub("/c/north");
  mesh.addAgent("/c/north/e", ["work/v1"]);
  mesh.addHub("/c/west/s9");
  mesh.addAgent("/c/west/s9/f", []);
  settle(mesh);
  assert.equal(picture(mesh), {
    hubs: 6,
    pending: 0,
    needs: ["item.classify/v1 0 (0) of 0", "work/v1 3 (3) of 5"],
    unmet: ["item.classify/v1"],
    gaps: ["/c/east/s1 1 of 2", "/c/west/s9 0 of 1"],
    children: ["/c/east 2", "/c/north 1", "/c/west 2"],
  });
});

test("a retired version is unregistered everywhere", () => {
  const mesh = makeTree();
  publish(mesh);
  settle(mesh);
  const version = { id: "test.app", version: "1.0.0" };
  mesh.step(city, {
    type: "setApplicationState",
    request: 2,
    ...version,
    state: "retired",
    setter: "/c/s-operator",
  });
  settle(mesh);
  for (const [address, { state }] of mesh.hubs) assert.is(state.registrations.size, 0, address);
});

test("a literal scope registers with the hubs that it touches alone", () => {
  const mesh = makeTree();
  const application = makeApplication({
    steps: [
      makeFanout("ask", {
        members: {
          by: "level",
          scope: { kind: "literal", value: "/c/east/s1" },
          level: "community",
          membersMax: 10,
        },
      }),
    ],
  });
  publish(mesh, application);
  settle(mesh);
  assert.equal(picture(mesh), {
    hubs: 3,
    pending: 0,
    needs: ["work/v1 1 (1) of 2"],
    unmet: [],
    gaps: ["/c/east/s1 1 of 2"],
    children: ["/c/east 2"],
  });
  assert.is(mesh.hub("/c/west" as Address).state.registrations.size, 0);
});

test("two hubs may register the same id and version, each with its own needs", () => {
  const mesh = makeTree();
  publish(mesh);
  const east = "/c/east" as Address;
  const application = { ...makeApplication({ steps: [makeService("one")] }), hash: "other" };
  mesh.step(east, { type: "publish", request: 1, application });
  settle(mesh);
  assert.equal([...mesh.hub("/c/east/s1" as Address).state.registrations.keys()].sort(), [
    "/c test.app@1.0.0",
    "/c/east test.app@1.0.0",
  ]);
  assert.is(picture(mesh)?.hubs, 4);
});

test("only the hub above registers, and only for others", () => {
  const mesh = makeTree();
  const body = {
    kind: "register",
    origin: city,
    application: "x.y",
    version: "1.0.0",
    title: { zh: "x" },
    hash: "h",
    needs: [],
    withdrawn: false,
  } as const;
  mesh.say("/c/west/d", "/c/west" as Address, body);
  assert.is(mesh.hub("/c/west" as Address).state.registrations.size, 0);
  const refused = mesh.outputs.find((output) => output.type === "refuseFrame");
  assert.is(refused?.type === "refuseFrame" ? refused.refusal.code : "", "FRAME_FORBIDDEN");
  for (const { state } of mesh.hubs.values()) assert.equal(audit(state), []);
});

function reportsOf(mesh: KernelMesh, hub: Address): number {
  const facts = mesh.facts.get(hub) ?? [];
  return facts.filter(({ fact }) => fact.t === "registrationReported").length;
}
