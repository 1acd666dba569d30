// Fields that need not be there: who reads them without asking is warned.

import { formatDiagnostic, parseApplication } from "@cloudbrain/sdk/definition";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("fields that may be missing");

function problemsOf(spec: string): readonly string[] {
  const head = "apiVersion: cloudbrain/v1\nkind: Application\n";
  const metadata = "metadata: { id: a.b, version: 1.0.0, title: { zh: 测试 } }\n";
  const text = `${head}${metadata}spec:\n${spec.replace(/^\n/, "")}`;
  const parsed = parseApplication(text, { file: "a" });
  return (parsed.ok ? parsed.warnings : parsed.diagnostics).map(formatDiagnostic);
}

test("reading what need not be there is warned of, unless it is asked for before", () => {
  const warnings = (condition: string, reducer: string): readonly string[] =>
    problemsOf(`
  deadline: { total: P1D }
  steps:
    - id: ask
      type: fanout
      fanout: { scope: "370200", level: community }
      each:
        type: human
        match: { capability: a.b/v1 }
        human:
          candidates: { groups: [g] }
          form:
            type: object
            required: [stranded]
            properties: { stranded: { type: integer }, depth: { type: integer } }
        deadline: { finish: PT1H }
        escalate: [{ after: PT1M, on: unclaimed, do: remind }]
      aggregate: { into: { value: ${reducer} } }
      deadline: { finish: PT2H }
    - id: clerk
      type: human
      needs: [ask]
      match: { capability: a.b/v1 }
      human:
        candidates: { groups: [g] }
        form: { type: object, properties: { note: { type: string } } }
      deadline: { none: nobody waits }
    - id: tell
      type: service
      needs: [clerk]
      when: ${condition}
      match: { capability: a.b/v1 }
      input: { note: "=steps.clerk.out.note" }
`);
  assert.equal(
    warnings("has(steps.clerk.out.note)", '"max(has(out.depth) ? out.depth : null)"'),
    [],
  );
  assert.equal(warnings(`'"note" in steps.clerk.out'`, "sum(out.stranded)"), []);
  const collected = "{ collect: out.depth, where: has(out.depth) }";
  assert.equal(warnings("has(steps.clerk.out.note)", collected), []);
  const found = warnings("'true'", "max(out.depth)").map((text) => text.replace(/^.*warning /, ""));
  const told = (path: string): string =>
    `need not be there: reading it fails then (write has(${path}) ? ${path} : null, or make it required)`;
  assert.equal(found, [
    `MAYBE_MISSING: steps.ask.aggregate.into.value: "depth" ${told("out.depth")}`,
    `MAYBE_MISSING: steps.tell.input.note: "note" ${told("steps.clerk.out.note")}`,
  ]);
});
