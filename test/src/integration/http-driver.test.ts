import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { secret } from "../support/agent-files.ts";
import { BusinessSystem } from "../support/business-system.ts";
import { DriverRig } from "../support/driver-rig.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

// Every test waits for processes that start, die and try again after half a second.
const test = suite("the HTTP driver", { timeLimitMs: 60_000 });

const capability = "pump.clear/v1";
const hasty = "pump.hasty/v1";
const limitMs = 15_000;
const system = new BusinessSystem();
let rig: DriverRig;

test.before(async () => {
  rig = await DriverRig.open();
  await system.open();
  const output = "{ type: object, required: [done], properties: { done: { type: boolean } } }";
  rig.configure(`  - capability: ${capability}
    http: { url: "${system.url}", timeout: 500ms, answerBytes: 1000, concurrency: 2 }
    output: ${output}
  - capability: ${hasty}
    http: { url: "${system.url}?of=hasty" }
`);
  await rig.publish(capability);
  await rig.publish(hasty, "      deadline: { finish: 2s }");
  await rig.startAgent();
});
test.after(async () => {
  await rig.close();
  await system.close();
});
test.before.each(() => {
  system.answering = () => ({ status: 200, body: '{"done":true}' });
});

/** What a vendor would write; docs/agent-drivers.md has the same in other words. */
function isGenuine(headers: Readonly<Record<string, unknown>>, body: string): boolean {
  const { "cloudbrain-timestamp": at, "cloudbrain-event": event } = headers;
  const mac = createHmac("sha256", secret).update(`${at}.${event}.${headers["idempotency-key"]}.`);
  return headers["cloudbrain-signature"] === `v1=${mac.update(body).digest("hex")}`;
}

/** The body that docs/agent-drivers.md shows. */
function documentedBody(): object {
  const text = readFileSync(join(repositoryRoot, "docs", "agent-drivers.md"), "utf8");
  return JSON.parse(/```json\n([\s\S]*?)```/.exec(text)?.[1] ?? "") as object;
}

test("an instruction goes out signed, and its answer is the outcome", async () => {
  const chain = await rig.submit(capability, { site: "中山路" });
  assert.equal((await rig.ended(chain)).output, { result: { done: true } });
  const { headers, text, told, path } = await system.awaitAsked(chain);
  assert.is(path, "/instructions");
  assert.ok(isGenuine(headers, text));
  assert.not(isGenuine(headers, `${text} `));
  assert.not(isGenuine({ ...headers, "cloudbrain-timestamp": "1" }, text));
  const digest = createHash("sha256").update(text).digest("base64");
  assert.is(headers["content-digest"], `sha-256=:${digest}:`);
  assert.ok(Math.abs(Number(headers["cloudbrain-timestamp"]) - Date.now() / 1_000) < 60);
  const { id, deadline, ...rest } = told;
  assert.equal(rest, {
    event: "instruction",
    agent: "/3702/s-desk",
    chain,
    step: "only",
    attempt: 1,
    capability,
    input: { site: "中山路" },
  });
  assert.equal(
    ["idempotency-key", "cloudbrain-chain", "cloudbrain-step", "cloudbrain-attempt"].map(
      (name) => headers[name],
    ),
    [id, chain, "only", "1"],
  );
  assert.is(headers["cloudbrain-deadline"], deadline);
});

test("a refusal of the system is the outcome, with its code", async () => {
  const body = '{"code":"NO_CREW","message":"no crew today"}';
  system.answering = () => ({ status: 422, body });
  const failed = await rig.ended(await rig.submit(capability, {}));
  assert.is(failed.state, "failed");
  assert.match(failed.reason, /NO_CREW: no crew today/);
});

