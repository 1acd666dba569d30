// Dry runs: what a chain would look like, over a kernel that nothing is written to.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ChainPlan, HubKernel } from "@cloudbrain/hub/kernel";
import { parseApplication } from "@cloudbrain/sdk/definition";
import type {
  Address,
  Application,
  Compensation,
  JsonValue,
  Match,
  Step,
} from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { KernelMesh, makeApplication, makeFanout, makeService } from "../support/kernel-mesh.ts";
import { makeQingdaoKernel } from "../support/qingdao-kernel.ts";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";
import { literal, makeHuman, makeHumanFanout, makeRule } from "../support/task-desk.ts";

const test = suite("dry run");
const nowMs = Date.parse("2026-11-27T08:00:00Z");

function plan(
  kernel: HubKernel,
  application: Application,
  input: JsonValue,
  wishes: Parameters<HubKernel["planChain"]>[3] = {},
): ChainPlan {
  const planned = kernel.planChain(application, input, nowMs, wishes);
  if (typeof planned === "string") throw new Error(planned);
  return planned;
}

function example(name: string): Application {
  const file = join(repositoryRoot, "docs", "examples", name);
  const parsed = parseApplication(readFileSync(file, "utf8"), { file });
  if (!parsed.ok) throw new Error(`${name} does not parse`);
  return parsed.application;
}

function makeCity(): HubKernel {
  const mesh = new KernelMesh();
  const kernel = mesh.addHub("/c");
  mesh.addHub("/c/east");
  mesh.addHub("/c/west");
  mesh.addAgent("/c/s", ["work/v1"], "");
  mesh.addAgent("/c/east/a", ["report/v1"]);
  mesh.addAgent("/c/east/b", ["report/v1"]);
  mesh.addAgent("/c/west/d", ["report/v1"]);
  mesh.advance(1_000);
  return kernel;
}

const expression = (source: string) => ({ kind: "expression", source }) as const;

test("the typhoon drill over all of Qingdao tells the members of every district", () => {
  const { kernel, nodes, communities } = makeQingdaoKernel();
  assert.is(nodes, 2_272);
  const application = example("typhoon-drill.yaml");
  const before = JSON.stringify(kernel.dump());
  const startedMs = performance.now();
  const planned = plan(kernel, application, { scope: "3702", typhoonId: "T7" });
  const tookMs = performance.now() - startedMs;
  const [step] = planned.steps;
  if (step === undefined) throw new Error("no step");
  assert.is(step.fate, "runs");
  assert.is(step.members, 2_120);
  const shares = new Map(step.shares.map(({ address, members }) => [address, members]));
  assert.equal([...shares].sort(), [...communities].sort());
  assert.is(step.sample.length, 20);
  assert.is(step.latestEndMs, nowMs + 120_000);
  assert.match(step.explanation, /2120 with capability community\.emergency\/v1/);
  assert.is(JSON.stringify(kernel.dump()), before, "something was written");
  assert.is(kernel.take().facts.length, 1, "a fact beside the start was decided");
  process.stdout.write(`dry run over ${nodes} nodes: ${tookMs.toFixed(1)} ms\n`);
});

test("a city is named by its code, however short or long that is written", () => {
  const { kernel } = makeQingdaoKernel();
  const application = example("typhoon-drill.yaml");
  for (const scope of ["3702", "370200", "370200000000", "/3702"]) {
    const [step] = plan(kernel, application, { scope, typhoonId: "T7" }).steps;
    assert.equal([scope, step?.fate, step?.members], [scope, "runs", 2_120]);
  }
});

