// Task commands: every transition of a task, and every refusal.

import type { Task } from "@cloudbrain/hub/kernel";
import type { TaskCommand } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";
import {
  chief,
  Desk,
  dispatcher,
  goodForm,
  hourMs,
  li,
  literal,
  makeActor,
  makeHuman,
  makeReturnRule,
  makeRule,
  supervisor,
  wang,
} from "../support/task-desk.ts";

const test = suite("task commands");
const person = ({ account, name, department }: typeof wang) => ({ account, name, department });

/** A desk with one offered task. */
function makeOffered(rule: Parameters<typeof makeRule>[0] = {}): Desk {
  const desk = new Desk();
  desk.start({ steps: [makeHuman({ human: makeRule(rule) })] });
  return desk;
}

function makeClaimed(rule: Parameters<typeof makeRule>[0] = {}): Desk {
  const desk = makeOffered(rule);
  desk.does(wang, { kind: "claim" });
  return desk;
}

function stateOf(desk: Desk): Task["state"]["kind"] {
  return desk.task().state.kind;
}

test("of two that claim at once one gets the task, the other hears who holds it", () => {
  const desk = makeOffered();
  assert.equal(desk.tell(wang, { kind: "claim" }, { version: 1 }), {
    kind: "task",
    task: "X.bureau.1#1",
    version: 2,
    existed: false,
  });
  assert.equal(desk.tell(li, { kind: "claim" }, { version: 1 }), {
    kind: "refused",
    code: "TASK_TAKEN",
    detail: "WANG (wang) of housing holds the task",
  });
  desk.check();
});

test("a command that is repeated is answered as the first time and changes nothing", () => {
  const desk = makeOffered();
  const first = desk.tell(wang, { kind: "claim" }, { id: "once", version: 1 });
  const trail = desk.task().trail.length;
  const again = desk.tell(wang, { kind: "claim" }, { id: "once", version: 1 });
  assert.equal(again, { ...first, existed: true });
  assert.is(desk.task().trail.length, trail);
  const other = desk.tell(li, { kind: "claim" }, { id: "once", version: 1 });
  assert.is(other.kind === "refused" && other.code, "KEY_CONFLICT");
  desk.does(wang, { kind: "complete", output: goodForm });
  const late = desk.tell(wang, { kind: "claim" }, { id: "once", version: 1 });
  assert.equal(late, { ...first, existed: true }, "remembered after the end, too");
});

test("a command against an old version is refused, a reminder does not make it old", () => {
  const desk = makeClaimed();
  const { version } = desk.task();
  desk.does(supervisor, { kind: "remind", reason: "" });
  desk.does(supervisor, { kind: "supervise", reason: "the mayor asks" });
  assert.is(desk.task().version, version);
  assert.is(desk.task().reminders, 1);
  assert.is(desk.task().supervision?.why, "the mayor asks");
  desk.does(wang, { kind: "unclaim", reason: "" });
  const reply = desk.tell(li, { kind: "claim" }, { version });
  assert.is(reply.kind === "refused" && reply.code, "TASK_CHANGED");
});

test("a form that breaks its schema is refused with every field's reason", () => {
  const desk = makeClaimed();
  const output = { result: "maybe", summary: "no" };
  const detail = desk.refuses("FORM_INVALID", wang, { kind: "complete", output });
  assert.match(detail, /\/result/);
  assert.match(detail, /\/summary/);
  desk.refuses("FORM_INVALID", wang, { kind: "complete", output: "a text" });
  assert.is(stateOf(desk), "claimed");
});

test("unclaim offers the task to all again", () => {
  const desk = makeClaimed();
  desk.does(wang, { kind: "unclaim", reason: "ill" });
  assert.equal(desk.task().state, { kind: "offered" });
  desk.does(li, { kind: "claim" });
  desk.check();
});

test("a transfer to a person makes them its holder, to a group offers it there", () => {
  const desk = makeClaimed();
  const to = { kind: "user", ...person(li) } as const;
  desk.does(wang, { kind: "transfer", to, reason: "his street" });
  assert.equal(desk.task().state, { kind: "claimed", holder: person(li) });
  desk.refuses("NOT_ALLOWED", wang, { kind: "complete", output: goodForm });
  const group = { kind: "group", group: "bureau-chief" } as const;
  desk.does(li, { kind: "transfer", to: group, reason: "too big" });
  desk.refuses("NOT_ALLOWED", wang, { kind: "claim" });
  desk.does(chief, { kind: "claim" });
  const back = { kind: "user", ...person(wang) } as const;
  desk.does(supervisor, { kind: "transfer", to: back, reason: "assigned from above" });
  assert.equal(desk.list({ actor: wang, filter: "mine" }), ["X.bureau.1#1"]);
  desk.check();
});

