// Stories of docs/examples/typhoon-emergency.yaml: twelve communities report, three teams rescue,
// and whatever can be late, lost or wrong between them.

import type { JsonObject } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import {
  communities,
  fireShibei,
  fireShinan,
  reporterOf,
  rescuedPerTeam,
  streetOf,
  supervisorOf,
} from "./cast.ts";
import type { Stage, StageCall, StageChain, StageFanout } from "./stage.ts";
import { acts, settled, stepIn, stepOf, taskFor, tasksFor, until } from "./stage-waits.ts";
import type { Story } from "./story.ts";

const application = "emergency.typhoon";
const dispatched = "rescue.dispatch/v1";

const [first = "", second = "", third = ""] = communities;
/** Of the other district, in its last street. */
const last = communities.at(-1) ?? "";
const lastStreet = streetOf(last);

async function alert(stage: Stage, typhoonId: string): Promise<StageChain> {
  const landfallAt = new Date((await stage.now()).getTime() + 6 * 3_600_000).toISOString();
  const input = { typhoonId, level: 2, cityCode: "370200", landfallAt };
  return await stage.submit(application, input);
}

interface Report {
  readonly evacuated?: number;
  readonly stranded?: number;
  readonly waterLevelCm?: number;
}

function formOf({ evacuated = 10, stranded = 0, waterLevelCm = 20 }: Report): JsonObject {
  return { evacuated, shelters: 1, stranded, waterLevelCm };
}

/** A community's own people report; the task stays theirs, for corrections. */
async function report(
  stage: Stage,
  chain: StageChain,
  code: string,
  figures: Report = {},
): Promise<void> {
  const account = reporterOf(code);
  const held = await tasksFor(stage, account, "mine", chain);
  if (held.length === 0) await acts(stage, account, "offered", chain, { kind: "claim" });
  await acts(stage, account, "mine", chain, { kind: "report", output: formOf(figures) });
}

async function reportAll(
  stage: Stage,
  chain: StageChain,
  codes: readonly string[] = communities,
): Promise<void> {
  for (const code of codes) await report(stage, chain, code);
}

/** What the city knows of the reports so far; news of streets comes every ten seconds. */
async function tally(stage: Stage, chain: StageChain, replied: number): Promise<StageFanout> {
  return await until(stage, `${replied} communities have replied`, async () => {
    const { fanout } = stepOf(await chain.now(), "alert");
    return fanout !== undefined && fanout.replied >= replied ? fanout : undefined;
  });
}

async function rescues(
  stage: Stage,
  chain: StageChain,
  calls: number,
): Promise<readonly StageCall[]> {
  return await until(stage, `${calls} teams are sent`, async () => {
    const sent = await stage.calls(dispatched, chain);
    return sent.length >= calls ? sent : undefined;
  });
}

function targetOf({ input }: StageCall): unknown {
  return (input as JsonObject)["target"];
}

const allReport: Story = {
  name: "all communities report, rescue begins with the first report, and one corrects its figures",
  takes: ["quorum met", "growth", "late revision", "subflow skipped"],
  startsAt: new Date("2026-07-06T09:00:00+08:00"),
  async plot(stage) {
    const chain = await alert(stage, "T-1");
    await report(stage, chain, first, { stranded: 2 });
    await stage.passes("25s");
    const [sent] = await rescues(stage, chain, 1);
    assert.is(sent === undefined ? "" : targetOf(sent), first);
    assert.is(stepOf(await chain.now(), "alert").state, "running");
    await report(stage, chain, last, { stranded: 5, waterLevelCm: 90 });
    await reportAll(stage, chain, communities.slice(1, -1));
    const end = await settled(stage, chain);
    assert.equal(
      [end.state, end.output],
      ["succeeded", { evacuated: 120, stranded: 7, coverage: 1 }],
    );
    const given = stepOf(end, "alert").fanout;
    assert.equal(given?.aggregate["strandedAt"], [first, last]);
    assert.equal(given?.aggregate["maxWater"], 90);
    assert.is(stepOf(end, "rescue").fanout?.aggregate["rescued"], 2 * rescuedPerTeam);
    assert.is(stepOf(end, "secondWave").state, "skipped");
    await corrects(stage, chain);
  },
};

async function corrects(stage: Stage, chain: StageChain): Promise<void> {
  await report(stage, chain, second, { evacuated: 60 });
  await stage.passes("25s");
  const end = await until(stage, "the correction is known", async () => {
    const now = await chain.now();
    return stepOf(now, "alert").revised === undefined ? undefined : now;
  });
  const { fanout, revised } = stepOf(end, "alert");
  assert.equal([fanout?.aggregate["evacuated"], revised?.aggregate["evacuated"]], [120, 170]);
  assert.is((end.output as JsonObject)["evacuated"], 120);
}

