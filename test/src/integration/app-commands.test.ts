// `cloudbrain app lint` and `cloudbrain app diff` as people run them: the built command, no hub.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";

import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("applications on the command line", { timeLimitMs: 60_000 });

const main = join(repositoryRoot, "node-agent", "dist", "cli", "main.js");
const broken = join(repositoryRoot, "test", "data", "broken");
const examples = join(repositoryRoot, "docs", "examples");
const directory = mkdtempSync(join(tmpdir(), "cloudbrain-applications-"));

test.after(() => rmSync(directory, { recursive: true, force: true }));

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(cwd: string, ...words: readonly string[]): Ended {
  const env = { PATH: "", HOME: directory, XDG_CONFIG_HOME: join(directory, "xdg") };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], {
    cwd,
    env,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

function namesIn(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .sort();
}

test("lint names file, line, column and what to write instead in 30 broken definitions", () => {
  const names = namesIn(broken);
  assert.is(names.length, 30);
  const { status, stdout, stderr } = run(
    broken,
    "app",
    "lint",
    "--calendars",
    "cn-workdays",
    ...names,
  );
  assert.equal([status, stderr], [1, ""]);
  assert.is(stdout, readFileSync(join(broken, "expected.txt"), "utf8"));
});

test("every broken definition has a fault of its own, and every fault a remedy", () => {
  const lines = readFileSync(join(broken, "expected.txt"), "utf8").trimEnd().split("\n");
  const form = /^(\S+\.yaml):\d+:\d+: (?:error|warning) ([A-Z_]+): .+(?:\(.+\)|; write .+)$/;
  const codesOf = new Map<string, Set<string>>();
  for (const line of lines) {
    const [, name = "", code = ""] = form.exec(line) ?? [];
    assert.ok(name !== "", `no place, code or remedy: ${line}`);
    codesOf.set(name, (codesOf.get(name) ?? new Set()).add(code));
  }
  assert.equal([...codesOf.keys()].sort(), namesIn(broken));
});

test("lint is silent on stdout about every example", () => {
  const names = namesIn(examples);
  const { status, stdout, stderr } = run(
    examples,
    "app",
    "lint",
    "--calendars",
    "cn-workdays",
    ...names,
  );
  assert.equal([status, stdout], [0, ""]);
  assert.is(stderr, names.map((name) => `${name}: no errors\n`).join(""));
});

test("diff tells each change on a line, and that running chains keep their version", () => {
  const text = readFileSync(join(examples, "typhoon-drill.yaml"), "utf8");
  const changed = text
    .replace("version: 1.0.0", "version: 1.1.0")
    .replace("finish: PT1M", "finish: PT3M")
    .replace("          reported: count()\n", "")
    .replace("late: record", "late: revise");
  writeFileSync(join(directory, "before.yaml"), text);
  writeFileSync(join(directory, "after.yaml"), changed);
  const told = run(directory, "app", "diff", "before.yaml", "after.yaml");
  assert.equal(told, {
    status: 0,
    stdout: [
      "changed steps.report.each.deadlines.finishMs: 60000 -> 180000",
      'removed steps.report.aggregate.into.reported: {"reducer":{"op":"count"}}',
      'changed steps.report.aggregate.late: "record" -> "revise"',
      "",
    ].join("\n"),
    stderr: [
      "from emergency.typhoon.drill@1.0.0 to emergency.typhoon.drill@1.1.0",
      "running chains keep the version they started with",
      "",
    ].join("\n"),
  });
  const chinese = run(directory, "app", "diff", "before.yaml", "before.yaml", "--lang", "zh-CN");
  assert.equal(
    [chinese.status, chinese.stdout, chinese.stderr],
    [0, "", "emergency.typhoon.drill@1.0.0 与 emergency.typhoon.drill@1.0.0 内容相同\n"],
  );
});

test("diff as JSON holds both identities, and a broken definition is refused with its place", () => {
  writeFileSync(join(directory, "broken.yaml"), "apiVersion: cloudbrain/v1\n");
  writeFileSync(join(directory, "a.yaml"), readFileSync(join(examples, "city-item.yaml"), "utf8"));
  const told = run(directory, "app", "diff", "a.yaml", "a.yaml", "--json");
  const { before, after, ...rest } = JSON.parse(told.stdout) as Record<string, unknown>;
  assert.equal(rest, { changes: [], concernsRunningChains: false });
  assert.equal(before, after);
  const refused = run(directory, "app", "diff", "a.yaml", "broken.yaml");
  assert.is(refused.status, 1);
  assert.match(refused.stderr, /broken\.yaml:1:1: error MISSING_KEY/);
});
