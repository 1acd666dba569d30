// A hub below that has told nothing of its part: its members are missing, and nobody forgets them.

import type { Address, FanoutStep } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { assertSound, chainOf, city, publish, stepOf, submit } from "../support/kernel-chains.ts";
import { KernelMesh, makeApplication, makeFanout, succeeded } from "../support/kernel-mesh.ts";
import { suite } from "../support/suite.ts";

const test = suite("a hub that was not heard");
const far = "/c/d/far" as Address;
const finishMs = 60_000;

/** Two streets of a district: one with three communities that answer, one with a fourth. */
function makeMesh(): KernelMesh {
  const mesh = new KernelMesh();
  for (const hub of ["/c", "/c/d", "/c/d/near", far]) mesh.addHub(hub);
  for (const name of ["a1", "a2", "a3"]) mesh.addAgent(`/c/d/near/${name}`, ["work/v1"]);
  mesh.addAgent(`${far}/b1`, ["work/v1"]);
  for (let level = 0; level < 3; level += 1) mesh.advance(1_000);
  mesh.handler = (id) => succeeded(id, { n: 1 });
  return mesh;
}

function makeAsk(aggregate: Partial<FanoutStep["aggregate"]> = {}): FanoutStep {
  const base = makeFanout("ask");
  return { ...base, aggregate: { ...base.aggregate, finishMs, quorum: 1, ...aggregate } };
}

function countsOf(mesh: KernelMesh) {
  const { summary } = stepOf(mesh, "X", "ask");
  return [summary?.members, summary?.replied, summary?.closed];
}

test("its members count from the beginning, as far as they are known", () => {
  const mesh = makeMesh();
  mesh.stall(far);
  publish(mesh, makeApplication({ steps: [makeAsk({ minimum: 0.8, onShort: "suspend" })] }));
  submit(mesh, "X");
  mesh.advance(2_000);
  assert.equal(countsOf(mesh), [4, 3, false]);
  assert.equal(stepOf(mesh, "X", "ask").summary?.missing, [far]);
  mesh.advance(finishMs);
  const told = "step ask: the finish deadline has passed: 3 of 4 replied, at least 0.8 was asked";
  assert.equal([chainOf(mesh, "X").state, chainOf(mesh, "X").reason], ["suspended", told]);
  assertSound(mesh);
});

test("what it tells then stands in place of that", () => {
  const mesh = makeMesh();
  mesh.stall(far);
  publish(mesh, makeApplication({ steps: [makeAsk()] }));
  submit(mesh, "X");
  mesh.advance(2_000);
  mesh.addAgent(`${far}/b2`, ["work/v1"]);
  mesh.resume(far);
  mesh.advance(2_000);
  assert.is(chainOf(mesh, "X").state, "succeeded");
  assert.equal(countsOf(mesh), [5, 5, true]);
  assert.is(mesh.hub(city).state.assignments.size, 0);
  assertSound(mesh);
});

test("enough of those that are known is enough, and the reason says what is missing", () => {
  const mesh = makeMesh();
  mesh.stall(far);
  publish(mesh, makeApplication({ steps: [makeAsk({ minimum: 0.5, onShort: "suspend" })] }));
  submit(mesh, "X");
  mesh.advance(2_000);
  mesh.advance(finishMs);
  const { state, reason } = stepOf(mesh, "X", "ask");
  assert.equal([state, reason], ["succeeded", "the finish deadline has passed: 3 of 4 replied"]);
});
