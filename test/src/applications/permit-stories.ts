// Stories of docs/examples/resident-permit.yaml, the standard's Appendix A: a user of the city, the
// industry brain of public security, its systems and its clerks.

import type { JsonObject } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { citizens, permits, permitsAtNight, sources, station } from "./cast.ts";
import type { Stage, StageCall, StageChain, StageSnapshot } from "./stage.ts";
import { acts, settled, stepIn, stepOf, taskFor, tasksFor, until } from "./stage-waits.ts";
import type { Story } from "./story.ts";

const application = "resident.permit";
const dayMs = 24 * 3_600_000;
const accepted = "permit.accept/v1";
const withdrawn = "permit.withdraw/v1";
const made = "permit.card.made";

const granted = { granted: true, opinion: "材料齐全，准予办理" };

async function apply(stage: Stage, requestNo: string): Promise<StageChain> {
  return await stage.submit(application, {
    requestNo,
    name: "王小明",
    idNumber: "37020219900101123X",
    districtCode: "370202",
    address: "香港中路 1 号",
  });
}

async function caseOf(stage: Stage, chain: StageChain): Promise<string> {
  const { output } = await stepIn(stage, chain, "accept", "succeeded");
  return String((output as JsonObject)["caseNo"]);
}

async function review(
  stage: Stage,
  chain: StageChain,
  verdict: JsonObject = granted,
): Promise<void> {
  await acts(stage, "qin", "offered", chain, { kind: "claim" });
  await acts(stage, "qin", "mine", chain, { kind: "complete", output: verdict });
}

/** The maker of cards tells that this one is ready. */
async function makeCard(stage: Stage, chain: StageChain): Promise<void> {
  const caseNo = await caseOf(stage, chain);
  await stepIn(stage, chain, "made", "running");
  const { opened } = await stage.signal(made, { caseNo, cardNo: `K-${caseNo}` });
  assert.is(opened, 1);
}

async function endsWell(stage: Stage, chain: StageChain): Promise<StageSnapshot> {
  await makeCard(stage, chain);
  const end = await settled(stage, chain);
  assert.is(end.state, "succeeded");
  const { cardNo, opinion } = end.output as JsonObject;
  assert.equal([cardNo, opinion], [`K-${await caseOf(stage, chain)}`, granted.opinion]);
  return end;
}

async function calledOnce(
  stage: Stage,
  capability: string,
  chain: StageChain,
): Promise<StageCall | undefined> {
  const calls = await stage.calls(capability, chain);
  assert.is(calls.length, 1, `${capability} was called ${calls.length} times`);
  return calls[0];
}

const grantedAtOnce: Story = {
  name: "a permit is verified by three sources, accepted by the industry brain, granted and made",
  takes: ["quorum met", "gate opened"],
  startsAt: new Date("2026-08-03T09:00:00+08:00"),
  async plot(stage) {
    const chain = await apply(stage, "P-1");
    const { fanout } = await stepIn(stage, chain, "proofs", "succeeded");
    assert.equal([fanout?.members, fanout?.replied], [3, 3]);
    await review(stage, chain);
    await stepIn(stage, chain, "made", "running");
    const other = await stage.signal(made, { caseNo: "A-other", cardNo: "K-other" });
    const malformed = await stage.signal(made, { caseNo: "A-P-1" });
    assert.equal([other.opened, malformed.opened], [0, 0]);
    await stage.passes("2d");
    const end = await endsWell(stage, chain);
    assert.is((end.output as JsonObject)["sources"], 3);
    const answer = await calledOnce(stage, "citizen.notify/v1", chain);
    assert.is(answer?.node, citizens);
  },
};

const refused: Story = {
  name: "a permit that is refused is answered without a card",
  takes: [],
  startsAt: new Date("2026-08-10T09:00:00+08:00"),
  async plot(stage) {
    const chain = await apply(stage, "P-2");
    await review(stage, chain, { granted: false, opinion: "住址无法核实" });
    const end = await settled(stage, chain);
    const expected = { granted: false, opinion: "住址无法核实", cardNo: null, sources: 3 };
    assert.equal([end.state, end.output], ["succeeded", expected]);
    assert.equal([stepOf(end, "order").state, stepOf(end, "made").state], ["skipped", "skipped"]);
    assert.is((await stage.calls("permit.make/v1", chain)).length, 0);
  },
};

