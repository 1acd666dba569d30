import { diffApplications, hashApplication } from "@cloudbrain/sdk/definition";
import type { Application } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { makeApplication, makeFanout, makeService } from "../support/kernel-mesh.ts";
import { suite } from "../support/suite.ts";

const test = suite("application diff");

function hashed(application: Application): Application {
  return { ...application, hash: hashApplication(application) };
}

const before = hashed(makeApplication({ steps: [makeService("sort"), makeFanout("ask")] }));

test("equal definitions differ in nothing", () => {
  assert.equal(diffApplications(before, before), []);
});

test("a difference names its path and both values", () => {
  const ask = makeFanout("ask");
  const after = hashed({
    ...before,
    version: "1.1.0",
    totalMs: 5_000,
    steps: [makeService("sort"), { ...ask, aggregate: { ...ask.aggregate, quorum: 0.5 } }],
  });
  assert.equal(diffApplications(before, after), [
    { kind: "changed", path: "steps.ask.aggregate.quorum", before: 1, after: 0.5 },
    { kind: "added", path: "totalMs", before: undefined, after: 5_000 },
    { kind: "changed", path: "version", before: "1.0.0", after: "1.1.0" },
  ]);
});

test("steps are known by their ids: a new one in front changes no other", () => {
  const after = hashed({ ...before, steps: [makeService("new"), ...before.steps] });
  const found = diffApplications(before, after);
  assert.equal(
    found.map(({ kind, path }) => `${kind} ${path}`),
    ["added steps.new"],
  );
});

test("another order of the same steps is a difference", () => {
  const after = hashed({ ...before, steps: [...before.steps].reverse() });
  assert.equal(diffApplications(before, after), [
    { kind: "changed", path: "steps[order]", before: ["sort", "ask"], after: ["ask", "sort"] },
  ]);
});
