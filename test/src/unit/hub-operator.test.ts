import type { Address } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { failed, makeFanout, makeService, succeeded } from "../support/kernel-mesh.ts";
import { after, LoneHub, makeGate, makeSubflow, makeTimer } from "../support/lone-hub.ts";
import { suite } from "../support/suite.ts";

const test = suite("what an operator does to a chain");

const by = "/c/s-operator";
const reason = "as told by phone";
const done = { kind: "done" };
const refused = (detail: string) => ({ kind: "refused", code: "CHAIN_INVALID", detail });
const second = { kind: "for", ms: 1_000, calendar: "" } as const;

function notesOf(hub: LoneHub) {
  return hub.chain("X1")?.notes?.map(({ atMs: _at, ...note }) => note);
}

test("a held chain finishes what runs and starts nothing, until it is resumed", () => {
  const hub = new LoneHub();
  hub.run("X1", [makeTimer("first", second), makeTimer("next", second, { needs: after("first") })]);
  assert.equal(hub.ask({ type: "suspend", chain: "X1", by, reason }), done);
  assert.is(hub.chain("X1")?.reason, `suspended by ${by}: ${reason}`);
  assert.equal(
    hub.ask({ type: "suspend", chain: "X1", by, reason }),
    refused(`the chain is suspended: suspended by ${by}: ${reason}`),
  );
  hub.check();
  hub.restart();
  hub.mesh.advance(1_000);
  assert.is(hub.step("X1", "first")?.state, "succeeded");
  assert.is(hub.step("X1", "next")?.state, "waiting");
  assert.equal(hub.ask({ type: "resume", chain: "X1", by, reason: "" }), done);
  assert.is(hub.step("X1", "next")?.state, "running");
  assert.equal(notesOf(hub), [
    { by, action: "suspended", step: "", reason },
    { by, action: "resumed", step: "", reason: "" },
  ]);
  hub.check();
});

test("only a chain that a person holds is resumed", () => {
  const hub = new LoneHub();
  hub.run("X1", [makeGate("open"), makeService("work")]);
  const told = "nobody holds the chain: retry or skip what is suspended in it";
  assert.equal(hub.ask({ type: "resume", chain: "X1", by, reason }), refused(told));
});

test("a step that fails in a held chain fails the chain when that is resumed", () => {
  const hub = new LoneHub();
  hub.run("X1", [makeGate("open"), makeGate("later", { signal: "x" }, { needs: after("open") })]);
  hub.ask({ type: "suspend", chain: "X1", by, reason });
  hub.mesh.advance(60_000);
  assert.is(hub.chain("X1")?.state, "suspended");
  hub.ask({ type: "resume", chain: "X1", by, reason });
  assert.is(hub.chain("X1")?.state, "failed");
  assert.is(hub.chain("X1")?.reason, "step open: the finish deadline has passed");
  hub.check();
});

test("a step that failed in a held chain may be run again before it is resumed", () => {
  const hub = new LoneHub();
  hub.run("X1", [makeGate("open")]);
  hub.ask({ type: "suspend", chain: "X1", by, reason });
  hub.mesh.advance(60_000);
  assert.equal(hub.ask({ type: "retry", chain: "X1", step: "open", by, reason }), done);
  assert.is(hub.step("X1", "open")?.state, "waiting");
  assert.is(hub.chain("X1")?.state, "suspended");
  hub.ask({ type: "resume", chain: "X1", by, reason });
  assert.is(hub.step("X1", "open")?.visit, 2);
  hub.signal("approved", {});
  assert.is(hub.chain("X1")?.state, "succeeded");
  hub.check();
});

test("one suspended step is run again; another one suspends the chain once more", () => {
  const hub = new LoneHub();
  hub.run("X1", [makeService("left"), makeService("right"), makeTimer("wait", second)]);
  assert.match(hub.chain("X1")?.reason ?? "", /^step left: no node matches/);
  hub.mesh.handler = (id) => succeeded(id, {});
  hub.mesh.addAgent("/c/a1", ["work/v1"]);
  assert.equal(hub.ask({ type: "retry", chain: "X1", step: "left", by, reason }), done);
  hub.mesh.deliver();
  hub.mesh.advance(1_000);
  assert.is(hub.step("X1", "left")?.state, "succeeded");
  // The chain was suspended before it came to the second service.
  hub.mesh.deliver();
  assert.is(hub.chain("X1")?.state, "succeeded");
  assert.equal(notesOf(hub), [{ by, action: "retried", step: "left", reason }]);
  hub.check();
});

