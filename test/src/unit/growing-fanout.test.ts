import type { Address, FanoutStep, JsonValue } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { assertSound, chainOf, city, publish, stepOf, submit } from "../support/kernel-chains.ts";
import {
  failed,
  KernelMesh,
  makeApplication,
  makeFanout,
  makeService,
  succeeded,
} from "../support/kernel-mesh.ts";
import { suite } from "../support/suite.ts";

const test = suite("growing fan-out");
const street = "/c/s" as Address;
const names = ["a1", "a2", "a3"];

/** A city with two rescue systems, a street below it, and three communities that stay silent. */
function makeMesh(): KernelMesh {
  const mesh = new KernelMesh();
  mesh.addHub("/c");
  mesh.addHub("/c/s");
  for (const name of names) mesh.addAgent(`/c/s/${name}`, ["report/v1"]);
  for (const name of ["s-east", "s-west"]) mesh.addAgent(`/c/${name}`, ["rescue/v1"], "");
  mesh.advance(1_000);
  return mesh;
}

function makeAlert(changes: Partial<FanoutStep> = {}): FanoutStep {
  const base = makeFanout("alert");
  return {
    ...base,
    each: { ...base.each, match: { ...base.each.match, capability: "report/v1" }, revise: true },
    aggregate: {
      ...base.aggregate,
      into: [
        { name: "count", reducer: { op: "count" } },
        {
          name: "strandedAt",
          reducer: {
            op: "collect",
            value: "member.address",
            where: "out.stranded > 0",
            limit: 100,
          },
        },
      ],
    },
    ...changes,
  };
}

function makeRescue(
  members: Partial<Extract<FanoutStep["members"], { by: "items" }>> = {},
  aggregate: Partial<FanoutStep["aggregate"]> = {},
): FanoutStep {
  const base = makeFanout("rescue");
  return {
    ...base,
    needs: [{ step: "alert", on: "partial" }],
    members: {
      by: "items",
      items: { kind: "expression", source: "steps.alert.agg.strandedAt" },
      key: "item",
      membersMax: 100,
      growsWith: "alert",
      ...members,
    },
    each: {
      ...base.each,
      match: { ...base.each.match, capability: "rescue/v1" },
      input: { kind: "expression", source: "item" },
    },
    aggregate: {
      ...base.aggregate,
      into: [{ name: "teams", reducer: { op: "count" } }],
      minimum: 0,
      ...aggregate,
    },
  };
}

function start(mesh: KernelMesh, alert = makeAlert(), rescue = makeRescue()): void {
  publish(mesh, makeApplication({ steps: [alert, rescue] }));
  submit(mesh, "X1");
}

function report(mesh: KernelMesh, name: string, stranded: number, revision = 0): void {
  const address = `/c/s/${name}`;
  mesh.say(address, street, succeeded(`X1.alert.1!${address}`, { stranded }, 1, revision));
  mesh.deliver();
}

/** What the rescue systems were asked, in order: the keys of members. */
function rescued(mesh: KernelMesh): readonly string[] {
  return ["s-east", "s-west"]
    .flatMap((name) => mesh.inbox(`/c/${name}`))
    .filter(({ kind }) => kind === "instruction")
    .map((body) => (body.kind === "instruction" ? (JSON.parse(body.input) as string) : ""))
    .sort();
}

function answerRescue(mesh: KernelMesh, key: string): void {
  const id = `X1.rescue.1!${key}`;
  const system = ["/c/s-east", "/c/s-west"].find((address) =>
    mesh.inbox(address).some((body) => body.kind === "instruction" && body.id === id),
  );
  if (system === undefined) throw new Error(`nobody was asked for ${key}`);
  mesh.say(system, city, succeeded(id, { n: 1 }));
  mesh.deliver();
}

test("a step that needs a partial begins with the first reply, while the fan-out still runs", () => {
  const mesh = makeMesh();
  const brief = makeService("brief", {
    needs: [{ step: "alert", on: "partial" }],
    match: { ...makeService("x").match, capability: "rescue/v1" },
    input: { kind: "expression", source: "steps.alert" },
  });
  publish(mesh, makeApplication({ steps: [makeAlert(), brief] }));
  submit(mesh, "X1");
  assert.is(stepOf(mesh, "X1", "brief").state, "waiting");
  report(mesh, "a2", 1);
  mesh.advance(1_000);
  assert.is(stepOf(mesh, "X1", "brief").state, "running");
  const [asked] = mesh.inbox("/c/s-east");
  assert.equal(asked?.kind === "instruction" ? JSON.parse(asked.input) : undefined, {
    state: "running",
    agg: { count: 1, strandedAt: ["/c/s/a2"] },
    members: 3,
    replied: 1,
    failed: 0,
    coverage: 1 / 3,
  });
  assertSound(mesh);
});

test("members come as the source tells more, each key once, and it closes with its source", () => {
  const mesh = makeMesh();
  start(mesh);
  report(mesh, "a2", 2);
  mesh.advance(1_000);
  assert.equal(rescued(mesh), ["/c/s/a2"]);
  report(mesh, "a1", 1);
  mesh.advance(1_000);
  mesh.advance(1_000);
  // a1 stands before a2 in the list by now: by place it would be a2 a second time.
  assert.equal(rescued(mesh), ["/c/s/a1", "/c/s/a2"]);
  answerRescue(mesh, "/c/s/a1");
  answerRescue(mesh, "/c/s/a2");
  assert.is(stepOf(mesh, "X1", "rescue").state, "running", "its source may still tell more");
  assert.is(stepOf(mesh, "X1", "rescue").summary?.closed, false);
  assertSound(mesh);
  report(mesh, "a3", 0);
  assert.is(chainOf(mesh, "X1").state, "succeeded");
  assert.equal(stepOf(mesh, "X1", "rescue").summary?.aggregate, { teams: 2 });
  assert.equal(rescued(mesh), ["/c/s/a1", "/c/s/a2"]);
  assertSound(mesh);
});

