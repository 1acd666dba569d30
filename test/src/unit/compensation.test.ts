import type { Address, Application, FanoutStep, ServiceStep } from "@cloudbrain/sdk/domain";
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
import { after, makeGate } from "../support/lone-hub.ts";
import { suite } from "../support/suite.ts";

const test = suite("compensation");
const hubs = ["/c", "/c/d", "/c/d/s"];
const names = ["a1", "a2", "a3"];

interface Undoing {
  readonly mesh: KernelMesh;
  readonly lowest: Address;
  /** Ids of the instructions that were carried out, in order, over all nodes. */
  readonly done: string[];
  /** Ids whose handler says no, until they are taken out. */
  readonly refusing: Set<string>;
}

/** Communities at the lowest of so many hubs, and one system at the city; all do and undo. */
function makeUndoing(levels: number): Undoing {
  const mesh = new KernelMesh();
  for (const address of hubs.slice(0, levels)) mesh.addHub(address);
  const lowest = (hubs[levels - 1] ?? "/c") as Address;
  for (const name of names) mesh.addAgent(`${lowest}/${name}`, ["work/v1", "undo/v1"]);
  mesh.addAgent("/c/s-1", ["serve/v1", "recall/v1"], "");
  for (let level = 0; level < levels; level += 1) mesh.advance(1_000);
  const done: string[] = [];
  const refusing = new Set<string>();
  mesh.handler = (id, input) => {
    if ([...refusing].some((part) => id.includes(part))) return failed(id, "NO", false);
    done.push(id.includes("~") ? `${id} ${JSON.stringify(input)}` : id);
    return succeeded(id, { n: Number(id.at(-1)) || 7 });
  };
  return { mesh, lowest, done, refusing };
}

const anyMatch = makeService("x").match;
const { retry } = makeService("x");

function makeStep(id: string, needs: readonly string[]): ServiceStep {
  return makeService(id, {
    needs: needs.map((step) => ({ step, on: "done" })),
    match: { ...anyMatch, capability: "serve/v1" },
    compensate: {
      match: { ...anyMatch, capability: "recall/v1" },
      input: undefined,
      retry,
      finishMs: 10_000,
    },
  });
}

function makeAsk(id: string, needs: readonly string[]): FanoutStep {
  const base = makeFanout(id);
  return {
    ...base,
    needs: needs.map((step) => ({ step, on: "done" })),
    each: {
      ...base.each,
      retry: { ...retry, max: 1 },
      compensate: {
        match: { ...anyMatch, capability: "undo/v1" },
        input: { kind: "expression", source: '{"at": member.address, "gave": out.n}' },
        retry,
        finishMs: 10_000,
      },
    },
  };
}

function makeUndoable(changes: Partial<Application> & Pick<Application, "steps">): Application {
  return makeApplication({ onFailure: "compensate", onCancel: "compensate", ...changes });
}

/** Nothing is left at any hub. */
function assertEmpty(mesh: KernelMesh): void {
  for (const [address, { state }] of mesh.hubs) {
    assert.equal([state.fanouts.size, state.assignments.size], [0, 0], address);
  }
  assertSound(mesh);
}

function rise(mesh: KernelMesh): void {
  for (let level = 0; level < hubs.length; level += 1) mesh.advance(1_000);
}