test("a step is not run again once another has answered its failure", () => {
  const hub = new LoneHub();
  hub.run("X1", [
    makeGate("open"),
    makeGate("mend", { signal: "mended" }, { needs: [{ step: "open", on: "failed" }] }),
  ]);
  hub.mesh.advance(60_000);
  const told = "step open has failed and mend has gone on without it";
  for (const event of [
    { type: "retry", chain: "X1", step: "open", by, reason },
    { type: "skip", chain: "X1", step: "open", by, reason, output: null },
  ] as const) {
    assert.equal(hub.ask(event), refused(told));
  }
  assert.equal(
    hub.ask({ type: "retry", chain: "X1", step: "mend", by, reason }),
    refused("step mend is running; only a suspended or failed step is retried"),
  );
  hub.check();
});

test("a skipped service is taken back from its node, and later steps read what the operator gave", () => {
  const hub = new LoneHub({ agents: 1 });
  hub.run("X1", [
    makeService("work"),
    makeGate("open", { where: "event.payload == steps.work.out.n" }, { needs: after("work") }),
  ]);
  const skip = { type: "skip", chain: "X1", step: "work", by, reason, output: { n: 5 } } as const;
  assert.equal(hub.ask(skip), done);
  hub.mesh.deliver();
  assert.is(hub.step("X1", "work")?.state, "skipped");
  assert.is(hub.step("X1", "work")?.reason, `skipped by ${by}: ${reason}`);
  assert.equal(
    hub.mesh.inbox("/c/a1").map(({ kind }) => kind),
    ["instruction", "cancel"],
  );
  // What the node still answers is late and changes nothing.
  hub.mesh.say("/c/a1", "/c" as Address, succeeded("X1.work.1", { n: 6 }));
  hub.signal("approved", 5);
  assert.is(hub.chain("X1")?.state, "succeeded");
  assert.equal(notesOf(hub), [{ by, action: "skipped", step: "work", reason }]);
  assert.equal(hub.ask(skip), {
    kind: "refused",
    code: "CHAIN_ENDED",
    detail: "chain X1 has ended: succeeded",
  });
  hub.check();
});

test("a skipped fan-out, gate or subflow leaves nothing behind", () => {
  const hub = new LoneHub({ agents: 2 });
  hub.run("X0", [makeGate("open", { signal: "never" })], { id: "test.child" });
  hub.run("X1", [makeFanout("ask"), makeGate("open"), makeSubflow("sub")]);
  for (const step of ["ask", "open", "sub"]) {
    assert.equal(hub.ask({ type: "skip", chain: "X1", step, by, reason, output: null }), done);
    hub.check();
  }
  hub.mesh.deliver();
  assert.is(hub.chain("X1")?.state, "succeeded");
  assert.is(hub.chain("X1.sub.1")?.state, "cancelled");
  assert.is(hub.kernel.state.assignments.size, 0);
  assert.is(hub.mesh.inbox("/c/a2").at(-1)?.kind, "cancel");
});

test("a suspended step may be skipped, and the chain goes on", () => {
  const hub = new LoneHub();
  hub.run("X1", [makeService("work"), makeTimer("wait", second, { needs: after("work") })]);
  hub.ask({ type: "skip", chain: "X1", step: "work", by, reason, output: null });
  assert.is(hub.step("X1", "wait")?.state, "running");
  const waiting = { type: "skip", chain: "X1", step: "wait", by, reason, output: null } as const;
  hub.ask({ type: "suspend", chain: "X1", by, reason });
  assert.equal(hub.ask(waiting), done);
  assert.is(hub.chain("X1")?.state, "suspended");
  hub.ask({ type: "resume", chain: "X1", by, reason });
  assert.is(hub.chain("X1")?.state, "succeeded");
  assert.is(notesOf(hub)?.length, 4);
  hub.check();
});

