// Every way we know in which a broken test file could look green, and the proof that it does not.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import * as assert from "uvu/assert";

import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("the test runner", { timeLimitMs: 60_000 });

const runner = join(repositoryRoot, "test", "dist", "run.js");
const fixtures = join(repositoryRoot, "test", "dist", "unit", "fixtures");

interface Run {
  readonly exitCode: number | null;
  readonly lastLine: string | undefined;
  readonly output: string;
}

function runRunner(...args: string[]): Run {
  const { status, stdout } = spawnSync(process.execPath, [runner, ...args], { encoding: "utf8" });
  const lastLine = stdout.trimEnd().split("\n").at(-1);
  return { exitCode: status, lastLine, output: stdout };
}

function runFixture(name: string, limitMs = 20_000): Run {
  return runRunner("--file", join(fixtures, `${name}.fixture.js`), "--limit-ms", String(limitMs));
}

test("a file whose tests pass is green, and a skipped test is counted", () => {
  const { exitCode, lastLine } = runFixture("all-green");
  assert.equal([exitCode, lastLine], [0, "2 passed, 0 failed, 1 skipped"]);
});

const broken: readonly (readonly [fixture: string, lastLine: string, reason: RegExp])[] = [
  ["failing-assertion", "1 passed, 1 failed, 0 skipped", /a test that fails/],
  ["throwing-before", "0 passed, 2 failed, 0 skipped", /before is broken/],
  ["throwing-after", "1 passed, 1 failed, 0 skipped", /after is broken/],
  ["throwing-before-each", "0 passed, 1 failed, 0 skipped", /before\.each is broken/],
  ["throwing-after-each", "0 passed, 1 failed, 0 skipped", /after\.each is broken/],
  ["throwing-null", "0 passed, 2 failed, 0 skipped", /threw null.*no Error/],
  ["empty-suite", "0 passed, 1 failed, 0 skipped", /registered no test/],
  ["no-suite", "0 passed, 1 failed, 0 skipped", /counted nothing/],
  ["slow-test", "1 passed, 1 failed, 0 skipped", /longer than 50 ms/],
  ["early-exit", "0 passed, 2 failed, 0 skipped", /2 of 2 tests did not end/],
  ["late-test", "1 passed, 1 failed, 0 skipped", /after the run began/],
  ["crash-on-load", "0 passed, 1 failed, 0 skipped", /broken while loading/],
  ["unhandled-rejection", "1 passed, 1 failed, 0 skipped", /nobody waits for this/],
  ["unreasoned-skip", "0 passed, 1 failed, 0 skipped", /gives no reason/],
];

for (const [fixture, lastLine, reason] of broken) {
  test(`a file of the kind "${fixture}" is red, and says why`, () => {
    const run = runFixture(fixture);
    assert.equal([run.exitCode, run.lastLine], [1, lastLine]);
    assert.match(run.output, reason);
  });
}

test("a file that leaves something open is red, although its tests pass", () => {
  const run = runFixture("open-handle");
  assert.equal([run.exitCode, run.lastLine], [1, "1 passed, 1 failed, 0 skipped"]);
  assert.match(run.output, /Still open after the last test: .*TCP/);
});

test("a file that blocks its thread is ended at the limit, and is red", () => {
  const run = runFixture("blocked-thread", 1_000);
  assert.equal([run.exitCode, run.lastLine], [1, "0 passed, 1 failed, 0 skipped"]);
  assert.match(run.output, /did not end within 1000 ms/);
});

test("a name that matches no file is red", () => {
  const run = runRunner("no-such-test-file");
  assert.equal([run.exitCode, run.lastLine], [1, "0 passed, 1 failed, 0 skipped"]);
  assert.match(run.output, /no test file matches "no-such-test-file"/);
});

test("a suite offers no way to run only some of its tests", () => {
  assert.equal(Object.keys(test).sort(), ["after", "before", "skip"]);
});
