import { type Application, limits, type SubflowStep } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { makeApplication, makeService } from "../support/kernel-mesh.ts";
import { after, LoneHub, makeGate, makeSubflow, makeTimer } from "../support/lone-hub.ts";
import { suite } from "../support/suite.ts";

const test = suite("subflows of a hub");

const child = (version: string, changes: Partial<Application> = {}): Application =>
  makeApplication({
    id: "test.child",
    version,
    hash: `hash-${version}`,
    steps: [makeGate("open")],
    output: { kind: "expression", source: "steps.open.out" },
    ...changes,
  });

function makeHub(
  subflow: Partial<SubflowStep["subflow"]> = {},
  changes: Partial<SubflowStep> = {},
): LoneHub {
  const hub = new LoneHub();
  hub.publish(child("1.0.0"));
  hub.run("X1", [makeSubflow("sub", subflow, changes)]);
  return hub;
}

test("the end of a child is the end of its step, with its output", () => {
  const hub = makeHub();
  assert.is(hub.chain("X1.sub.1")?.application, "test.child@1.0.0");
  assert.equal(hub.chain("X1.sub.1")?.parent, { chain: "X1", step: "sub", depth: 1 });
  assert.is(hub.chain("X1.sub.1")?.submitter, "tester");
  hub.check();
  hub.restart();
  hub.signal("approved", { n: 1 });
  assert.equal(hub.step("X1", "sub")?.output, { n: 1 });
  assert.is(hub.chain("X1")?.state, "succeeded");
  hub.check();
});

test("a failed child fails its step, and the reason names the chain and its own reason", () => {
  const hub = makeHub();
  hub.mesh.advance(60_000);
  assert.is(
    hub.chain("X1")?.reason,
    "step sub: chain X1.sub.1 has failed: step open: the finish deadline has passed",
  );
  hub.check();
});

test("^MAJOR takes the newest of it, a version that very one, and nothing the newest", () => {
  for (const [version, expected] of [
    ["^1", "1.10.0"],
    ["1.2.0", "1.2.0"],
    ["", "2.0.0"],
  ]) {
    const hub = new LoneHub();
    hub.publish(...["1.2.0", "1.10.0", "2.0.0"].map((published) => child(published)));
    hub.run("X1", [makeSubflow("sub", { version: version ?? "" })]);
    assert.is(hub.chain("X1.sub.1")?.application, `test.child@${expected}`);
  }
});

test("a subflow takes the version that operators have rolled back to, and never a retired one", () => {
  const setter = "/c/op";
  const start = (version: string, ...retired: readonly string[]): LoneHub => {
    const hub = new LoneHub();
    hub.publish(child("1.0.0"), child("1.1.0"), child("2.0.0"));
    hub.ask({ type: "rollBack", id: "test.child", version: "1.0.0", setter });
    for (const which of retired) {
      const state = "retired";
      hub.ask({ type: "setApplicationState", id: "test.child", version: which, state, setter });
    }
    hub.run("X1", [makeSubflow("sub", { version })]);
    hub.check();
    return hub;
  };
  assert.is(start("").chain("X1.sub.1")?.application, "test.child@1.0.0");
  assert.is(start("^1").chain("X1.sub.1")?.application, "test.child@1.0.0");
  assert.is(start("^2").chain("X1.sub.1")?.application, "test.child@2.0.0");
  assert.is(start("^1", "1.0.0").chain("X1.sub.1")?.application, "test.child@1.1.0");
  assert.is(
    start("2.0.0", "2.0.0").chain("X1")?.reason,
    "step sub: application test.child 2.0.0 is retired and takes no chains",
  );
  assert.is(
    start("^2", "2.0.0").chain("X1")?.reason,
    "step sub: no version of test.child ^2 is current (2.0.0 retired): name one that is not retired",
  );
});

