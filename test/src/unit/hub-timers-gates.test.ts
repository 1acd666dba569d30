import type { HubReply } from "@cloudbrain/hub/kernel";
import { limits } from "@cloudbrain/sdk/domain";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { makeApplication } from "../support/kernel-mesh.ts";
import { after, LoneHub, makeGate, makeSignal, makeTimer } from "../support/lone-hub.ts";
import { suite } from "../support/suite.ts";

const test = suite("timers and gates of a hub");

const signalled = (opened: number, retained = false, detail = ""): HubReply => ({
  kind: "signalled",
  opened,
  retained,
  detail,
});
const until = (value: string) => ({ kind: "until", at: { kind: "literal", value } }) as const;

test("a timer ends its step when its time has come, not before, and over a restart", () => {
  const hub = new LoneHub();
  hub.run("X1", [makeTimer("wait", { kind: "for", ms: 5_000, calendar: "" })]);
  assert.equal(hub.step("X1", "wait")?.wait, { kind: "timer", dueMs: 6_000 });
  hub.check();
  hub.mesh.advance(4_999);
  assert.is(hub.step("X1", "wait")?.state, "running");
  hub.restart();
  assert.is(hub.kernel.wakeAtMs(), 6_000);
  hub.mesh.advance(1);
  assert.is(hub.chain("X1")?.state, "succeeded");
  assert.is(hub.kernel.state.waits.size, 0);
});

test("a time that has passed is no wait, and the step counts as run once", () => {
  const hub = new LoneHub();
  hub.run("X1", [makeTimer("wait", until("1969-07-20T20:17:40Z"))]);
  assert.is(hub.chain("X1")?.state, "succeeded");
  assert.is(hub.step("X1", "wait")?.visit, 1);
  hub.check();
});

test("a timer until a time with an offset waits for that very moment", () => {
  const hub = new LoneHub();
  hub.run("X1", [makeTimer("wait", until("1970-01-01T08:00:30+08:00"))]);
  assert.equal(hub.step("X1", "wait")?.wait, { kind: "timer", dueMs: 30_000 });
});

test("a time that can't be read suspends the step and shows what stood there", () => {
  for (const text of ["tomorrow", "2026-10-01", "2026-10-01T08:00:00", "2026-02-30T08:00:00Z"]) {
    const hub = new LoneHub();
    hub.run("X1", [makeTimer("wait", until(text))]);
    assert.is(
      hub.chain("X1")?.reason,
      `step wait: timer.until: "${text}" is no time such as 2026-10-01T08:00:00+08:00`,
    );
    hub.check();
  }
});

test("every moment that a computer writes as RFC 3339 is read as that moment", () => {
  const last = Date.UTC(9999, 11, 31);
  fc.assert(
    fc.property(fc.integer({ min: 2_000, max: last }), (ms) => {
      const hub = new LoneHub();
      hub.run("X1", [makeTimer("wait", until(new Date(ms).toISOString()))]);
      assert.equal(hub.step("X1", "wait")?.wait, { kind: "timer", dueMs: ms });
    }),
    { numRuns: 100 },
  );
});

/** A calendar that works half of the time. */
const addWorkingTime = (calendar: string, fromMs: number, durationMs: number) =>
  calendar === "halves" ? fromMs + 2 * durationMs : undefined;

test("a timer counts the working time of its calendar; an unknown calendar suspends it", () => {
  const hub = new LoneHub({ addWorkingTime });
  hub.run("X1", [
    makeTimer("known", { kind: "for", ms: 5_000, calendar: "halves" }),
    makeTimer("unknown", { kind: "for", ms: 5_000, calendar: "moon" }),
  ]);
  assert.equal(hub.step("X1", "known")?.wait, { kind: "timer", dueMs: 11_000 });
  assert.is(
    hub.step("X1", "unknown")?.reason,
    "timer.calendar: this hub has no working calendar moon",
  );
  hub.check();
});

test("the total deadline of a chain is working time where its application has a calendar", () => {
  const hub = new LoneHub({ addWorkingTime });
  hub.run("X1", [makeGate("open")], { totalMs: 20_000, calendar: "halves" });
  assert.is(hub.chain("X1")?.dueMs, 41_000);
  hub.check();
  hub.mesh.advance(39_999);
  assert.is(hub.chain("X1")?.state, "running");
  hub.mesh.advance(1);
  assert.is(hub.chain("X1")?.reason, "the total deadline has passed");
  hub.check();
});

test("an item whose calendar the hub lacks is taken and waits, until a retry knows the calendar", () => {
  const hub = new LoneHub();
  hub.run("X1", [makeTimer("wait", { kind: "for", ms: 5_000, calendar: "" })], {
    totalMs: 20_000,
    calendar: "halves",
  });
  const why = "this hub has no working calendar halves";
  assert.is(hub.chain("X1")?.reason, `deadline.calendar: ${why}`);
  assert.is(hub.step("X1", "wait")?.state, "waiting");
  assert.equal(hub.ask({ type: "retry", chain: "X1" }), {
    kind: "refused",
    code: "CHAIN_INVALID",
    detail: why,
  });
  hub.check();
  hub.mesh.addWorkingTime = addWorkingTime;
  hub.restart();
  assert.equal(hub.ask({ type: "retry", chain: "X1" }), { kind: "done" });
  assert.is(hub.chain("X1")?.dueMs, 41_000);
  assert.is(hub.step("X1", "wait")?.state, "running");
});

