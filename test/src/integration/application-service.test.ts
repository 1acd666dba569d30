// Application management over gRPC and by command: texts, versions, registration and dry runs of a
// real hub with a real store.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMeshError } from "@cloudbrain/sdk/domain";
import { writeCredentials } from "@cloudbrain/sdk/identity";
import * as assert from "uvu/assert";
import { type Ended, runCommand } from "../support/command.ts";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";
import { VendorMesh } from "../support/vendor-mesh.ts";

const test = suite("application service", { timeLimitMs: 60_000 });
const main = join(repositoryRoot, "node-agent", "dist", "cli", "main.js");

let mesh: VendorMesh;
let directory = "";

test.before.each(async () => {
  mesh = await VendorMesh.open();
  directory = mkdtempSync(join(tmpdir(), "cloudbrain-apps-"));
  writeCredentials(join(directory, "identity"), mesh.operator);
  for (const version of ["1.0.0", "2.0.0"]) {
    writeFileSync(join(directory, `${version}.yaml`), textOf(version));
  }
});
test.after.each(async () => {
  await mesh.close();
  rmSync(directory, { recursive: true });
});

/** The comment and the spacing are no part of the definition, and are kept all the same. */
function textOf(version: string): string {
  return `# 说明 ${version}
apiVersion: cloudbrain/v1
kind: Application
metadata: {   id: test.sort, version: ${version}, title: { zh: 分拣, en: Sorting } }
spec:
  input: { type: object, required: [what] }
  deadline: { total: ${version === "1.0.0" ? "5m" : "10m"} }
  steps:
    - { id: sort, type: service, match: { capability: desk.sort/v1 } }
    - { id: tell, type: service, needs: [sort], when: steps.sort.out.ok, match: { capability: desk.work/v1 } }
`;
}

function run(...words: readonly string[]): Promise<Ended> {
  const hub = `127.0.0.1:${mesh.hubPort}`;
  const env = { CLOUDBRAIN_HUB: hub, CLOUDBRAIN_IDENTITY: join(directory, "identity") };
  return runCommand(main, words, { directory, env });
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "none";
  } catch (error) {
    return isMeshError(error) ? error.code : String(error);
  }
}

test("the text, the state and the publisher of a version survive a restart of the hub", async () => {
  const { client } = mesh;
  await client.publish(textOf("1.0.0"));
  await client.publish(textOf("2.0.0"));
  await client.setApplicationState("test.sort", "2.0.0", "deprecated");
  await mesh.closeHub();
  await mesh.openHub();
  const old = await client.getApplication("test.sort");
  assert.equal([old.version, old.source, old.current], ["1.0.0", textOf("1.0.0"), true]);
  const { state, publisher, stateSetter, source } = await client.getApplication(
    "test.sort",
    "2.0.0",
  );
  assert.equal(
    [state, publisher, stateSetter, source],
    ["deprecated", "/3702/s-operator", "/3702/s-operator", textOf("2.0.0")],
  );
  await client.rollBack("test.sort", "2.0.0");
  assert.is((await client.getApplication("test.sort")).version, "2.0.0");
  await client.setApplicationState("test.sort", "2.0.0", "retired");
  assert.is((await client.getApplication("test.sort")).version, "1.0.0");
  const submit = client.submit("test.sort", { what: 1 }, { version: "2.0.0" });
  assert.is(await codeOf(submit), "APPLICATION_RETIRED");
});

test("a dry run over gRPC tells node, reasons and refusals, and starts no chain", async () => {
  const { client } = mesh;
  const planned = await client.dryRun({ source: textOf("1.0.0") }, { what: 1 });
  assert.equal(
    planned.steps.map(({ id, fate, dependsOn, explanation }) => [id, fate, dependsOn, explanation]),
    [
      ["sort", "stuck", [], "0 with capability desk.sort/v1"],
      ["tell", "stuck", ["sort"], "0 with capability desk.work/v1"],
    ],
  );
  assert.is(planned.dueMs - planned.atMs, 300_000);
  assert.is(await codeOf(client.dryRun({ source: textOf("1.0.0") }, {})), "INPUT_INVALID");
  assert.is(await codeOf(client.dryRun({ source: "x" }, {})), "APPLICATION_INVALID");
  assert.is(await codeOf(client.dryRun({ id: "test.sort" }, {})), "APPLICATION_UNKNOWN");
  for await (const chain of client.listChains()) assert.unreachable(chain.id);
});

