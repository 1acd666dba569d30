// What docs/sdk.md and its twin show is compiled here, and its test is run.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";

import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("the guide of the SDK", { timeLimitMs: 60_000 });

const compiler = join(repositoryRoot, "node_modules", "typescript", "bin", "tsc");
const directory = mkdtempSync(join(tmpdir(), "cloudbrain-guide-"));
const compilerOptions = {
  target: "es2022",
  module: "nodenext",
  lib: ["ES2023"],
  types: ["node"],
  strict: true,
  skipLibCheck: true,
  rewriteRelativeImportExtensions: true,
  outDir: "dist",
};

interface Snippet {
  readonly name: string;
  readonly source: string;
}

/** Each begins with a comment that names its file. */
function readSnippets(guide: string): Snippet[] {
  const text = readFileSync(join(repositoryRoot, guide), "utf8");
  const found = text.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```$/gm);
  return [...found].map(([, name = "", source = ""]) => ({ name, source }));
}

function runNode(...args: readonly string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: directory,
    encoding: "utf8",
  });
  return { status, said: stdout + stderr };
}

test.after(() => rmSync(directory, { recursive: true, force: true }));

test("its snippets compile, and its test passes", () => {
  const snippets = readSnippets("docs/sdk.md");
  assert.equal(
    snippets.map(({ name }) => name),
    ["crew.ts", "submit.ts", "work.ts", "attach.ts", "crew.test.ts"],
  );
  for (const { name, source } of snippets) writeFileSync(join(directory, name), source);
  writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions }));
  symlinkSync(join(repositoryRoot, "node_modules"), join(directory, "node_modules"));
  assert.equal(runNode(compiler, "-p", "."), { status: 0, said: "" });
  assert.equal(runNode("dist/crew.test.js"), { status: 0, said: "" });
});

test("the Chinese guide shows the same snippets", () => {
  assert.equal(readSnippets("docs/sdk.zh-CN.md"), readSnippets("docs/sdk.md"));
});