for (const levels of [1, 2, 3]) {
  test(`over ${levels} levels what succeeded is undone once each, the last first`, () => {
    const { mesh, lowest, done, refusing } = makeUndoing(levels);
    refusing.add("close.1");
    refusing.add(`!${lowest}/a2`);
    const ask = makeAsk("ask", ["open"]);
    const steps = [
      makeStep("open", []),
      { ...ask, aggregate: { ...ask.aggregate, minimum: 0.5 } },
      makeStep("close", ["ask"]),
    ];
    publish(mesh, makeUndoable({ steps }));
    submit(mesh, "X1");
    refusing.clear();
    rise(mesh);
    const chain = chainOf(mesh, "X1");
    assert.is(chain.state, "failed");
    assert.match(chain.reason, /step close: NO/);
    const undone = done.filter((id) => id.includes("~"));
    assert.equal(undone.slice(0, -1).sort(), [
      `X1.ask.1~1!${lowest}/a1 {"at":"${lowest}/a1","gave":1}`,
      `X1.ask.1~1!${lowest}/a3 {"at":"${lowest}/a3","gave":3}`,
    ]);
    assert.equal(undone.at(-1), 'X1.open.1~1 {"n":1}');
    assertEmpty(mesh);
  });

  test(`over ${levels} levels a cancelled chain is undone, and then it is cancelled`, () => {
    const { mesh, lowest, done } = makeUndoing(levels);
    const silent = makeService("wait", { needs: [{ step: "ask", on: "done" }] });
    const steps = [
      makeAsk("ask", []),
      { ...silent, match: { ...anyMatch, capability: "serve/v1" } },
    ];
    const answers = mesh.handler;
    mesh.handler = (id, input) => (id.startsWith("X1.wait") ? undefined : answers(id, input));
    publish(mesh, makeUndoable({ steps }));
    submit(mesh, "X1");
    rise(mesh);
    mesh.step(city, { type: "cancel", request: 3, chain: "X1", reason: "false alarm" });
    mesh.deliver();
    assert.is(chainOf(mesh, "X1").state, "cancelling");
    mesh.say("/c/s-1", city, { ...failed("X1.wait.1", "", false), outcome: "cancelled" });
    mesh.deliver();
    rise(mesh);
    const { state, reason } = chainOf(mesh, "X1");
    assert.equal([state, reason], ["cancelled", "false alarm"]);
    assert.is(done.filter((id) => id.includes(`~1!${lowest}`)).length, 3);
    assertEmpty(mesh);
  });

  test(`over ${levels} levels what can't be undone suspends, and a retry undoes only that`, () => {
    const { mesh, lowest, done, refusing } = makeUndoing(levels);
    refusing.add("close.1");
    publish(mesh, makeUndoable({ steps: [makeAsk("ask", []), makeStep("close", ["ask"])] }));
    refusing.add(`~1!${lowest}/a2`);
    submit(mesh, "X1");
    rise(mesh);
    const chain = chainOf(mesh, "X1");
    assert.is(chain.state, "suspended");
    assert.match(chain.reason, /^compensation of step ask: 1 of 3 members are not undone/);
    assertSound(mesh);
    mesh.step(city, { type: "retry", request: 4, chain: "X1" });
    mesh.deliver();
    rise(mesh);
    assert.is(chainOf(mesh, "X1").state, "failed");
    assert.match(chainOf(mesh, "X1").reason, /step close: NO/);
    assert.equal(
      done.filter((id) => id.includes("~2")).map((id) => id.split(" ")[0]),
      [`X1.ask.1~2!${lowest}/a2`],
    );
    assertEmpty(mesh);
  });

  test(`over ${levels} levels a chain that succeeds leaves nothing that waits to be undone`, () => {
    const { mesh, done } = makeUndoing(levels);
    publish(mesh, makeUndoable({ steps: [makeAsk("ask", []), makeStep("close", ["ask"])] }));
    submit(mesh, "X1");
    rise(mesh);
    assert.is(chainOf(mesh, "X1").state, "succeeded");
    assert.is(done.length, 4);
    assertEmpty(mesh);
  });
}

test("a hub that can't tell of its part leaves the chain suspended until it was undone there, too", () => {
  const { mesh, lowest, done, refusing } = makeUndoing(3);
  refusing.add("close.1");
  const answers = mesh.handler;
  mesh.handler = (id, input) => {
    // Once the communities have replied, the street is out of reach of the district.
    if (id.startsWith("X1.close")) mesh.stall(lowest);
    return answers(id, input);
  };
  publish(mesh, makeUndoable({ steps: [makeAsk("ask", []), makeStep("close", ["ask"])] }));
  submit(mesh, "X1");
  assert.is(chainOf(mesh, "X1").state, "compensating");
  for (let round = 0; round < 12; round += 1) mesh.advance(10_000);
  const { state, reason } = chainOf(mesh, "X1");
  assert.is(state, "suspended");
  assert.match(reason, /compensation of step ask: .*has not told of all of its part/);
  assert.equal(
    done.filter((id) => id.includes("~")),
    [],
  );
  mesh.resume(lowest);
  mesh.step(city, { type: "retry", request: 4, chain: "X1" });
  mesh.deliver();
  for (let round = 0; round < 4; round += 1) rise(mesh);
  assert.is(chainOf(mesh, "X1").state, "failed");
  const undone = done.filter((id) => id.includes("~")).map((id) => id.split("!")[1]?.split(" ")[0]);
  assert.equal(
    undone.sort(),
    names.map((name) => `${lowest}/${name}`),
  );
  assertEmpty(mesh);
});

