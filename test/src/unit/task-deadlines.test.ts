// Task deadlines: claim, finish, escalation, extension and hanging, in the calendar of the task.

import { HubKernel, taskDetail } from "@cloudbrain/hub/kernel";
import { createEvaluate, createValidate } from "@cloudbrain/sdk/definition";
import type { AddWorkingTime, EscalationRule, TaskCommand } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";
import {
  chief,
  city,
  Desk,
  hourMs,
  literal,
  makeHuman,
  makeRule,
  street,
  supervisor,
  wang,
} from "../support/task-desk.ts";

const test = suite("task deadlines");

const deadlines = { ...makeHuman().deadlines, claimMs: 4 * hourMs };

function rule(
  afterHours: number,
  on: EscalationRule["on"],
  action: EscalationRule["action"],
  group = "",
): EscalationRule {
  const to = group === "" ? [] : [literal(group)];
  return { afterMs: afterHours * hourMs, on, action, to, channels: ["sms"] };
}

const escalate = [
  rule(2, "unclaimed", "remind"),
  rule(4, "unclaimed", "offer", "bureau-chief"),
  rule(6, "unclaimed", "offerUp"),
  rule(8, "unfinished", "supervise", "supervision"),
];

/** Only every second hour is working time: the even ones. */
const evenHours: AddWorkingTime = (calendar, fromMs, durationMs) => {
  if (calendar !== "even") return undefined;
  let at = fromMs;
  let left = durationMs;
  for (;;) {
    const hour = Math.floor(at / hourMs);
    const endMs = (hour + 1) * hourMs;
    if (hour % 2 === 1) {
      at = endMs;
      continue;
    }
    if (left <= endMs - at) return at + left;
    left -= endMs - at;
    at = endMs;
  }
};

function whatHappened(desk: Desk): readonly (readonly [string, number])[] {
  const { trail, openedAtMs } = desk.task();
  return trail
    .slice(1)
    .map(({ what, atMs }) => [what, Math.floor((atMs - openedAtMs) / hourMs)] as const);
}

function passHours(desk: Desk, hours: number): void {
  for (let hour = 0; hour < hours; hour += 1) desk.mesh.advance(hourMs);
}

test("an unclaimed task is reminded of, offered on and up, and each happens once", () => {
  const desk = new Desk();
  desk.start({ steps: [makeHuman({ deadlines, escalate })] });
  assert.equal(desk.list({ actor: chief, filter: "offered" }), []);
  passHours(desk, 7);
  assert.equal(whatHappened(desk), [
    ["escalated: remind", 2],
    ["claimMissed", 4],
    ["escalated: offer", 4],
    ["escalated: offerUp", 6],
  ]);
  assert.equal(desk.task().trail[1]?.channels, ["sms"]);
  assert.equal(desk.list({ actor: chief, filter: "offered" }), ["X.bureau.1#1"]);
  assert.equal(desk.list({ actor: supervisor, filter: "offered" }), ["X.bureau.1#1"]);
  assert.equal(desk.list({ actor: chief, filter: "offered", light: "red" }), ["X.bureau.1#1"]);
  desk.does(chief, { kind: "claim" });
  passHours(desk, 5);
  assert.equal(desk.task().supervision?.groups, ["supervision"]);
  assert.is(whatHappened(desk).filter(([what]) => what.startsWith("escalated")).length, 4);
  desk.check();
});

test("what is claimed in time is not called unclaimed, until it is given back", () => {
  const desk = new Desk();
  desk.start({ steps: [makeHuman({ deadlines, escalate })] });
  desk.does(wang, { kind: "claim" });
  passHours(desk, 7);
  assert.equal(whatHappened(desk), [["claimed", 0]]);
  desk.does(wang, { kind: "unclaim", reason: "ill" });
  passHours(desk, 1);
  assert.equal(
    whatHappened(desk).map(([what]) => what),
    [
      "claimed",
      "unclaimed",
      "claimMissed",
      "escalated: remind",
      "escalated: offer",
      "escalated: offerUp",
      "escalated: supervise",
    ],
  );
});

test("after the finish deadline a task expires and its step fails with the reason", () => {
  const desk = new Desk();
  desk.start({ steps: [makeHuman({ deadlines })] });
  desk.does(wang, { kind: "claim" });
  passHours(desk, 24);
  assert.is(desk.task().state.kind, "expired");
  assert.is(desk.chain()?.state, "failed");
  assert.match(desk.chain()?.reason ?? "", /FINISH_DEADLINE: the finish deadline has passed/);
  desk.check();
});

test("a granted extension moves the end, and the origin waits as long", () => {
  const desk = new Desk();
  desk.start({ steps: [makeHuman({ deadlines })] });
  desk.does(wang, { kind: "claim" });
  desk.does(wang, { kind: "requestExtension", extraMs: 48 * hourMs, reason: "rain" });
  desk.does(supervisor, { kind: "decideExtension", grant: true, reason: "granted" });
  passHours(desk, 71);
  assert.is(desk.task().state.kind, "claimed");
  assert.is(desk.chain()?.state, "running");
  passHours(desk, 2);
  assert.is(desk.task().state.kind, "expired");
  desk.check();
});

test("lights turn with the share of the time that is left", () => {
  const desk = new Desk();
  desk.start({ steps: [makeHuman()] });
  desk.does(wang, { kind: "claim" });
  const light = () =>
    taskDetail(desk.mesh.hub(street).state, "X.bureau.1#1", wang, desk.mesh.nowMs)?.light;
  const seen: unknown[] = [light()];
  passHours(desk, 18);
  seen.push(light());
  passHours(desk, 4);
  seen.push(light());
  assert.equal(seen, ["green", "yellow", "red"]);
});

