// The language beyond services and fan-outs over a level: each part with what it is read as.

import {
  decodeApplication,
  encodeApplication,
  formatDiagnostic,
  parseApplication,
} from "@cloudbrain/sdk/definition";
import {
  type Application,
  type FanoutStep,
  type HumanStep,
  isMeshError,
  type JsonValue,
  type Mapping,
  type Step,
} from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";

import { suite } from "../support/suite.ts";

const test = suite("the language of applications");

function written(spec: string): string {
  const head = "apiVersion: cloudbrain/v1\nkind: Application\n";
  const metadata = "metadata: { id: a.b, version: 1.0.0, title: { zh: 测试 } }\n";
  return `${head}${metadata}spec:\n${spec.replace(/^\n/, "")}`;
}

function problemsOf(spec: string): readonly string[] {
  const parsed = parseApplication(written(spec), { file: "a" });
  return (parsed.ok ? parsed.warnings : parsed.diagnostics).map(formatDiagnostic);
}

/** Also goes through the JSON of stores and links, which must lose nothing. */
function read(spec: string): Application {
  const parsed = parseApplication(written(spec), { file: "a" });
  if (!parsed.ok) throw new Error(parsed.diagnostics.map(formatDiagnostic).join("\n"));
  const json = JSON.parse(JSON.stringify(encodeApplication(parsed.application))) as JsonValue;
  const decoded = decodeApplication(json);
  assert.equal(decoded, parsed.application);
  return decoded;
}

function stepOf<Type extends Step["type"]>(
  type: Type,
  lines: string,
  settings = "deadline: { total: P30D }",
): Extract<Step, { readonly type: Type }> {
  const [step] = read(`  ${settings}\n  steps:\n${lines.replace(/^\n/, "")}`).steps;
  if (step?.type !== type) throw new Error(`it is a ${step?.type}`);
  return step as Extract<Step, { readonly type: Type }>;
}

const text = (value: string): Mapping => ({ kind: "literal", value });
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

test("the settings of a chain are read whole", () => {
  const {
    steps: _steps,
    hash: _hash,
    ...settings
  } = read(`
  priority: 'input.urgent ? 80 : 40'
  lane: emergency
  deadline: { total: P7D, calendar: cn-workdays }
  policies:
    open: node.region == "370202"
    accepts: 'node.level == "district"'
  onFailure: compensate
  onCancel: compensate
  steps:
    - id: one
      type: service
      match: { capability: a.b/v1, policy: accepts, prefer: "-size(node.capabilities)" }
      compensate: { call: { capability: a.undo/v1, policy: open, input: { id: "=out.id" } } }
`);
  assert.equal(settings, {
    id: "a.b",
    version: "1.0.0",
    title: { zh: "测试" },
    inputSchema: undefined,
    totalMs: 7 * dayMs,
    keyExpression: undefined,
    keyKeepMs: 30 * dayMs,
    onFailure: "compensate",
    output: undefined,
    calendar: "cn-workdays",
    priority: "input.urgent ? 80 : 40",
    urgency: "emergency",
    onCancel: "compensate",
    policies: [
      { name: "accepts", allow: 'node.level == "district"' },
      { name: "open", allow: 'node.region == "370202"' },
    ],
  });
});

