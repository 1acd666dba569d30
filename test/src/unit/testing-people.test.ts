// The testing kit with people at desks, signals, working calendars: the worked examples.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HubKernel } from "@cloudbrain/hub/kernel";
import { createNode, isMeshError, type Node } from "@cloudbrain/sdk";
import { type TestMesh, type TestPerson, testMesh } from "@cloudbrain/sdk/testing";
import * as assert from "uvu/assert";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("people in the testing kit", { timeLimitMs: 30_000 });

/** An example in virtual time takes less than this of ours, weeks of virtual time included. */
const realMsMax = 2_000;
const beganMs = new Map<TestMesh, number>();

function readExample(name: string): string {
  return readFileSync(join(repositoryRoot, "docs/examples", name), "utf8");
}

function makeNode(address: string, features: { industry?: string; region?: string } = {}): Node {
  return createNode({ address, title: { zh: address }, ...features });
}

const district = "/3702/370202";
const clerkFeatures = { industry: "housing", region: "370202", capabilities: ["clerk.handle/v1"] };

/** A Monday morning at nine in China. */
const monday = new Date("2026-03-02T01:00:00Z");

interface ItemMesh {
  readonly mesh: TestMesh;
  readonly told: unknown[];
  readonly wang: TestPerson;
  readonly li: TestPerson;
  readonly dispatcher: TestPerson;
}

async function openItemMesh(faults: { drop?: number } = {}): Promise<ItemMesh> {
  const mesh = testMesh({
    hub: HubKernel,
    levels: ["city", "district"],
    startsAt: monday,
    hubs: { [district]: clerkFeatures },
    faults,
  });
  beganMs.set(mesh, performance.now());
  const told: unknown[] = [];
  const desk = makeNode("/3702/s-desk")
    .handle("item.classify/v1", () => ({ category: "housing", confidence: 1 }))
    .handle("citizen.notify/v1", (input) => {
      told.push(input);
      return {};
    });
  await mesh.publish(readExample("city-item.yaml"));
  await mesh.join(desk);
  const groups = ["bureau:housing"];
  return {
    mesh,
    told,
    wang: mesh.person({ account: "wang", groups }, district),
    li: mesh.person({ account: "li", groups }, district),
    dispatcher: mesh.person({ account: "dispatcher", groups: ["dispatch-desk"] }, district),
  };
}

const item = {
  title: "屋面漏水",
  industry: "housing",
  districtCode: "370202",
  reporter: { alias: "市民甲" },
  clientKey: "item-1",
};

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "done";
  } catch (error) {
    return isMeshError(error) ? error.code : String(error);
  }
}

function assertQuick(mesh: TestMesh): void {
  const tookMs = performance.now() - (beganMs.get(mesh) ?? 0);
  assert.ok(tookMs < realMsMax, `${tookMs} ms`);
}

test("a clerk handles an item; the second who claims it is told that it is taken", async () => {
  const { mesh, told, wang, li } = await openItemMesh();
  const chain = await mesh.run("city.item.handle", item);
  await mesh.clock.advance("1m");
  const task = wang.only("offered");
  await wang.act(task, { kind: "claim" });
  assert.is(await codeOf(li.act(task, { kind: "claim" })), "TASK_TAKEN");
  const wrong = wang.act(wang.only("mine"), { kind: "complete", output: { result: "done" } });
  assert.is(await codeOf(wrong), "FORM_INVALID");
  const output = { result: "done", summary: "已修缮完毕" };
  await wang.act(wang.only("mine"), { kind: "complete", output });
  const { state, output: given } = await chain.result();
  assert.equal([state, given], ["succeeded", { result: "done", summary: "已修缮完毕", hits: 0 }]);
  assert.equal(told, [{ to: item.reporter, text: "已修缮完毕" }]);
  assertQuick(mesh);
  await mesh.close();
});

test("a returned task goes to the dispatch desk, which sends it elsewhere", async () => {
  const { mesh, wang, li, dispatcher } = await openItemMesh({ drop: 0.1 });
  const chain = await mesh.run("city.item.handle", item);
  await mesh.clock.advance("10m");
  await wang.act(wang.only("offered"), { kind: "claim" });
  await wang.act(wang.only("mine"), { kind: "return", reason: "不属于本科室职责" });
  const candidates = { users: ["li"], groups: [], roles: [], departments: [] };
  const decision = { kind: "changeCandidates" as const, candidates };
  await dispatcher.act(dispatcher.only("offered"), {
    kind: "decideReturn",
    decision,
    reason: "转李办理",
  });
  assert.equal(wang.tasks("offered"), []);
  await li.act(li.only("offered"), { kind: "claim" });
  const output = { result: "rejected", summary: "不符合受理条件" };
  await li.act(li.only("mine"), { kind: "complete", output });
  assert.is((await chain.result()).state, "succeeded");
  assertQuick(mesh);
  await mesh.close();
});

test("a deadline counts working days, and lights and supervision come in working time", async () => {
  const { mesh, wang } = await openItemMesh();
  await mesh.run("city.item.handle", item);
  await mesh.clock.advance("1m");
  await wang.act(wang.only("offered"), { kind: "claim" });
  const { dueMs } = wang.only("mine");
  // Three working days after Monday 09:00:
  assert.is(new Date(dueMs).toISOString().slice(0, 13), "2026-03-05T01");
  assert.is(wang.only("mine").light, "green");
  await mesh.clock.advance("2d");
  await mesh.clock.advance("20h");
  assert.is(wang.only("mine").light, "yellow");
  assert.is(wang.only("mine").supervised, true);
  assertQuick(mesh);
  await mesh.close();
});
