// Versions of applications at a hub's kernel: states, rollback, and what a submit gets.

import { HubKernel, type HubReply, publicationOf } from "@cloudbrain/hub/kernel";
import { createEvaluate, createValidate } from "@cloudbrain/sdk/definition";
import type { Address, Row } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { KernelMesh, makeApplication, makeService, succeeded } from "../support/kernel-mesh.ts";
import { suite } from "../support/suite.ts";

const test = suite("application versions");
const city = "/c" as Address;
const id = "test.app";

type Asked = Parameters<KernelMesh["step"]>[1];

class City {
  readonly mesh = new KernelMesh();
  private chains = 0;

  constructor(...versions: readonly string[]) {
    this.mesh.addHub(city);
    this.mesh.addAgent("/c/a", ["work/v1"]);
    for (const version of versions) assert.equal(this.publish(version), { kind: "done" });
  }

  ask(event: Asked): HubReply {
    const reply = this.mesh.step(city, event).find((output) => output.type === "reply");
    if (reply?.type !== "reply") throw new Error("no reply");
    return reply.reply;
  }

  publish(version: string, hash = `hash-${version}`): HubReply {
    const application = { ...makeApplication({ steps: [makeService("one")] }), version, hash };
    const text = { source: `text of ${version}`, sourceHash: `sha-${version}`, publisher: "/c/op" };
    return this.ask({ type: "publish", request: 1, application, ...text });
  }

  set(version: string, state: "published" | "deprecated" | "retired"): HubReply {
    const setter = "/c/op";
    return this.ask({ type: "setApplicationState", request: 2, id, version, state, setter });
  }

  rollBack(version: string): HubReply {
    return this.ask({ type: "rollBack", request: 3, id, version, setter: "/c/op" });
  }

  submit(version = "", key = ""): HubReply {
    this.chains += 1;
    return this.ask({
      type: "submit",
      request: 4,
      chain: `chain-${this.chains}`,
      application: id,
      version,
      key,
      bodyHash: `body ${version}`,
      input: {},
      submitter: "/c/u",
      holder: undefined,
    });
  }

  /** Which version a submit gets, or the code of the refusal. */
  versionOf(reply: HubReply): string {
    if (reply.kind !== "accepted") return reply.kind === "refused" ? reply.code : reply.kind;
    return this.kernel.state.chains.get(reply.chain)?.application.version ?? "none";
  }

  get kernel(): HubKernel {
    return this.mesh.hub(city);
  }
}

function makeKernel(): HubKernel {
  return new HubKernel({
    address: city,
    hasParent: false,
    evaluate: createEvaluate(),
    validate: createValidate(),
  });
}

test("a submit without a version gets the newest that is neither deprecated nor retired", () => {
  const hub = new City("1.9.0", "1.10.0", "2.0.0-rc.1", "2.0.0", "2.1.0-rc.2", "2.1.0-rc.10");
  assert.is(hub.versionOf(hub.submit()), "2.1.0-rc.10");
  hub.set("2.1.0-rc.10", "deprecated");
  assert.is(hub.versionOf(hub.submit()), "2.1.0-rc.2");
  hub.set("2.1.0-rc.2", "retired");
  assert.is(hub.versionOf(hub.submit()), "2.0.0");
  hub.set("2.0.0", "retired");
  assert.is(hub.versionOf(hub.submit()), "2.0.0-rc.1");
  hub.set("2.0.0-rc.1", "deprecated");
  assert.is(hub.versionOf(hub.submit()), "1.10.0");
  assert.is(hub.versionOf(hub.submit("2.0.0-rc.1")), "2.0.0-rc.1");
  hub.set("2.1.0-rc.10", "published");
  assert.is(hub.versionOf(hub.submit()), "2.1.0-rc.10");
});

