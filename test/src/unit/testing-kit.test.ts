import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HubKernel } from "@cloudbrain/hub/kernel";
import { type ChainSnapshot, createNode, isMeshError, type Node } from "@cloudbrain/sdk";
import { type TestFaults, testMesh } from "@cloudbrain/sdk/testing";
import * as assert from "uvu/assert";

import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("the testing kit");

/** A chain in virtual time takes less than this of ours, days of virtual time included. */
const realMsMax = 5_000;
const hourMs = 3_600_000;

function readExample(name: string): string {
  return readFileSync(join(repositoryRoot, "docs/examples", name), "utf8");
}

function isRefusal(code: string): (error: unknown) => boolean {
  return (error) => isMeshError(error) && error.code === code;
}

async function refusalOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("nothing was refused");
}

function makeNode(address: string, options: { region?: string; industry?: string } = {}): Node {
  const label = address.slice(address.lastIndexOf("/") + 1);
  return createNode({ address, title: { zh: label }, ...options });
}

const districts = ["370202", "370203", "370212"];
const perDistrict = 4;

function makeCommunities(): Node[] {
  return districts.flatMap((district, place) =>
    Array.from({ length: perDistrict }, (_, index) =>
      createNode({
        address: `/3702/${district}/c${index}`,
        title: { zh: `社区${index}` },
        kind: "level",
        level: "community",
        division: `${district}00100${index}`,
      }).handle("community.emergency/v1", () => ({
        evacuated: 10 * (place + 1) + index,
        stranded: index === 3 ? place : 0,
        waterLevelCm: 30 + index,
      })),
    ),
  );
}

interface DrillRun {
  readonly result: ChainSnapshot;
  readonly fingerprint: string;
}

async function runDrill(options: { faults?: TestFaults; seed?: number } = {}): Promise<DrillRun> {
  await using mesh = testMesh({ hub: HubKernel, levels: ["city", "district"], ...options });
  await mesh.publish(readExample("typhoon-drill.yaml"));
  await mesh.join(...makeCommunities());
  const chain = await mesh.run("emergency.typhoon.drill", { scope: "3702", typhoonId: "2601" });
  return { result: await chain.result(), fingerprint: mesh.fingerprint() };
}

const drillOutput = {
  members: 12,
  replied: 12,
  coverage: 1,
  evacuated: 258,
  stranded: 3,
  strandedAt: ["370203001003", "370212001003"],
  maxWaterCm: 33,
  avgWaterCm: 31.5,
};

test("the typhoon drill runs in virtual time", async () => {
  const beforeMs = performance.now();
  const { result } = await runDrill();
  assert.equal([result.state, result.output], ["succeeded", drillOutput]);
  const realMs = performance.now() - beforeMs;
  assert.ok(realMs < realMsMax, `${realMs} ms`);
});

test("batches that come twice, are lost or are late do not change the sums", async () => {
  const calm = await runDrill();
  for (const faults of [{ duplicate: 0.5 }, { drop: 0.2 }, { reorder: 0.5 }]) {
    for (const seed of [1, 2, 3]) {
      const { result, fingerprint } = await runDrill({ faults, seed });
      assert.equal([result.state, result.output], ["succeeded", drillOutput], `seed ${seed}`);
      assert.is.not(fingerprint, calm.fingerprint, "a fault has struck");
    }
  }
});

test("the same seed is the same run, another seed another one", async () => {
  const faults = { duplicate: 0.2, drop: 0.1, reorder: 0.2 };
  const first = await runDrill({ faults, seed: 7 });
  assert.equal(await runDrill({ faults, seed: 7 }), first);
  assert.is.not((await runDrill({ faults, seed: 8 })).fingerprint, first.fingerprint);
});

const item = {
  title: "井盖缺失",
  industry: "urban-mgmt",
  districtCode: "370202",
  reporter: "王女士",
  sites: ["S1", "S2"],
};