const slowCommunities: Story = {
  name: "three communities are slow: the street answers for one, two are not done in their hour",
  takes: [
    "remind while unclaimed",
    "offer to the hub above while unclaimed",
    "claim deadline missed",
    "supervise while unfinished",
    "finish deadline missed by a person",
  ],
  startsAt: new Date("2026-07-07T09:00:00+08:00"),
  async plot(stage) {
    const chain = await alert(stage, "T-2");
    await reportAll(stage, chain, communities.slice(3));
    const waiting = await taskFor(stage, reporterOf(first), "offered", chain);
    assert.equal([waiting.reminders, waiting.light], [0, "green"]);
    await stage.passes("6m");
    assert.is((await taskFor(stage, reporterOf(first), "offered", chain)).reminders, 1);
    assert.equal(await tasksFor(stage, supervisorOf(first), "offered", chain), []);
    await stage.passes("5m");
    await answersFor(stage, chain, first);
    await acts(stage, reporterOf(second), "offered", chain, { kind: "claim" });
    await stage.passes("30m");
    assert.is((await taskFor(stage, reporterOf(second), "mine", chain)).supervised, false);
    await stage.passes("5m");
    assert.is((await taskFor(stage, reporterOf(second), "mine", chain)).supervised, true);
    await stage.passes("15m");
    const end = await settled(stage, chain);
    const { reason, fanout } = stepOf(end, "alert");
    assert.equal([end.state, reason], ["succeeded", "10 of 12 replied"]);
    assert.equal([fanout?.failed, fanout?.missing.length], [2, 2]);
    assert.equal(await tasksFor(stage, reporterOf(second), "mine", chain), []);
    assert.equal(await tasksFor(stage, reporterOf(third), "offered", chain), []);
  },
};

/** The street's people find what a community has not claimed, and report in its place. */
async function answersFor(stage: Stage, chain: StageChain, code: string): Promise<void> {
  const account = supervisorOf(code);
  const street = stage.person(account);
  const task = await until(stage, "the street is offered the task", async () => {
    const offered = await tasksFor(stage, account, "offered", chain);
    return offered.find(({ about }) => about.endsWith(code));
  });
  assert.is(task.light, "red");
  await street.act(task, { kind: "claim" });
  await acts(stage, account, "mine", chain, { kind: "complete", output: formOf({}) });
}

const tooFew: Story = {
  name: "too few communities report, and an operator has all of them asked again",
  takes: ["quorum missed"],
  startsAt: new Date("2026-07-08T09:00:00+08:00"),
  async plot(stage) {
    const chain = await alert(stage, "T-3");
    await reportAll(stage, chain, communities.slice(0, 8));
    await stage.passes("61m");
    const held = await settled(stage, chain);
    assert.is(held.state, "suspended");
    assert.match(held.reason, /step alert: 8 of 12 replied, at least 0.8 was asked/);
    await chain.retry();
    await reportAll(stage, chain);
    const end = await settled(stage, chain);
    assert.is(end.state, "succeeded");
    assert.equal([stepOf(end, "alert").visit, (end.output as JsonObject)["coverage"]], [2, 1]);
  },
};

const cutOff: Story = {
  name: "a street is cut off after two of its communities have reported",
  takes: ["partial at the deadline", "link lost"],
  startsAt: new Date("2026-07-09T09:00:00+08:00"),
  async plot(stage) {
    const chain = await alert(stage, "T-4");
    await reportAll(stage, chain, communities.slice(0, -1));
    await stage.passes("25s");
    await tally(stage, chain, 11);
    await stage.offline(lastStreet);
    await report(stage, chain, last, { stranded: 1 });
    await stage.passes("110m");
    assert.is((await chain.now()).state, "running");
    await stage.passes("12m");
    const end = await settled(stage, chain);
    const { reason, fanout } = stepOf(end, "alert");
    const told = "the finish deadline has passed: 11 of 12 replied";
    assert.equal([end.state, reason, fanout?.replied], ["succeeded", told, 11]);
    await stage.online(lastStreet);
    // What the street has known all the time changes the picture, not the result.
    const late = await until(stage, "the street's report is known", async () => {
      const { revised } = stepOf(await chain.now(), "alert");
      return revised?.replied === 12 ? revised : undefined;
    });
    assert.equal(late.aggregate["strandedAt"], [last]);
  },
};

const unheard: Story = {
  name: "a street that is cut off from the beginning is missing, not forgotten",
  takes: ["quorum missed", "link lost"],
  startsAt: new Date("2026-07-10T09:00:00+08:00"),
  async plot(stage) {
    await stage.offline(lastStreet);
    const chain = await alert(stage, "T-5");
    await reportAll(stage, chain, communities.slice(0, 9));
    await stage.passes("121m");
    const held = await settled(stage, chain);
    assert.is(held.state, "suspended");
    assert.match(held.reason, /9 of 12 replied/);
    await stage.online(lastStreet);
    await chain.retry("alert");
    await reportAll(stage, chain);
    assert.is((await settled(stage, chain)).state, "succeeded");
  },
};

