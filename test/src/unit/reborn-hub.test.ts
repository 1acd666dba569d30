// A hub below comes back with a new store: what it is asked again, and what not.

import type { Address } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { assertSound, chainOf, city, publish, submit } from "../support/kernel-chains.ts";
import {
  KernelMesh,
  makeApplication,
  makeDescription,
  makeFanout,
  makeHello,
} from "../support/kernel-mesh.ts";
import { after, makeGate } from "../support/lone-hub.ts";
import { suite } from "../support/suite.ts";

const test = suite("a hub that begins anew");

const below = "/c/d" as Address;

/** A chain whose fan-out waits for the district, which has two silent communities. */
function begin(finishMs = 60_000): KernelMesh {
  const mesh = new KernelMesh();
  for (const hub of [city, below]) mesh.addHub(hub);
  for (const name of ["a1", "a2"]) mesh.addAgent(`${below}/${name}`, ["work/v1"]);
  mesh.advance(1_000);
  const { each, aggregate } = makeFanout("ask");
  const compensate = { match: each.match, input: undefined, retry: each.retry, finishMs: 10_000 };
  const ask = makeFanout("ask", {
    each: { ...each, compensate },
    aggregate: { ...aggregate, finishMs, minimum: 0, onShort: "partial" },
  });
  const gate = makeGate("wait", {}, { needs: after("ask") });
  publish(mesh, makeApplication({ onCancel: "compensate", steps: [ask, gate] }));
  submit(mesh, "X1");
  mesh.advance(1_000);
  mesh.stall(below);
  return mesh;
}

/** Fan-outs that the city asks the district for once that has greeted it with another store. */
function asked(mesh: KernelMesh): readonly string[] {
  const description = makeDescription(below, true, []);
  const hello = { ...makeHello(description), storeId: "another store" };
  mesh.step(city, { type: "linkGreeted", link: 99, hello });
  const session = mesh.hub(city).state.session(below);
  const found: string[] = [];
  for (let seq = 1; seq <= session.lastSeq("chain"); seq += 1) {
    const body = session.frameAt("chain", seq)?.body;
    if (body?.kind === "delegate") found.push(body.fanout);
  }
  assertSound(mesh);
  return found;
}

test("is asked again for what is still awaited", () => {
  const mesh = begin();
  assert.equal(asked(mesh), ["X1.ask.1"]);
});

test("is not asked for what was taken back, and nobody waits for it", () => {
  const mesh = begin();
  mesh.step(city, { type: "cancel", request: 3, chain: "X1", reason: "no" });
  assert.is(chainOf(mesh, "X1").state, "cancelling");
  // What the hubs below it remember is undone.
  assert.equal(asked(mesh), ["X1.ask.1~1"]);
  assert.is(chainOf(mesh, "X1").state, "compensating");
});

test("is not asked for what has its result", () => {
  const mesh = begin(5_000);
  mesh.advance(5_000);
  assert.is(mesh.hub(city).state.fanouts.get("X1.ask.1")?.stage, "kept");
  assert.equal(asked(mesh), []);
});