test("the typhoon over all of Qingdao explains every node, and what would be undone", () => {
  const { kernel, nodes } = makeQingdaoKernel();
  const application = example("typhoon-emergency.yaml");
  const input = {
    typhoonId: "T7",
    level: 2,
    cityCode: "370202",
    landfallAt: "2026-11-28T00:00:00Z",
  };
  const district = "/3702/370202" as Address;
  const startedMs = performance.now();
  const planned = plan(kernel, application, input, { nodesMax: 5_000, named: [district] });
  const tookMs = performance.now() - startedMs;
  const [alert, rescue] = planned.steps;
  const { match } = alert ?? {};
  // The city itself is the hub; every other node is matched or turned away by one condition.
  const turnedAway = (match?.conditions ?? []).reduce((sum, { nodes: count }) => sum + count, 0);
  assert.is(match?.known, nodes - 1);
  assert.is((alert?.members ?? 0) + turnedAway, nodes - 1);
  assert.is(match?.nodes.length, nodes - 1);
  assert.is(new Set(match?.nodes.map(({ node }) => node)).size, nodes - 1);
  for (const { node, rank, condition } of match?.nodes ?? []) {
    const isMember = node.startsWith(`${district}/`) && node.split("/").length === 5;
    assert.is(rank > 0, isMember, node);
    assert.is(condition === "", isMember, node);
  }
  assert.equal(match?.nodes[0]?.condition, "capability");
  assert.equal([rescue?.fate, rescue?.match?.conditions[0]?.nodes], ["runs", nodes - 1]);
  assert.equal([planned.onFailure, planned.onCancel], [application.onFailure, "compensate"]);
  assert.equal(
    planned.compensation.map(({ step, of, count, problem }) => [step, of, count, problem]),
    [["rescue", "members", 0, "no node matches"]],
  );
  process.stdout.write(
    `dry run of the typhoon, ${nodes} nodes one by one: ${tookMs.toFixed(1)} ms\n`,
  );
});

test("what would be undone, last first, is undone by who did it where that can", () => {
  const mesh = new KernelMesh();
  const kernel = mesh.addHub("/c");
  mesh.addAgent("/c/a", ["work/v1", "undo/v1"]);
  mesh.addAgent("/c/b", ["work/v1"]);
  mesh.addAgent("/c/z", ["other/v1"]);
  mesh.advance(1_000);
  const work = makeService("x");
  const undo = (over: Partial<Match> = {}): Compensation => ({
    match: { ...work.match, capability: "undo/v1", ...over },
    input: undefined,
    retry: work.retry,
    finishMs: 5_000,
  });
  const each = { ...makeFanout("x").each, match: { ...work.match, capability: "work/v1" } };
  const members = { by: "match", membersMax: 10 } as const;
  const after = (step: string) => ({ needs: [{ step, on: "done" }] as const });
  const steps: Step[] = [
    makeService("first", { compensate: undo() }),
    makeFanout("all", { members, each: { ...each, compensate: undo() }, ...after("first") }),
    makeFanout("own", {
      members,
      each: { ...each, compensate: undo({ where: "node.address == member.address" }) },
      ...after("all"),
    }),
    makeService("open", { compensate: undo({ where: "node.address == out.by" }), ...after("own") }),
    makeService("lost", { compensate: undo({ capability: "no/v1" }), ...after("open") }),
    makeService("never", { when: "false", compensate: undo(), ...after("lost") }),
  ];
  const application = makeApplication({ steps, onCancel: "compensate" });
  const { compensation } = plan(kernel, application, {});
  assert.equal(
    compensation.map(({ step, of, count, bySame, byOther, byNobody, node, problem, dependsOn }) => [
      `${step} ${of} ${count}`,
      `${bySame} ${byOther} ${byNobody}`,
      node?.address,
      problem,
      dependsOn,
    ]),
    [
      ["lost step 1", "0 0 1", undefined, "no node matches", []],
      ["open step 1", "1 0 0", "/c/a", "", ["open"]],
      ["own members 2", "1 0 1", undefined, "", []],
      ["all members 2", "1 1 0", undefined, "", []],
      ["first step 1", "1 0 0", "/c/a", "", []],
    ],
  );
});

