// Stories of docs/examples/hotline-12345.yaml: a work order from the call to the caller's verdict,
// and everything that may happen to it at the desks in between.

import type { JsonObject, JsonValue } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { citizens, shinan } from "./cast.ts";
import type { Stage, StageChain } from "./stage.ts";
import { acts, codeOf, settled, stepIn, stepOf, taskFor, tasksFor, until } from "./stage-waits.ts";
import type { Story } from "./story.ts";

const application = "hotline.order";
const dayMs = 24 * 3_600_000;

const solved = { result: "solved", answer: "爆裂水管已经更换，现已恢复供水" };
const satisfied = { reached: true, satisfied: true, score: 5 };

async function call(stage: Stage, orderNo: string, more: JsonObject = {}): Promise<StageChain> {
  return await stage.submit(application, {
    orderNo,
    content: "香港中路自来水管爆裂",
    caller: "138-0000",
    districtCode: "370202",
    unit: "water-office",
    ...more,
  });
}

/** The desk of the city sends the order to its unit. */
async function dispatch(stage: Stage, chain: StageChain, more: JsonObject = {}): Promise<void> {
  await acts(stage, "he", "offered", chain, { kind: "claim" });
  const output = { unit: "water-office", ...more };
  await acts(stage, "he", "mine", chain, { kind: "complete", output });
}

async function handle(stage: Stage, chain: StageChain, account: string): Promise<void> {
  await acts(stage, account, "offered", chain, { kind: "claim" });
  await acts(stage, account, "mine", chain, { kind: "complete", output: solved });
}

/** The caller has been answered, a working day has gone by, and the desk asks what they think. */
async function evaluate(stage: Stage, chain: StageChain, verdict: JsonValue): Promise<void> {
  const { wait } = await stepIn(stage, chain, "settle", "running");
  await stage.passesTo(new Date(wait?.dueMs ?? 0));
  await acts(stage, "fan", "offered", chain, { kind: "claim" });
  await acts(stage, "fan", "mine", chain, { kind: "complete", output: verdict });
}

/** Whatever else happened, the rest goes as it should. */
async function endsWell(stage: Stage, chain: StageChain): Promise<void> {
  await evaluate(stage, chain, satisfied);
  const { state, output } = await settled(stage, chain);
  assert.equal([state, output], ["succeeded", { ...solved, satisfied: true, score: 5 }]);
}

const overTheHoliday: Story = {
  name: "an order is handled by two units before National Day and evaluated after it",
  takes: ["co-handling", "timer over a holiday", "subflow skipped", "signal"],
  startsAt: new Date("2026-09-30T09:00:00+08:00"),
  async plot(stage) {
    const chain = await call(stage, "H-1");
    await dispatch(stage, chain, { coUnits: ["housing-office"] });
    await acts(stage, "wang", "offered", chain, { kind: "claim" });
    const taken = await taskFor(stage, "wang", "mine", chain);
    assert.is(await codeOf(stage.person("li").act(taken, { kind: "claim" })), "TASK_TAKEN");
    await acts(stage, "wang", "mine", chain, {
      kind: "askCoHandler",
      to: { account: "zhao" },
      required: true,
      reason: "请确认楼内管道归属",
    });
    const early = await taskFor(stage, "wang", "mine", chain);
    const complete = { kind: "complete", output: solved } as const;
    assert.is(await codeOf(stage.person("wang").act(early, complete)), "TASK_STATE");
    const asked = await taskFor(stage, "zhao", "mine", chain);
    const [entry] = (await stage.person("zhao").read(asked.id)).coHandlings;
    const opinion = "属于小区共用部位，可以进场";
    await stage.person("zhao").act(asked, {
      kind: "answerCoHandling",
      entry: entry?.id ?? "",
      opinion,
    });
    await acts(stage, "wang", "mine", chain, complete);
    const { wait } = await stepIn(stage, chain, "settle", "running");
    // The 1st to the 7th of October are free: the working day after the 30th is the 8th.
    assert.is(new Date(wait?.dueMs ?? 0).toISOString().slice(0, 10), "2026-10-08");
    assert.is((await stage.calls("citizen.notify/v1", chain)).length, 1);
    await stage.passes("7d");
    assert.is(stepOf(await chain.now(), "evaluate").state, "waiting");
    await endsWell(stage, chain);
    const end = await chain.now();
    assert.is(stepOf(end, "again").state, "skipped");
    assert.equal(stepOf(end, "closed").output, { opened: 0 });
  },
};

