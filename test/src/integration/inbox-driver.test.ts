import { createAgentApi } from "@cloudbrain/node-agent/internal/api/agent-api";
import { createValidate } from "@cloudbrain/sdk/definition";
import type { JsonObject, JsonValue } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { DriverRig } from "../support/driver-rig.ts";
import { suite } from "../support/suite.ts";

const test = suite("the inbox and the local API", { timeLimitMs: 60_000 });

const capability = "order.approve/v1";
let rig: DriverRig;
/** Documents that the API has given, to hold against what it says of itself. */
const given: { readonly schema: string; readonly body: JsonValue }[] = [];

test.before(async () => {
  rig = await DriverRig.open();
  rig.configure(`  - capability: ${capability}
    inbox: { title: { zh: 审批, en: Approval } }
    output:
      type: object
      additionalProperties: false
      required: [approved]
      properties: { approved: { type: boolean }, note: { type: string } }
`);
  await rig.publish(capability);
  await rig.startAgent();
});
test.after(() => rig.close());

async function act(id: string, action: string, body: JsonValue, schema: string) {
  const answer = await rig.act(id, action, body);
  given.push({ schema: answer.status === 200 ? schema : "Error", body: answer.body });
  return answer;
}

async function openEntry(): Promise<{ readonly chain: string; readonly id: string }> {
  const chain = await rig.submit(capability, { order: 7 });
  const entry = await rig.openOf(chain);
  given.push({ schema: "Instruction", body: entry });
  return { chain, id: String(entry["id"]) };
}

test("a clerk claims an entry, fills in its form, and the chain has the outcome", async () => {
  const { chain, id } = await openEntry();
  const { body } = await rig.api("GET", `instructions/${encodeURIComponent(id)}`);
  const { driver, state, title, input, form } = body;
  assert.equal(
    [driver, state, title, input],
    ["inbox", "deferred", { zh: "审批", en: "Approval" }, { order: 7 }],
  );
  assert.equal((form as JsonObject)["required"], ["approved"]);
  const complete = { name: "王磊", form: { approved: true } };
  const early = await act(id, "complete", complete, "Receipt");
  assert.equal([early.status, early.body["code"]], [409, "INSTRUCTION_TAKEN"]);
  assert.is((await act(id, "claim", { name: "王磊" }, "Accepted")).status, 200);
  const second = await act(id, "claim", { name: "李娜" }, "Accepted");
  assert.equal(
    [second.status, second.body["code"], second.body["message"]],
    [409, "INSTRUCTION_TAKEN", "王磊 has claimed it"],
  );

  const wrong = await act(id, "complete", { name: "王磊", form: { approved: 1 } }, "Receipt");
  assert.equal(
    [wrong.status, wrong.body["code"], wrong.body["message"]],
    [422, "OUTPUT_INVALID", "/approved must be boolean"],
  );
  assert.equal((await act(id, "complete", complete, "Receipt")).body, {
    id,
    outcome: "succeeded",
    repeated: false,
  });
  assert.is((await act(id, "complete", complete, "Receipt")).body["repeated"], true);
  assert.equal((await rig.ended(chain)).output, { result: { approved: true } });
});

test("who has claimed an entry may let go of it or return it with the reason", async () => {
  const { chain, id } = await openEntry();
  await act(id, "claim", { name: "王磊" }, "Accepted");
  const foreign = await act(id, "release", { name: "李娜" }, "Accepted");
  assert.is(foreign.status, 409);
  assert.is((await act(id, "release", { name: "王磊" }, "Accepted")).status, 200);
  assert.is((await act(id, "claim", { name: "李娜" }, "Accepted")).status, 200);
  const returned = await act(id, "return", { name: "李娜", reason: "属河道处" }, "Receipt");
  assert.equal(returned.body, { id, outcome: "returned", repeated: false });
  // Nobody else has the capability.
  const { state, reason } = await rig.ended(chain);
  assert.is(state, "failed");
  assert.match(reason, /属河道处/);
});

