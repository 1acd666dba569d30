import { audit, HubKernel } from "@cloudbrain/hub/kernel";
import { createEvaluate, createValidate } from "@cloudbrain/sdk/definition";
import type { Address, Application, JsonValue } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import {
  failed,
  KernelMesh,
  makeApplication,
  makeFanout,
  makeService,
  succeeded,
} from "../support/kernel-mesh.ts";
import { suite } from "../support/suite.ts";

const test = suite("hub kernel");
const city = "/c" as Address;
const street = "/c/s" as Address;

/** A city, a street below it and three communities that answer 1, 2 and 3. */
function makeMesh(): KernelMesh {
  const mesh = new KernelMesh();
  mesh.addHub("/c");
  mesh.addHub("/c/s");
  for (const name of ["a1", "a2", "a3"]) mesh.addAgent(`/c/s/${name}`, ["work/v1"]);
  mesh.handler = (id) => succeeded(id, { n: Number(id.at(-1)) || 0 });
  mesh.advance(1_000);
  return mesh;
}

function publish(mesh: KernelMesh, application: Application): void {
  mesh.step(city, { type: "publish", request: 1, application });
}

function submit(
  mesh: KernelMesh,
  chain: string,
  key = chain,
  bodyHash = "body",
  input: JsonValue = {},
) {
  return mesh.step(city, {
    type: "submit",
    request: 2,
    chain,
    application: "test.app",
    version: "",
    key,
    bodyHash,
    input,
    submitter: "tester",
    holder: undefined,
  });
}

function auditAll(mesh: KernelMesh): unknown {
  return [...mesh.hubs.values()].flatMap((hub) => audit(hub.state));
}

test("a fan-out over two levels ends with the exact aggregate and every child's part", () => {
  const mesh = makeMesh();
  publish(mesh, makeApplication({ steps: [makeFanout("report")] }));
  submit(mesh, "X1");
  mesh.deliver();
  const chain = mesh.hub(city).chainNow("X1");
  assert.is(chain?.state, "succeeded");
  assert.equal(chain?.steps[0]?.summary, {
    members: 3,
    replied: 3,
    failed: 0,
    closed: true,
    aggregate: { count: 3, sum: 6 },
    children: [
      {
        address: "/c/s",
        members: 3,
        replied: 3,
        failed: 0,
        final: true,
        version: 1,
        aggregate: { count: 3, sum: 6 },
      },
    ],
    missing: [],
  });
  assert.equal(auditAll(mesh), []);
});

test("the same key is the same chain, and another body with it is a conflict", () => {
  const mesh = makeMesh();
  publish(mesh, makeApplication({ steps: [makeFanout("report")] }));
  assert.equal(submit(mesh, "X1", "key")[0], {
    type: "reply",
    request: 2,
    reply: { kind: "accepted", chain: "X1", existed: false },
  });
  assert.equal(submit(mesh, "X2", "key"), [
    { type: "reply", request: 2, reply: { kind: "accepted", chain: "X1", existed: true } },
  ]);
  assert.equal(submit(mesh, "X3", "key", "other body"), [
    {
      type: "reply",
      request: 2,
      reply: {
        kind: "refused",
        code: "KEY_CONFLICT",
        detail: "key key belongs to chain X1 with another input",
      },
    },
  ]);
});

test("replaying the journal's facts gives the live state at every hub", () => {
  const mesh = makeMesh();
  publish(mesh, makeApplication({ steps: [makeFanout("report")] }));
  submit(mesh, "X1");
  mesh.deliver();
  for (const [address, live] of mesh.hubs) {
    const replayed = new HubKernel({
      address,
      hasParent: address !== city,
      evaluate: createEvaluate(),
      validate: createValidate(),
    });
    for (const { fact, atMs } of mesh.facts.get(address) ?? []) replayed.apply(fact, atMs);
    assert.equal(replayed.dump(), live.dump());
  }
});

test("feedback that is sent again counts once", () => {
  const mesh = makeMesh();
  publish(mesh, makeApplication({ steps: [makeFanout("report")] }));
  mesh.handler = () => undefined;
  submit(mesh, "X1");
  mesh.deliver();
  const id = "X1.report.1!/c/s/a1";
  mesh.say("/c/s/a1", street, succeeded(id, { n: 1 }));
  mesh.say("/c/s/a1", street, succeeded(id, { n: 100 }));
  for (const [name, n] of [
    ["a2", 2],
    ["a3", 3],
  ] as const) {
    mesh.say(`/c/s/${name}`, street, succeeded(`X1.report.1!/c/s/${name}`, { n }));
  }
  mesh.deliver();
  assert.equal(mesh.hub(city).chainNow("X1")?.steps[0]?.summary?.aggregate, { count: 3, sum: 6 });
});

