import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeCredentials } from "@cloudbrain/sdk/identity";
import * as assert from "uvu/assert";
import { creditCodeOf } from "../support/catalog-entries.ts";
import type { Ended } from "../support/command.ts";
import { createCommandRun } from "../support/command-run.ts";
import { suite } from "../support/suite.ts";
import { VendorMesh } from "../support/vendor-mesh.ts";

// A dozen of processes, each a third of a second of CPU time.
const test = suite("cloudbrain resource", { timeLimitMs: 60_000 });

let mesh: VendorMesh;
const directory = mkdtempSync(join(tmpdir(), "cloudbrain-resource-command-"));

test.before(async () => {
  mesh = await VendorMesh.open();
  writeCredentials(join(directory, "operator"), mesh.access().operator);
  const csv = [
    "code,kind,name.zh,provider.name,provider.code,abstract,sharing,sharingWay,updateCycle,publishedOn",
    ...[1, 2].map(
      (number) =>
        `307010100/00000${number},data,积水点${number},水务局,${creditCodeOf(1)},水位,` +
        "unconditional,接口,daily,2026-03-01",
    ),
  ].join("\n");
  writeFileSync(join(directory, "catalog.csv"), csv);
  writeFileSync(join(directory, "wrong.csv"), csv.replace("daily", "dayly"));
});
test.after(async () => {
  rmSync(directory, { recursive: true });
  await mesh.close();
});

function run(words: string, lang = "en"): Promise<Ended> {
  const reach = ["--hub", mesh.access().hub, "--identity", "operator", "--lang", lang];
  return createCommandRun(directory)([...words.split(" "), ...reach], { input: "" });
}

test("a file with a mistake publishes nothing and says where it is", async () => {
  const refused = await run("resource publish wrong.csv");
  assert.is(refused.code, 2);
  assert.match(refused.stdout, /^wrong\.csv:2:\d+: error RESOURCE_INVALID: updateCycle: .*daily/m);
  assert.match((await run("resource ls --json")).stdout, /"resources":\s*\[\]/);
});

test("resources are published, listed, searched, shown, suspended and withdrawn", async () => {
  const checked = await run("resource publish catalog.csv --check");
  assert.equal([checked.code, checked.stdout.trim()], [0, "2 resources, no mistake found"]);
  const published = await run("resource publish catalog.csv");
  assert.equal([published.code, published.stdout.trim()], [0, "2 resources are published"]);
  assert.is((await run("resource publish catalog.csv")).code, 5, "they are there already");
  assert.is((await run("resource publish catalog.csv --replace")).code, 0);
  const listed = await run("resource ls --code 307 --kind data", "zh-CN");
  assert.match(listed.stdout, /资源代码 .*共享类型/);
  assert.match(listed.stdout, /307010100\/000002 .*无条件共享/);
  const found = JSON.parse(
    (await run("resource search 积水 --sharing unconditional --json")).stdout,
  );
  assert.is(found.total, 2);
  assert.match((await run("resource search 积木点1")).stderr, /did you mean: 积水点1/);
  assert.match((await run("resource show 307010100/000001")).stdout, /abstract {2}水位/);
  assert.is((await run("resource suspend 307010100/000001")).code, 0);
  assert.match((await run("resource show 307010100/000001")).stdout, /suspended/);
  assert.is((await run("resource withdraw 307010100/000001")).code, 0);
  assert.is((await run("resource show 307010100/000001")).code, 3);
});