test("a citizen's item that takes days is handled in no time", async () => {
  const beforeMs = performance.now();
  await using mesh = testMesh({ hub: HubKernel });
  const bureau = makeNode("/3702/370202/bureau", { region: "370202", industry: "urban-mgmt" });
  bureau.handle("item.handle/v1", async (_input, context) => {
    await mesh.clock.sleep("2d", { signal: context.signal });
    return { result: "needsField", summary: "已处理" };
  });
  const sites = ["S1", "S2"].map((region) =>
    createNode({
      address: `/3702/370202/${region.toLowerCase()}`,
      title: { zh: region },
      level: "community",
      region,
    }).handle("grid.inspect/v1", () => ({ found: region === "S1", note: `${region} ok` })),
  );
  const told: unknown[] = [];
  const desk = makeNode("/3702/desk")
    .handle("item.classify/v1", () => ({ category: "urban-mgmt", confidence: 0.9 }))
    .handle("citizen.notify/v1", (input) => told.push(input));
  await mesh.publish(readExample("item-handling.yaml"));
  await mesh.join(bureau, desk, ...sites);
  const startMs = mesh.clock.now().getTime();
  const chain = await mesh.run("city.item.handle", item);
  await mesh.clock.advance("1d");
  assert.equal(
    chain.now().steps.map(({ id, state }) => [id, state]),
    [
      ["classify", "succeeded"],
      ["bureau", "running"],
      ["inspect", "waiting"],
      ["notify", "waiting"],
    ],
  );
  const { state, output } = await chain.result();
  assert.equal(
    [state, output],
    ["succeeded", { result: "needsField", summary: "已处理", found: 1 }],
  );
  assert.equal(told, [{ to: "王女士", text: "已处理" }]);
  const tookMs = mesh.clock.now().getTime() - startMs;
  assert.ok(tookMs >= 48 * hourMs && tookMs < 49 * hourMs, `${tookMs} ms of virtual time`);
  const realMs = performance.now() - beforeMs;
  assert.ok(realMs < realMsMax, `${realMs} ms`);
});

function definitionOf(...step: readonly string[]): string {
  return definition({ onFailure: "fail" }, step);
}

function definition(
  { onFailure, version = "1.0.0" }: { onFailure: "fail" | "suspend"; version?: string },
  step: readonly string[],
): string {
  return [
    "apiVersion: cloudbrain/v1",
    "kind: Application",
    `metadata: { id: site.clear, version: ${version}, title: { zh: 清理, en: Clear } }`,
    "spec:",
    `  onFailure: ${onFailure}`,
    "  steps:",
    "    - id: clear",
    "      type: service",
    "      match: { capability: site.clear/v1 }",
    ...step.map((line) => `      ${line}`),
    "  output: { by: '=steps.clear.out.by' }",
    "",
  ].join("\n");
}

test("after a refusal the chain finds another node", async () => {
  await using mesh = testMesh({ hub: HubKernel, levels: ["city"] });
  const asked: string[] = [];
  const makeCrew = (name: string, isFree: () => boolean): Node =>
    makeNode(`/3702/${name}`).handle("site.clear/v1", (_input, context) => {
      asked.push(name);
      if (!isFree()) context.reject("the road is closed");
      return { by: name };
    });
  await mesh.publish(definitionOf("deadline: { finish: 1h }", "retry: { max: 3, rematch: true }"));
  // Whoever is asked first refuses.
  const isSecond = (): boolean => asked.length > 1;
  await mesh.join(makeCrew("east", isSecond), makeCrew("west", isSecond));
  const chain = await mesh.run("site.clear", {});
  const { state, output } = await chain.result();
  assert.is(state, "succeeded");
  assert.is(asked.length, 2);
  assert.is.not(asked[0], asked[1]);
  assert.equal(output, { by: asked[1] });
});

test("a handler is stopped when its deadline passes, not before", async () => {
  const startsAt = new Date("2026-07-01T06:00:00Z");
  await using mesh = testMesh({ hub: HubKernel, levels: ["city"], startsAt });
  const heard: string[] = [];
  const crew = makeNode("/3702/crew").handle("site.clear/v1", async (_input, context) => {
    const left = (context.deadline?.getTime() ?? 0) - mesh.clock.now().getTime();
    heard.push(`begins with ${Math.round(left / hourMs)} h`);
    await mesh.clock.sleep("5h", { signal: context.signal }).catch((reason: unknown) => {
      heard.push(`stops: ${isMeshError(reason) ? reason.detail : reason}`);
      throw reason;
    });
  });
  await mesh.publish(definitionOf("deadline: { finish: 2h }", "retry: { max: 1 }"));
  await mesh.join(crew);
  const chain = await mesh.run("site.clear", {});
  assert.is(mesh.clock.now().toISOString().slice(0, 16), "2026-07-01T06:00");
  await mesh.clock.advance("119m");
  assert.equal([chain.now().state, heard], ["running", ["begins with 2 h"]]);
  await mesh.clock.advance("2m");
  assert.is(chain.now().state, "failed");
  assert.equal(heard, ["begins with 2 h", "stops: the finish deadline has passed"]);
});