test("a poison answer fails with the reason, and the next one is served", async () => {
  const poisons = [
    ["<html>", /ANSWER_INVALID: the answer is no JSON/],
    [`{"done":true,"x":"${"x".repeat(1_000)}"}`, /PAYLOAD_TOO_LARGE/],
    ['{"done":"yes"}', /OUTPUT_INVALID: value: \/done must be boolean/],
  ] as const;
  for (const [body, reason] of poisons) {
    system.answering = () => ({ status: 200, body });
    const chain = await rig.submit(capability, {});
    const { state, reason: told } = await rig.ended(chain);
    assert.is(state, "failed");
    assert.match(told, reason);
    assert.is(system.askedOf(chain).length, 1);
  }
  system.answering = () => ({ status: 200, body: '{"done":true}' });
  assert.is((await rig.ended(await rig.submit(capability, {}))).state, "succeeded");
});

test("a busy, slow or broken system is asked again with the same key until it answers", async () => {
  const answers = [
    { status: 503 },
    undefined,
    { status: 429, headers: { "retry-after": "1" } },
    { status: 200, body: '{"done":true}' },
  ];
  let asked = 0;
  system.answering = () => {
    asked += 1;
    return answers[asked - 1];
  };
  const chain = await rig.submit(capability, {});
  assert.is((await rig.ended(chain)).state, "succeeded");
  const keys = system.askedOf(chain).map(({ headers }) => headers["idempotency-key"]);
  assert.equal(keys, Array(4).fill(keys[0]));
});

test("while the system is down nothing is lost, and others are served", async () => {
  const other = new BusinessSystem();
  await system.close();
  const chains = await Promise.all([1, 2, 3].map((n) => rig.submit(capability, { n })));
  await waitFor({ what: "the loss in the log", limitMs }, () => {
    return rig.said.includes("the business system does not answer") || undefined;
  });
  await other.close();
  await system.open();
  for (const chain of chains) assert.is((await rig.ended(chain)).state, "succeeded");
  assert.match(rig.said, /the business system answers again/);
});

test("what was accepted is answered later, once", async () => {
  system.answering = () => ({ status: 202 });
  const chain = await rig.submit(capability, {});
  const { id, driver, state } = await rig.openOf(chain);
  assert.equal([driver, state], ["http", "deferred"]);
  const key = String(id);
  assert.is((await rig.act(key, "progress", { ratio: 0.5, note: "on site" })).status, 200);
  const answer = { outcome: "succeeded", output: { done: true } };
  assert.equal(await rig.act(key, "feedback", answer), {
    status: 200,
    body: { id: key, outcome: "succeeded", repeated: false },
  });
  assert.is((await rig.act(key, "feedback", answer)).body["repeated"], true);
  const other = await rig.act(key, "feedback", { outcome: "returned", reason: "not ours" });
  assert.equal([other.status, other.body["code"]], [409, "INSTRUCTION_ENDED"]);
  assert.equal((await rig.ended(chain)).output, { result: { done: true } });
  const unknown = await rig.act("none", "feedback", answer);
  assert.equal([unknown.status, unknown.body["code"]], [404, "INSTRUCTION_UNKNOWN"]);
});

test("feedback that is poison fails its instruction with the reason", async () => {
  system.answering = () => ({ status: 202 });
  const tooLarge = `{"outcome":"succeeded","output":"${"x".repeat(1_100_000)}"}`;
  const poisons = [
    ["{", 400, "ANSWER_INVALID"],
    [{ outcome: "perhaps" }, 400, "ANSWER_INVALID"],
    [tooLarge, 413, "PAYLOAD_TOO_LARGE"],
    [{ outcome: "succeeded", output: { done: 1 } }, 422, "OUTPUT_INVALID"],
  ] as const;
  for (const [body, status, code] of poisons) {
    const chain = await rig.submit(capability, {});
    const { id } = await rig.openOf(chain);
    const refused = await rig.act(String(id), "feedback", body);
    assert.equal(
      [refused.status, refused.body["code"], refused.body["outcome"]],
      [status, code, "failed"],
    );
    assert.match((await rig.ended(chain)).reason, code);
  }
});