const sentBack: Story = {
  name: "a unit that is not in charge sends an order back, and the desk sends it on or insists",
  takes: ["return: candidates changed", "return: insisted"],
  startsAt: new Date("2026-03-02T09:00:00+08:00"),
  async plot(stage) {
    const chain = await call(stage, "H-2");
    await dispatch(stage, chain);
    await acts(stage, "wang", "offered", chain, { kind: "claim" });
    await acts(stage, "wang", "mine", chain, { kind: "return", reason: "属于房管部门" });
    await acts(stage, "ding", "offered", chain, {
      kind: "decideReturn",
      decision: {
        kind: "changeCandidates",
        candidates: { departments: ["housing-office"], roles: ["clerk"] },
      },
      reason: "改派房管",
    });
    await acts(stage, "zhao", "offered", chain, { kind: "claim" });
    assert.equal(await tasksFor(stage, "wang", "offered", chain), []);
    await acts(stage, "zhao", "mine", chain, { kind: "return", reason: "管道归水务" });
    await acts(stage, "ding", "offered", chain, {
      kind: "decideReturn",
      decision: { kind: "insist" },
      reason: "楼内管道归房管",
    });
    const complete = { kind: "complete", output: solved } as const;
    await acts(stage, "zhao", "mine", chain, complete);
    await endsWell(stage, chain);
  },
};

const rejected: Story = {
  name: "the desk takes an order back for good, and an operator lets the unit handle it after all",
  takes: ["return: rejected"],
  startsAt: new Date("2026-03-05T09:00:00+08:00"),
  async plot(stage) {
    const chain = await call(stage, "H-3");
    await dispatch(stage, chain);
    const offered = await taskFor(stage, "wang", "offered", chain);
    await stage.person("wang").act(offered, { kind: "return", reason: "重复工单" });
    await acts(stage, "ding", "offered", chain, {
      kind: "decideReturn",
      decision: { kind: "reject" },
      reason: "确为重复",
    });
    const held = await settled(stage, chain);
    assert.is(held.state, "suspended");
    assert.match(held.reason, /undertake: REJECTED/);
    await chain.retry();
    await handle(stage, chain, "wang");
    assert.is(stepOf(await chain.now(), "undertake").visit, 2);
    await endsWell(stage, chain);
  },
};

const tooOften: Story = {
  name: "an order that comes back a fourth time waits for an operator",
  takes: ["return: too often"],
  startsAt: new Date("2026-03-09T09:00:00+08:00"),
  async plot(stage) {
    const chain = await call(stage, "H-4");
    await dispatch(stage, chain);
    await acts(stage, "wang", "offered", chain, { kind: "claim" });
    for (let visit = 1; visit <= 3; visit += 1) {
      await acts(stage, "wang", "mine", chain, { kind: "return", reason: `第 ${visit} 次退回` });
      await acts(stage, "ding", "offered", chain, {
        kind: "decideReturn",
        decision: { kind: "insist" },
        reason: "属于本单位职责",
      });
    }
    await acts(stage, "wang", "mine", chain, { kind: "return", reason: "第 4 次退回" });
    const held = await settled(stage, chain);
    assert.is(held.state, "suspended");
    assert.match(held.reason, /undertake: RETURNS_EXCEEDED/);
    await chain.retry("undertake");
    await handle(stage, chain, "li");
    await endsWell(stage, chain);
  },
};

const slowDesks: Story = {
  name: "nobody claims for hours, then the work changes hands and takes longer than it should",
  takes: [
    "remind while unclaimed",
    "offer to more while unclaimed",
    "claim deadline missed",
    "transfer",
    "delegate",
    "extension granted",
    "extension refused",
    "remind while unfinished",
    "supervise while unfinished",
  ],
  startsAt: new Date("2026-03-16T09:00:00+08:00"),
  async plot(stage) {
    const chain = await call(stage, "H-5");
    await lateDispatch(stage, chain);
    await lateClaim(stage, chain);
    await changesHands(stage, chain);
    await takesLonger(stage, chain);
    await acts(stage, "li", "mine", chain, { kind: "complete", output: solved });
    await endsWell(stage, chain);
  },
};

async function lateDispatch(stage: Stage, chain: StageChain): Promise<void> {
  await taskFor(stage, "he", "offered", chain);
  await stage.passes("14m");
  assert.is((await taskFor(stage, "he", "offered", chain)).reminders, 0);
  await stage.passes("2m");
  assert.is((await taskFor(stage, "he", "offered", chain)).reminders, 1);
  assert.equal(await tasksFor(stage, "gao", "offered", chain), []);
  await stage.passes("15m");
  const late = await taskFor(stage, "gao", "offered", chain);
  assert.is(late.light, "red");
  await stage.person("gao").act(late, { kind: "claim" });
  const output = { unit: "water-office" };
  await acts(stage, "gao", "mine", chain, { kind: "complete", output });
}