test("a rollback pins a version until it is taken back or the version is retired", () => {
  const hub = new City("1.0.0", "2.0.0");
  assert.equal(hub.rollBack("1.0.0"), { kind: "done" });
  assert.is(hub.versionOf(hub.submit()), "1.0.0");
  hub.publish("3.0.0");
  assert.is(hub.versionOf(hub.submit()), "1.0.0");
  hub.rollBack("");
  assert.is(hub.versionOf(hub.submit()), "3.0.0");
  hub.set("2.0.0", "deprecated");
  hub.rollBack("2.0.0");
  assert.is(hub.versionOf(hub.submit()), "2.0.0");
  hub.set("2.0.0", "retired");
  assert.is(hub.versionOf(hub.submit()), "3.0.0");
  assert.is(hub.versionOf(hub.rollBack("2.0.0")), "APPLICATION_RETIRED");
  assert.is(hub.versionOf(hub.rollBack("9.0.0")), "APPLICATION_UNKNOWN");
});

test("a retired version takes no new chains, its chains end, and their keys still answer", () => {
  const hub = new City("1.0.0");
  const first = hub.submit("1.0.0", "key");
  assert.is(first.kind, "accepted");
  hub.set("1.0.0", "retired");
  assert.is(hub.versionOf(hub.submit("1.0.0")), "APPLICATION_RETIRED");
  assert.equal(hub.submit("1.0.0", "key"), { kind: "accepted", chain: "chain-1", existed: true });
  const nothing = hub.submit();
  assert.equal(nothing, {
    kind: "refused",
    code: "APPLICATION_UNKNOWN",
    detail: "no version of test.app is current (1.0.0 retired): name one that is not retired",
  });
  assert.is(hub.versionOf(hub.set("1.0.0", "published")), "APPLICATION_RETIRED");
  assert.is(hub.versionOf(hub.publish("1.0.0")), "APPLICATION_RETIRED");
  hub.mesh.handler = (instruction) => succeeded(instruction, {});
  hub.mesh.deliver();
  for (const instruction of hub.mesh.inbox("/c/a")) {
    if (instruction.kind !== "instruction") continue;
    hub.mesh.say("/c/a", city, succeeded(instruction.id, {}));
  }
  hub.mesh.advance(1_000);
  assert.is(hub.kernel.state.chains.get("chain-1")?.state, "succeeded");
});

test("who published and set a version, pins and texts survive a replay and a checkpoint", () => {
  const hub = new City("1.0.0", "2.0.0");
  hub.set("1.0.0", "deprecated");
  hub.rollBack("1.0.0");
  const live = hub.kernel;
  assert.equal(publicationOf(live.state, { id, version: "1.0.0" }), {
    sourceHash: "sha-1.0.0",
    publisher: "/c/op",
    publishedAtMs: 1_000,
    state: "deprecated",
    stateSetter: "/c/op",
    stateAtMs: 1_000,
  });
  const replayed = makeKernel();
  for (const { fact, atMs } of hub.mesh.facts.get(city) ?? []) replayed.apply(fact, atMs);
  assert.equal(textOf(replayed.dump()), textOf(live.dump()));
  assert.is(replayed.state.sources.get("sha-2.0.0"), "text of 2.0.0");
  const rows = live.checkpoint();
  const sources = rows.filter(({ table }) => table === "source");
  assert.equal(
    sources.map(({ key, value }) => [key, value]),
    [
      ["sha-1.0.0", "text of 1.0.0"],
      ["sha-2.0.0", "text of 2.0.0"],
    ],
  );
  live.evict();
  assert.is(live.state.sources.size, 0);
  assert.equal(
    live.checkpoint().filter(({ table }) => table === "source"),
    [],
  );
  const restored = makeKernel();
  for (const table of ["application", "publication", "pin", "registration", "node", "session"]) {
    for (const row of rows) if (row.table === table) restored.restore(row);
  }
  assert.equal(textOf(restored.dump()), textOf(live.dump()));
});

test("what was published before hubs kept more than definitions is published", () => {
  const hub = makeKernel();
  const application = makeApplication({ steps: [makeService("one")] });
  hub.apply({ t: "published", application } as never, 5);
  assert.is(publicationOf(hub.state, application).publisher, "");
  const old = makeKernel();
  old.restore({ table: "application", key: "test.app@1.0.0", value: application });
  assert.is(publicationOf(old.state, application).state, "published");
  old.step({ type: "started", epoch: 2 }, 10);
  assert.equal([...old.state.registrations.keys()], ["/c test.app@1.0.0"]);
});

function textOf(rows: readonly Row[]): readonly string[] {
  return rows.map((row) => JSON.stringify(row));
}
