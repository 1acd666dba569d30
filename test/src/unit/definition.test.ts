import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  createValidate,
  decodeApplication,
  encodeApplication,
  formatDiagnostic,
  parseApplication,
} from "@cloudbrain/sdk/definition";
import { type Application, isMeshError, type JsonValue } from "@cloudbrain/sdk/domain";
import { plainValue, readYaml } from "@cloudbrain/sdk/internal/definition/yaml-source";
import * as assert from "uvu/assert";

import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("definition");

const examples = [
  "typhoon-drill.yaml",
  "item-handling.yaml",
  "city-item.yaml",
  "typhoon-emergency.yaml",
  "typhoon-second-wave.yaml",
  "hotline-12345.yaml",
  "hotline-12345-again.yaml",
  "resident-permit.yaml",
];

function readExample(name: string): string {
  return readFileSync(join(repositoryRoot, "docs/examples", name), "utf8");
}

function parseWhole(text: string): Application {
  const result = parseApplication(text, { file: "a.yaml" });
  assert.ok(result.ok, result.ok ? "" : result.diagnostics.map(formatDiagnostic).join("\n"));
  if (!result.ok) throw new Error("unreachable");
  assert.equal(result.warnings, []);
  return result.application;
}

function readYamlText(text: string): JsonValue {
  const { root } = readYaml(text, "a.yaml");
  return root === undefined ? null : plainValue(root);
}

/** `line:column code` of every problem. */
function problemsOf(text: string): readonly string[] {
  const result = parseApplication(text, { file: "a.yaml" });
  if (result.ok) return [];
  for (const { file, message } of result.diagnostics) {
    assert.is(file, "a.yaml");
    assert.ok(message.length > 10);
  }
  return result.diagnostics.map(({ line, column, code }) => `${line}:${column} ${code}`);
}

function withSteps(...lines: readonly string[]): string {
  const head = [
    "apiVersion: cloudbrain/v1",
    "kind: Application",
    "metadata: { id: a.b, version: 1.0.0, title: { zh: 测试, en: Test } }",
    "spec:",
    "  steps:",
  ];
  return [...head, ...lines.map((line) => `    ${line}`), ""].join("\n");
}

const plainStep =
  "- { id: one, type: service, match: { capability: a.b/v1 }, deadline: { finish: 5s } }";

test("reads the typhoon drill whole", () => {
  const application = parseWhole(readExample("typhoon-drill.yaml"));
  const { steps, hash, ...rest } = application;
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.is(rest.onFailure, "fail");
  assert.equal(steps, [
    {
      id: "report",
      title: { zh: "社区上报", en: "Communities report" },
      needs: [],
      when: undefined,
      onError: undefined,
      type: "fanout",
      members: {
        by: "level",
        scope: { kind: "expression", source: "input.scope" },
        level: "community",
        membersMax: 1_000_000,
      },
      each: {
        match: {
          capability: "community.emergency/v1",
          level: undefined,
          region: undefined,
          industry: undefined,
          where: undefined,
          pick: "one",
        },
        input: {
          kind: "fields",
          fields: [
            { name: "typhoonId", mapping: { kind: "expression", source: "input.typhoonId" } },
          ],
        },
        deadlines: {
          startMs: 30_000,
          finishMs: 60_000,
          heartbeatMs: undefined,
          totalMs: undefined,
        },
        retry: {
          max: 3,
          initialMs: 500,
          factor: 2,
          capMs: 5_000,
          jitter: 0.2,
          notOn: [],
          rematch: false,
        },
      },
      aggregate: {
        into: [
          { name: "avgWater", reducer: { op: "avg", value: "out.waterLevelCm" } },
          { name: "evacuated", reducer: { op: "sum", value: "out.evacuated" } },
          { name: "maxWater", reducer: { op: "max", value: "out.waterLevelCm" } },
          { name: "reported", reducer: { op: "count" } },
          { name: "stranded", reducer: { op: "sum", value: "out.stranded" } },
          {
            name: "strandedAt",
            reducer: { op: "collect", value: "member.code", where: "out.stranded > 0", limit: 100 },
          },
        ],
        emitEveryMs: 2_000,
        quorum: 1,
        or: undefined,
        minimum: 0.8,
        onShort: "partial",
        late: "record",
        finishMs: 120_000,
      },
    },
  ]);
});