test("between two looks at the source at least emitEvery passes", () => {
  const mesh = makeMesh();
  const slow = makeAlert();
  start(mesh, { ...slow, aggregate: { ...slow.aggregate, emitEveryMs: 10_000 } });
  report(mesh, "a1", 1);
  mesh.advance(10_000);
  assert.equal(rescued(mesh), ["/c/s/a1"]);
  report(mesh, "a2", 1);
  mesh.advance(9_999);
  assert.equal(rescued(mesh), ["/c/s/a1"]);
  mesh.advance(10_000);
  mesh.advance(10_000);
  assert.equal(rescued(mesh), ["/c/s/a1", "/c/s/a2"]);
});

for (const [minimum, onShort, state] of [
  [0, "fail", "succeeded"],
  [0.5, "partial", "succeeded"],
  [0.5, "fail", "failed"],
] as const) {
  test(`an empty set at the close with minimum ${minimum} and onShort ${onShort} has ${state}`, () => {
    const mesh = makeMesh();
    start(mesh, makeAlert(), makeRescue({}, { minimum, onShort }));
    for (const name of names) report(mesh, name, 0);
    assert.is(stepOf(mesh, "X1", "rescue").state, state);
    assert.is(stepOf(mesh, "X1", "rescue").summary?.members, 0);
    assertSound(mesh);
  });
}

test("items over the limit of members are not dispatched, and the step is short", () => {
  const mesh = makeMesh();
  start(mesh, makeAlert(), makeRescue({ membersMax: 1 }));
  for (const name of names) report(mesh, name, 1);
  mesh.advance(1_000);
  assert.is(rescued(mesh).length, 1);
  answerRescue(mesh, rescued(mesh)[0] ?? "");
  assert.is(stepOf(mesh, "X1", "rescue").state, "failed");
  assert.match(stepOf(mesh, "X1", "rescue").reason, /2 items could not be taken/);
});

function makeItems(concurrencyMax: number, rematch = false): FanoutStep {
  const base = makeRescue({ concurrencyMax });
  return {
    ...base,
    needs: [],
    members: {
      by: "items",
      items: { kind: "expression", source: "input.list" },
      key: undefined,
      membersMax: 100,
      concurrencyMax,
    },
    each: { ...base.each, retry: { ...base.each.retry, rematch } },
  };
}

test("with concurrencyMax members wait, and go in the order of their keys as others end", () => {
  const mesh = makeMesh();
  publish(mesh, makeApplication({ steps: [makeItems(2)] }));
  const list: JsonValue = Array.from({ length: 12 }, (_, index) => `item ${index}`);
  submit(mesh, "X1", { list });
  assert.equal(rescued(mesh), ["item 0", "item 1"]);
  assertSound(mesh);
  const order: string[] = [];
  for (let index = 0; index < 12; index += 1) {
    answerRescue(mesh, String(index));
    const told = rescued(mesh).filter((item) => !order.includes(item));
    order.push(...told);
    assert.ok(rescued(mesh).length <= index + 3, "never more than two at work");
    assertSound(mesh);
  }
  assert.is(order.length, 12);
  assert.is(chainOf(mesh, "X1").state, "succeeded");
});

test("what waits for its turn is not dispatched once the chain is cancelled", () => {
  const mesh = makeMesh();
  publish(mesh, makeApplication({ steps: [makeItems(1)] }));
  submit(mesh, "X1", { list: ["p", "q"] });
  mesh.step(city, { type: "cancel", request: 3, chain: "X1", reason: "false alarm" });
  mesh.deliver();
  mesh.say("/c/s-east", city, { ...failed("X1.rescue.1!0", "", false), outcome: "cancelled" });
  mesh.deliver();
  assert.is(chainOf(mesh, "X1").state, "cancelled");
  assert.equal(rescued(mesh), ["p"]);
  assertSound(mesh);
});

test("an item that is given back goes to another node, and fails when none is left", () => {
  const mesh = makeMesh();
  publish(mesh, makeApplication({ steps: [makeItems(5, true)] }));
  submit(mesh, "X1", { list: ["p"] });
  const giveBack = (system: string, attempt: number): void => {
    const body = failed("X1.rescue.1!0", "NOT_OURS", false, attempt);
    mesh.say(`/c/${system}`, city, { ...body, outcome: "returned" });
    mesh.deliver();
  };
  giveBack("s-east", 1);
  assert.is(mesh.inbox("/c/s-west").at(-1)?.kind, "instruction");
  giveBack("s-west", 2);
  assert.equal(stepOf(mesh, "X1", "rescue").summary?.failed, 1);
  assert.is(rescued(mesh).length, 2);
  assertSound(mesh);
});

test("pick all makes a member of every node that matches, wherever it stands", () => {
  const mesh = makeMesh();
  const base = makeAlert();
  publish(
    mesh,
    makeApplication({
      steps: [
        {
          ...base,
          members: { by: "match", membersMax: 10 },
          each: { ...base.each, match: { ...base.each.match, pick: "all" } },
        },
      ],
    }),
  );
  submit(mesh, "X1");
  for (const name of names) {
    mesh.say(`/c/s/${name}`, city, succeeded(`X1.alert.1!/c/s/${name}`, { stranded: 1 }));
  }
  mesh.deliver();
  assert.equal(stepOf(mesh, "X1", "alert").summary?.aggregate, {
    count: 3,
    strandedAt: ["/c/s/a1", "/c/s/a2", "/c/s/a3"],
  });
  assertSound(mesh);
});