test("a policy decides in a plan as it does in a chain, and the nearest is near the submitter", () => {
  const mesh = new KernelMesh();
  const kernel = mesh.addHub("/c");
  for (const hub of ["/c/east", "/c/west"]) mesh.addHub(hub);
  for (const crew of ["/c/east/a", "/c/west/b"]) mesh.addAgent(crew, ["work/v1"]);
  mesh.advance(1_000);
  const { match } = makeService("x");
  const policies = [{ name: "notEast", allow: '!node.address.startsWith("/c/east")' }];
  const steps = [
    makeService("ruled", { match: { ...match, policy: "notEast" } }),
    makeService("near", { match: { ...match, pick: "nearest" } }),
  ];
  const application = makeApplication({ steps, policies });
  const nodes = (submitter: string) =>
    plan(kernel, application, {}, { submitter }).steps.map(({ node }) => node?.address);
  assert.equal(nodes("/c/east/clerk"), ["/c/west/b", "/c/east/a"]);
  assert.equal(nodes("/c/west/clerk"), ["/c/west/b", "/c/west/b"]);
});

test("a scope limits the members, and one that nobody has is said to be stuck", () => {
  const { kernel, communities } = makeQingdaoKernel();
  const steps = [
    makeFanout("ask", {
      members: { by: "level", scope: expression("input.at"), level: "community", membersMax: 9 },
      each: {
        ...makeFanout("x").each,
        match: { ...makeFanout("x").each.match, capability: "community.emergency/v1" },
      },
    }),
  ];
  const application = makeApplication({ steps });
  const district = plan(kernel, application, { at: "370202000000" }).steps[0];
  assert.is(district?.members, communities.get("/3702/370202"));
  const nowhere = plan(kernel, application, { at: "999999" }).steps[0];
  assert.equal(
    [nowhere?.fate, nowhere?.reason],
    ["stuck", 'fanout.scope: no node has the address or code "999999"'],
  );
});

test("conditions on outputs depend on their steps, conditions on the input are decided", () => {
  const work = makeService("x").match;
  const steps: Step[] = [
    makeService("first"),
    makeService("left", { needs: [{ step: "first", on: "done" }], when: "steps.first.out.big" }),
    makeService("right", { needs: [{ step: "first", on: "done" }], when: "input.size > 3" }),
    makeService("mend", { needs: [{ step: "first", on: "failed" }] }),
    makeService("never", { needs: [{ step: "right", on: "failed" }] }),
    makeService("near", {
      needs: [{ step: "left", on: "done" }],
      match: { ...work, where: 'node.address == steps["first"].out.node' },
    }),
    makeService("lost", { match: { ...work, capability: "nobody.has/v1" } }),
    makeService("broken", { when: "input.nothing.at.all" }),
  ];
  const planned = plan(makeCity(), makeApplication({ steps }), { size: 2 });
  assert.equal(
    planned.steps.map(({ id, fate, dependsOn, node }) => [id, fate, dependsOn, node?.address]),
    [
      ["first", "runs", [], "/c/s"],
      ["left", "depends", ["first"], "/c/s"],
      ["right", "skipped", [], undefined],
      ["mend", "depends", ["first"], "/c/s"],
      ["never", "skipped", [], undefined],
      ["near", "runs", ["first"], "/c/s"],
      ["lost", "stuck", [], undefined],
      ["broken", "stuck", [], "/c/s"],
    ],
  );
  const lost = planned.steps.find(({ id }) => id === "lost");
  assert.is(lost?.explanation, "0 with capability nobody.has/v1");
});