test("a delegate works, its owner stays responsible and completes", () => {
  const desk = makeClaimed();
  desk.does(wang, { kind: "delegate", to: person(li), reason: "please look" });
  assert.equal(desk.task().state, { kind: "claimed", holder: person(li), owner: person(wang) });
  assert.equal(desk.list({ actor: wang, filter: "mine" }), ["X.bureau.1#1"]);
  assert.match(
    desk.refuses("TASK_STATE", li, { kind: "complete", output: goodForm }),
    /resolve it first/,
  );
  desk.refuses("TASK_STATE", wang, { kind: "delegate", to: person(chief), reason: "again" });
  desk.does(li, { kind: "resolve", reason: "seen" });
  assert.equal(desk.task().state, { kind: "claimed", holder: person(wang) });
  desk.refuses("TASK_STATE", wang, { kind: "resolve", reason: "" });
  desk.does(wang, { kind: "complete", output: goodForm });
  assert.is(desk.chain()?.state, "succeeded");
  desk.check();
});

test("the first extension is the rule's to decide, the second a level up", () => {
  const desk = makeClaimed({
    extension: { max: 2, longestMs: 10 * hourMs, decidedBy: [literal("bureau-chief")] },
  });
  const dueMs = desk.task().times.finishDueMs;
  const request: TaskCommand = { kind: "requestExtension", extraMs: 5 * hourMs, reason: "rain" };
  const grant: TaskCommand = { kind: "decideExtension", grant: true, reason: "granted" };
  desk.refuses("INPUT_INVALID", wang, { ...request, extraMs: 11 * hourMs });
  desk.does(wang, request);
  desk.refuses("TASK_STATE", wang, request);
  assert.equal(desk.list({ actor: chief, filter: "offered" }), ["X.bureau.1#1"]);
  desk.refuses("NOT_ALLOWED", supervisor, grant);
  desk.does(chief, grant);
  assert.is(desk.task().times.finishDueMs, dueMs + 5 * hourMs);
  desk.does(wang, request);
  desk.refuses("NOT_ALLOWED", chief, grant);
  desk.does(supervisor, { ...grant, grant: false });
  assert.is(desk.task().times.finishDueMs, dueMs + 5 * hourMs);
  desk.refuses("TASK_STATE", supervisor, grant);
  desk.does(wang, request);
  desk.does(supervisor, grant);
  assert.match(desk.refuses("TASK_STATE", wang, request), /2 of 2 extensions/);
  desk.check();
});

test("nobody decides about their own request", () => {
  const desk = makeOffered({ extension: { max: 1, longestMs: hourMs, decidedBy: [] } });
  const both = makeActor("both", { groups: ["bureau:housing", "hub:supervisors"] });
  desk.does(both, { kind: "claim" });
  desk.does(both, { kind: "requestExtension", extraMs: hourMs, reason: "rain" });
  const decision: TaskCommand = { kind: "decideExtension", grant: true, reason: "of course" };
  assert.match(desk.refuses("NOT_ALLOWED", both, decision), /their own request/);
  desk.does(supervisor, decision);
});

test("completion waits for the co-handlers that are required, and for no other", () => {
  const desk = makeClaimed();
  const ask = (group: string, required: boolean): TaskCommand => ({
    kind: "askCoHandler",
    to: { kind: "group", group },
    required,
    reason: "an opinion",
  });
  desk.does(wang, ask("fire", true));
  desk.does(wang, ask("water", false));
  desk.does(wang, ask("gone", true));
  const fireman = makeActor("fireman", { groups: ["fire"], department: "fire" });
  assert.equal(desk.list({ actor: fireman, filter: "offered" }), ["X.bureau.1#1"]);
  const { version } = desk.task();
  const complete: TaskCommand = { kind: "complete", output: goodForm };
  assert.match(desk.refuses("TASK_STATE", wang, complete), /fire \(c1\), gone \(c3\)/);
  desk.refuses("NOT_ALLOWED", li, { kind: "answerCoHandling", entry: "c1", opinion: "fine" });
  desk.does(fireman, { kind: "answerCoHandling", entry: "c1", opinion: "fine" });
  desk.refuses("NOT_ALLOWED", fireman, { kind: "answerCoHandling", entry: "c1", opinion: "no" });
  assert.is(desk.task().version, version, "an opinion makes no command old");
  desk.does(wang, { kind: "dropCoHandler", entry: "c3", reason: "no such office any more" });
  desk.refuses("TASK_STATE", wang, { kind: "dropCoHandler", entry: "c3", reason: "again" });
  desk.does(wang, complete);
  assert.is(desk.task().coHandlers[0]?.by?.account, "fireman");
  desk.check();
});

