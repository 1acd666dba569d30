// `cloudbrain blob`, against a hub in a process of its own that is killed in between.

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeCredentials } from "@cloudbrain/sdk/identity";
import * as assert from "uvu/assert";
import type { Ended } from "../support/command.ts";
import { createCommandRun } from "../support/command-run.ts";
import { suite } from "../support/suite.ts";
import { TaskMesh } from "../support/task-mesh.ts";

const test = suite("cloudbrain blob", { timeLimitMs: 60_000 });

const directory = mkdtempSync(join(tmpdir(), "cloudbrain-blob-command-"));
const photo = Buffer.alloc(300_000, "photo");
const note = Buffer.from("积水已排空");
const refOf = (content: Buffer): string =>
  `sha256:${createHash("sha256").update(content).digest("hex")}`;

let mesh: TaskMesh;

test.before(async () => {
  mesh = await TaskMesh.open({ deskProcess: true });
  writeCredentials(join(directory, "operator"), mesh.operator);
  writeCredentials(join(directory, "seat"), mesh.seat);
  writeFileSync(join(directory, "现场.jpg"), photo);
  writeFileSync(join(directory, "note.txt"), note);
});
test.after(async () => {
  rmSync(directory, { recursive: true });
  await mesh.close();
});

function run(identity: "operator" | "seat", ...words: readonly string[]): Promise<Ended> {
  const reach = ["--hub", mesh.deskTarget, "--identity", identity];
  return createCommandRun(directory)(["blob", ...words, ...reach], { env: { TZ: "UTC" } });
}

test("files are put, looked at and got, and survive the death of the hub", async () => {
  const put = await run("operator", "put", "现场.jpg", "note.txt", "--type", "image/jpeg");
  assert.equal([put.code, put.stderr], [0, ""]);
  assert.is(put.stdout, `${refOf(photo)}\n${refOf(note)}\n`);
  await mesh.killDesk();
  await mesh.startDesk();
  const shown = await run("operator", "stat", refOf(photo), "--lang", "zh-CN");
  assert.match(shown.stdout, /300000 字节\n类型：image\/jpeg\n名称：现场\.jpg\n自 \d{4}-/);
  const json = await run("operator", "stat", refOf(note), "--json");
  assert.equal(JSON.parse(json.stdout).size, note.length);
  const printed = await run("operator", "get", refOf(note));
  assert.is(printed.stdout, "积水已排空");
  const got = await run("operator", "get", refOf(photo), "--out", "copy.jpg", "--lang", "en");
  assert.is(got.stdout, "copy.jpg: 300000 bytes\n");
  assert.equal(readFileSync(join(directory, "copy.jpg")), photo);
  const again = await run("operator", "put", "现场.jpg", "--json");
  assert.is(JSON.parse(again.stdout).existed, true);
});

test("what is not there, not one's own or no file ends with its exit code", async () => {
  await run("operator", "put", "note.txt");
  const foreign = await run("seat", "get", refOf(note), "--out", "stolen", "--lang", "en");
  assert.is(foreign.code, 3);
  assert.match(foreign.stderr, /BLOB_UNKNOWN/);
  assert.match(foreign.stderr, /--chain CHAIN/);
  assert.is(existsSync(join(directory, "stolen")), false);
  assert.is(existsSync(join(directory, "stolen.part")), false);
  assert.is((await run("operator", "put", "nothing.jpg")).code, 2);
  assert.is((await run("operator", "get", refOf(note), "--json")).code, 2);
  assert.is((await run("operator", "stat", "sha256:12")).code, 2);
});
