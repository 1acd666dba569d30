// Chains that go back on what they did, among waits, chains below them and operators.

import type { AddWorkingTime, Application, ServiceStep } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import {
  failed,
  makeApplication,
  makeFanout,
  makeService,
  succeeded,
} from "../support/kernel-mesh.ts";
import { after, LoneHub, makeGate, makeSubflow } from "../support/lone-hub.ts";
import { suite } from "../support/suite.ts";

const test = suite("compensation among waits and operators");

const by = "/c/s-operator";
const reason = "as told by phone";
const { match, retry } = makeService("x");
const undo = {
  match: { ...match, capability: "undo/v1" },
  input: undefined,
  retry: { ...retry, max: 1 },
  finishMs: 10_000,
};
const undoing = { onFailure: "compensate", onCancel: "compensate" } as const;

interface Undone {
  readonly hub: LoneHub;
  readonly ids: string[];
  /** What the nodes say no to. */
  readonly refusing: Set<string>;
}

function makeHub(addWorkingTime?: AddWorkingTime): Undone {
  const known = addWorkingTime === undefined ? {} : { addWorkingTime };
  const hub = new LoneHub({ agents: 2, ...known });
  for (const name of ["u1", "u2"]) hub.mesh.addAgent(`/c/${name}`, ["undo/v1"]);
  const ids: string[] = [];
  const refusing = new Set(["bad"]);
  hub.mesh.handler = (id) => {
    if (id.includes("silent")) return undefined;
    if ([...refusing].some((part) => id.includes(part))) return failed(id, "NO", false);
    ids.push(id);
    return succeeded(id, { n: 1 });
  };
  return { hub, ids, refusing };
}

function makeUndoable(id: string, needs: ServiceStep["needs"] = []): ServiceStep {
  return makeService(id, { needs, compensate: undo });
}

function child(changes: Partial<Application> & Pick<Application, "steps">): Application {
  return makeApplication({ ...undoing, id: "test.child", hash: "child", ...changes });
}

test("waits end when the chain goes back, and a chain below is cancelled and goes back itself", () => {
  const { hub, ids } = makeHub();
  hub.publish(
    child({ steps: [makeUndoable("inner"), makeService("silent", { needs: after("inner") })] }),
  );
  hub.run(
    "X1",
    [
      makeUndoable("open"),
      makeGate("gate", {}, { needs: after("open") }),
      makeSubflow("sub", {}, { needs: after("open") }),
      makeService("bad", { needs: after("gate") }),
    ],
    undoing,
  );
  hub.check();
  hub.signal("approved", {}, "X1");
  hub.mesh.deliver();
  const below = hub.chain("X1.sub.1");
  assert.is(below?.state, "cancelling");
  assert.is(hub.chain("X1")?.state, "failed");
  assert.is(hub.step("X1", "sub")?.state, "cancelled");
  hub.check();
  hub.mesh.advance(30_000);
  hub.mesh.deliver();
  assert.is(hub.chain("X1.sub.1")?.state, "cancelled");
  assert.equal(
    ids.filter((id) => id.includes("~")),
    ["X1.open.1~1", "X1.sub.1.inner.1~1"],
  );
  hub.check();
});

test("a chain below that goes back is not cancelled over it", () => {
  const { hub, ids } = makeHub();
  hub.publish(
    child({ steps: [makeUndoable("inner"), makeService("bad", { needs: after("inner") })] }),
  );
  const answers = hub.mesh.handler;
  hub.mesh.handler = (id, input) => (id.includes("~") ? undefined : answers(id, input));
  hub.run("X1", [makeSubflow("sub")]);
  assert.is(hub.chain("X1.sub.1")?.state, "compensating");
  hub.ask({ type: "cancel", chain: "X1", reason });
  hub.mesh.deliver();
  assert.is(hub.chain("X1.sub.1")?.state, "compensating");
  assert.is(hub.chain("X1")?.state, "cancelling");
  hub.check();
  hub.mesh.say("/c/u1", "/c" as never, succeeded("X1.sub.1.inner.1~1", null));
  hub.mesh.deliver();
  assert.is(hub.chain("X1.sub.1")?.state, "failed");
  assert.is(hub.chain("X1")?.state, "cancelled");
  assert.equal(ids, ["X1.sub.1.inner.1"]);
  hub.check();
});

