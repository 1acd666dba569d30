// Tasks at a desk: from the chain to the person and back, over three levels.

import * as assert from "uvu/assert";
import { makeApplication } from "../support/kernel-mesh.ts";
import { suite } from "../support/suite.ts";
import {
  city,
  Desk,
  district,
  goodForm,
  hourMs,
  li,
  literal,
  makeActor,
  makeHuman,
  makeHumanFanout,
  makeRule,
  street,
  supervisor,
  wang,
} from "../support/task-desk.ts";

const test = suite("tasks at a desk");

test("a task travels down three levels, is claimed and completed, and its chain goes on", () => {
  const desk = new Desk();
  desk.start({ steps: [makeHuman()] });
  assert.is(desk.mesh.inbox(`${street}/bureau`).length, 0, "people work at the hub, no agent does");
  assert.equal(desk.list({ actor: wang, filter: "offered" }), ["X.bureau.1#1"]);
  desk.does(wang, { kind: "claim" });
  assert.equal(desk.list({ actor: wang, filter: "mine" }), ["X.bureau.1#1"]);
  assert.equal(desk.list({ actor: li, filter: "offered" }), []);
  desk.does(wang, { kind: "complete", output: goodForm });
  assert.is(desk.chain()?.state, "succeeded");
  assert.equal(desk.chain()?.steps[0]?.output, goodForm);
  assert.is(desk.chain()?.steps[0]?.node, `${street}/bureau`);
  assert.equal(
    desk.task().trail.map(({ what, by }) => [what, by?.account]),
    [
      ["opened", undefined],
      ["claimed", "wang"],
      ["completed", "wang"],
    ],
  );
  desk.check();
});

test("a task whose desk is the chain's own hub opens in the commit that starts the step", () => {
  const desk = new Desk(city);
  desk.start({ steps: [makeHuman()] });
  const facts = desk.mesh.facts.get(city) ?? [];
  const at = (kind: string) => facts.find(({ fact }) => fact.t === kind)?.atMs;
  assert.is(at("taskOpened"), at("serviceStarted"));
  assert.ok(facts.some(({ fact }) => fact.t === "accepted"));
  assert.is(desk.mesh.hub(city).state.session(district).unacknowledged(), 0);
  desk.does(wang, { kind: "claim" });
  desk.does(wang, { kind: "complete", output: goodForm });
  assert.is(desk.chain()?.state, "succeeded");
  desk.check();
});

test("a hub that matches is the desk of its own tasks", () => {
  const desk = new Desk(district);
  const each = { match: { ...makeHuman().match, capability: "clerk/v1", level: "street" } };
  desk.mesh.hubs.delete(street);
  const record = desk.mesh.hub(city).state.nodes.get(street);
  if (record === undefined) throw new Error("the street is not known");
  const description = { ...record.description, level: "street", capabilities: ["clerk/v1"] };
  const upserts = [{ ...record, description }];
  const news = { kind: "nodes", upserts, removed: [], final: false } as const;
  const firstSeq = desk.mesh.hub(city).state.session(district).received("control") + 1;
  const frames = [{ from: district, to: city, body: news, hopLimit: 9, traceparent: "" }];
  desk.mesh.step(city, { type: "frames", link: 1, lane: "control", firstSeq, frames });
  desk.start({ steps: [makeHuman(each)] });
  const assignment = desk.mesh.hub(city).state.assignments.get("X.bureau.1");
  assert.is(assignment?.node, street);
  assert.is(assignment?.task?.about, street);
});

test("candidates are resolved where the step starts, with the node and the input", () => {
  const desk = new Desk();
  const source = (text: string) => ({ kind: "expression", source: text }) as const;
  const candidates = {
    users: [source("input.people"), literal("zhao")],
    groups: [source('"node:" + node.address')],
    roles: [literal("clerk")],
    departments: [],
  };
  desk.mesh.step(city, {
    type: "publish",
    request: 1,
    application: makeApplication({
      priority: "input.urgent ? 90 : 10",
      steps: [makeHuman({ human: makeRule({ candidates }) })],
    }),
  });
  desk.submit("X", { people: ["qian", "sun"], urgent: true });
  assert.equal(desk.task().candidates, {
    users: ["qian", "sun", "zhao"],
    groups: [`node:${street}/bureau`],
    roles: ["clerk"],
    departments: [],
  });
  assert.is(desk.task().spec.priority, 90);
  const clerk = makeActor("zhou", { groups: [], roles: ["clerk"] });
  const seen = (area: string) => desk.list({ actor: { ...clerk, area }, filter: "offered" }).length;
  assert.equal([seen(""), seen(street), seen("/c/d/other"), seen("/x")], [1, 1, 0, 0]);
});

