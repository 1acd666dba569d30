import type { Address, Application, Deadlines, Step } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { assertSound, city, publish, submit } from "../support/kernel-chains.ts";
import {
  failed,
  KernelMesh,
  makeApplication,
  makeFanout,
  makeService,
} from "../support/kernel-mesh.ts";
import { suite } from "../support/suite.ts";

const test = suite("the time that an instruction has");

const agent = "/c/a1";
const deadlines: Deadlines = {
  startMs: undefined,
  finishMs: undefined,
  heartbeatMs: undefined,
  totalMs: undefined,
};

function begin(step: Step, changes: Partial<Application> = {}): KernelMesh {
  const mesh = new KernelMesh();
  mesh.addHub(city);
  mesh.addAgent(agent, ["work/v1"]);
  publish(mesh, makeApplication({ ...changes, steps: [step] }));
  submit(mesh, "X1");
  return mesh;
}

/** Of every instruction that the agent has got, in order. */
function timesOf(mesh: KernelMesh): readonly number[] {
  return mesh.inbox(agent).flatMap((body) => (body.kind === "instruction" ? [body.finishMs] : []));
}

const service = (own: Partial<Deadlines>): Step =>
  makeService("serve", { deadlines: { ...deadlines, ...own } });

const own: readonly (readonly [string, Step, number | undefined, number])[] = [
  ["its finish deadline", service({ finishMs: 5_000, totalMs: 9_000 }), 20_000, 5_000],
  ["the deadline of all attempts", service({ totalMs: 9_000 }), 20_000, 9_000],
  ["the deadline of the chain", service({}), 20_000, 20_000],
  ["the chain's where that comes first", service({ finishMs: 30_000 }), 20_000, 20_000],
  ["none where nothing ends the wait", service({ startMs: 1_000 }), undefined, 0],
  ["the end of its fan-out", makeFanout("ask"), undefined, 60_000],
];

for (const [what, step, totalMs, expected] of own) {
  test(`is ${what}`, () => {
    const mesh = begin(step, { totalMs });
    assert.equal(timesOf(mesh), [expected]);
  });
}

test("lasts as long as late feedback may still revise what the fan-out gave", () => {
  const base = makeFanout("ask");
  const mesh = begin({ ...base, aggregate: { ...base.aggregate, late: "revise" } });
  assert.equal(timesOf(mesh), [120_000]);
});

test("gets shorter with every attempt, and the hub has ended it when its node does", () => {
  const mesh = begin(service({ totalMs: 9_000 }));
  mesh.say(agent, city, failed("X1.serve.1", "BUSY", true));
  mesh.advance(4_000);
  assert.equal(timesOf(mesh), [9_000, 5_000]);
  assertSound(mesh);
  mesh.advance(5_000);
  assert.is(mesh.hub(city).state.assignments.size, 0);
  mesh.say(agent, city, {
    ...failed("X1.serve.1", "FINISH_DEADLINE", true, 2),
    outcome: "expired",
  });
  mesh.deliver();
  const late = mesh.facts.get(city)?.filter(({ fact }) => fact.t === "late");
  assert.is(late?.length, 1);
  assertSound(mesh);
});

test("is that of the part below, which ends before the whole", () => {
  const mesh = new KernelMesh();
  const below = "/c/d" as Address;
  for (const hub of [city, below]) mesh.addHub(hub);
  mesh.addAgent(`${below}/a1`, ["work/v1"]);
  mesh.advance(1_000);
  publish(mesh, makeApplication({ steps: [makeFanout("ask")] }));
  submit(mesh, "X1");
  const [body] = mesh.inbox(`${below}/a1`);
  const part = mesh.hub(below).state.fanouts.get("X1.ask.1");
  assert.is(body?.kind === "instruction" && body.finishMs, (part?.dueMs ?? 0) - mesh.nowMs);
  assert.ok((part?.dueMs ?? 0) < mesh.nowMs + 60_000);
  assertSound(mesh);
});