test("encodes and decodes every example without a loss", () => {
  for (const name of examples) {
    const application = parseWhole(readExample(name));
    const stored = JSON.parse(JSON.stringify(encodeApplication(application))) as JsonValue;
    assert.equal(decodeApplication(stored), application);
  }
});

test("refuses to decode what was changed after it was hashed", () => {
  const encoded = encodeApplication(parseWhole(readExample("typhoon-drill.yaml"))) as {
    readonly [key: string]: JsonValue;
  };
  const broken: readonly JsonValue[] = [
    { ...encoded, onFailure: "suspend" },
    { ...encoded, onFailure: "never" },
    { ...encoded, more: 1 },
    { ...encoded, steps: [] },
    { ...encoded, steps: 1 },
    null,
  ];
  for (const value of broken) {
    try {
      decodeApplication(value);
      assert.unreachable();
    } catch (error) {
      assert.ok(isMeshError(error) && error.code === "APPLICATION_INVALID", String(error));
    }
  }
});

test("gives one hash to texts that mean the same, and another to any other", () => {
  const text = readExample("typhoon-drill.yaml");
  const { hash } = parseWhole(text);
  const same = text.replace("PT2M", "120s").replace("onFailure: fail\n", "onFailure: fail # so\n");
  const other = text.replace("PT2M", "121s");
  assert.is(parseWhole(same).hash, hash);
  assert.is.not(parseWhole(other).hash, hash);
});

test("reports every problem with its line and column, in order", () => {
  const text = withSteps(
    "- id: one",
    "  type: service",
    "  need: [two]",
    "  needs: [tow]",
    "  match: { capability: a.b/v1, level: town }",
    "  when: 'steps.tow.out.x > 0'",
    "  deadline: { finish: -PT5S }",
    "  retry: { max: 0 }",
    "- id: two",
    "  type: service",
    "  match: { capability: a.b/v1, where: 'node.level == && 1' }",
    "  input: { a: '=sise(input.x)', b: '=steps.fan.agg.evacuatd' }",
    "- id: fan",
    "  type: fanout",
    "  needs: [two]",
    "  fanout: { scope: '=input.scope', level: village }",
    "  each: { match: { capability: x } }",
    "  aggregate:",
    "    into: { a: sum(out.x +), b: summ(out.y), c: sum(evac.x), evacuated: sum(out.x) }",
    "    complete: { quorum: 1.5, minimum: -1, onShort: fial }",
  );
  assert.equal(problemsOf(text), [
    "8:7 UNKNOWN_KEY",
    "9:15 UNKNOWN_STEP",
    "10:43 WRONG_VALUE",
    "11:14 UNKNOWN_STEP",
    "12:27 BAD_DURATION",
    "13:21 OUT_OF_RANGE",
    "14:7 NO_DEADLINE",
    "16:55 BAD_EXPRESSION",
    "17:21 UNKNOWN_FUNCTION",
    "17:42 STEP_NOT_NEEDED",
    "17:42 UNKNOWN_FIELD",
    "18:7 NO_DEADLINE",
    "21:47 WRONG_VALUE",
    "24:30 BAD_EXPRESSION",
    "24:37 BAD_REDUCER",
    "24:57 UNKNOWN_VARIABLE",
    "25:29 OUT_OF_RANGE",
    "25:43 OUT_OF_RANGE",
    "25:56 WRONG_VALUE",
  ]);
});

test("says what to write instead", () => {
  const result = parseApplication(withSteps(plainStep.replace("match", "mach")), {
    file: "a.yaml",
  });
  assert.equal(result.ok ? [] : result.diagnostics.map(formatDiagnostic), [
    'a.yaml:6:7: error MISSING_KEY: steps.one lacks the key "match" ' +
      "(write match: { capability: name/v1 })",
    'a.yaml:6:33: error UNKNOWN_KEY: steps.one has no key "mach" (did you mean "match"?)',
  ]);
});