test("a returned task goes to the dispatch desk, which names others, insists or rejects", () => {
  const desk = makeClaimed({ onReturn: makeReturnRule() });
  desk.refuses("INPUT_INVALID", wang, { kind: "return", reason: "  " });
  desk.does(wang, { kind: "return", reason: "not our street" });
  assert.is(stateOf(desk), "returning");
  assert.equal(desk.list({ actor: dispatcher, filter: "offered" }), ["X.bureau.1#1"]);
  const insist: TaskCommand = {
    kind: "decideReturn",
    decision: { kind: "insist" },
    reason: "it is",
  };
  desk.refuses("NOT_ALLOWED", wang, insist);
  desk.does(dispatcher, insist);
  assert.equal(desk.task().state, { kind: "claimed", holder: person(wang) });
  desk.does(wang, { kind: "return", reason: "really not" });
  const candidates = {
    users: [],
    groups: ["bureau:housing", "bureau-chief"],
    roles: [],
    departments: [],
  };
  const change: TaskCommand = {
    kind: "decideReturn",
    decision: { kind: "changeCandidates", candidates },
    reason: "the chief then",
  };
  const nobody = { users: [], groups: [], roles: [], departments: [] };
  desk.refuses("INPUT_INVALID", dispatcher, {
    kind: "decideReturn",
    decision: { kind: "changeCandidates", candidates: nobody },
    reason: "nobody",
  });
  desk.does(dispatcher, change);
  assert.equal(
    desk.list({ actor: wang, filter: "offered" }),
    [],
    "its returner is not asked again",
  );
  assert.match(desk.refuses("NOT_ALLOWED", wang, { kind: "claim" }), /you have returned this task/);
  assert.equal(desk.list({ actor: chief, filter: "offered" }), ["X.bureau.1#1"]);
  desk.refuses("TASK_STATE", dispatcher, change);
  desk.check();
});