async function lateClaim(stage: Stage, chain: StageChain): Promise<void> {
  assert.is((await taskFor(stage, "wang", "offered", chain)).reminders, 0);
  // From half past nine two working hours end before noon, four in the afternoon.
  await stage.passes("150m");
  assert.is((await taskFor(stage, "wang", "offered", chain)).reminders, 1);
  assert.equal(await tasksFor(stage, "chen", "offered", chain), []);
  await stage.passes("4h");
  assert.is((await taskFor(stage, "chen", "offered", chain)).light, "red");
  await acts(stage, "wang", "offered", chain, { kind: "claim" });
}

async function changesHands(stage: Stage, chain: StageChain): Promise<void> {
  const to = { account: "li" };
  await acts(stage, "wang", "mine", chain, { kind: "transfer", to, reason: "轮班" });
  assert.equal(await tasksFor(stage, "wang", "mine", chain), []);
  await acts(stage, "li", "mine", chain, { kind: "delegate", to: "wang", reason: "请现场核查" });
  const lent = await taskFor(stage, "wang", "mine", chain);
  assert.is(lent.owner?.account, "li");
  const complete = { kind: "complete", output: solved } as const;
  assert.is(await codeOf(stage.person("wang").act(lent, complete)), "TASK_STATE");
  await stage.person("wang").act(lent, { kind: "resolve", reason: "已核查" });
}

async function takesLonger(stage: Stage, chain: StageChain): Promise<void> {
  const { dueMs } = await taskFor(stage, "li", "mine", chain);
  await asksForTime(stage, chain, { grant: false, reason: "请按期办结" });
  assert.is((await taskFor(stage, "li", "mine", chain)).dueMs, dueMs);
  await asksForTime(stage, chain, { grant: true, reason: "等待配件" });
  assert.is.not((await taskFor(stage, "li", "mine", chain)).dueMs, dueMs);
  const before = await taskFor(stage, "li", "mine", chain);
  // Three working days after Monday morning, and four.
  await stage.passesTo(new Date("2026-03-19T10:00:00+08:00"));
  const reminded = await taskFor(stage, "li", "mine", chain);
  assert.equal([reminded.reminders - before.reminders, reminded.supervised], [1, false]);
  await stage.passesTo(new Date("2026-03-20T10:00:00+08:00"));
  assert.is((await taskFor(stage, "li", "mine", chain)).supervised, true);
  const { trail } = await stage.person("su").read(reminded.id);
  assert.ok(trail.some(({ to }) => to.includes("supervision-office")));
}

async function asksForTime(
  stage: Stage,
  chain: StageChain,
  decision: { readonly grant: boolean; readonly reason: string },
): Promise<void> {
  const request = { kind: "requestExtension", extraMs: 2 * dayMs, reason: "需要采购配件" } as const;
  await acts(stage, "li", "mine", chain, request);
  const waiting = await until(stage, "the desk is asked for more time", async () => {
    const tasks = await tasksFor(stage, "ding", "offered", chain);
    return tasks.find(({ ask }) => ask === "decideExtension");
  });
  await stage.person("ding").act(waiting, { kind: "decideExtension", ...decision });
}

const neverDone: Story = {
  name: "an order that is not done in five working days waits for an operator, who asks again",
  takes: ["finish deadline missed by a person"],
  startsAt: new Date("2026-03-30T09:00:00+08:00"),
  async plot(stage) {
    const chain = await call(stage, "H-6");
    await dispatch(stage, chain);
    await acts(stage, "wang", "offered", chain, { kind: "claim" });
    const { dueMs } = await taskFor(stage, "wang", "mine", chain);
    // Monday the 6th of April is free, for Tomb-sweeping Day.
    assert.is(new Date(dueMs).toISOString().slice(0, 10), "2026-04-07");
    await stage.passesTo(new Date(dueMs + 60_000));
    const held = await settled(stage, chain);
    assert.is(held.state, "suspended");
    assert.match(held.reason, /undertake: FINISH_DEADLINE/);
    assert.equal(await tasksFor(stage, "wang", "mine", chain), []);
    await chain.retry();
    await handle(stage, chain, "li");
    await endsWell(stage, chain);
  },
};