const silentSource: Story = {
  name: "a source is away and another fails: one confirmation is less than was asked, and it goes on",
  takes: ["start deadline missed", "quorum missed", "link lost"],
  startsAt: new Date("2026-08-12T09:00:00+08:00"),
  async plot(stage) {
    const [population, housing] = sources;
    await stage.offline(population);
    const fails = { does: "fail", code: "REGISTER_CLOSED", retryable: false } as const;
    await stage.script(housing, "resident.proof/v1", fails);
    const chain = await apply(stage, "P-3");
    await stage.passes("10m");
    const { fanout, reason } = await stepIn(stage, chain, "proofs", "succeeded");
    assert.equal([fanout?.members, fanout?.replied], [3, 1]);
    assert.match(reason, /1 of 3 replied/);
    await stage.online(population);
    await review(stage, chain);
    const end = await endsWell(stage, chain);
    assert.is((end.output as JsonObject)["sources"], 1);
  },
};

const brainAway: Story = {
  name: "the industry brain is cut off: its systems accept when it is back, and nothing counts twice",
  takes: ["start deadline missed", "link lost"],
  startsAt: new Date("2026-08-14T09:00:00+08:00"),
  async plot(stage) {
    await stage.offline(permits);
    await stage.offline(permitsAtNight);
    const chain = await apply(stage, "P-4");
    await stepIn(stage, chain, "accept", "running");
    await stage.passes("5m");
    const waiting = stepOf(await chain.now(), "accept");
    assert.is(waiting.state, "running");
    assert.ok(waiting.attempt > 1, "nobody has accepted within a minute: it is offered again");
    await stage.online(permitsAtNight);
    await stage.passes("15m");
    await stage.online(permits);
    await review(stage, chain);
    await endsWell(stage, chain);
  },
};

const otherSystem: Story = {
  name: "one system of the brain gives an application back, and the other accepts it",
  takes: ["rematch"],
  startsAt: new Date("2026-08-17T09:00:00+08:00"),
  async plot(stage) {
    const reject = { does: "reject", reason: "停机维护" } as const;
    await stage.script(permits, accepted, reject);
    const chain = await apply(stage, "P-5");
    await caseOf(stage, chain);
    const calls = await stage.calls(accepted, chain);
    assert.equal(
      calls.map(({ node }) => node),
      [permits, permitsAtNight],
    );
    await review(stage, chain);
    await endsWell(stage, chain);
  },
};

const toOtherStation: Story = {
  name: "a clerk returns a case, its new clerk needs more time, and gets it once",
  takes: ["return: candidates changed", "extension granted", "extension refused", "transfer"],
  startsAt: new Date("2026-08-19T09:00:00+08:00"),
  async plot(stage) {
    const chain = await apply(stage, "P-6");
    await acts(stage, "qin", "offered", chain, { kind: "claim" });
    await acts(stage, "qin", "mine", chain, { kind: "return", reason: "不属于本所辖区" });
    const candidates = { departments: ["station-taiping-road"], roles: ["clerk"] };
    await acts(stage, "pan", "offered", chain, {
      kind: "decideReturn",
      decision: { kind: "changeCandidates", candidates },
      reason: "转太平路所",
    });
    await acts(stage, "xu", "offered", chain, { kind: "claim" });
    const { dueMs } = await taskFor(stage, "xu", "mine", chain);
    const request = { kind: "requestExtension", extraMs: 3 * dayMs, reason: "需实地核查" } as const;
    await acts(stage, "xu", "mine", chain, request);
    const refuse = { kind: "decideExtension", grant: false, reason: "先电话核实" } as const;
    await acts(stage, "pan", "offered", chain, refuse);
    await acts(stage, "xu", "mine", chain, request);
    await acts(stage, "pan", "offered", chain, { ...refuse, grant: true, reason: "同意" });
    const later = await taskFor(stage, "xu", "mine", chain);
    assert.ok(later.dueMs > dueMs);
    const to = { account: "qin" };
    await stage.person("xu").act(later, { kind: "transfer", to, reason: "申请人住址已变更" });
    await acts(stage, "qin", "mine", chain, { kind: "complete", output: granted });
    await endsWell(stage, chain);
  },
};

const slowStation: Story = {
  name: "nobody at the station takes a case: reminded, red, supervised, and out of time at last",
  takes: [
    "remind while unclaimed",
    "claim deadline missed",
    "supervise while unfinished",
    "finish deadline missed by a person",
    "cancel",
    "compensation of a step",
  ],
  startsAt: new Date("2026-08-24T09:00:00+08:00"),
  async plot(stage) {
    const chain = await apply(stage, "P-7");
    await taskFor(stage, "qin", "offered", chain);
    await stage.passes("6h");
    const reminded = await taskFor(stage, "qin", "offered", chain);
    assert.equal([reminded.reminders, reminded.light], [1, "green"]);
    await stage.passes("20h");
    assert.is((await taskFor(stage, "qin", "offered", chain)).light, "red");
    // Eight working days after Monday the 24th of August, and ten.
    await stage.passesTo(new Date("2026-09-03T10:00:00+08:00"));
    assert.is((await taskFor(stage, "qin", "offered", chain)).supervised, true);
    await stage.passesTo(new Date("2026-09-07T10:00:00+08:00"));
    const held = await settled(stage, chain);
    assert.is(held.state, "suspended");
    assert.match(held.reason, /review: FINISH_DEADLINE/);
    await chain.cancel("申请人改为线下办理");
    const end = await settled(stage, chain);
    assert.equal([end.state, stepOf(end, "accept").compensated], ["cancelled", true]);
    const undone = await calledOnce(stage, withdrawn, chain);
    assert.equal(undone?.input, { caseNo: await caseOf(stage, chain) });
  },
};