test("a task that hangs has no deadline, comes back at its date and has what was left", () => {
  const desk = new Desk();
  desk.start({ steps: [makeHuman({ deadlines, escalate })] });
  desk.does(wang, { kind: "claim" });
  passHours(desk, 4);
  const untilMs = desk.mesh.nowMs + 100 * hourMs;
  const request: TaskCommand = { kind: "requestHanging", untilMs, reason: "frost" };
  desk.refuses("INPUT_INVALID", wang, { ...request, untilMs: desk.mesh.nowMs });
  desk.does(wang, request);
  desk.refuses("TASK_STATE", wang, request);
  desk.refuses("NOT_ALLOWED", chief, { kind: "decideHanging", grant: true, reason: "yes" });
  desk.does(supervisor, { kind: "decideHanging", grant: true, reason: "in spring" });
  passHours(desk, 99);
  assert.is(desk.task().state.kind, "hanging");
  assert.is(desk.task().supervision, undefined, "escalations stand still, too");
  desk.refuses("TASK_STATE", wang, { kind: "complete", output: {} });
  passHours(desk, 2);
  assert.is(desk.task().state.kind, "claimed");
  assert.is(desk.task().times.finishDueMs, desk.mesh.nowMs + 19 * hourMs);
  assert.is(desk.chain()?.state, "running", "the origin has heard of it");
  passHours(desk, 20);
  assert.is(desk.task().state.kind, "expired");
  desk.check();
});

test("a refused hanging changes nothing, and one that hangs comes back by hand", () => {
  const desk = new Desk();
  desk.start({ steps: [makeHuman()] });
  desk.does(wang, { kind: "claim" });
  const request: TaskCommand = {
    kind: "requestHanging",
    untilMs: desk.mesh.nowMs + 50 * hourMs,
    reason: "frost",
  };
  desk.does(wang, request);
  desk.does(supervisor, { kind: "decideHanging", grant: false, reason: "it is June" });
  assert.is(desk.task().state.kind, "claimed");
  desk.refuses("TASK_STATE", wang, { kind: "resume", reason: "" });
  desk.does(wang, request);
  desk.does(supervisor, { kind: "decideHanging", grant: true, reason: "well" });
  passHours(desk, 10);
  desk.does(wang, { kind: "resume", reason: "the frost is over" });
  assert.is(desk.task().times.finishDueMs, desk.mesh.nowMs + 24 * hourMs);
  desk.check();
});

test("deadlines run in the calendar of the task, and a replay does not need it", () => {
  const desk = new Desk(street, { addWorkingTime: evenHours });
  const inEven = { ...deadlines, calendar: "even" };
  desk.start({ steps: [makeHuman({ deadlines: inEven, escalate })] });
  const { times, openedAtMs } = desk.task();
  assert.is(times.finishDueMs, evenHours("even", openedAtMs, 24 * hourMs));
  assert.is(times.escalateAtMs[0], evenHours("even", openedAtMs, 2 * hourMs));
  desk.does(wang, { kind: "claim" });
  passHours(desk, 10);
  const untilMs = desk.mesh.nowMs + 33 * hourMs;
  desk.does(wang, { kind: "requestHanging", untilMs, reason: "frost" });
  desk.does(supervisor, { kind: "decideHanging", grant: true, reason: "well" });
  passHours(desk, 34);
  const { finishDueMs } = desk.task().times;
  assert.ok(finishDueMs > times.finishDueMs + 30 * hourMs);
  assert.is(Math.floor((finishDueMs - 1) / hourMs) % 2, 0, "it ends in working time");
  desk.does(wang, { kind: "requestExtension", extraMs: 3 * hourMs, reason: "rain" });
  desk.does(supervisor, { kind: "decideExtension", grant: true, reason: "well" });
  assert.is(desk.task().times.finishDueMs, evenHours("even", finishDueMs, 3 * hourMs));
  // `check` replays with kernels that know no calendar.
  desk.check();
});

test("escalations survive a restart and happen once", () => {
  const desk = new Desk();
  desk.start({ steps: [makeHuman({ deadlines, escalate })] });
  passHours(desk, 3);
  const again = new HubKernel({
    address: street,
    hasParent: true,
    evaluate: createEvaluate(),
    validate: createValidate(),
  });
  for (const row of desk.mesh.hub(street).dump()) {
    if (row.value !== undefined) again.restore(row);
  }
  again.recovered();
  desk.mesh.hubs.set(street, again);
  passHours(desk, 4);
  assert.equal(whatHappened(desk), [
    ["escalated: remind", 2],
    ["claimMissed", 4],
    ["escalated: offer", 4],
    ["escalated: offerUp", 6],
  ]);
});

test("a task without a deadline is bounded all the same, at the desk and at its origin", () => {
  const desk = new Desk();
  desk.start({
    steps: [
      makeHuman({
        deadlines: { ...makeHuman().deadlines, finishMs: undefined },
        human: makeRule({ actions: ["claim", "complete", "requestExtension"] }),
      }),
    ],
  });
  desk.does(wang, { kind: "claim" });
  assert.match(
    desk.refuses("TASK_STATE", wang, { kind: "requestExtension", extraMs: 1, reason: "x" }),
    /no deadline/,
  );
  assert.ok((desk.mesh.hub(city).state.assignments.get("X.bureau.1")?.task?.safetyDueMs ?? 0) > 0);
  desk.mesh.advance(401 * 24 * hourMs);
  assert.is(desk.task().state.kind, "expired");
  assert.is(desk.chain()?.state, "failed");
});