test("a gate opens for the signal that is meant, and its output is the payload", () => {
  const hub = new LoneHub();
  const gate = { where: "event.payload.item == input.item", schema: { required: ["item"] } };
  hub.publish(makeApplication({ steps: [makeGate("open", gate)] }));
  hub.submit("X1", { item: 1 });
  hub.submit("X2", { item: 2 });
  assert.equal(
    hub.signal("approved", { item: 3 }),
    signalled(0, false, "X2.open.1: where: event.payload.item == input.item is false"),
  );
  assert.match(JSON.stringify(hub.signal("approved", {})), /schema: /);
  assert.equal(hub.signal("declined", { item: 2 }), signalled(0));
  assert.match(JSON.stringify(hub.signal("approved", { item: 2, note: "yes" })), /"opened":1/);
  assert.is(hub.chain("X1")?.state, "running");
  assert.is(hub.chain("X2")?.state, "succeeded");
  assert.equal(hub.step("X2", "open")?.output, { item: 2, note: "yes" });
  assert.is(hub.step("X2", "open")?.reason, "opened by /c/s-desk");
  hub.check();
});

const waitFirst = makeTimer("wait", { kind: "for", ms: 5_000, calendar: "" });
const lateGate = [waitFirst, makeGate("open", {}, { needs: after("wait") })];

test("a signal to all that came before the gate opened does not count", () => {
  const hub = new LoneHub();
  hub.run("X1", lateGate);
  assert.equal(hub.signal("approved", { n: 1 }), signalled(0));
  hub.mesh.advance(5_000);
  assert.is(hub.step("X1", "open")?.state, "running");
  assert.equal(hub.signal("approved", { n: 2 }), signalled(1));
  assert.equal(hub.step("X1", "open")?.output, { n: 2 });
  hub.check();
});

test("a signal to one chain waits for its gate; the newest counts, and only once", () => {
  const hub = new LoneHub();
  hub.run("X1", [...lateGate, makeGate("again", {}, { needs: after("open") })]);
  assert.equal(hub.signal("approved", { n: 1 }, "X1"), signalled(0, true));
  assert.equal(hub.signal("approved", { n: 2 }, "X1"), signalled(0, true));
  assert.equal(hub.signal("other", { n: 3 }, "X1"), signalled(0, false));
  hub.check();
  hub.restart();
  hub.mesh.advance(5_000);
  assert.equal(hub.step("X1", "open")?.output, { n: 2 });
  assert.is(hub.step("X1", "again")?.state, "running");
  assert.equal(hub.kernel.state.chains.get("X1")?.signals, []);
  assert.equal(hub.signal("approved", { n: 4 }, "X1"), signalled(1));
  assert.is(hub.chain("X1")?.state, "succeeded");
  hub.check();
});

test("a signal that comes while its gate is suspended is kept for the next try", () => {
  const hub = new LoneHub();
  hub.run("X1", [makeGate("open")], { onFailure: "suspend" });
  hub.mesh.advance(60_000);
  assert.is(hub.chain("X1")?.state, "suspended");
  assert.equal(hub.signal("approved", { n: 1 }, "X1"), signalled(0, true));
  hub.ask({ type: "retry", chain: "X1" });
  assert.equal(hub.step("X1", "open")?.output, { n: 1 });
  hub.check();
});

test("a signal to a chain that is not there or has ended is refused", () => {
  const hub = new LoneHub();
  hub.run("X1", [makeGate("open")]);
  assert.equal(hub.signal("approved", {}, "X1"), signalled(1));
  assert.match(JSON.stringify(hub.signal("approved", {}, "X1")), /CHAIN_ENDED/);
  assert.match(JSON.stringify(hub.signal("approved", {}, "X2")), /CHAIN_UNKNOWN/);
});

test("past its deadline a gate fails, or continues with what the step says", () => {
  const hub = new LoneHub();
  const onError = { kind: "literal", value: "nobody came" } as const;
  hub.run("X1", [makeGate("open", {}, { onError })]);
  hub.publish(makeApplication({ id: "test.strict", steps: [makeGate("open")] }));
  hub.submit("X2", {}, "test.strict");
  hub.mesh.advance(60_000);
  assert.is(hub.step("X1", "open")?.output, "nobody came");
  assert.is(hub.chain("X1")?.state, "succeeded");
  assert.is(hub.chain("X2")?.reason, "step open: the finish deadline has passed");
  assert.equal(hub.signal("approved", {}), signalled(0));
  hub.check();
});

