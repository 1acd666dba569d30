// Tasks in fan-outs that are revised after their result, grow, wait for a turn, and are undone.

import type { Address, FanoutStep, JsonValue, TaskCommand } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { makeService, succeeded } from "../support/kernel-mesh.ts";
import { suite } from "../support/suite.ts";
import {
  city,
  Desk,
  hourMs,
  li,
  makeActor,
  makeHuman,
  makeHumanFanout,
  makeRule,
  street,
  wang,
} from "../support/task-desk.ts";

const test = suite("tasks in fan-outs that go on");

const sum = [{ name: "total", reducer: { op: "sum", value: "out.n" } }] as const;
const first = makeActor("a1", { groups: [`community:${street}/a1`] });
const second = makeActor("a2", { groups: [`community:${street}/a2`] });
const one = `X.ask.1!${street}/a1#1`;
const two = `X.ask.1!${street}/a2#1`;

function lateFanout(late: "revise" | "reject"): FanoutStep {
  const base = makeHumanFanout({ revise: true });
  return { ...base, aggregate: { ...base.aggregate, into: sum, late } };
}

/** Answers climb with partials, one hub at a time. */
function rise(desk: Desk): void {
  for (let level = 0; level < 6; level += 1) desk.mesh.advance(1_000);
}

test("a report after the result revises it, over two hubs, and the task ends with the wait", () => {
  const desk = new Desk();
  desk.start({ steps: [lateFanout("revise")] });
  desk.does(first, { kind: "claim" }, one);
  desk.does(first, { kind: "report", output: { n: 3 } }, one);
  desk.does(second, { kind: "claim" }, two);
  desk.does(second, { kind: "complete", output: { n: 5 } }, two);
  rise(desk);
  assert.is(desk.chain()?.state, "succeeded");
  assert.equal(desk.chain()?.steps[0]?.summary?.aggregate, { total: 8 });
  assert.is(desk.task(one).state.kind, "claimed", "the answer may still be revised");
  desk.check();
  desk.does(first, { kind: "report", output: { n: 10 } }, one);
  rise(desk);
  assert.equal(desk.chain()?.steps[0]?.summary?.aggregate, { total: 8 });
  assert.equal(desk.chain()?.steps[0]?.revised?.aggregate, { total: 15 });
  desk.check();
  desk.does(first, { kind: "complete", output: { n: 11 } }, one);
  rise(desk);
  assert.equal(desk.chain()?.steps[0]?.revised?.aggregate, { total: 16 });
  desk.mesh.advance(300 * hourMs);
  rise(desk);
  for (const [address, { state }] of desk.mesh.hubs) {
    assert.equal([state.fanouts.size, state.openTasks.size], [0, 0], address);
  }
  desk.check();
});

test("an answer that a desk gives too late is refused where the result stays", () => {
  const desk = new Desk();
  desk.mesh.addAgent("/c/d/other", ["clerk/v1"]);
  rise(desk);
  const ask = rescueByPeople(9, ["x", "y"]);
  const aggregate = { ...ask.aggregate, into: sum, late: "reject", quorum: 0.5, minimum: 0.5 };
  desk.start({ steps: [{ ...ask, aggregate: aggregate as FanoutStep["aggregate"] }] });
  const desks = ["x", "y"].map((item) => deskOf(desk, item));
  assert.equal([...desks].sort(), ["/c/d", street]);
  for (const [at, item] of ["x", "y"].entries()) {
    command(desk, desks[at], `X.ask.1!${item}#1`, { kind: "claim" });
  }
  desk.mesh.deliver();
  // Both leave at once; the one from the street has a longer way.
  for (const [at, item] of ["x", "y"].entries()) {
    const output = { n: desks[at] === street ? 4 : 3 };
    command(desk, desks[at], `X.ask.1!${item}#1`, { kind: "complete", output });
  }
  desk.mesh.deliver();
  assert.is(desk.chain()?.state, "succeeded");
  assert.equal(desk.chain()?.steps[0]?.summary?.aggregate, { total: 3 });
  const refused = desk.mesh.outputs.filter(({ type }) => type === "refuseFrame");
  assert.equal(
    refused.map((output) => output.type === "refuseFrame" && output.refusal.code),
    ["FEEDBACK_LATE"],
  );
  desk.check();
});

/** The hub that holds the task of an item. */
function deskOf(desk: Desk, item: string): Address | undefined {
  return desk.mesh.hub(city).state.assignments.get(`X.ask.1!${item}`)?.node;
}

/** Given at this hub; nothing is delivered yet. */
function command(desk: Desk, hub: Address | undefined, task: string, given: TaskCommand): void {
  if (hub === undefined) throw new Error(`nobody holds ${task}`);
  commands += 1;
  desk.mesh.step(hub, {
    type: "taskCommand",
    request: 9,
    task,
    command: given,
    commandId: `given-${commands}`,
    expectedVersion: desk.mesh.hub(hub).state.tasks.get(task)?.version ?? 0,
    actor: wang,
  });
}

let commands = 0;