test("a quorum ends the fan-out and takes back what still runs", () => {
  const mesh = makeMesh();
  const fanout = makeFanout("report");
  const aggregate = { ...fanout.aggregate, quorum: 0.6, minimum: 0.5 };
  publish(mesh, makeApplication({ steps: [{ ...fanout, aggregate }] }));
  mesh.handler = (id) => (id.endsWith("a3") ? undefined : succeeded(id, { n: 1 }));
  submit(mesh, "X1");
  mesh.deliver();
  mesh.advance(1_100);
  const chain = mesh.hub(city).chainNow("X1");
  assert.is(chain?.state, "succeeded");
  assert.equal(chain?.steps[0]?.summary?.missing, ["/c/s/a3"]);
  assert.is(mesh.inbox("/c/s/a3").at(-1)?.kind, "cancel");
  assert.equal(auditAll(mesh), []);
});

test("at the deadline a short fan-out fails, and the reason tells who was missing", () => {
  const mesh = makeMesh();
  publish(mesh, makeApplication({ steps: [makeFanout("report")] }));
  mesh.handler = (id) => (id.endsWith("a3") ? undefined : succeeded(id, { n: 1 }));
  submit(mesh, "X1");
  mesh.deliver();
  // The street keeps a margin of its time, so that its last word arrives before the city's end.
  mesh.advance(58_500);
  const chain = mesh.hub(city).chainNow("X1");
  assert.is(chain?.state, "failed");
  assert.match(chain?.reason ?? "", /2 of 3 replied, at least 1 was asked/);
  assert.equal(auditAll(mesh), []);
});

test("a retryable failure is offered again after its delay, with the next attempt", () => {
  const mesh = makeMesh();
  publish(mesh, makeApplication({ steps: [makeService("classify")] }));
  mesh.handler = (id) => failed(id, "BUSY", true);
  submit(mesh, "X1");
  mesh.deliver();
  mesh.handler = (id) => succeeded(id, { ok: true }, 2);
  mesh.advance(200);
  const chain = mesh.hub(city).chainNow("X1");
  assert.is(chain?.state, "succeeded");
  assert.is(chain?.steps[0]?.attempt, 2);
});

test("a step that no node matches suspends the chain and says which condition left none", () => {
  const mesh = makeMesh();
  const step = makeService("classify");
  const match = { ...step.match, industry: { kind: "literal", value: "fire" } } as const;
  publish(mesh, makeApplication({ steps: [{ ...step, match }] }));
  submit(mesh, "X1");
  const chain = mesh.hub(city).chainNow("X1");
  assert.is(chain?.state, "suspended");
  assert.is(
    chain?.reason,
    "step classify: no node matches: 3 with capability work/v1, 0 of industry fire",
  );
});

test("work that a vanished node had not accepted goes to another node at once", () => {
  const mesh = makeMesh();
  mesh.handler = () => undefined;
  publish(mesh, makeApplication({ steps: [makeService("classify")] }));
  submit(mesh, "X1");
  mesh.deliver();
  assert.is(mesh.inbox("/c/s/a1").length, 1);
  mesh.disconnect("/c/s/a1");
  mesh.advance(1_000);
  assert.is(mesh.hub(city).chainNow("X1")?.steps[0]?.node, "/c/s/a2");
  assert.equal(auditAll(mesh), []);
});

test("cancelling asks the nodes, waits for their answers and then ends the chain", () => {
  const mesh = makeMesh();
  mesh.handler = () => undefined;
  publish(mesh, makeApplication({ steps: [makeFanout("report")] }));
  submit(mesh, "X1");
  mesh.deliver();
  mesh.step(city, { type: "cancel", request: 3, chain: "X1", reason: "false alarm" });
  mesh.deliver();
  assert.is(mesh.hub(city).chainNow("X1")?.state, "cancelling");
  for (const name of ["a1", "a2", "a3"]) {
    const id = `X1.report.1!/c/s/${name}`;
    const body = failed(id, "", false);
    mesh.say(`/c/s/${name}`, street, { ...body, outcome: "cancelled" } as typeof body);
  }
  mesh.deliver();
  assert.is(mesh.hub(city).chainNow("X1")?.state, "cancelled");
  assert.equal(auditAll(mesh), []);
});

test("a child may not speak for a node that does not stand below it", () => {
  const mesh = makeMesh();
  const link = 2;
  const body = succeeded("X1.report.1!/c/s/a2", { n: 5 });
  const frame = { from: "/c/s/a2" as Address, to: street, body, hopLimit: 16, traceparent: "" };
  const released = mesh.step(street, {
    type: "frames",
    link,
    lane: "chain",
    firstSeq: 1,
    frames: [frame],
  });
  assert.equal(released, [
    {
      type: "refuseFrame",
      link,
      refusal: {
        lane: "chain",
        seq: 1,
        code: "FRAME_FORBIDDEN",
        detail: "/c/s/a1 may not speak for /c/s/a2",
      },
    },
  ]);
});
