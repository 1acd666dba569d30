// What docs/applications.md and its twin show is parsed here.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createValidate, formatDiagnostic, parseApplication } from "@cloudbrain/sdk/definition";
import type { JsonValue } from "@cloudbrain/sdk/domain";
import { plainValue, readYaml } from "@cloudbrain/sdk/internal/definition/yaml-source";
import * as assert from "uvu/assert";

import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("the guide of applications");

function readSnippets(guide: string): readonly string[] {
  const text = readFileSync(join(repositoryRoot, guide), "utf8");
  return [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, source = ""]) => source);
}

const head = [
  "apiVersion: cloudbrain/v1",
  "kind: Application",
  "metadata: { id: guide.snippet, version: 1.0.0, title: { zh: 示例 } }",
  "spec:",
  "",
].join("\n");

/** A snippet is a whole application, a spec, or steps of a chain with a total deadline. */
function wholeOf(snippet: string): string {
  if (snippet.startsWith("apiVersion:")) return snippet;
  const indent = (text: string, by: string): string => text.replace(/^(?=.)/gm, by);
  if (!snippet.startsWith("- ")) return head + indent(snippet, "  ");
  return `${head}  deadline: { total: P30D }\n  steps:\n${indent(snippet, "    ")}`;
}

test("each of its snippets is an application without a fault", () => {
  const snippets = readSnippets("docs/applications.md");
  assert.is(snippets.length, 10);
  for (const snippet of snippets) {
    const parsed = parseApplication(wholeOf(snippet), { file: "guide.yaml" });
    const found = parsed.ok ? parsed.warnings : parsed.diagnostics;
    assert.equal(found.map(formatDiagnostic), [], snippet.split("\n").slice(0, 2).join("\n"));
  }
});

test("editors accept each of them", () => {
  const file = join(repositoryRoot, "docs/schemas/application.v1.json");
  const schema = JSON.parse(readFileSync(file, "utf8")) as JsonValue;
  const validate = createValidate();
  for (const snippet of readSnippets("docs/applications.md")) {
    const { root } = readYaml(wholeOf(snippet), "guide.yaml");
    const told = validate(schema, root === undefined ? null : plainValue(root));
    assert.is(told, undefined, snippet.split("\n").slice(0, 2).join("\n"));
  }
});

test("the Chinese guide shows the same snippets", () => {
  assert.equal(readSnippets("docs/applications.zh-CN.md"), readSnippets("docs/applications.md"));
});