test("claims and entries outlive the agent", async () => {
  const { chain, id } = await openEntry();
  await act(id, "claim", { name: "王磊" }, "Accepted");
  await rig.endAgent("SIGKILL");
  await rig.startAgent();
  assert.is((await rig.openOf(chain))["holder"], "王磊");
  assert.is((await act(id, "claim", { name: "李娜" }, "Accepted")).status, 409);
  await act(id, "complete", { name: "王磊", form: { approved: false } }, "Receipt");
  assert.equal((await rig.ended(chain)).output, { result: { approved: false } });
});

test("feedback does not go round the form, and a request that can't be read is refused", async () => {
  const { chain, id } = await openEntry();
  const feedback = { outcome: "succeeded", output: {} };
  const round = await act(id, "feedback", feedback, "Receipt");
  assert.equal([round.status, round.body["code"]], [403, "NOT_ALLOWED"]);
  await act(id, "claim", { name: "王磊" }, "Accepted");
  for (const body of [{}, { name: "" }, { name: 1 }, { name: "王磊", x: 1 }, []]) {
    assert.is((await act(id, "claim", body, "Accepted")).status, 400);
  }
  const queries = ["limit=0", "limit=1001", "state=ended", "colour=red"];
  for (const query of queries) {
    const { status, body } = await rig.api("GET", `instructions?${query}`);
    assert.equal([query, status, body["code"]], [query, 400, "INPUT_INVALID"]);
  }
  assert.is((await rig.openOf(chain))["state"], "deferred");
  await rig.mesh.client.cancelChain(chain, "the test is over");
  await rig.ended(chain);
});

test("a long list comes page by page", async () => {
  const entries = [];
  for (let count = 0; count < 3; count += 1) entries.push(await openEntry());
  const seen: string[] = [];
  let after = "";
  for (let page = 0; page < 5; page += 1) {
    const query = `limit=1&capability=${encodeURIComponent(capability)}&after=${encodeURIComponent(after)}`;
    const { body } = await rig.api("GET", `instructions?${query}`);
    given.push({ schema: "Page", body });
    for (const entry of body["instructions"] as readonly JsonObject[])
      seen.push(String(entry["id"]));
    if (body["next"] === undefined) break;
    after = String(body["next"]);
  }
  assert.equal(seen, entries.map(({ id }) => id).sort());
});

test("refusals speak the language of whoever asks", async () => {
  const title = async (language: string): Promise<unknown> => {
    const headers = { "accept-language": language };
    return (await rig.api("GET", "instructions", undefined, headers)).body["title"];
  };
  assert.equal(
    [await title("zh-CN,zh;q=0.9"), await title("en")],
    ["没有权限执行该操作", "you may not do this"],
  );
});

test("the document names every route and no other, and answers are as it says", async () => {
  const { body: document } = await rig.api("GET", "openapi.json", undefined, {});
  assert.is(document["openapi"], "3.1.0");
  const app = createAgentApi({ agents: [], token: "-".repeat(16), version: "1" });
  const served = app.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => `${method.toLowerCase()} ${path.replace(/:(\w+)/g, "{$1}")}`);
  const paths = Object.entries(document["paths"] as JsonObject);
  const told = paths.flatMap(([path, methods]) =>
    Object.keys(methods as JsonObject).map((method) => `${method} ${path}`),
  );
  assert.equal([...new Set(served)].sort(), told.sort());

  const { schemas } = document["components"] as { readonly schemas: JsonObject };
  const validate = createValidate();
  assert.ok(given.length > 20);
  for (const { schema, body } of given) {
    assert.is(validate(schemas[schema] ?? false, body), undefined, JSON.stringify(body));
  }
  const named = new Set(given.map(({ schema }) => schema));
  assert.equal([...named].sort(), ["Accepted", "Error", "Instruction", "Page", "Receipt"]);
});