const cardNeverCame: Story = {
  name: "the maker of cards is silent for seven working days, an operator orders anew",
  takes: ["gate deadline missed", "gate opened"],
  startsAt: new Date("2026-09-09T09:00:00+08:00"),
  async plot(stage) {
    const chain = await apply(stage, "P-8");
    await review(stage, chain);
    const { wait } = await stepIn(stage, chain, "made", "running");
    await stage.passesTo(new Date((wait?.dueMs ?? 0) + 60_000));
    const held = await settled(stage, chain);
    assert.equal(
      [held.state, held.reason],
      ["suspended", "step made: the finish deadline has passed"],
    );
    const caseNo = await caseOf(stage, chain);
    const card = { caseNo, cardNo: `K-${caseNo}` };
    const early = await stage.signal(made, card, { chain: chain.id });
    assert.equal([early.opened, early.retained], [0, true]);
    await chain.retry("made");
    const end = await settled(stage, chain);
    assert.equal([end.state, (end.output as JsonObject)["cardNo"]], ["succeeded", card.cardNo]);
  },
};

const takenBack: Story = {
  name: "an applicant takes the application back while a clerk reviews it",
  takes: ["cancel", "compensation of a step"],
  startsAt: new Date("2026-10-12T09:00:00+08:00"),
  async plot(stage) {
    const chain = await apply(stage, "P-9");
    await acts(stage, "qin", "offered", chain, { kind: "claim" });
    // Undoing is tried until it works.
    const { node } = stepOf(await chain.now(), "accept");
    await stage.script(node, withdrawn, { does: "fail", code: "LOCKED", retryable: true });
    await chain.cancel("申请人撤回");
    await stage.passes("2m");
    const end = await settled(stage, chain);
    assert.equal([end.state, stepOf(end, "accept").compensated], ["cancelled", true]);
    assert.is((await stage.calls(withdrawn, chain)).length, 2);
    await until(stage, "the clerk holds nothing any more", async () => {
      const tasks = await tasksFor(stage, "qin", "mine", chain);
      return tasks.length === 0 ? true : undefined;
    });
  },
};

const tooLong: Story = {
  name: "twenty working days are over while a clerk still reviews",
  takes: ["total deadline missed", "extension granted"],
  startsAt: new Date("2026-10-14T09:00:00+08:00"),
  async plot(stage) {
    const chain = await apply(stage, "P-10");
    await acts(stage, "qin", "offered", chain, { kind: "claim" });
    const request = {
      kind: "requestExtension",
      extraMs: 5 * dayMs,
      reason: "等待外省回函",
    } as const;
    await acts(stage, "qin", "mine", chain, request);
    const grant = { kind: "decideExtension", grant: true, reason: "同意" } as const;
    await acts(stage, "pan", "offered", chain, grant);
    const { dueMs } = await taskFor(stage, "qin", "mine", chain);
    await stage.passesTo(new Date(dueMs + 60_000));
    assert.is((await settled(stage, chain)).state, "suspended");
    await chain.retry();
    await acts(stage, "qin", "offered", chain, { kind: "claim" });
    const whole = await chain.now();
    await stage.passesTo(new Date(whole.dueMs + 60_000));
    const end = await settled(stage, chain);
    assert.equal([end.state, end.reason], ["failed", "the total deadline has passed"]);
  },
};

const stationCutOff: Story = {
  name: "the station is cut off for a day and decides all the same",
  takes: ["link lost"],
  startsAt: new Date("2026-11-16T09:00:00+08:00"),
  async plot(stage) {
    const chain = await apply(stage, "P-11");
    await acts(stage, "qin", "offered", chain, { kind: "claim" });
    await stage.offline(station);
    await stage.passes("1d");
    await acts(stage, "qin", "mine", chain, { kind: "complete", output: granted });
    await stage.passes("1h");
    assert.is(stepOf(await chain.now(), "review").state, "running");
    await stage.online(station);
    await endsWell(stage, chain);
  },
};

export const permitStories: readonly Story[] = [
  grantedAtOnce,
  refused,
  silentSource,
  brainAway,
  otherSystem,
  toOtherStation,
  slowStation,
  cardNeverCame,
  takenBack,
  tooLong,
  stationCutOff,
];