test("items are spread as they would be, and items of a step are left open", () => {
  const each = {
    ...makeFanout("x").each,
    match: { ...makeFanout("x").each.match, capability: "report/v1" },
  };
  const items = (source: string) =>
    ({ by: "items", items: expression(source), key: undefined, membersMax: 100 }) as const;
  const chosen = { ...each, match: { ...each.match, where: "node.address == item" } };
  const steps: Step[] = [
    makeFanout("spread", { members: items("input.list"), each }),
    makeFanout("named", { members: items("input.list"), each: chosen }),
    makeFanout("later", {
      members: items("steps.spread.agg.found"),
      each,
      needs: [{ step: "spread", on: "done" }],
    }),
  ];
  const input = { list: ["/c/east/b", "/c/west/d", "/c/none", "/c/east/b"] };
  const planned = plan(makeCity(), makeApplication({ steps }), input);
  assert.equal(
    planned.steps.map(({ id, members, unmatched, dependsOn, shares }) => [
      id,
      members,
      unmatched,
      dependsOn,
      shares.map(({ address, members: count }) => `${address} ${count}`),
    ]),
    [
      ["spread", 4, 0, [], ["/c/east 3", "/c/west 1"]],
      ["named", 4, 1, [], ["/c/east 2", "/c/west 1"]],
      ["later", 0, 0, ["spread"], []],
    ],
  );
});

test("deadlines are times, as late as the steps before allow, within the whole", () => {
  const deadlines = { startMs: 1_000, finishMs: 5_000, heartbeatMs: undefined, totalMs: 20_000 };
  const steps: Step[] = [
    makeService("first", { deadlines }),
    {
      type: "timer",
      id: "pause",
      title: undefined,
      needs: [{ step: "first", on: "done" }],
      when: undefined,
      onError: undefined,
      timer: { kind: "for", ms: 30_000, calendar: "" },
    },
    makeService("last", { needs: [{ step: "pause", on: "done" }], deadlines }),
  ];
  const planned = plan(makeCity(), makeApplication({ steps, totalMs: 60_000 }), {});
  assert.is(planned.dueMs, nowMs + 60_000);
  assert.equal(
    planned.steps.map(({ id, latestStartMs = 0, latestEndMs = 0, deadlines: found }) => [
      id,
      latestStartMs - nowMs,
      latestEndMs - nowMs,
      found.map(({ name, atMs = 0 }) => `${name} ${atMs - nowMs}`),
    ]),
    [
      ["first", 0, 20_000, ["start 1000", "finish 5000", "total 20000"]],
      ["pause", 20_000, 50_000, ["timer 50000"]],
      ["last", 50_000, 60_000, ["start 51000", "finish 55000", "total 70000"]],
    ],
  );
});

test("a subflow names the version that it would start, a timer the time that the input gives", () => {
  const mesh = new KernelMesh();
  const kernel = mesh.addHub("/c");
  const child = makeApplication({ id: "child.app", version: "2.3.0", steps: [makeService("x")] });
  mesh.step("/c" as Address, { type: "publish", request: 1, application: child });
  const plainStep = { title: undefined, needs: [], when: undefined, onError: undefined };
  const noDeadlines = makeFanout("x").each.deadlines;
  const subflow = { application: "child.app", input: undefined, onParentCancel: "leave" } as const;
  const steps: Step[] = [
    {
      ...plainStep,
      type: "subflow",
      id: "start",
      subflow: { ...subflow, version: "^2" },
      deadlines: noDeadlines,
    },
    {
      ...plainStep,
      type: "subflow",
      id: "missing",
      subflow: { ...subflow, version: "^3" },
      deadlines: noDeadlines,
    },
    { ...plainStep, type: "timer", id: "at", timer: { kind: "until", at: expression("input.at") } },
  ];
  const at = "2026-11-27T17:30:00+08:00";
  const planned = plan(kernel, makeApplication({ steps }), { at });
  assert.equal(
    planned.steps.map(({ id, fate, explanation, latestEndMs }) => [
      id,
      fate,
      explanation,
      latestEndMs,
    ]),
    [
      ["start", "runs", "child.app@2.3.0", undefined],
      ["missing", "stuck", "", undefined],
      ["at", "runs", "", Date.parse(at)],
    ],
  );
});