const secondWave: Story = {
  name: "a team can't do it, and the second wave reaches who was left",
  takes: ["subflow"],
  startsAt: new Date("2026-07-13T09:00:00+08:00"),
  async plot(stage) {
    const chain = await alert(stage, "T-6");
    const fails = { does: "fail", code: "BOAT_BROKEN", retryable: false } as const;
    await stage.script(fireShibei, dispatched, fails);
    await report(stage, chain, first, { stranded: 2 });
    await report(stage, chain, last, { stranded: 4 });
    await reportAll(stage, chain, communities.slice(1, -1));
    const end = await settled(stage, chain);
    assert.is(end.state, "succeeded");
    const { fanout } = stepOf(end, "rescue");
    assert.equal([fanout?.replied, fanout?.failed], [1, 1]);
    assert.equal(stepOf(end, "secondWave").output, { rescued: rescuedPerTeam, reached: [last] });
    const [sent] = await stage.calls(dispatched, await chain.below("secondWave"));
    assert.equal([sent?.node, sent === undefined ? "" : targetOf(sent)], [fireShibei, last]);
    assert.is((await stage.calls("command.brief/v1", chain)).length, 1);
  },
};

const turnsAway: Story = {
  name: "the typhoon turns away: the alert is cancelled and every team that was sent is recalled",
  takes: ["cancel", "compensation of members"],
  startsAt: new Date("2026-07-14T09:00:00+08:00"),
  async plot(stage) {
    const chain = await alert(stage, "T-7");
    await report(stage, chain, first, { stranded: 2 });
    await report(stage, chain, last, { stranded: 4 });
    await stage.passes("25s");
    await rescues(stage, chain, 2);
    await until(stage, "both teams have answered", async () => {
      const { fanout } = stepOf(await chain.now(), "rescue");
      return fanout?.replied === 2 ? true : undefined;
    });
    await chain.cancel("台风转向");
    const end = await settled(stage, chain);
    assert.equal([end.state, stepOf(end, "rescue").compensated], ["cancelled", true]);
    const recalled = await stage.calls("rescue.recall/v1", chain);
    assert.equal(recalled.map(targetOf).sort(), [first, last]);
    await until(stage, "no community is asked any more", async () => {
      const tasks = await tasksFor(stage, reporterOf(first), "mine", chain);
      const others = await tasksFor(stage, reporterOf(second), "offered", chain);
      return tasks.length + others.length === 0 ? true : undefined;
    });
  },
};

const otherTeam: Story = {
  name: "a team that is away is replaced, one that gives up is too, and a lone one is waited for",
  takes: ["rematch", "link lost"],
  startsAt: new Date("2026-07-15T09:00:00+08:00"),
  async plot(stage) {
    const [team, otherOne] = fireShinan;
    const chain = await alert(stage, "T-8");
    await stage.script(team, dispatched, { does: "reject", reason: "无冲锋舟" });
    await stage.offline(fireShibei);
    await report(stage, chain, first, { stranded: 2 });
    await report(stage, chain, last, { stranded: 4 });
    await stage.passes("25s");
    const sent = await rescues(stage, chain, 2);
    assert.equal(
      sent.map(({ node, attempt }) => [node, attempt]),
      [
        [team, 1],
        [otherOne, 2],
      ],
    );
    await stage.passes("5m");
    await stage.online(fireShibei);
    await stage.passes("2m");
    const later = await rescues(stage, chain, 3);
    assert.ok(later.some(({ node }) => node === fireShibei));
    await reportAll(stage, chain, communities.slice(1, -1));
    const end = await settled(stage, chain);
    assert.equal([end.state, stepOf(end, "rescue").fanout?.replied], ["succeeded", 2]);
  },
};

const noEnd: Story = {
  name: "a team that never comes back ends with the twelve hours of the whole",
  takes: ["total deadline missed", "finish deadline missed by a system"],
  startsAt: new Date("2026-07-16T09:00:00+08:00"),
  async plot(stage) {
    const chain = await alert(stage, "T-9");
    const hangs = { does: "hang" } as const;
    await stage.script(fireShibei, dispatched, hangs, hangs, hangs, hangs, hangs);
    await report(stage, chain, last, { stranded: 4 });
    await reportAll(stage, chain, communities.slice(0, -1));
    await stepIn(stage, chain, "alert", "succeeded");
    await stage.passes("3h");
    await stage.passes("5m");
    await rescues(stage, chain, 2);
    await stage.passes("9h");
    const end = await settled(stage, chain);
    assert.equal([end.state, end.reason], ["failed", "the total deadline has passed"]);
  },
};

export const typhoonStories: readonly Story[] = [
  allReport,
  slowCommunities,
  tooFew,
  cutOff,
  unheard,
  secondWave,
  turnsAway,
  otherTeam,
  noEnd,
];