const handledAgain: Story = {
  name: "a caller who is not satisfied has the order handled again",
  takes: ["subflow"],
  startsAt: new Date("2026-04-13T09:00:00+08:00"),
  async plot(stage) {
    const chain = await call(stage, "H-7", { urgent: true });
    await dispatch(stage, chain);
    await handle(stage, chain, "wang");
    const words = "又漏了";
    await evaluate(stage, chain, { reached: true, satisfied: false, score: 1, words });
    await stepIn(stage, chain, "again", "running");
    const below = await chain.below("again");
    const task = await taskFor(stage, "chen", "offered", below);
    await stage.person("chen").act(task, { kind: "claim" });
    const output = { answer: "已更换整段管道" };
    await acts(stage, "chen", "mine", below, { kind: "complete", output });
    const end = await settled(stage, chain);
    assert.equal([end.state, stepOf(end, "again").output], ["succeeded", output]);
    assert.is((await stage.calls("citizen.notify/v1", below)).length, 1);
    assert.equal((end.output as JsonObject)["satisfied"], false);
  },
};

const outOfTime: Story = {
  name: "an order that is extended twice ends when its fifteen working days are over",
  takes: ["total deadline missed", "extension granted"],
  startsAt: new Date("2026-05-11T09:00:00+08:00"),
  async plot(stage) {
    const chain = await call(stage, "H-8");
    await dispatch(stage, chain);
    await acts(stage, "wang", "offered", chain, { kind: "claim" });
    const extraMs = 5 * dayMs;
    const request = { kind: "requestExtension", extraMs, reason: "需要招标" } as const;
    const decision = { kind: "decideExtension", grant: true, reason: "情况属实" } as const;
    await acts(stage, "wang", "mine", chain, request);
    await acts(stage, "ding", "offered", chain, decision);
    await acts(stage, "wang", "mine", chain, request);
    // The second one is for the supervisors.
    const again = await taskFor(stage, "luo", "all", chain);
    assert.is(await codeOf(stage.person("ding").act(again, decision)), "NOT_ALLOWED");
    await stage.person("luo").act(again, decision);
    const { dueMs } = await chain.now();
    await stage.passesTo(new Date(dueMs - 60_000));
    assert.is((await chain.now()).state, "running");
    await stage.passesTo(new Date(dueMs + 60_000));
    const end = await settled(stage, chain);
    assert.equal([end.state, end.reason], ["failed", "the total deadline has passed"]);
    await until(stage, "nobody holds the task any more", async () => {
      const tasks = await tasksFor(stage, "wang", "mine", chain);
      return tasks.length === 0 ? true : undefined;
    });
  },
};

const silentSystem: Story = {
  name: "the platform that answers callers hangs, then fails, then does it",
  takes: ["finish deadline missed by a system"],
  startsAt: new Date("2026-06-08T09:00:00+08:00"),
  async plot(stage) {
    const chain = await call(stage, "H-9");
    const fails = { does: "fail", code: "LINE_BUSY", retryable: true } as const;
    await stage.script(citizens, "citizen.notify/v1", { does: "hang" }, fails);
    await dispatch(stage, chain);
    await handle(stage, chain, "wang");
    await until(stage, "the platform is asked", async () => {
      const { length } = await stage.calls("citizen.notify/v1", chain);
      return length > 0 ? true : undefined;
    });
    await stage.passes("2m");
    const answer = await stepIn(stage, chain, "answer", "succeeded");
    assert.is(answer.attempt, 3);
    await endsWell(stage, chain);
  },
};

const withdrawn: Story = {
  name: "a caller withdraws the order while a clerk works on it",
  takes: ["cancel"],
  startsAt: new Date("2026-06-15T09:00:00+08:00"),
  async plot(stage) {
    const chain = await call(stage, "H-10");
    await dispatch(stage, chain);
    const task = await acts(stage, "wang", "offered", chain, { kind: "claim" });
    await chain.cancel("市民撤回");
    assert.is((await settled(stage, chain)).state, "cancelled");
    assert.equal(await tasksFor(stage, "wang", "mine", chain), []);
    const { state } = await stage.person("wang").read(task.id);
    assert.is(state, "cancelled");
    assert.is(await codeOf(chain.cancel("再次撤回")), "CHAIN_ENDED");
  },
};

const cutOff: Story = {
  name: "a district that is cut off goes on working, and the city hears of it later",
  takes: ["link lost"],
  startsAt: new Date("2026-06-22T09:00:00+08:00"),
  async plot(stage) {
    const chain = await call(stage, "H-11");
    await dispatch(stage, chain);
    await acts(stage, "wang", "offered", chain, { kind: "claim" });
    await stage.offline(shinan);
    await stage.passes("3h");
    await acts(stage, "wang", "mine", chain, { kind: "complete", output: solved });
    assert.is(stepOf(await chain.now(), "undertake").state, "running");
    await stage.online(shinan);
    await endsWell(stage, chain);
  },
};

export const hotlineStories: readonly Story[] = [
  overTheHoliday,
  sentBack,
  rejected,
  tooOften,
  slowDesks,
  neverDone,
  handledAgain,
  outOfTime,
  silentSystem,
  withdrawn,
  cutOff,
];