test("an application that is not there suspends the step; a retry after its publication starts it", () => {
  const hub = makeHub({ version: "^3" });
  assert.is(
    hub.chain("X1")?.reason,
    "step sub: application test.child ^3 is not published at this hub",
  );
  hub.check();
  hub.publish(child("3.1.0"));
  hub.ask({ type: "retry", chain: "X1" });
  assert.is(hub.chain("X1.sub.1")?.application, "test.child@3.1.0");
  hub.check();
});

test("an input that the child's schema refuses suspends the step with the place", () => {
  const hub = new LoneHub();
  hub.publish(child("1.0.0", { inputSchema: { type: "object", required: ["codes"] } }));
  hub.run("X1", [makeSubflow("sub")]);
  assert.match(hub.chain("X1")?.reason ?? "", /^step sub: input: .*codes/);
  hub.check();
});

test("cancelling the parent cancels the child and waits for it", () => {
  const hub = new LoneHub({ agents: 1 });
  hub.publish(child("1.0.0", { steps: [makeService("work")], output: undefined }));
  hub.run("X1", [makeSubflow("sub")]);
  hub.ask({ type: "cancel", chain: "X1", reason: "false alarm" });
  hub.mesh.deliver();
  assert.is(hub.chain("X1")?.state, "cancelling");
  assert.is(hub.chain("X1.sub.1")?.state, "cancelling");
  hub.check();
  hub.mesh.say("/c/a1", "/c" as never, {
    kind: "feedback",
    id: "X1.sub.1.work.1",
    attempt: 1,
    outcome: "cancelled",
    output: "",
    errorCode: "",
    message: "",
    retryable: false,
    revision: 0,
  });
  assert.is(hub.chain("X1.sub.1")?.state, "cancelled");
  assert.is(hub.chain("X1")?.state, "cancelled");
  hub.check();
});

test("a child that is to be left goes on when its parent is cancelled", () => {
  const hub = makeHub({ onParentCancel: "leave" });
  hub.ask({ type: "cancel", chain: "X1", reason: "false alarm" });
  assert.is(hub.chain("X1")?.state, "cancelled");
  assert.is(hub.chain("X1.sub.1")?.state, "running");
  hub.check();
  hub.signal("approved", {});
  assert.is(hub.chain("X1.sub.1")?.state, "succeeded");
  assert.is(hub.chain("X1")?.state, "cancelled");
  hub.check();
});

test("past the deadline of the step its child is cancelled and the step fails", () => {
  const deadlines = { ...makeSubflow("sub").deadlines, finishMs: 5_000 };
  const hub = makeHub({}, { deadlines });
  hub.mesh.advance(5_000);
  assert.is(hub.chain("X1")?.reason, "step sub: the finish deadline has passed");
  assert.is(hub.chain("X1.sub.1")?.state, "cancelled");
  hub.check();
});

test("a parent that fails elsewhere cancels the child that nobody waits for any more", () => {
  const hub = new LoneHub();
  hub.publish(child("1.0.0"));
  const short = { ...makeSubflow("sub").deadlines, finishMs: 1_000 };
  hub.run("X1", [makeSubflow("sub"), makeGate("other", { signal: "x" }, { deadlines: short })]);
  hub.mesh.advance(1_000);
  assert.is(hub.chain("X1")?.state, "failed");
  assert.is(hub.chain("X1.sub.1")?.reason, "chain X1 does not wait for it any more");
  hub.check();
});

test("every chain above a suspended one says so, and stops saying so when it goes on", () => {
  const hub = new LoneHub();
  hub.publish(
    child("1.0.0", {
      steps: [makeSubflow("deep", { application: "test.deep" })],
      output: undefined,
    }),
  );
  hub.run("X1", [makeSubflow("sub")]);
  const told = "chain X1.sub.1 is suspended: step deep: application test.deep is not published";
  assert.is(hub.chain("X1")?.state, "running");
  assert.is(hub.step("X1", "sub")?.reason, `${told} at this hub`);
  const { revision = 0 } = hub.chain("X1") ?? {};
  hub.publish(child("1.0.0", { id: "test.deep" }));
  hub.ask({ type: "retry", chain: "X1.sub.1" });
  assert.is(hub.step("X1", "sub")?.reason, "");
  assert.ok((hub.chain("X1")?.revision ?? 0) > revision);
  hub.ask({ type: "suspend", chain: "X1.sub.1.deep.1", by: "/c/s-operator", reason: "look" });
  const deep = "chain X1.sub.1.deep.1 is suspended: suspended by /c/s-operator: look";
  assert.is(hub.step("X1", "sub")?.reason, deep);
  assert.is(hub.step("X1.sub.1", "deep")?.reason, deep);
  hub.check();
});