test("a stuck instruction goes to the node that the operator names, or to another that matches", () => {
  const hub = new LoneHub({ agents: 3 });
  hub.run("X1", [makeService("work")]);
  const rematch = { type: "rematch", chain: "X1", step: "work", by, reason } as const;
  assert.is(hub.step("X1", "work")?.node, "/c/a1");
  assert.equal(hub.ask({ ...rematch, node: "/c/a3" as Address }), done);
  hub.mesh.deliver();
  assert.is(hub.step("X1", "work")?.node, "/c/a3");
  assert.is(hub.step("X1", "work")?.attempt, 2);
  assert.is(hub.mesh.inbox("/c/a1").at(-1)?.kind, "cancel");
  assert.equal(hub.ask(rematch), done);
  hub.mesh.deliver();
  assert.is(hub.step("X1", "work")?.node, "/c/a1");
  assert.equal(notesOf(hub), [
    { by, action: "rematched", step: "work", reason: `to /c/a3: ${reason}` },
    { by, action: "rematched", step: "work", reason: `to /c/a1: ${reason}` },
  ]);
  assert.equal(
    hub.ask({ ...rematch, node: "/c/x" as Address }),
    refused("no node /c/x is registered at or below this hub"),
  );
  hub.mesh.addAgent("/c/b1", ["other/v1"]);
  assert.equal(
    hub.ask({ ...rematch, node: "/c/b1" as Address }),
    refused("/c/b1 does not offer work/v1"),
  );
  hub.mesh.say("/c/a1", "/c" as Address, succeeded("X1.work.1", {}, 3));
  assert.is(hub.chain("X1")?.state, "succeeded");
  hub.check();
});

test("a member of a fan-out over items is rematched by its key, one of a level never", () => {
  const hub = new LoneHub({ agents: 2 });
  const items = { kind: "literal", value: ["p", "q"] } as const;
  const members = { by: "items", items, key: "item", membersMax: 10 } as const;
  hub.run("X1", [makeFanout("each", { members }), makeFanout("level")]);
  const rematch = { type: "rematch", chain: "X1", by, reason } as const;
  assert.equal(hub.ask({ ...rematch, step: "each", member: "p" }), done);
  assert.is(hub.kernel.state.assignments.get("X1.each.1!p")?.node, "/c/a2");
  assert.equal(
    hub.ask({ ...rematch, step: "level", member: "/c/a1" }),
    refused("a member of a level is its own node"),
  );
  assert.equal(
    hub.ask({ ...rematch, step: "each", member: "z" }),
    refused("no instruction X1.each.1!z is under way at this hub: the step is running"),
  );
  assert.is(notesOf(hub)?.length, 1);
  hub.check();
});

test("who cancelled and who retried a chain stands in it", () => {
  const hub = new LoneHub({ agents: 1 });
  hub.mesh.handler = (id) => failed(id, "BROKEN", false);
  hub.run("X1", [makeService("work")], { onFailure: "suspend" });
  hub.ask({ type: "retry", chain: "X1", by, reason });
  hub.mesh.deliver();
  hub.ask({ type: "cancel", chain: "X1", by, reason: "no use" });
  assert.equal(notesOf(hub), [
    { by, action: "retried", step: "", reason },
    { by, action: "cancelled", step: "", reason: "no use" },
  ]);
  assert.is(hub.chain("X1")?.state, "cancelled");
  hub.check();
});

test("of many notes a chain keeps the newest", () => {
  const hub = new LoneHub();
  hub.run("X1", [makeGate("open")]);
  for (let round = 1; round <= 60; round += 1) {
    hub.ask({ type: "suspend", chain: "X1", by, reason: `round ${round}` });
    hub.ask({ type: "resume", chain: "X1", by, reason: `round ${round}` });
  }
  assert.is(notesOf(hub)?.length, 100);
  assert.is(notesOf(hub)?.[0]?.reason, "round 11");
  hub.check();
});