test("the command publishes, shows, rolls back, retires and compares versions", async () => {
  await run("app", "publish", "1.0.0.yaml");
  await run("app", "publish", "2.0.0.yaml");
  const shown = await run("app", "show", "test.sort", "--lang", "en");
  assert.is(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /desk\.sort\/v1 .*no node has it/);
  assert.match(shown.stdout, /registered at 1 hubs; 0 have not answered/);
  const source = await run("app", "show", "test.sort@1.0.0", "--source");
  assert.is(source.stdout, textOf("1.0.0"));
  const back = await run("app", "rollback", "test.sort@1.0.0", "--lang", "zh-CN");
  assert.is(back.stdout, "当前版本为 test.sort@1.0.0\n");
  const newest = await run("app", "rollback", "test.sort", "--newest", "--json");
  assert.is(JSON.parse(newest.stdout).version, "2.0.0");
  const difference = await run("app", "diff", "1.0.0.yaml", "test.sort@2.0.0");
  assert.is(difference.stdout, "changed totalMs: 300000 -> 600000\n");
  assert.match(difference.stderr, /test\.sort@1\.0\.0.*test\.sort@2\.0\.0/);
  const published = await run("app", "diff", "test.sort@2.0.0", "test.sort@2.0.0", "--json");
  assert.equal(JSON.parse(published.stdout).changes, []);
  assert.is((await run("app", "deprecate", "test.sort@2.0.0")).code, 0);
  assert.is((await run("app", "deprecate", "test.sort@2.0.0", "--undo")).code, 0);
  assert.is((await run("app", "retire", "test.sort@2.0.0")).code, 0);
  const listed = JSON.parse((await run("app", "ls", "--json")).stdout);
  assert.equal(
    listed.applications
      .filter(({ id }: { id: string }) => id === "test.sort")
      .map(({ version, state, current }: Record<string, unknown>) => [version, state, current]),
    [
      ["1.0.0", "published", true],
      ["2.0.0", "retired", false],
    ],
  );
  assert.equal(JSON.parse((await run("app", "ls", "--registered", "--json")).stdout), {
    registered: [],
  });
});

test("the command tries a file in both languages and as JSON", async () => {
  writeFileSync(join(directory, "input.json"), '{"what":1}');
  const words = ["app", "dry-run", "1.0.0.yaml", "--input-file", "input.json"];
  const english = await run(...words, "--lang", "en");
  assert.is(english.code, 0, english.stderr);
  assert.match(english.stdout, /├─ sort {2}\(service\) {2}stuck/);
  assert.match(english.stdout, /depends on sort/);
  const chinese = await run(...words, "--lang", "zh-CN");
  assert.match(chinese.stdout, /取决于 sort/);
  const json = await run(...words, "--json");
  assert.is(JSON.parse(json.stdout).steps[1].dependsOn[0], "sort");
  const desk = mesh.createDesk();
  desk.handle("desk.work/v1", (input) => input);
  await desk.start();
  const explained = await run(
    ...words,
    "--lang",
    "en",
    "--nodes",
    "5",
    "--explain",
    "/3702/s-none",
  );
  assert.is(explained.code, 0, explained.stderr);
  assert.match(explained.stdout, /matches 0 of the 1 nodes known here/);
  assert.match(explained.stdout, /1 fail capability, wanted: desk\.sort\/v1/);
  assert.match(explained.stdout, /\/3702\/s-desk {2}fails capability, has: desk\.work\/v1/);
  assert.match(explained.stdout, /\/3702\/s-desk {2}matches, number 1, online/);
  assert.match(explained.stdout, /\/3702\/s-none {2}is not known at this hub/);
  const unknown = await run(...words, "--explain", "999999");
  assert.match(unknown.stderr, /NODE_UNKNOWN/);
  const both = await run(...words, "--input", "{}");
  assert.is(both.code, 2);
});