test("a mapping that gives no name suspends the step with the reason", () => {
  const desk = new Desk();
  const candidates = { ...makeRule().candidates, groups: [literal(7)] };
  desk.start({ steps: [makeHuman({ human: makeRule({ candidates }) })] });
  assert.is(desk.chain()?.state, "suspended");
  assert.match(desk.chain()?.reason ?? "", /candidates\.groups: 7 is no name/);
});

test("an unknown calendar suspends the step with its name", () => {
  const desk = new Desk();
  const deadlines = { ...makeHuman().deadlines, calendar: "moon-days" };
  desk.start({ steps: [makeHuman({ deadlines })] });
  assert.is(desk.chain()?.state, "suspended");
  assert.match(desk.chain()?.reason ?? "", /no calendar moon-days is known/);
});

test("a calendar that only the desk does not know suspends the step, too", () => {
  const desk = new Desk();
  const elapsed = (calendar: string, fromMs: number, ms: number) =>
    calendar === "moon-days" ? fromMs + ms : undefined;
  const origin = desk.mesh.hub(city) as unknown as { options: object };
  origin.options = { ...origin.options, addWorkingTime: elapsed };
  const deadlines = { ...makeHuman().deadlines, calendar: "moon-days" };
  desk.start({ steps: [makeHuman({ deadlines })] });
  assert.is(desk.chain()?.state, "suspended");
  assert.match(desk.chain()?.reason ?? "", /CALENDAR_UNKNOWN: no calendar moon-days/);
  desk.check();
});

test("cancelling a chain takes its task from the worklist and ends the chain", () => {
  for (const hub of [street, city]) {
    const desk = new Desk(hub);
    desk.start({ steps: [makeHuman()] });
    desk.does(wang, { kind: "claim" });
    desk.mesh.step(city, { type: "cancel", request: 3, chain: "X", reason: "withdrawn" });
    desk.mesh.deliver();
    assert.equal(desk.task().state, { kind: "cancelled", reason: "withdrawn" });
    assert.is(desk.chain()?.state, "cancelled");
    assert.equal(desk.list({ actor: wang, filter: "mine" }), []);
    desk.check();
  }
});

test("a chain that ends by its own deadline leaves no open task", () => {
  for (const hub of [street, city]) {
    const desk = new Desk(hub);
    desk.start({ totalMs: hourMs, steps: [makeHuman()] });
    desk.mesh.advance(hourMs);
    assert.is(desk.chain()?.state, "failed");
    assert.is(desk.task().state.kind, "cancelled");
    desk.check();
  }
});

test("members that people do are asked at their desk, and a revision follows with its number", () => {
  const desk = new Desk();
  desk.start({ steps: [makeHumanFanout({ revise: true })] });
  const ids = ["a1", "a2"].map((name) => `X.ask.1!${street}/${name}#1`);
  const people = ["a1", "a2"].map((name) =>
    makeActor(name, { groups: [`community:${street}/${name}`] }),
  );
  const [first, second] = people;
  const [one, two] = ids;
  if (first === undefined || second === undefined) throw new Error("no people");
  if (one === undefined || two === undefined) throw new Error("no tasks");
  assert.equal(desk.list({ actor: first, filter: "offered" }), [one]);
  desk.does(first, { kind: "claim" }, one);
  desk.does(first, { kind: "report", output: { n: 3 } }, one);
  assert.is(desk.task(one).state.kind, "claimed");
  desk.does(first, { kind: "report", output: { n: 4 } }, one);
  assert.is(desk.task(one).revision, 2);
  desk.check();
  desk.does(second, { kind: "claim" }, two);
  desk.does(second, { kind: "complete", output: { n: 5 } }, two);
  assert.is(desk.chain()?.state, "succeeded");
  assert.is(desk.chain()?.steps[0]?.summary?.replied, 2);
  assert.is(desk.task(one).state.kind, "cancelled", "nobody waits for a revision any more");
  desk.check();
});