test("applications that call each other end at the limit, and so do all chains above", () => {
  const hub = new LoneHub();
  const calls = (id: string, application: string): Application =>
    makeApplication({ id, steps: [makeSubflow("next", { application })] });
  hub.publish(calls("test.ping", "test.pong"), calls("test.pong", "test.ping"));
  hub.submit("X1", {}, "test.ping");
  const chains = [...hub.kernel.state.chains.values()];
  assert.is(chains.length, limits.subflowDepthMax + 1);
  assert.equal([...new Set(chains.map(({ state }) => state))], ["failed"]);
  const told = `${limits.subflowDepthMax} chains stand above it, which is the limit`;
  assert.ok(hub.chain("X1")?.reason.endsWith(`: ${told}`));
  hub.check();
});

test("a full hub suspends the step that would start one chain more", () => {
  const hub = new LoneHub();
  hub.publish(child("1.0.0"));
  const limit = limits.liveChainsMax;
  (limits as { liveChainsMax: number }).liveChainsMax = 1;
  try {
    hub.run("X1", [makeSubflow("sub")]);
  } finally {
    (limits as { liveChainsMax: number }).liveChainsMax = limit;
  }
  assert.is(
    hub.chain("X1")?.reason,
    "step sub: 1 chains are under way, which is the limit of this hub",
  );
  hub.check();
});

test("a step that is tried again starts a child of its own", () => {
  const hub = new LoneHub();
  hub.publish(child("1.0.0"));
  hub.run("X1", [makeSubflow("sub")], { onFailure: "suspend" });
  hub.mesh.advance(60_000);
  assert.is(hub.chain("X1")?.state, "suspended");
  hub.ask({ type: "retry", chain: "X1" });
  assert.is(hub.chain("X1.sub.1")?.state, "failed");
  assert.is(hub.chain("X1.sub.2")?.state, "running");
  hub.check();
});

test("a child goes on while its parent is held, and its end counts", () => {
  const hub = new LoneHub();
  hub.publish(child("1.0.0"));
  const wait = makeTimer("wait", { kind: "for", ms: 1_000, calendar: "" }, { needs: after("sub") });
  hub.run("X1", [makeSubflow("sub"), wait]);
  hub.ask({ type: "suspend", chain: "X1", by: "/c/s-operator", reason: "look" });
  hub.signal("approved", {});
  assert.is(hub.step("X1", "sub")?.state, "succeeded");
  assert.is(hub.step("X1", "wait")?.state, "waiting");
  hub.ask({ type: "resume", chain: "X1", by: "/c/s-operator", reason: "" });
  assert.is(hub.step("X1", "wait")?.state, "running");
  hub.check();
});

test("ended chains leave the memory, parent and child alike, without taking others' keys", () => {
  const hub = makeHub();
  const submit = {
    type: "submit",
    application: "test.child",
    version: "",
    key: "X1.sub.1",
    bodyHash: "body",
    input: {},
    submitter: "tester",
    holder: undefined,
  } as const;
  hub.ask({ ...submit, chain: "X2" });
  hub.signal("approved", {}, "X1.sub.1");
  hub.kernel.checkpoint();
  hub.kernel.evict();
  assert.equal([...hub.kernel.state.chains.keys()], ["X2"]);
  assert.equal(hub.ask({ ...submit, chain: "X3" }), {
    kind: "accepted",
    chain: "X2",
    existed: true,
  });
});
