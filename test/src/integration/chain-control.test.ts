import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient, isMeshError } from "@cloudbrain/sdk";
import { writeCredentials } from "@cloudbrain/sdk/identity";
import * as assert from "uvu/assert";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";
import { deskAddress, VendorMesh } from "../support/vendor-mesh.ts";

const test = suite("a chain under an operator's hands");

let mesh: VendorMesh;
let outsider: Client;
const operator = "/3702/s-operator";
const directory = mkdtempSync(join(tmpdir(), "cloudbrain-control-"));

test.before(async () => {
  mesh = await VendorMesh.open();
  const identity = await mesh.issueCaller({ liveMs: 3_600_000 });
  outsider = createClient({ hub: mesh.access().hub, identity });
  const desk = mesh.createDesk();
  // The desk never answers: each chain is stuck until somebody acts.
  desk.handle("desk.work/v1", (_input, { signal }) => {
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("stopped")));
    });
  });
  await desk.start();
});
test.after(async () => {
  outsider.close();
  await mesh.close();
  rmSync(directory, { recursive: true });
});

async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (refused: unknown) => refused,
  );
  return isMeshError(error) ? `${error.code}: ${error.detail}` : `no refusal: ${error}`;
}

async function stuck(): Promise<string> {
  const chain = await mesh.submit({});
  for await (const { steps } of mesh.client.watch(chain)) {
    if (steps[0]?.state === "running") return chain;
  }
  throw new Error("the chain has ended");
}

test("suspend, resume and skip leave who and why in the chain, for everybody to read", async () => {
  const chain = await stuck();
  await mesh.client.suspendChain(chain, "待核实");
  const held = await mesh.client.getChain(chain);
  assert.is(held.state, "suspended");
  assert.is(held.held, true);
  assert.is(held.reason, `suspended by ${operator}: 待核实`);
  await mesh.client.resumeChain(chain, "已核实");
  await mesh.client.skipStep(chain, "only", { reason: "by hand", output: { n: 7 } });
  const ended = await mesh.ended(chain);
  assert.equal(ended.output, { result: { n: 7 } });
  assert.is(ended.held, false);
  assert.is(ended.priority, 50);
  assert.equal(
    ended.notes.map(({ by, action, step, reason }) => [by, action, step, reason]),
    [
      [operator, "suspended", "", "待核实"],
      [operator, "resumed", "", "已核实"],
      [operator, "skipped", "only", "by hand"],
    ],
  );
  assert.ok(ended.notes.every(({ atMs }) => atMs >= ended.startedAtMs));
  assert.equal(
    await refusalOf(mesh.client.skipStep(chain, "only", { reason: "again" })),
    `CHAIN_ENDED: chain ${chain} has ended: succeeded`,
  );
});

test("a stuck instruction is offered again to the node that the operator names", async () => {
  const chain = await stuck();
  await mesh.client.rematchStep(chain, "only", { reason: "again", node: deskAddress });
  const { steps, notes } = await mesh.client.getChain(chain);
  assert.is(steps[0]?.attempt, 2);
  assert.is(notes[0]?.reason, `to ${deskAddress}: again`);
  assert.match(
    await refusalOf(mesh.client.rematchStep(chain, "only", { reason: "anew" })),
    /^CHAIN_INVALID: no other node that matches is online/,
  );
  assert.match(
    await refusalOf(mesh.client.rematchStep(chain, "only", { reason: "", node: "desk" })),
    /^ADDRESS_INVALID/,
  );
  await mesh.client.skipStep(chain, "only", { reason: "enough" });
});

test("whoever is no operator may signal, and nothing else of it", async () => {
  const chain = await stuck();
  for (const attempt of [
    outsider.suspendChain(chain, ""),
    outsider.resumeChain(chain, ""),
    outsider.skipStep(chain, "only", { reason: "" }),
    outsider.rematchStep(chain, "only", { reason: "" }),
    outsider.retryChain(chain, { step: "only" }),
  ]) {
    assert.match(await refusalOf(attempt), /^NOT_ALLOWED/);
  }
  assert.equal(await outsider.signal("approved", { n: 1 }), {
    opened: 0,
    retained: false,
    detail: "",
  });
  assert.equal(await outsider.signal("approved", null, { chain }), {
    opened: 0,
    retained: false,
    detail: "",
  });
  assert.match(await refusalOf(outsider.signal("", null)), /^INPUT_INVALID/);
  assert.match(
    await refusalOf(outsider.signal("approved", "x".repeat(17_000))),
    /^PAYLOAD_TOO_LARGE/,
  );
  await mesh.client.skipStep(chain, "only", { reason: "enough" });
  assert.match(await refusalOf(outsider.signal("approved", 1, { chain })), /^CHAIN_ENDED/);
  assert.match(await refusalOf(outsider.signal("approved", 1, { chain: "X" })), /^CHAIN_UNKNOWN/);
});

test("one step is retried only where it is stuck", async () => {
  const chain = await stuck();
  assert.is(
    await refusalOf(mesh.client.retryChain(chain, { step: "only" })),
    "CHAIN_INVALID: step only is running; only a suspended or failed step is retried",
  );
  assert.is(
    await refusalOf(mesh.client.retryChain(chain, { step: "none" })),
    `CHAIN_INVALID: chain ${chain} has no step none: it has only`,
  );
  await mesh.client.skipStep(chain, "only", { reason: "enough" });
});

/** What the command writes on stdout; it must succeed. */
async function command(...words: readonly string[]): Promise<string> {
  const main = join(repositoryRoot, "node-agent", "dist", "cli", "main.js");
  const args = [main, ...words, "--hub", mesh.access().hub, "--identity", join(directory, "id")];
  const child = spawn(process.execPath, args, {
    cwd: directory,
    env: { PATH: "", HOME: directory, LANG: "zh_CN.UTF-8" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const told = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    told.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    told.stderr += text;
  });
  const code = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  assert.equal([code, told.stderr], [0, ""], words.join(" "));
  return told.stdout;
}

test("the command does all of it, and shows afterwards who did what", async () => {
  writeCredentials(join(directory, "id"), mesh.access().operator);
  const chain = await stuck();
  assert.is(
    await command("chain", "suspend", chain, "--reason", "待核实"),
    `指令链 ${chain} 已暂停；恢复：cloudbrain chain resume ${chain}\n`,
  );
  assert.is(await command("chain", "resume", chain), `指令链 ${chain} 继续办理\n`);
  assert.is(
    await command("chain", "rematch", chain, "only", "--node", deskAddress, "--lang", "en"),
    `step only of chain ${chain} goes to another node\n`,
  );
  assert.equal(JSON.parse(await command("chain", "signal", "approved", "--json")), {
    opened: 0,
    retained: false,
    detail: "",
  });
  const skip = ["chain", "skip", chain, "only", "--output", '{"n":7}', "--reason", "人工办理"];
  assert.is(await command(...skip), `指令链 ${chain} 的业务节点 only 已跳过\n`);
  const shown = await command("chain", "show", chain);
  assert.match(shown, /优先级 +50/);
  assert.match(shown, new RegExp(`suspended +${operator} +待核实`));
  assert.match(shown, new RegExp(`skipped +only +${operator} +人工办理`));
});