test("a human step is read with everything that a clerk may do", () => {
  const step = stepOf(
    "human",
    `
    - id: bureau
      type: human
      match: { capability: clerk.handle/v1 }
      human:
        candidates: { users: "=input.clerk", groups: [a, '="b:" + node.code'], roles: clerk }
        actions: [complete, claim, return, requestExtension]
        onReturn: { to: desk, may: [reject, insist], maxVisits: 2, then: fail }
        extension: { max: 2, longest: P5D, decidedBy: [desk, chief] }
        form: { type: object, properties: { result: { type: string } } }
      output: { result: "=out.result" }
      deadline: { claim: 4h, finish: P3D, total: P9D, calendar: cn-workdays }
      escalate:
        - { after: 2h, on: unclaimed, do: remind, channels: [sms, voice] }
        - { after: P2D, on: unfinished, do: supervise, to: office }
`,
  );
  const { match: _match, ...rest } = step;
  const expected: Omit<HumanStep, "match"> = {
    id: "bureau",
    type: "human",
    title: undefined,
    needs: [],
    when: undefined,
    onError: undefined,
    output: {
      kind: "fields",
      fields: [{ name: "result", mapping: { kind: "expression", source: "out.result" } }],
    },
    input: undefined,
    human: {
      candidates: {
        users: [{ kind: "expression", source: "input.clerk" }],
        groups: [text("a"), { kind: "expression", source: '"b:" + node.code' }],
        roles: [text("clerk")],
        departments: [],
      },
      actions: ["claim", "complete", "return", "requestExtension"],
      form: { type: "object", properties: { result: { type: "string" } } },
      // biome-ignore lint/suspicious/noThenProperty: a word of the language; nobody awaits it.
      onReturn: { to: [text("desk")], may: ["insist", "reject"], visitsMax: 2, then: "fail" },
      extension: { max: 2, longestMs: 5 * dayMs, decidedBy: [text("desk"), text("chief")] },
    },
    deadlines: {
      startMs: undefined,
      finishMs: 3 * dayMs,
      heartbeatMs: undefined,
      totalMs: 9 * dayMs,
      claimMs: 4 * hourMs,
      calendar: "cn-workdays",
    },
    escalate: [
      {
        afterMs: 2 * hourMs,
        on: "unclaimed",
        action: "remind",
        to: [],
        channels: ["sms", "voice"],
      },
      {
        afterMs: 2 * dayMs,
        on: "unfinished",
        action: "supervise",
        to: [text("office")],
        channels: [],
      },
    ],
  };
  assert.equal(rest, expected);
});

test("a task without a deadline keeps the reason, and asks for no escalation", () => {
  const step = stepOf(
    "human",
    `
    - id: court
      type: human
      match: { capability: a.b/v1 }
      human: { candidates: { roles: [clerk] } }
      deadline: { none: the court decides }
`,
  );
  assert.is(step.deadlines.unboundedReason, "the court decides");
  assert.is(step.deadlines.finishMs, undefined);
  assert.equal(step.human.actions, ["claim", "unclaim", "complete"]);
  assert.equal(step.human.extension, { max: 0, longestMs: 0, decidedBy: [] });
});

test("timers, gates, signals and subflows are read whole", () => {
  const { steps } = read(`
  steps:
    - { id: pause, type: timer, timer: { for: P1D, calendar: cn-workdays } }
    - { id: until, type: timer, timer: { until: "=input.at" } }
    - id: wait
      type: gate
      gate: { signal: water.red, schema: { type: object }, where: event.payload.level > 3 }
      output: "=out.level"
      deadline: { finish: PT6H, calendar: cn-workdays }
    - { id: tell, type: signal, signal: { name: water.red, payload: { level: "=input.level" } } }
    - id: other
      type: subflow
      subflow: { app: c.d, version: ^2, input: "=input", onParentCancel: leave }
      deadline: { finish: P1D }
    - { id: newest, type: subflow, subflow: { app: c.d }, deadline: { finish: P1D } }
`);
  const own = steps.map((step) => {
    const { id: _id, title: _title, needs: _needs, when: _when, onError: _onError, ...rest } = step;
    return rest;
  });
  const unbounded = { startMs: undefined, heartbeatMs: undefined, totalMs: undefined };
  const input: Mapping = { kind: "expression", source: "input" };
  assert.equal(own, [
    { type: "timer", timer: { kind: "for", ms: dayMs, calendar: "cn-workdays" } },
    { type: "timer", timer: { kind: "until", at: { kind: "expression", source: "input.at" } } },
    {
      type: "gate",
      gate: { signal: "water.red", schema: { type: "object" }, where: "event.payload.level > 3" },
      output: { kind: "expression", source: "out.level" },
      deadlines: { ...unbounded, finishMs: 6 * hourMs, calendar: "cn-workdays" },
    },
    {
      type: "signal",
      signal: {
        name: "water.red",
        payload: {
          kind: "fields",
          fields: [{ name: "level", mapping: { kind: "expression", source: "input.level" } }],
        },
      },
    },
    {
      type: "subflow",
      subflow: { application: "c.d", version: "^2", input, onParentCancel: "leave" },
      deadlines: { ...unbounded, finishMs: dayMs },
    },
    {
      type: "subflow",
      subflow: { application: "c.d", version: "", input: undefined, onParentCancel: "cancel" },
      deadlines: { ...unbounded, finishMs: dayMs },
    },
  ]);
});