test("members that were done before an operator skipped the step are undone with the chain", () => {
  const { hub, ids } = makeHub();
  const base = makeFanout("ask");
  const ask = { ...base, each: { ...base.each, compensate: undo } };
  const answers = hub.mesh.handler;
  hub.mesh.handler = (id, input) => (id === "X1.ask.1!/c/a2" ? undefined : answers(id, input));
  hub.run("X1", [ask, makeGate("gate", {}, { needs: after("ask") })], undoing);
  assert.equal(hub.ask({ type: "skip", chain: "X1", step: "ask", by, reason, output: null }), {
    kind: "done",
  });
  hub.mesh.deliver();
  hub.check();
  hub.ask({ type: "cancel", chain: "X1", reason });
  hub.mesh.deliver();
  assert.is(hub.chain("X1")?.state, "cancelled");
  assert.equal(ids, ["X1.ask.1!/c/a1", "X1.ask.1~1!/c/a1"]);
  assert.is(hub.kernel.state.fanouts.size, 0);
  hub.check();
});

test("a chain that could not be undone is retried or given up as a whole, never step by step", () => {
  let isKnown = true;
  const { hub, ids, refusing } = makeHub((_calendar, fromMs, durationMs) =>
    isKnown ? fromMs + durationMs : undefined,
  );
  refusing.add("~1");
  hub.run("X1", [makeUndoable("open"), makeService("bad", { needs: after("open") })], {
    ...undoing,
    calendar: "city",
  });
  // What is undone has no deadline: nobody needs the calendar any more.
  isKnown = false;
  assert.is(hub.chain("X1")?.state, "suspended");
  const detail =
    "the chain undoes what it did: retry it as a whole, or cancel it to leave the rest";
  const refused = { kind: "refused", code: "CHAIN_INVALID", detail };
  for (const step of ["open", "bad"]) {
    const skip = { type: "skip", chain: "X1", step, by, reason, output: null } as const;
    assert.equal(hub.ask(skip), refused);
    assert.equal(hub.ask({ type: "retry", chain: "X1", step, by, reason }), refused);
    assert.equal(hub.ask({ type: "rematch", chain: "X1", step, by, reason }), refused);
  }
  hub.check();
  assert.equal(hub.ask({ type: "retry", chain: "X1", by, reason }), { kind: "done" });
  hub.mesh.deliver();
  assert.is(hub.chain("X1")?.state, "failed");
  assert.equal(ids, ["X1.open.1", "X1.open.1~2"]);
  assert.is(hub.chain("X1")?.notes?.at(-1)?.action, "retried");
  hub.check();
});

test("who gives up what could not be undone is named in the chain", () => {
  const { hub, refusing } = makeHub();
  refusing.add("~");
  hub.run("X1", [makeUndoable("open"), makeService("bad", { needs: after("open") })], undoing);
  hub.ask({ type: "cancel", chain: "X1", reason, by });
  const chain = hub.chain("X1");
  assert.is(chain?.state, "failed");
  assert.match(chain?.reason ?? "", /not all is undone/);
  const notes = chain?.notes?.map(({ atMs: _at, ...note }) => note);
  assert.equal(notes, [{ by, action: "cancelled", step: "", reason }]);
  hub.check();
});

test("an instruction that undoes is matched anew by hand", () => {
  const { hub } = makeHub();
  const answers = hub.mesh.handler;
  hub.mesh.handler = (id, input) => (id.includes("~") ? undefined : answers(id, input));
  hub.run("X1", [makeUndoable("open"), makeService("bad", { needs: after("open") })], undoing);
  const id = "X1.open.1~1";
  const before = hub.kernel.state.assignments.get(id)?.node;
  const rematch = {
    type: "rematch",
    chain: "X1",
    step: "open",
    by,
    reason,
  } as const;
  assert.equal(hub.ask(rematch), { kind: "done" });
  const now = hub.kernel.state.assignments.get(id)?.node ?? "";
  assert.is.not(now, before);
  hub.mesh.say(now, "/c" as never, succeeded(id, null, 2));
  hub.mesh.deliver();
  assert.is(hub.chain("X1")?.state, "failed");
  hub.check();
});

test("a member that waits for its turn has no node to be taken from", () => {
  const { hub } = makeHub();
  const base = makeFanout("silent");
  const members = {
    by: "items",
    items: { kind: "literal", value: ["a", "b"] },
    key: "item",
    membersMax: 9,
    concurrencyMax: 1,
  } as const;
  hub.run("X1", [{ ...base, members }]);
  const rematch = {
    type: "rematch",
    chain: "X1",
    step: "silent",
    member: "b",
    by,
    reason,
  } as const;
  assert.equal(hub.ask(rematch), {
    kind: "refused",
    code: "CHAIN_INVALID",
    detail: "b waits for its turn: it has no node yet",
  });
  assert.equal(hub.ask({ ...rematch, member: "a" }), { kind: "done" });
  hub.check();
});