test("points into folded and quoted texts", () => {
  const text = withSteps(
    "- id: one",
    "  type: service",
    "  match: { capability: a.b/v1 }",
    "  deadline: { finish: 5s }",
    "  when: >-",
    "    input.a > 1",
    "    && wrong.b",
    '  input: { a: "=input.a == \\"x\\" && worse" }',
  );
  assert.equal(problemsOf(text), ["12:12 UNKNOWN_VARIABLE", "13:41 UNKNOWN_VARIABLE"]);
});

test("what was written before the language grew keeps its hash", () => {
  assert.equal(
    ["typhoon-drill.yaml", "item-handling.yaml"].map((name) => parseWhole(readExample(name)).hash),
    [
      "ab060ea514c1672b666da6627004bf7e1e871974857d54a143eeffd95130827b",
      "999e4c08c458dd6e36afdc6b794b38744e17bfcf502efea3fe108fc6ab465c49",
    ],
  );
});

test("the spelling of a default changes no hash", () => {
  const text = readExample("typhoon-emergency.yaml");
  const spelled = text
    .replace("  onCancel:", "  onFailure: suspend\n  onCancel:")
    .replace("        type: service\n", "        feedback: once\n")
    .replace("actions: [claim, report, complete]", "actions: [complete, claim, report]")
    .replace("deadline: { total: PT12H }", "deadline: { total: 12h }");
  assert.is.not(spelled, text);
  assert.is(parseWhole(spelled).hash, parseWhole(text).hash);
  const plain = readExample("item-handling.yaml");
  const normal = plain.replace("  onFailure:", "  lane: normal\n  onCancel: keep\n  onFailure:");
  assert.is(parseWhole(normal).hash, parseWhole(plain).hash);
});

test("refuses circles, doubles and steps that could wait for ever", () => {
  const step = (id: string, needs: string): string =>
    `- { id: ${id}, type: service, needs: [${needs}], match: { capability: a }, deadline: { finish: 5s } }`;
  assert.equal(problemsOf(withSteps(step("a", "b"), step("b", "c"), step("c", "a"))), [
    "6:39 CYCLE",
  ]);
  assert.equal(problemsOf(withSteps(step("a", "a"))), ["6:39 CYCLE"]);
  assert.equal(problemsOf(withSteps(step("a", ""), step("a", ""))), ["7:7 DUPLICATE_STEP"]);
  const endless = plainStep.replace("finish: 5s", "start: 5s");
  assert.equal(problemsOf(withSteps(endless)), ["6:7 NO_DEADLINE"]);
  const bounded = withSteps(endless).replace("spec:", "spec:\n  deadline: { total: P1D }");
  assert.equal(problemsOf(bounded), []);
});

test("refuses too many steps and texts that are too large or no YAML", () => {
  const many = Array.from({ length: 201 }, (_, index) => plainStep.replace("one", `s${index}`));
  assert.equal(problemsOf(withSteps(...many)), ["206:7 TOO_MANY"]);
  assert.equal(problemsOf(`a: ${"x".repeat(300_000)}`), ["1:1 TOO_LARGE"]);
  assert.equal(problemsOf(""), ["1:1 EMPTY"]);
  for (const text of [
    "a: [",
    "a: b: c",
    "\t- x",
    "[".repeat(100_000),
    "a: &x 1\nb: *x",
    "a: !!binary x",
  ]) {
    assert.ok(problemsOf(text).length > 0, text.slice(0, 20));
  }
});

test("has a schema for editors that accepts the examples and refuses broken ones", () => {
  const text = readFileSync(join(repositoryRoot, "docs/schemas/application.v1.json"), "utf8");
  const schema = JSON.parse(text) as JsonValue;
  const validate = createValidate();
  for (const name of examples) {
    const example = readExample(name);
    assert.is(validate(schema, readYamlText(example)), undefined, name);
    for (const [right, wrong] of [
      ["kind: Application", "kind: Workflow"],
      ["type: service", "type: human"],
      ["level: community", "level: village"],
      ["quorum:", "quorom:"],
      ["finish: ", "finish: 3 "],
    ] as const) {
      if (!example.includes(right)) continue;
      assert.type(validate(schema, readYamlText(example.replace(right, wrong))), "string", wrong);
    }
  }
});
