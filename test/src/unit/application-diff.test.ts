import { readFileSync } from "node:fs";
import { join } from "node:path";
import { diffApplications, formatDiagnostic, parseApplication } from "@cloudbrain/sdk/definition";
import type { Application } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";

import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("differences of applications");

const text = readFileSync(join(repositoryRoot, "docs/examples/city-item.yaml"), "utf8");

function parse(source: string): Application {
  const parsed = parseApplication(source, { file: "a.yaml" });
  if (parsed.ok) return parsed.application;
  throw new Error(parsed.diagnostics.map(formatDiagnostic).join("\n"));
}

function changesOf(...edits: readonly (readonly [from: string, to: string])[]) {
  let changed = text;
  for (const [from, to] of edits) {
    assert.ok(changed.includes(from), from);
    changed = changed.replace(from, to);
  }
  return diffApplications(parse(text), parse(changed)).changes;
}

test("another version with the same content is no change, and both are named", () => {
  const before = parse(text);
  const after = parse(text.replace("version: 3.1.0", "version: 3.2.0"));
  assert.equal(diffApplications(before, after), {
    before: { id: "city.item.handle", version: "3.1.0", hash: before.hash },
    after: { id: "city.item.handle", version: "3.2.0", hash: after.hash },
    changes: [],
    concernsRunningChains: false,
  });
});

test("an expression is shown as it is written", () => {
  assert.equal(
    changesOf([
      'category: "=steps.classify.out.category" }\n      human',
      "category: water }\n      human",
    ]),
    [
      {
        path: "steps.bureau.input.category",
        kind: "changed",
        before: "=steps.classify.out.category",
        after: "water",
      },
    ],
  );
});

test("what is new or gone is one change, whatever stands around it", () => {
  const timer = "    - { id: pause, type: timer, timer: { for: PT1H } }\n\n    - id: notify";
  assert.equal(
    changesOf(
      ["    - id: notify", timer],
      ["        policy: item.accept\n", ""],
      [
        '  policies:\n    item.accept: node.kind == "level" || node.industry == input.industry\n',
        "",
      ],
      ["needs: [bureau, fieldCheck]", "needs: [bureau, { step: fieldCheck, on: partial }, pause]"],
    ),
    [
      {
        path: "steps.bureau.match.policy",
        kind: "removed",
        before: "item.accept",
        after: undefined,
      },
      {
        path: "steps.pause",
        kind: "added",
        before: undefined,
        after: { needs: {}, timer: { kind: "for", ms: 3_600_000, calendar: "" }, type: "timer" },
      },
      {
        path: "steps.notify.needs.fieldCheck.on",
        kind: "changed",
        before: "done",
        after: "partial",
      },
      { path: "steps.notify.needs.pause", kind: "added", before: undefined, after: { on: "done" } },
      {
        path: "policies",
        kind: "removed",
        before: {
          "item.accept": { allow: 'node.kind == "level" || node.industry == input.industry' },
        },
        after: undefined,
      },
    ],
  );
});

test("steps in another order are told once", () => {
  const before = parse(text);
  const after = { ...before, steps: [...before.steps].reverse() };
  assert.equal(diffApplications(before, after).changes, [
    {
      path: "steps",
      kind: "reordered",
      before: ["classify", "bureau", "fieldCheck", "notify"],
      after: ["notify", "fieldCheck", "bureau", "classify"],
    },
  ]);
});