function rescueByPeople(concurrencyMax: number, list: JsonValue): FanoutStep {
  const base = makeHumanFanout();
  return {
    ...base,
    members: {
      by: "items",
      items: { kind: "literal", value: list },
      key: "item",
      membersMax: 9,
      concurrencyMax,
    },
    each: {
      ...base.each,
      match: { ...base.each.match, capability: "clerk/v1" },
      human: makeRule({ form: undefined }),
      deadlines: { ...base.each.deadlines, startMs: undefined, finishMs: 24 * hourMs },
    },
  };
}

test("a task that waits for its turn opens when it has come, and its time begins then", () => {
  for (const hub of [city, street]) {
    const desk = new Desk(hub);
    desk.start({ steps: [rescueByPeople(1, ["b", "a"])] });
    assert.equal(desk.list({ actor: wang, filter: "offered" }), ["X.ask.1!a#1"]);
    desk.check();
    desk.mesh.advance(20 * hourMs);
    desk.does(wang, { kind: "claim" }, "X.ask.1!a#1");
    desk.does(wang, { kind: "complete", output: { n: 1 } }, "X.ask.1!a#1");
    desk.mesh.advance(10_000);
    assert.equal(desk.list({ actor: li, filter: "offered" }), ["X.ask.1!b#1"]);
    desk.check();
    desk.mesh.advance(20 * hourMs);
    assert.is(desk.chain()?.state, "running", "the second has a day of its own");
    desk.does(li, { kind: "claim" }, "X.ask.1!b#1");
    desk.does(li, { kind: "complete", output: { n: 1 } }, "X.ask.1!b#1");
    assert.is(desk.chain()?.state, "succeeded", desk.chain()?.reason);
    desk.check();
  }
});

test("who has taken a returned item over may revise it, and undoes it", () => {
  const desk = new Desk();
  const other = `${city}/d/other`;
  desk.mesh.addAgent(other, ["clerk/v1", "undo/v1"]);
  desk.mesh.addAgent(`${street}/undoer`, ["undo/v1"]);
  for (let level = 0; level < 3; level += 1) desk.mesh.advance(1_000);
  const ask = rescueByPeople(9, ["x"]);
  const { retry, match } = makeService("s");
  const close = makeService("close", { needs: [{ step: "ask", on: "done" }] });
  const steps = [
    {
      ...ask,
      aggregate: { ...ask.aggregate, into: sum, late: "revise" as const },
      each: {
        ...ask.each,
        revise: true,
        compensate: {
          match: { ...match, capability: "undo/v1" },
          input: undefined,
          retry,
          finishMs: 10_000,
        },
      },
    },
    { ...close, match: { ...close.match, capability: "clerk/v1" } },
  ];
  const undone: [string, JsonValue][] = [];
  desk.mesh.handler = (id, input) => {
    if (!id.includes("~")) return undefined;
    undone.push([id, input]);
    return succeeded(id, null);
  };
  desk.start({ steps, onCancel: "compensate" });
  const at = deskOf(desk, "x");
  command(desk, at, "X.ask.1!x#1", { kind: "return", reason: "not ours" });
  desk.mesh.deliver();
  const next = deskOf(desk, "x");
  assert.is.not(next, at);
  command(desk, next, "X.ask.1!x#2", { kind: "claim" });
  command(desk, next, "X.ask.1!x#2", { kind: "report", output: { n: 4 } });
  desk.mesh.deliver();
  assert.equal(desk.chain()?.steps[0]?.summary?.aggregate, { total: 4 });
  command(desk, next, "X.ask.1!x#2", { kind: "report", output: { n: 6 } });
  desk.mesh.deliver();
  assert.equal(desk.chain()?.steps[0]?.revised?.aggregate, { total: 6 });
  desk.check();
  desk.mesh.step(city, { type: "cancel", request: 7, chain: "X", reason: "false alarm" });
  desk.mesh.deliver();
  desk.mesh.advance(30_000);
  rise(desk);
  assert.is(desk.chain()?.state, "cancelled");
  assert.equal(undone, [["X.ask.1~1!x", { n: 6 }]]);
  for (const [address, { state }] of desk.mesh.hubs) {
    assert.equal([state.fanouts.size, state.openTasks.size], [0, 0], address);
  }
  desk.check();
});

test("a chain that goes back on what it did takes its open tasks back, here and below", () => {
  for (const hub of [city, street]) {
    const desk = new Desk(hub);
    const { retry, match } = makeService("s");
    const rule = { match: { ...match, capability: "clerk/v1" }, input: undefined, retry };
    const open = makeService("open", {
      match: { ...match, capability: "clerk/v1" },
      compensate: { ...rule, finishMs: 10_000 },
    });
    const bad = makeService("bad", {
      match: { ...match, capability: "clerk/v1" },
      needs: [{ step: "open", on: "done" }],
    });
    const human = makeHuman({ needs: [{ step: "open", on: "done" }] });
    desk.mesh.handler = (id) => (id.startsWith("X.bad") ? undefined : succeeded(id, null));
    desk.start({ steps: [open, human, bad], onFailure: "compensate" });
    assert.is(desk.task().state.kind, "offered");
    const answer = { ...succeeded("X.bad.1", null), outcome: "failed", output: "" } as const;
    desk.mesh.say(`${hub}/bureau`, city, answer);
    desk.mesh.deliver();
    assert.is(desk.chain()?.state, "failed");
    assert.is(desk.task().state.kind, "cancelled");
    desk.check();
  }
});