test("a rejected return fails the step, as it would have failed at a node", () => {
  const desk = makeClaimed({ onReturn: makeReturnRule() });
  desk.does(wang, { kind: "return", reason: "not ours" });
  desk.does(dispatcher, {
    kind: "decideReturn",
    decision: { kind: "reject" },
    reason: "nobody's",
  });
  assert.is(desk.chain()?.state, "failed");
  assert.match(desk.chain()?.reason ?? "", /REJECTED: DISPATCHER: nobody's/);
  desk.check();
});

for (const then of ["suspend", "fail"] as const) {
  test(`after the last visit to the dispatch desk the rule says: ${then}`, () => {
    const desk = makeClaimed({ onReturn: makeReturnRule(then) });
    for (let visit = 0; visit < 2; visit += 1) {
      desk.does(wang, { kind: "return", reason: "no" });
      const decision = { kind: "insist" } as const;
      desk.does(dispatcher, { kind: "decideReturn", decision, reason: "yes" });
    }
    desk.does(wang, { kind: "return", reason: "no, again" });
    assert.is(stateOf(desk), "returned");
    assert.is(desk.chain()?.state, then === "suspend" ? "suspended" : "failed");
    assert.match(desk.chain()?.reason ?? "", /RETURNS_EXCEEDED/);
    desk.check();
  });
}

test("a candidate returns at once what is not theirs, without claiming it", () => {
  const desk = makeOffered({ onReturn: makeReturnRule() });
  desk.does(li, { kind: "return", reason: "another bureau" });
  assert.is(stateOf(desk), "returning");
  const decision = { kind: "insist" } as const;
  desk.does(dispatcher, { kind: "decideReturn", decision, reason: "yours" });
  assert.is(stateOf(desk), "offered");
  desk.does(li, { kind: "claim" });
});

test("a completed task is evaluated once, and not by who did it", () => {
  const desk = makeClaimed();
  const evaluate: TaskCommand = { kind: "evaluate", score: 4, comment: "quick" };
  desk.refuses("TASK_STATE", supervisor, evaluate);
  desk.does(wang, { kind: "complete", output: goodForm });
  desk.refuses("NOT_ALLOWED", wang, evaluate);
  desk.refuses("NOT_ALLOWED", li, evaluate);
  desk.refuses("INPUT_INVALID", supervisor, { ...evaluate, score: 6 });
  const facts = desk.mesh.facts.get(desk.hub)?.length ?? 0;
  desk.does(supervisor, evaluate);
  assert.is(desk.task().evaluation?.score, 4);
  desk.refuses("TASK_STATE", supervisor, evaluate);
  assert.is(desk.mesh.facts.get(desk.hub)?.length, facts + 1, "the answer is not sent again");
  desk.check();
});

test("what the definition does not list is refused", () => {
  const desk = makeClaimed({ actions: ["claim", "complete"] });
  const li2 = person(li);
  const refused: readonly TaskCommand[] = [
    { kind: "unclaim", reason: "" },
    { kind: "return", reason: "no" },
    { kind: "transfer", to: { kind: "user", ...li2 }, reason: "x" },
    { kind: "delegate", to: li2, reason: "x" },
    { kind: "requestExtension", extraMs: 1, reason: "x" },
    { kind: "requestHanging", untilMs: 1e12, reason: "x" },
    { kind: "askCoHandler", to: { kind: "user", ...li2 }, required: true, reason: "x" },
    { kind: "report", output: {} },
  ];
  for (const command of refused) {
    assert.match(desk.refuses("NOT_ALLOWED", wang, command), /does not allow/, command.kind);
  }
});

test("strangers may do nothing at all", () => {
  const desk = makeClaimed({ onReturn: makeReturnRule() });
  desk.does(wang, { kind: "requestExtension", extraMs: hourMs, reason: "rain" });
  const stranger = makeActor("stranger", { groups: [], department: "other" });
  const to = { kind: "user", ...person(stranger) } as const;
  const commands: readonly TaskCommand[] = [
    { kind: "unclaim", reason: "" },
    { kind: "complete", output: goodForm },
    { kind: "return", reason: "x" },
    { kind: "decideReturn", decision: { kind: "insist" }, reason: "x" },
    { kind: "transfer", to, reason: "x" },
    { kind: "delegate", to: person(li), reason: "x" },
    { kind: "resolve", reason: "" },
    { kind: "requestExtension", extraMs: 1, reason: "x" },
    { kind: "decideExtension", grant: true, reason: "x" },
    { kind: "askCoHandler", to, required: false, reason: "x" },
    { kind: "answerCoHandling", entry: "c1", opinion: "x" },
    { kind: "dropCoHandler", entry: "c1", reason: "x" },
    { kind: "requestHanging", untilMs: 1, reason: "x" },
    { kind: "decideHanging", grant: true, reason: "x" },
    { kind: "resume", reason: "" },
    { kind: "remind", reason: "" },
    { kind: "supervise", reason: "x" },
    { kind: "evaluate", score: 3, comment: "" },
  ];
  for (const command of commands) desk.refuses("NOT_ALLOWED", stranger, command);
  desk.refuses("NOT_ALLOWED", stranger, { kind: "claim" });
  assert.is(desk.list({ actor: stranger, filter: "mine" }).length, 0);
});

test("an ended task takes nothing but its evaluation", () => {
  const desk = makeClaimed();
  desk.does(wang, { kind: "complete", output: goodForm });
  desk.refuses("TASK_STATE", wang, { kind: "unclaim", reason: "" });
  desk.refuses("TASK_STATE", wang, { kind: "complete", output: goodForm });
  desk.refuses("TASK_STATE", supervisor, { kind: "remind", reason: "" });
  desk.refuses("TASK_STATE", supervisor, { kind: "supervise", reason: "x" });
});

test("a command id and every text have their bounds", () => {
  const desk = makeClaimed();
  const told = desk.tell(wang, { kind: "unclaim", reason: "" }, { id: "x".repeat(300) });
  assert.is(told.kind === "refused" && told.code, "INPUT_INVALID");
  const reason = "x".repeat(3_000);
  desk.refuses("INPUT_INVALID", wang, { kind: "return", reason });
  desk.refuses("INPUT_INVALID", supervisor, { kind: "supervise", reason: "" });
});

test("a trail keeps its beginning and its end, and says how much is left to the journal", () => {
  const desk = makeClaimed();
  for (let round = 0; round < 220; round += 1)
    desk.does(supervisor, { kind: "remind", reason: "" });
  const { trail, trailDropped } = desk.task();
  assert.is(trail.length, 200);
  assert.is(trail[0]?.what, "opened");
  assert.is(trailDropped, 22);
  desk.check();
});
