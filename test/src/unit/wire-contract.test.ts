// Changes a copy of the wire contract, and expects the check to refuse what breaks a released peer.

import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("the wire contract", { timeLimitMs: 60_000 });

let copy = "";

test.before.each(() => {
  copy = mkdtempSync(join(tmpdir(), "cloudbrain-contract-"));
  const parts = [
    "buf.yaml",
    "buf.gen.yaml",
    "scripts",
    "proto/cloudbrain",
    "proto/grpc",
    "proto/gen",
  ];
  for (const part of [...parts, "proto/released"]) {
    cpSync(join(repositoryRoot, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(repositoryRoot, "node_modules"), join(copy, "node_modules"), "junction");
});
test.after.each(() => rmSync(copy, { recursive: true, force: true }));

/** The part of the check that `npm run check` runs, and the commands beside it. */
function runProto(command: "check" | "generate" | "release") {
  const script = join(copy, "scripts", "proto.mjs");
  const end = spawnSync(process.execPath, [script, command], { cwd: copy, encoding: "utf8" });
  return { isGreen: end.status === 0, output: `${end.stdout}${end.stderr}` };
}

function change(file: string, from: string, to: string): void {
  const path = join(copy, "proto", "cloudbrain", "v1", file);
  const text = readFileSync(path, "utf8");
  assert.is(text.split(from).length, 2, `"${from}" must stand once in ${file}`);
  writeFileSync(path, text.replace(from, to));
}

test("what is released is compatible with itself, and a new field is no break", () => {
  const untouched = runProto("check");
  assert.ok(untouched.isGreen, untouched.output);
  change(
    "error.proto",
    "string subject = 3;",
    "string subject = 3;\n  // More.\n  string more = 99;",
  );
  const stale = runProto("check");
  assert.match(stale.output, "proto/gen is not what the sources say");
  assert.ok(runProto("generate").isGreen);
  const extended = runProto("check");
  assert.ok(extended.isGreen, extended.output);
});

for (const [what, from, to, complaint] of [
  [
    "another number",
    "string subject = 3;",
    "string subject = 33;",
    /field "3" with name "subject"/,
  ],
  ["another type", "string subject = 3;", "bytes subject = 3;", /"subject".*changed type/],
  ["another name", "string subject = 3;", "string about = 3;", /changed name from "subject"/],
] as const) {
  test(`a field with ${what} is refused by the check and can't be released`, () => {
    change("error.proto", from, to);
    assert.ok(runProto("generate").isGreen);
    for (const command of ["check", "release"] as const) {
      const { isGreen, output } = runProto(command);
      assert.not(isGreen);
      assert.match(output, complaint);
    }
  });
}

test("a check without a released contract is red, not silent", () => {
  rmSync(join(copy, "proto", "released"), { recursive: true });
  const { isGreen, output } = runProto("check");
  assert.not(isGreen);
  assert.match(output, "v1.binpb is missing");
});