const alert = `
    - id: alert
      type: fanout
      fanout: { scope: "=input.scope", level: community }
      each:
        type: human
        match: { capability: a.b/v1 }
        human: { candidates: { groups: ['=member.code'] }, actions: [claim, report, complete] }
        feedback: revise
        escalate: [{ after: PT5M, on: unclaimed, do: offerUp }]
      aggregate: { into: { codes: { collect: member.code } }, late: revise }
`;

test("members may be people, who answer again", () => {
  const { each, aggregate }: FanoutStep = stepOf("fanout", alert);
  assert.is(each.revise, true);
  assert.is(aggregate.late, "revise");
  assert.equal(each.escalate, [
    { afterMs: 300_000, on: "unclaimed", action: "offerUp", to: [], channels: [] },
  ]);
  assert.equal(each.human?.candidates.groups, [{ kind: "expression", source: "member.code" }]);
});

test("a fan-out grows with the partials of another, by key", () => {
  const rescue = `
    - id: rescue
      type: fanout
      needs: [{ step: alert, on: partial }]
      fanout:
        items: "=steps.alert.agg.codes"
        key: item
        grow: { on: alert.partial, closeOn: alert.done }
        maxConcurrency: 50
        maxMembers: 500
      each:
        match: { capability: a.b/v1, pick: nearest, where: item.startsWith(node.region) }
        compensate:
          call: { capability: a.undo/v1, input: { code: "=item", at: "=member.address" } }
          deadline: { finish: PT5M }
          retry: { max: 3 }
      aggregate: { into: { n: count() } }
`;
  const { steps } = read(
    `  deadline: { total: P1D }\n  onCancel: compensate\n  steps:\n${alert}${rescue}`,
  );
  const step = steps[1];
  if (step?.type !== "fanout") throw new Error("it is no fan-out");
  assert.equal(step.needs, [{ step: "alert", on: "partial" }]);
  assert.equal(step.members, {
    by: "items",
    items: { kind: "expression", source: "steps.alert.agg.codes" },
    key: "item",
    membersMax: 500,
    concurrencyMax: 50,
    growsWith: "alert",
  });
  const { match, retry, ...undo } = step.each.compensate ?? {};
  assert.is(match?.capability, "a.undo/v1");
  assert.is(retry?.max, 3);
  assert.equal(undo, {
    input: {
      kind: "fields",
      fields: [
        { name: "at", mapping: { kind: "expression", source: "member.address" } },
        { name: "code", mapping: { kind: "expression", source: "item" } },
      ],
    },
    finishMs: 300_000,
  });
});

test("everything that matches may be a member", () => {
  const { members, each } = stepOf(
    "fanout",
    `
    - id: all
      type: fanout
      each: { match: { capability: a.b/v1, pick: all }, input: { to: "=member.address" } }
      aggregate: { into: { n: count() } }
`,
  );
  assert.equal(members, { by: "match", membersMax: 10_000 });
  assert.is(each.match.pick, "all");
});

test("a store that hands out more than the language has is refused", () => {
  const step = stepOf("fanout", alert);
  const parsed = read(`  deadline: { total: P30D }\n  steps:\n${alert}`);
  const human = { ...step.each.human, actions: ["complete", "claim"] };
  const steps = [{ ...step, each: { ...step.each, human } }];
  const encoded = { ...parsed, steps } as unknown as Application;
  assert.throws(
    () => decodeApplication(encodeApplication(encoded)),
    (error: unknown) =>
      isMeshError(error) &&
      error.code === "APPLICATION_INVALID" &&
      error.subject === "application.steps[0].each.human.actions",
  );
});