test("a step for people names the desk that holds the task and who could take it", () => {
  const mesh = new KernelMesh();
  const kernel = mesh.addHub("/c");
  mesh.addHub("/c/d");
  mesh.addAgent("/c/d/bureau", ["clerk/v1"]);
  mesh.addAgent("/c/d/a", ["work/v1"]);
  mesh.advance(1_000);
  const chosen = makeRule({
    candidates: {
      users: [expression("input.clerk")],
      groups: [literal("bureau:housing")],
      roles: [expression("steps.bureau.out.role")],
      departments: [],
    },
  });
  const known = makeRule({ candidates: { ...chosen.candidates, roles: [] } });
  const needs = [{ step: "bureau", on: "done" }] as const;
  const steps: Step[] = [
    makeHuman({ human: known }),
    makeHuman({ id: "after", needs, human: chosen }),
    { ...makeHumanFanout(), members: { by: "match", membersMax: 10 } },
  ];
  const people = (input: JsonValue) =>
    plan(kernel, makeApplication({ steps }), input).steps.map(
      ({ fate, reason, node, desk, people: found, dependsOn }) => ({
        told: `${fate} ${reason}`.trim(),
        place: `${node?.address} ${desk}`,
        people: found.map(({ kind, name }) => `${kind} ${name}`),
        dependsOn,
      }),
    );
  const housing = "groups bureau:housing";
  const [first, second, third] = people({ clerk: "zhang" });
  assert.equal(first, {
    told: "runs",
    place: "/c/d/bureau /c/d",
    people: ["users zhang", housing],
    dependsOn: [],
  });
  assert.equal(second, {
    told: "runs",
    place: "/c/d/bureau /c/d",
    people: ["users =input.clerk", housing, "roles =steps.bureau.out.role"],
    dependsOn: ["bureau"],
  });
  assert.equal(third, {
    told: "runs",
    place: "undefined ",
    people: ['groups ="community:" + member.address'],
    dependsOn: [],
  });
  assert.match(people({ clerk: 7 })[0]?.told ?? "", /^stuck candidates\.users: 7 is no name$/);
});

test("a retired subflow and a calendar that nobody knows here wait for a person", () => {
  const mesh = new KernelMesh();
  const kernel = mesh.addHub("/c");
  mesh.addAgent("/c/bureau", ["clerk/v1"]);
  const city = "/c" as Address;
  const child = makeApplication({ id: "child.app", steps: [makeService("x")] });
  mesh.step(city, { type: "publish", request: 1, application: child });
  const retired = { id: "child.app", version: "1.0.0", state: "retired", setter: "" } as const;
  mesh.step(city, { type: "setApplicationState", request: 2, ...retired });
  const plainStep = { title: undefined, needs: [], when: undefined, onError: undefined };
  const { deadlines } = makeHuman();
  const call = { application: "child.app", input: undefined, onParentCancel: "leave" } as const;
  const subflow = (id: string, version: string): Step => ({
    ...plainStep,
    type: "subflow",
    id,
    subflow: { ...call, version },
    deadlines,
  });
  const working = { ...deadlines, calendar: "lunar" };
  const steps = [
    subflow("exact", "1.0.0"),
    subflow("newest", ""),
    makeHuman({ deadlines: working }),
  ];
  assert.equal(
    plan(kernel, makeApplication({ steps }), {}).steps.map(({ fate, reason }) => [fate, reason]),
    [
      ["stuck", "child.app 1.0.0 is retired and takes no chains"],
      ["stuck", "no version of child.app is current (1.0.0 retired): name one that is not retired"],
      ["stuck", "deadline.calendar: no calendar lunar is known at this hub"],
    ],
  );
});

test("an input that breaks the schema is refused with its place", () => {
  const application = makeApplication({
    steps: [makeService("x")],
    inputSchema: { type: "object", required: ["scope"] },
  });
  assert.match(String(makeCity().planChain(application, {}, nowMs)), /scope/);
});