test("feedback that overtakes the answer to its delivery counts", async () => {
  let key = "";
  system.answering = ({ told }) => {
    key = String(told["id"]);
    return undefined;
  };
  const chain = await rig.submit(capability, {});
  await system.awaitAsked(chain);
  const answer = { outcome: "succeeded", output: { done: true } };
  assert.is((await rig.act(key, "feedback", answer)).status, 200);
  assert.is((await rig.ended(chain)).state, "succeeded");
  assert.equal(
    system.askedOf(chain).map(({ path }) => path),
    ["/instructions"],
  );
});

test("a killed agent knows what was accepted, and asks again for what was not", async () => {
  system.answering = () => ({ status: 202 });
  const accepted = await rig.submit(capability, { n: 1 });
  const { id } = await rig.openOf(accepted);
  system.answering = () => undefined;
  const delivered = await rig.submit(capability, { n: 2 });
  const before = await system.awaitAsked(delivered);
  await rig.endAgent("SIGKILL");

  system.answering = () => ({ status: 202 });
  const asked = system.askedOf(delivered).length;
  await rig.startAgent();
  const after = await system.awaitAsked(delivered, asked);
  assert.is(after.told["id"], before.told["id"]);
  const open = await rig.openOf(delivered);
  assert.equal([open["id"], open["attempt"]], [before.told["id"], 1]);
  const answer = { outcome: "succeeded", output: { done: true } };
  for (const key of [id, open["id"]]) {
    assert.is((await rig.act(String(key), "feedback", answer)).status, 200);
  }
  assert.is(system.askedOf(accepted).length, 1);
  for (const chain of [accepted, delivered]) {
    assert.equal((await rig.ended(chain)).output, { result: { done: true } });
  }
});

test("a cancel is told to the system, after a restart if need be", async () => {
  system.answering = ({ path }) => (path.endsWith("/cancel") ? undefined : { status: 202 });
  const chain = await rig.submit(capability, {});
  const { id } = await rig.openOf(chain);
  await rig.mesh.client.cancelChain(chain, "the rain has stopped");
  assert.is((await rig.ended(chain)).state, "cancelled");
  await system.awaitAsked(chain, 1);
  const late = await rig.act(String(id), "feedback", { outcome: "returned", reason: "late" });
  assert.equal([late.status, late.body["code"]], [409, "INSTRUCTION_CANCELLED"]);
  await rig.endAgent("SIGKILL");

  system.answering = () => ({ status: 200 });
  const asked = system.askedOf(chain).length;
  await rig.startAgent();
  const { path, headers, text, told } = await system.awaitAsked(chain, asked);
  assert.equal(
    [path, headers["cloudbrain-event"], told["event"], told["id"], told["reason"]],
    [
      "/instructions/cancel",
      "instruction.cancelled",
      "instruction.cancelled",
      id,
      "the rain has stopped",
    ],
  );
  assert.ok(isGenuine(headers, text));
});

test("a deadline ends the delivery, and a system that may know of it is told", async () => {
  system.answering = ({ path }) => (path.includes("/cancel") ? { status: 200 } : { status: 503 });
  const chain = await rig.submit(hasty, {});
  const { state, reason } = await rig.ended(chain);
  assert.is(state, "failed");
  assert.match(reason, /FINISH_DEADLINE|not done in time|deadline/);
  const [first] = system.askedOf(chain);
  assert.equal(Object.keys(first?.told ?? {}), Object.keys(documentedBody()));
  assert.is(first?.headers["cloudbrain-deadline"], first?.told["deadline"]);
  const told = await waitFor({ what: "the withdrawal", limitMs }, () => {
    return system.askedOf(chain).find(({ path }) => path.includes("/cancel"));
  });
  assert.equal(
    [told.path, told.told["event"]],
    ["/instructions/cancel?of=hasty", "instruction.expired"],
  );
});

test("who has no token learns nothing but the document", async () => {
  for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: "Basic eDp5" }]) {
    const refused = await rig.api("GET", "instructions", undefined, headers);
    assert.equal([refused.status, refused.body["code"]], [401, "NOT_ALLOWED"]);
  }
  assert.is((await rig.api("GET", "openapi.json", undefined, {})).status, 200);
});
