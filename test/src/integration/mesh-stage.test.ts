// The stage of the worked applications on real processes, with one example: what a story may count
// on there is as in virtual time.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { MeshStage } from "../applications/mesh-stage.ts";
import type { Cast, StageChain } from "../applications/stage.ts";
import { acts, codeOf, settled, stepIn, taskFor, until } from "../applications/stage-waits.ts";
import { auditNode } from "../support/mesh-audit.ts";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("the stage of real processes", { timeLimitMs: 120_000 });

const city = "/3702";
const district = "/3702/370202";
const platform = "/3702/s-platform";
const classifier = "/3702/s-classifier";
const notify = "citizen.notify/v1";

const clerk = { at: district, roles: ["clerk"], handles: ["city.item.handle"] } as const;
const housing = { ...clerk, department: "housing", area: "370202", groups: ["bureau:housing"] };

const cast: Cast = {
  hubs: [
    { address: city, title: "市", level: "city", division: "370200000000" },
    {
      address: district,
      title: "区",
      level: "district",
      division: "370202000000",
      industry: "housing",
      region: "370202",
      capabilities: ["clerk.handle/v1"],
    },
  ],
  nodes: [
    {
      address: platform,
      title: "市民服务平台",
      answers: { [notify]: (input) => ({ told: (input as JsonObject)["text"] ?? null }) },
    },
    {
      address: classifier,
      title: "分类系统",
      answers: { "item.classify/v1": () => ({ category: "housing", confidence: 1 }) },
    },
  ],
  people: [
    { account: "wang", name: "王办理", ...housing },
    { account: "li", name: "李办理", ...housing },
  ],
  applications: [readFileSync(join(repositoryRoot, "docs/examples/city-item.yaml"), "utf8")],
};

/** A Monday morning at nine in China, whatever the machine's calendar says. */
const startsAt = new Date("2026-03-02T09:00:00+08:00");
const output = { result: "done", summary: "已修缮完毕" };

let directory: string;
let stage: MeshStage;
let items = 0;

test.before(async () => {
  directory = mkdtempSync(join(tmpdir(), "cloudbrain-stage-"));
  stage = await MeshStage.open({ cast, driven: { [platform]: "http" }, startsAt, directory });
});
test.after(async () => {
  await stage.close();
  try {
    for (const node of stage.world.nodes.values()) {
      assert.equal((await auditNode(node)).problems, [], node.address);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

async function submit(): Promise<StageChain> {
  items += 1;
  return await stage.submit("city.item.handle", {
    title: "屋面漏水",
    industry: "housing",
    districtCode: "370202",
    reporter: { alias: "市民甲" },
    clientKey: `item-${items}`,
  });
}

async function completes(chain: StageChain): Promise<void> {
  await acts(stage, "wang", "mine", chain, { kind: "complete", output });
  const { state, output: given } = await settled(stage, chain);
  assert.equal([state, given], ["succeeded", { ...output, hits: 0 }]);
}

test("time stands still until it is told to pass, and deadlines count working days", async () => {
  assert.equal(await stage.now(), startsAt);
  const chain = await submit();
  const offered = await taskFor(stage, "wang", "offered", chain);
  await stage.person("wang").act(offered, { kind: "claim" });
  assert.is(await codeOf(stage.person("li").act(offered, { kind: "claim" })), "TASK_TAKEN");
  const { dueMs, light } = await taskFor(stage, "wang", "mine", chain);
  assert.equal([new Date(dueMs).toISOString().slice(0, 13), light], ["2026-03-05T01", "green"]);
  await stage.passes("2d");
  await stage.passes("20h");
  const late = await taskFor(stage, "wang", "mine", chain);
  assert.equal([late.light, late.supervised], ["yellow", true]);
  assert.is((await stage.now()).getTime() - startsAt.getTime(), 68 * 3_600_000);
  await completes(chain);
  const [call, ...more] = await stage.calls(notify, chain);
  assert.equal([call?.node, call?.attempt, more.length], [platform, 1, 0]);
});

test("a business system that hangs and then fails behind its driver is asked again", async () => {
  const fails = { does: "fail", code: "LINE_BUSY", retryable: true } as const;
  await stage.script(classifier, "item.classify/v1", { does: "hang" }, fails);
  await stage.script(platform, notify, fails);
  const chain = await submit();
  // The classifier has twenty seconds for each attempt.
  await stage.passes("1m");
  assert.is((await stepIn(stage, chain, "classify", "succeeded")).attempt, 3);
  await acts(stage, "wang", "offered", chain, { kind: "claim" });
  await completes(chain);
  assert.equal(
    (await stage.calls(notify, chain)).map(({ attempt }) => attempt),
    [1, 2],
  );
});

test("a desk that is cut off goes on working, and its hub hears of it later", async () => {
  const chain = await submit();
  await acts(stage, "wang", "offered", chain, { kind: "claim" });
  await stage.offline(district);
  await stage.passes("3h");
  await acts(stage, "wang", "mine", chain, { kind: "complete", output });
  assert.is((await chain.now()).state, "running");
  await stage.online(district);
  assert.is((await settled(stage, chain)).state, "succeeded");
});

test("people stay at work over a week in which every sign-in ends", async () => {
  const chain = await submit();
  await acts(stage, "wang", "offered", chain, { kind: "claim" });
  const { dueMs } = await taskFor(stage, "wang", "mine", chain);
  await stage.passesTo(new Date(dueMs + 1));
  await until(stage, "the task has ended", async () => {
    const tasks = await stage.person("wang").tasks("mine");
    return tasks.some((task) => task.chain === chain.id) ? undefined : true;
  });
  await stage.passes("7d");
  const left = await stage.person("wang").tasks("history");
  assert.ok(left.some((task) => task.chain === chain.id));
  const end = await settled(stage, chain);
  assert.is(end.state, "failed", end.reason);
});