/** One attempt to undo, which may take 20 s: its acceptance and its end, each 10 s. */
function makeAskOnce(): FanoutStep {
  const ask = makeAsk("ask", []);
  const compensate = ask.each.compensate && {
    ...ask.each.compensate,
    retry: { ...retry, max: 1, capMs: 100 },
  };
  return { ...ask, each: { ...ask.each, compensate } };
}

for (const levels of [2, 3]) {
  test(`over ${levels} levels a retry undoes what was still being undone at the deadline`, () => {
    const { mesh, lowest, done, refusing } = makeUndoing(levels);
    refusing.add("close.1");
    const answers = mesh.handler;
    const slow = `X1.ask.1~1!${lowest}/a2`;
    mesh.handler = (id, input) => (id === slow ? undefined : answers(id, input));
    publish(mesh, makeUndoable({ steps: [makeAskOnce(), makeStep("close", ["ask"])] }));
    submit(mesh, "X1");
    rise(mesh);
    mesh.advance(6_800);
    mesh.say(`${lowest}/a2`, lowest, { kind: "accepted", id: slow, attempt: 1 });
    mesh.advance(9_900);
    rise(mesh);
    assert.is(chainOf(mesh, "X1").state, "suspended");
    assert.match(chainOf(mesh, "X1").reason, /1 of 3 members are not undone/);
    assertSound(mesh);
    mesh.step(city, { type: "retry", request: 4, chain: "X1" });
    mesh.deliver();
    rise(mesh);
    assert.is(chainOf(mesh, "X1").state, "failed");
    const again = done.filter((id) => id.includes("~2")).map((id) => id.split(" ")[0]);
    assert.equal(again, [`X1.ask.1~2!${lowest}/a2`]);
    assertEmpty(mesh);
  });
}

test("members whose answers a hub below could not tell in time are undone as well", () => {
  const { mesh, lowest, done } = makeUndoing(3);
  const answers = mesh.handler;
  mesh.handler = (id, input) => (id.includes("~") ? answers(id, input) : undefined);
  publish(mesh, makeUndoable({ steps: [makeAskOnce()] }));
  submit(mesh, "X1");
  // The street has told of its members; what they answer doesn't come through.
  rise(mesh);
  mesh.stall(lowest);
  for (const name of names) {
    const id = `X1.ask.1!${lowest}/${name}`;
    mesh.say(`${lowest}/${name}`, lowest, succeeded(id, { n: Number(name.at(-1)) }));
  }
  mesh.advance(55_500);
  mesh.advance(2_000);
  mesh.resume(lowest);
  for (let round = 0; round < 4; round += 1) rise(mesh);
  assert.is(chainOf(mesh, "X1").state, "failed");
  assert.equal(
    done.sort(),
    [1, 2, 3].map((n) => `X1.ask.1~1!${lowest}/a${n} {"at":"${lowest}/a${n}","gave":${n}}`),
  );
  assertEmpty(mesh);
});

test("while it is undone late outcomes are recorded, and a cancellation changes nothing", () => {
  const { mesh, done } = makeUndoing(1);
  const answers = mesh.handler;
  mesh.handler = (id, input) => {
    if (id.startsWith("X1.slow") || id.includes("~")) return undefined;
    return id.startsWith("X1.bad") ? failed(id, "NO", false) : answers(id, input);
  };
  const bad = makeStep("bad", ["open"]);
  publish(mesh, makeUndoable({ steps: [makeStep("open", []), makeStep("slow", []), bad] }));
  submit(mesh, "X1");
  assert.is(chainOf(mesh, "X1").state, "compensating");
  assert.is(stepOf(mesh, "X1", "slow").state, "cancelled");
  mesh.step(city, { type: "cancel", request: 3, chain: "X1", reason: "no" });
  mesh.say("/c/s-1", city, succeeded("X1.slow.1", { n: 1 }));
  mesh.deliver();
  assert.is(chainOf(mesh, "X1").state, "compensating");
  assert.ok(mesh.facts.get(city)?.some(({ fact }) => fact.t === "late"));
  assertSound(mesh);
  mesh.say("/c/s-1", city, succeeded("X1.open.1~1", {}));
  mesh.deliver();
  assert.is(chainOf(mesh, "X1").state, "failed");
  assert.equal(done, ["X1.open.1"]);
  assertEmpty(mesh);
});