test("what may be right is not refused by a check of types", () => {
  const sound = [
    "input.anything.deeper == 3",
    'has(input.note) && input.note != ""',
    "input.count > 2.5 || input.count == 2",
    "input.ratio * 2 > 1",
    "input.maybe == null || input.maybe > 0",
    "[1, 2].exists(x, x == input.count)",
    "input.sites.map(s, {'name': s}).all(m, m.name != '')",
    "{'a': 1}['a'] == input.count",
    "timestamp(input.at) - timestamp(input.at) < duration('1h')",
    "input.other in input.sites",
    "(input.flag ? 1 : 2.5) < 3",
    "type(input.count) == int",
    "steps.fan.agg.most > 3 && steps.fan.coverage < 0.5",
    "size(steps.fan.agg.codes.filter(c, c.startsWith('3702'))) > 0",
    "node.load.tasks < 5 && node.capabilities.exists(c, c.startsWith('a'))",
  ];
  for (const where of sound) {
    assert.equal(
      problemsOf(`
  input:
    type: object
    required: [count, ratio, flag, at, maybe, sites, anything, other]
    properties:
      count: { type: integer }
      ratio: { type: number }
      note: { type: string }
      flag: { type: boolean }
      at: { type: string, format: date-time }
      maybe: { type: [integer, "null"] }
      sites: { type: array, items: { type: string } }
      anything: true
      other: { oneOf: [{ type: string }, { type: integer }] }
  deadline: { total: P1D }
  steps:
    - id: fan
      type: fanout
      fanout: { scope: "370200", level: community }
      each: { match: { capability: a.b/v1 } }
      aggregate: { into: { most: max(out.x), codes: { collect: member.code } } }
    - id: one
      type: service
      needs: [fan]
      match:
        capability: a.b/v1
        where: >-
          ${where}
`),
      [],
      where,
    );
  }
});

test("a policy is checked against what each step that names it can see", () => {
  const policy = (needs: string): string => `
  deadline: { total: P1D }
  policies: { sure: steps.first.out.sure }
  steps:
    - { id: first, type: service, match: { capability: a.b/v1 } }
    - { id: second, type: service, needs: [${needs}], match: { capability: a.b/v1, policy: sure } }
`;
  assert.equal(problemsOf(policy("first")), []);
  assert.equal(problemsOf(policy("")), [
    'a:6:21: error STEP_NOT_NEEDED: spec.policies.sure: step "first" need not have ended when ' +
      "this is read (add first to the needs of second)",
  ]);
});

test("a calendar is any name until it is said which there are", () => {
  const spec = `
  deadline: { total: P1D, calendar: lunar }
  steps:
    - { id: first, type: service, match: { capability: a.b/v1 } }
`;
  assert.equal(problemsOf(spec), []);
  const parsed = parseApplication(written(spec), { file: "a", calendars: [] });
  assert.equal(
    (parsed.ok ? [] : parsed.diagnostics).map(({ code }) => code),
    ["UNKNOWN_CALENDAR"],
  );
});

test("an id that is none never throws, whatever refers to it", () => {
  const found = problemsOf(`
  deadline: { total: P1D }
  steps:
    - id: "a(b"
      type: fanout
      fanout: { items: "=input.codes" }
      each: { match: { capability: a.b/v1 } }
      aggregate: { into: { n: count() } }
    - id: c
      type: fanout
      needs: [{ step: "a(b", on: partial }]
      fanout:
        items: "=input.codes"
        key: item
        grow: { on: "a(b.partial", closeOn: "a(b.done" }
      each: { match: { capability: a.b/v1 } }
      aggregate: { into: { n: count() } }
`);
  assert.equal(
    found.map((line) => line.split(" ")[2]),
    ["WRONG_VALUE:", "GROW_SOURCE:"],
  );
});
