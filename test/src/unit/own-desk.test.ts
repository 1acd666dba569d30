// The people of the very hub that a chain runs at: they are found as those of any other hub.

import { registrationKey, viewRegistration } from "@cloudbrain/hub/kernel";
import type { Application, Step } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { assertSound, chainOf, city, publish, stepOf, submit } from "../support/kernel-chains.ts";
import { KernelMesh, makeApplication, makeFanout, makeService } from "../support/kernel-mesh.ts";
import { suite } from "../support/suite.ts";
import {
  goodForm,
  literal,
  makeHuman,
  makeHumanFanout,
  makeRule,
  wang,
} from "../support/task-desk.ts";

const test = suite("a desk of one's own");

function makeCity(): KernelMesh {
  const mesh = new KernelMesh();
  mesh.addHub("/c", { level: "city", division: "370200000000", capabilities: ["clerk/v1"] });
  mesh.addHub("/c/d", { level: "district", division: "370202000000" });
  mesh.advance(1_000);
  return mesh;
}

function start(mesh: KernelMesh, ...steps: readonly Step[]): Application {
  const application = makeApplication({ steps });
  publish(mesh, application);
  submit(mesh, "X");
  return application;
}

/** Somebody at the city's desk claims the task and completes it. */
function complete(mesh: KernelMesh, task: string): void {
  for (const command of [
    { kind: "claim" } as const,
    { kind: "complete", output: goodForm } as const,
  ]) {
    const expectedVersion = mesh.hub(city).state.tasks.get(task)?.version ?? 0;
    const outputs = mesh.step(city, {
      type: "taskCommand",
      request: 9,
      task,
      command,
      commandId: `${task} ${command.kind}`,
      expectedVersion,
      actor: wang,
    });
    const answer = outputs.find((output) => output.type === "reply");
    assert.is(answer?.type === "reply" ? answer.reply.kind : "", "task");
  }
}

test("a step of people is done at the hub that runs the chain when its people can", () => {
  const mesh = makeCity();
  const { match } = makeHuman();
  start(mesh, makeHuman({ match: { ...match, level: "city", region: literal("370200") } }));
  assert.is(stepOf(mesh, "X", "bureau").node, city);
  complete(mesh, "X.bureau.1#1");
  assert.is(chainOf(mesh, "X").state, "succeeded");
  assertSound(mesh);
});

test("so are members that people do", () => {
  const mesh = makeCity();
  const base = makeHumanFanout();
  const match = { ...base.each.match, capability: "clerk/v1" };
  start(mesh, {
    ...base,
    members: { by: "items", items: literal(["a", "b"]), key: "item", membersMax: 10 },
    each: { ...base.each, match, human: makeRule() },
    aggregate: { ...base.aggregate, into: [{ name: "count", reducer: { op: "count" } }] },
  });
  complete(mesh, "X.ask.1!a#1");
  complete(mesh, "X.ask.1!b#1");
  assert.is(chainOf(mesh, "X").state, "succeeded");
  assertSound(mesh);
});

test("people do no work of systems", () => {
  const mesh = makeCity();
  const { match } = makeService("sort");
  start(mesh, makeService("sort", { match: { ...match, capability: "clerk/v1" } }));
  assert.is(chainOf(mesh, "X").state, "suspended");
  assert.match(chainOf(mesh, "X").reason, /no node matches: 0 with capability clerk\/v1/);
});

test("a plan and a registration know them", () => {
  const mesh = makeCity();
  const application = start(mesh, makeHuman());
  const planned = mesh.hub(city).planChain(application, {}, mesh.nowMs);
  if (typeof planned === "string") throw new Error(planned);
  assert.equal([planned.steps[0]?.node?.address, planned.steps[0]?.desk], [city, city]);
  const { state } = mesh.hub(city);
  const key = registrationKey({ origin: city, application: "test.app", version: "1.0.0" });
  const registration = state.registrations.get(key);
  if (registration === undefined) throw new Error("it is not registered");
  assert.equal(viewRegistration(state, registration).unmet, []);
});

test("a scope names the hub itself by its division code, short or long", () => {
  for (const scope of ["370200", "370200000000", "/c"]) {
    const mesh = makeCity();
    mesh.addAgent("/c/d/a", ["work/v1"]);
    mesh.advance(1_000);
    mesh.advance(1_000);
    const base = makeFanout("ask");
    start(mesh, {
      ...base,
      members: { by: "level", scope: literal(scope), level: "community", membersMax: 10 },
    });
    assert.is(stepOf(mesh, "X", "ask").summary?.members, 1, scope);
  }
});

test("a division code names the hub of the level, not another one with that label", () => {
  const mesh = new KernelMesh();
  mesh.addHub("/3702", { level: "city" });
  // It has come first, and a station of the police is no district.
  mesh.addHub("/3702/i-police");
  mesh.addHub("/3702/i-police/370202");
  mesh.addHub("/3702/370202", { level: "district", division: "370202000000" });
  mesh.addAgent("/3702/370202/a", ["work/v1"]);
  for (let level = 0; level < 3; level += 1) mesh.advance(1_000);
  const root = mesh.hub("/3702" as typeof city);
  const base = makeFanout("ask");
  const members = { by: "level", scope: literal("370202"), level: "community" } as const;
  const planned = root.planChain(
    makeApplication({ steps: [{ ...base, members: { ...members, membersMax: 10 } }] }),
    {},
    mesh.nowMs,
  );
  if (typeof planned === "string") throw new Error(planned);
  assert.match(planned.steps[0]?.explanation ?? "", /in \/3702\/370202$/);
});