test("a member that was given up and answers in time to revise is undone as well", () => {
  const { mesh, lowest, done } = makeUndoing(2);
  const answers = mesh.handler;
  const late = `X1.ask.1!${lowest}/a2`;
  mesh.handler = (id, input) => {
    if (id === late) return undefined;
    return id.startsWith("X1.close") ? failed(id, "NO", false) : answers(id, input);
  };
  const ask = makeAsk("ask", []);
  const deadlines = { ...ask.each.deadlines, finishMs: 5_000 };
  const each = { ...ask.each, deadlines, revise: true };
  const gate = makeGate("wait", { signal: "go" }, { needs: after("ask") });
  const aggregate = { ...ask.aggregate, minimum: 0.5, late: "revise" } as const;
  const steps = [{ ...ask, each, aggregate }, gate, makeStep("close", ["wait"])];
  publish(mesh, makeUndoable({ totalMs: 600_000, steps }));
  submit(mesh, "X1");
  mesh.say(`${lowest}/a2`, lowest, { kind: "accepted", id: late, attempt: 1 });
  mesh.advance(5_000);
  rise(mesh);
  assert.equal(stepOf(mesh, "X1", "ask").summary?.failed, 1);
  mesh.say(`${lowest}/a2`, lowest, succeeded(late, { n: 2 }));
  rise(mesh);
  mesh.step(city, { type: "signalled", request: 3, name: "go", payload: {}, source: "tester" });
  mesh.deliver();
  rise(mesh);
  assert.is(chainOf(mesh, "X1").state, "failed");
  const undone = done.filter((id) => id.includes("~")).sort();
  assert.equal(
    undone,
    [1, 2, 3].map((n) => `X1.ask.1~1!${lowest}/a${n} {"at":"${lowest}/a${n}","gave":${n}}`),
  );
  assertEmpty(mesh);
});

test("what onError stands in for was not done, and is not undone", () => {
  const { mesh, done, refusing } = makeUndoing(1);
  refusing.add("open.1");
  refusing.add("close.1");
  const open = { ...makeStep("open", []), onError: { kind: "literal", value: 1 } as const };
  publish(mesh, makeUndoable({ steps: [open, makeStep("close", ["open"])] }));
  submit(mesh, "X1");
  assert.is(chainOf(mesh, "X1").state, "failed");
  assert.equal(done, []);
  assertEmpty(mesh);
});

test("a compensation is offered again as its own rule says", () => {
  const { mesh, refusing } = makeUndoing(1);
  refusing.add("close.1");
  let tries = 0;
  const answers = mesh.handler;
  mesh.handler = (id, input) => {
    if (!id.includes("~")) return answers(id, input);
    tries += 1;
    return tries < 3 ? failed(id, "BUSY", true, tries) : succeeded(id, {}, tries);
  };
  publish(mesh, makeUndoable({ steps: [makeStep("open", []), makeStep("close", ["open"])] }));
  submit(mesh, "X1");
  for (let round = 0; round < 5; round += 1) mesh.advance(1_500);
  assert.equal([chainOf(mesh, "X1").state, tries], ["failed", 3]);
  assertEmpty(mesh);
});

test("who gives up on what can't be undone ends the chain, and its reason says so", () => {
  const { mesh, refusing } = makeUndoing(1);
  refusing.add("close.1");
  refusing.add("~1");
  publish(mesh, makeUndoable({ steps: [makeStep("open", []), makeStep("close", ["open"])] }));
  submit(mesh, "X1");
  assert.is(chainOf(mesh, "X1").state, "suspended");
  mesh.step(city, { type: "cancel", request: 3, chain: "X1", reason: "let it be" });
  mesh.deliver();
  assert.is(chainOf(mesh, "X1").state, "failed");
  assert.match(chainOf(mesh, "X1").reason, /not all is undone: compensation of step open: NO/);
  assertEmpty(mesh);
});