test("a gate that could wait for ever is suspended instead", () => {
  const hub = new LoneHub();
  const deadlines = { ...makeGate("open").deadlines, finishMs: undefined };
  hub.run("X1", [makeGate("open", {}, { deadlines })], { totalMs: undefined });
  assert.match(hub.chain("X1")?.reason ?? "", /neither the gate nor its chain has a deadline/);
  hub.check();
});

test("a payload over its limit is refused, and so is one signal too many for later gates", () => {
  const hub = new LoneHub();
  const names = Array.from({ length: limits.signalsRetainedMax + 1 }, (_, index) => `s${index}`);
  const wait = makeTimer("wait", { kind: "for", ms: 5_000, calendar: "" });
  const gates = names.map((signal) => makeGate(signal, { signal }, { needs: after("wait") }));
  hub.run("X1", [wait, ...gates]);
  const large = "x".repeat(limits.signalBytesMax);
  assert.match(JSON.stringify(hub.signal("s0", large, "X1")), /INPUT_INVALID.*over the limit/);
  const replies = names.map((name) => hub.signal(name, 1, "X1"));
  assert.equal(
    replies.slice(0, -1),
    names.slice(1).map(() => signalled(0, true)),
  );
  assert.match(JSON.stringify(replies.at(-1)), /QUOTA_EXCEEDED/);
  hub.check();
});

test("a signal step opens the gates of other chains in its commit, and puts out one notice", () => {
  const hub = new LoneHub();
  const teller = makeApplication({ id: "test.teller", steps: [makeSignal("tell", { n: 7 })] });
  hub.publish(teller);
  hub.run("X1", [makeGate("open")]);
  hub.submit("X2", {}, "test.teller");
  assert.equal(hub.step("X1", "open")?.output, { n: 7 });
  assert.is(hub.step("X1", "open")?.reason, "opened by X2.tell.1");
  assert.equal(hub.step("X2", "tell")?.output, { opened: 1 });
  const notices = hub.mesh.outputs.filter(({ type }) => type === "signalPublished");
  assert.equal(notices, [
    { type: "signalPublished", id: "X2.tell.1", name: "approved", payload: { n: 7 } },
  ]);
  hub.check();
  hub.restart();
  assert.is(hub.mesh.outputs.filter(({ type }) => type === "signalPublished").length, 1);
});

test("cancelling a chain closes its timers and gates at once", () => {
  const hub = new LoneHub();
  hub.run("X1", [makeGate("open"), makeTimer("wait", { kind: "for", ms: 9_000, calendar: "" })]);
  hub.ask({ type: "cancel", chain: "X1", reason: "false alarm" });
  assert.is(hub.chain("X1")?.state, "cancelled");
  assert.is(hub.kernel.state.waits.size, 0);
  hub.check();
});

test("a step's own mapping decides what later steps read, and its failure fails the step", () => {
  const hub = new LoneHub();
  const field = (name: string, source: string) => ({
    kind: "fields" as const,
    fields: [{ name, mapping: { kind: "expression" as const, source } }],
  });
  hub.run("X1", [
    makeGate("open", {}, { output: field("half", "out.n / 2") }),
    makeSignal("tell", { done: true }, "none"),
  ]);
  hub.signal("approved", { n: 8 });
  assert.equal(hub.step("X1", "open")?.output, { half: 4 });
  hub.publish(
    makeApplication({
      id: "test.wrong",
      steps: [makeGate("open", {}, { output: field("half", "out.missing") })],
    }),
  );
  hub.submit("X2", {}, "test.wrong");
  hub.signal("approved", { n: 8 });
  assert.match(hub.chain("X2")?.reason ?? "", /^step open: output: .*missing/);
  hub.check();
});

test("whatever signals come and whenever: each gate opens once, for a signal that was meant", () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 8_000 }) }),
    fc.record({
      kind: fc.constant("signal" as const),
      item: fc.integer({ min: 0, max: 3 }),
      chain: fc.option(fc.constantFrom("X0", "X1", "X2")),
    }),
    fc.record({ kind: fc.constant("restart" as const) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 20 }), (actions) => {
      const hub = new LoneHub();
      const meant = makeGate(
        "open",
        { where: "event.payload.item == input.item" },
        { needs: after("wait") },
      );
      hub.publish(makeApplication({ steps: [waitFirst, meant] }));
      for (const item of [0, 1, 2]) hub.submit(`X${item}`, { item });
      for (const act of actions) {
        if (act.kind === "wait") hub.mesh.advance(act.ms);
        else if (act.kind === "restart") hub.restart();
        else hub.signal("approved", { item: act.item }, act.chain ?? undefined);
        hub.check();
      }
      // The timer first, then the deadline of the gate that it has opened.
      hub.mesh.advance(5_000);
      hub.mesh.advance(60_000);
      for (const item of [0, 1, 2]) {
        const run = hub.step(`X${item}`, "open");
        const isOpened = run?.state === "succeeded";
        assert.ok(isOpened || run?.reason === "the finish deadline has passed");
        if (isOpened) assert.equal(run.output, { item });
      }
      hub.check();
    }),
    { numRuns: 60 },
  );
});