test("a node that returns its task is not asked again, another one is", () => {
  const desk = new Desk();
  desk.mesh.addAgent(`${street}/other`, ["clerk/v1"]);
  for (let level = 0; level < 3; level += 1) desk.mesh.advance(1_000);
  desk.start({ steps: [makeHuman()] });
  desk.does(wang, { kind: "return", reason: "not ours" });
  assert.is(desk.task("X.bureau.1#2").spec.about, `${street}/other`);
  const reply = desk.tell(wang, { kind: "return", reason: "nor ours" }, { task: "X.bureau.1#2" });
  assert.is(reply.kind, "task");
  assert.is(desk.chain()?.state, "failed");
  assert.match(desk.chain()?.reason ?? "", /RETURNED: WANG: nor ours/);
  desk.check();
});

test("a desk that is lost for ever does not make the chain wait for ever", () => {
  const desk = new Desk();
  desk.start({ steps: [makeHuman()] });
  desk.mesh.disconnect(district);
  desk.mesh.advance(24 * hourMs + 1);
  assert.is(desk.chain()?.state, "running", "the desk speaks first");
  desk.mesh.advance(3 * hourMs);
  assert.is(desk.chain()?.state, "failed");
  assert.match(desk.chain()?.reason ?? "", /has not answered in its time/);
});

test("a task of the same instruction opens once, however often it arrives", () => {
  const desk = new Desk();
  desk.start({ steps: [makeHuman()] });
  const { tasks } = desk.mesh.hub(street).state;
  const before = tasks.size;
  const { spec, origin, chain, step } = desk.task();
  const body = { id: "X.bureau.1", chain, step, attempt: 1, input: "{}", task: spec };
  const instruction = { kind: "instruction", capability: "", finishMs: 0, heartbeatMs: 0 } as const;
  const link = 2;
  const firstSeq = desk.mesh.hub(street).state.session(district).received("chain") + 1;
  const frame = { from: origin, to: street, hopLimit: 9, traceparent: "" };
  const frames = [{ ...frame, body: { ...instruction, ...body } }];
  desk.mesh.step(street, { type: "frames", link, lane: "chain", firstSeq, frames });
  assert.is(tasks.size, before);
});

test("answers that a parent with a new store may have lost are sent again", () => {
  const desk = new Desk();
  desk.start({ steps: [makeHuman()] });
  desk.does(wang, { kind: "claim" });
  desk.does(wang, { kind: "complete", output: goodForm });
  const session = desk.mesh.hub(street).state.session(district);
  assert.is(session.unacknowledged(), 0);
  desk.mesh.step(street, {
    type: "linkWelcomed",
    link: 77,
    welcome: {
      protocol: 1,
      features: [],
      address: district,
      epoch: 1,
      resumed: false,
      positions: [],
      ancestors: [city, district],
      title: { zh: district },
      storeId: "another-store",
      heartbeatMs: 1_000,
      linkToken: "",
    },
  });
  const answer = session.frameAt("chain", 1)?.body;
  assert.is(answer?.kind === "feedback" && answer.id, "X.bureau.1");
});

test("the priority and the names of delegated members are those of the chain", () => {
  const desk = new Desk();
  desk.start({ priority: "70", steps: [makeHumanFanout()] });
  const { spec } = desk.task(`X.ask.1!${street}/a1#1`);
  assert.is(spec.priority, 70);
  assert.is(spec.application, "test.app");
  assert.equal(spec.candidates.groups, [`community:${street}/a1`]);
});

test("ended tasks go to the archive when their time has come", () => {
  const desk = new Desk();
  desk.start({ steps: [makeHuman()] });
  desk.does(wang, { kind: "claim" });
  desk.does(wang, { kind: "complete", output: goodForm });
  assert.equal(desk.list({ actor: wang, filter: "history" }), ["X.bureau.1#1"]);
  desk.mesh.advance(31 * 24 * hourMs);
  assert.equal(desk.list({ actor: wang, filter: "history" }), []);
  const kernel = desk.mesh.hub(street);
  const rows = kernel.checkpoint().filter(({ table }) => table.endsWith("ask"));
  assert.ok(rows.some(({ table, value }) => table === "pastTask" && value !== undefined));
  assert.ok(rows.some(({ table, value }) => table === "task" && value === undefined));
  kernel.evict();
  assert.is(kernel.state.tasks.size, 0);
  const reply = desk.tell(supervisor, { kind: "evaluate", score: 5, comment: "late" });
  assert.is(reply.kind === "refused" && reply.code, "TASK_UNKNOWN");
});