test("a chain is cancelled, and its handler hears of it", async () => {
  await using mesh = testMesh({ hub: HubKernel, levels: ["city"] });
  const crew = makeNode("/3702/crew").handle("site.clear/v1", (_input, context) =>
    mesh.clock.sleep("1h", { signal: context.signal }),
  );
  await mesh.publish(definitionOf("deadline: { finish: 2h }"));
  await mesh.join(crew);
  const chain = await mesh.run("site.clear", {});
  await mesh.clock.advance("1m");
  await chain.cancel("the rain has stopped");
  assert.is((await chain.result()).state, "cancelled");
});

test("what can't be is refused with its code", async () => {
  await using mesh = testMesh({ hub: HubKernel, levels: ["city"] });
  const codeOf = async (promise: Promise<unknown>): Promise<string> => {
    const error = await refusalOf(promise);
    return isMeshError(error) ? error.code : String(error);
  };
  assert.is(await codeOf(mesh.run("site.clear", {})), "NODE_UNKNOWN");
  assert.is(await codeOf(mesh.publish("kind: Nothing")), "APPLICATION_INVALID");
  await mesh.publish(definitionOf("deadline: { finish: 2h }"));
  const changed = mesh.publish(definitionOf("deadline: { finish: 3h }"));
  assert.is(await codeOf(changed), "APPLICATION_EXISTS");
  const crew = makeNode("/3702/crew").handle("site.clear/v1", () => ({ by: "crew" }));
  await mesh.join(crew);
  assert.is(await codeOf(mesh.join(crew)), "CONFIG_INVALID");
  assert.is(await codeOf(mesh.join(makeNode("/3702/deep/er"))), "CONFIG_INVALID");
  assert.is(await codeOf(mesh.run("site.unknown", {})), "APPLICATION_UNKNOWN");
  assert.throws(
    () => testMesh({ hub: HubKernel, faults: { drop: 2 } }),
    isRefusal("CONFIG_INVALID"),
  );
});

test("a suspended chain goes on when it is retried", async () => {
  await using mesh = testMesh({ hub: HubKernel, levels: ["city"] });
  let isRepaired = false;
  const crew = makeNode("/3702/crew").handle("site.clear/v1", (_input, context) => {
    if (!isRepaired) context.fail("PUMP_BROKEN", "the pump is broken", { retryable: false });
    return { by: "crew" };
  });
  await mesh.publish(definition({ onFailure: "suspend" }, ["deadline: { finish: 2h }"]));
  await mesh.join(crew);
  const chain = await mesh.run("site.clear", {});
  const { state, reason } = await chain.result();
  assert.is(state, "suspended");
  assert.match(reason, "the pump is broken");
  isRepaired = true;
  await chain.retry();
  const { state: later, output } = await chain.result();
  assert.equal([later, output], ["succeeded", { by: "crew" }]);
});

test("a key is one chain, at the hub that was asked and with the version that was asked", async () => {
  await using mesh = testMesh({ hub: HubKernel, levels: ["city", "district"] });
  const step = ["deadline: { finish: 2h }"];
  await mesh.publish(definition({ onFailure: "fail" }, step));
  await mesh.publish(definition({ onFailure: "suspend", version: "2.0.0" }, step));
  let runs = 0;
  const crew = makeNode("/3702/370202/crew").handle("site.clear/v1", (_input, context) => {
    runs += 1;
    return context.fail("PUMP_BROKEN", "the pump is broken", { retryable: false });
  });
  await mesh.join(crew);
  const at = "/3702/370202";
  const options = { key: "report-1", version: "1.0.0", at };
  const first = await mesh.run("site.clear", {}, options);
  assert.is((await first.result()).state, "failed");
  const again = await mesh.run("site.clear", {}, options);
  assert.equal([again.id, runs], [first.id, 1]);
  for (const other of [
    mesh.run("site.clear", { depth: 1 }, options),
    mesh.run("site.clear", {}, { ...options, version: "2.0.0" }),
  ]) {
    assert.ok(isRefusal("KEY_CONFLICT")(await refusalOf(other)));
  }
  const newest = await mesh.run("site.clear", {}, { key: "report-2", at });
  assert.is((await newest.result()).state, "suspended");
  const nowhere = mesh.run("site.clear", {}, { at: "/3702/370203" });
  assert.ok(isRefusal("NODE_UNKNOWN")(await refusalOf(nowhere)));
});
