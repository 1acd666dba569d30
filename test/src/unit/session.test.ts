import { type Address, type Frame, limits } from "@cloudbrain/sdk/domain";
import { LinkProtocol, Session } from "@cloudbrain/sdk/session";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("session and link protocol");
const timing = { heartbeatMs: 1_000, leaseMs: 4_000 };

function makeFrame(id: string): Frame {
  const body = { kind: "accepted", id, attempt: 1 } as const;
  return { from: "/c/a" as Address, to: "/c" as Address, body, hopLimit: 16, traceparent: "" };
}

function makeSession(frames = 0): Session {
  const session = new Session("/c" as Address, "store");
  for (let index = 1; index <= frames; index += 1) session.enqueue("chain", makeFrame(`${index}`));
  return session;
}

test("a frame may be sent only when the commit that holds it is durable", () => {
  const session = makeSession(2);
  assert.is(session.frameAt("chain", 1), undefined);
  session.markDurable(session.positionsNow());
  assert.equal(session.frameAt("chain", 1), makeFrame("1"));
});

test("a sequence is applied once, and a gap is a defect", () => {
  const session = makeSession();
  assert.ok(session.accept("chain", 1));
  assert.not(session.accept("chain", 1));
  assert.throws(() => session.accept("chain", 3), /gap/);
});

test("what is acknowledged leaves the outbox; what was never sent can't be acknowledged", () => {
  const session = makeSession(1_000);
  session.markAllDurable();
  assert.not(session.acknowledge("chain", 1_001));
  assert.ok(session.acknowledge("chain", 999));
  assert.not(session.acknowledge("chain", 500));
  assert.is(session.unacknowledged(), 1);
  assert.equal(session.frameAt("chain", 1_000), makeFrame("1000"));
});

test("stored and restored it is the same session", () => {
  const session = makeSession(5);
  session.accept("control", 1);
  session.markAllDurable();
  session.acknowledge("chain", 2);
  const copy = makeSession();
  copy.restore(session.store());
  copy.markAllDurable();
  assert.equal(copy.store(), session.store());
  assert.equal(copy.positions(), session.positions());
});

test("positions that contradict ours tell who has forgotten, with both numbers", () => {
  const session = makeSession(5);
  session.markAllDurable();
  session.acknowledge("chain", 3);
  const lane = "chain";
  assert.equal(session.judge([{ lane, received: 4, sent: 0, acked: 0 }]), { kind: "consistent" });
  assert.equal(session.judge([{ lane, received: 9, sent: 0, acked: 0 }]), {
    kind: "weForgot",
    lane,
    ours: 5,
    theirs: 9,
  });
  assert.equal(session.judge([{ lane, received: 2, sent: 0, acked: 0 }]), {
    kind: "peerForgot",
    lane,
    ours: 3,
    theirs: 2,
  });
});

test("an old copy that has caught up with new frames is found in its first link", () => {
  const session = makeSession();
  for (let seq = 1; seq <= 4; seq += 1) session.accept("control", seq);
  session.markAllDurable();
  const lane = "control";
  const caughtUp = [{ lane, received: 0, sent: 6, acked: 0, sentBefore: 3 }] as const;
  assert.equal(session.judge(caughtUp, true), { kind: "peerForgot", lane, ours: 4, theirs: 3 });
  // In a life that we have had a link with, we may know frames that it has made since its start.
  assert.equal(session.judge(caughtUp), { kind: "consistent" });
  const whole = [{ lane, received: 0, sent: 6, acked: 0, sentBefore: 4 }] as const;
  assert.equal(session.judge(whole, true), { kind: "consistent" });
  const silent = [{ lane, received: 0, sent: 6, acked: 0 }] as const;
  assert.equal(session.judge(silent, true), { kind: "consistent" });
});

test("positions tell what was sent before this life began", () => {
  const session = makeSession(2);
  session.markAllDurable();
  session.enqueue("chain", makeFrame("later"));
  session.markDurable(session.positionsNow());
  assert.equal(session.positions(), [
    { lane: "chain", received: 0, sent: 3, acked: 0, sentBefore: 2 },
  ]);
});

test("frames that are ready together travel in one batch of one lane, within the credit", () => {
  const session = makeSession(400);
  session.markAllDurable();
  const link = new LinkProtocol(timing, 0);
  link.open(session);
  const first = link.nextBatch("main", 0);
  assert.is(first?.runs.length, 1);
  assert.is(first?.runs[0]?.frames.length, limits.batchFramesMax);
  // The first credit is used up: nothing more until the other end grants it.
  assert.is(link.nextBatch("main", 0), undefined);
  const credit = { lane: "chain", seqMax: 1_000, bytesMax: 1_000_000 } as const;
  link.receive({ runs: [], acks: [], credits: [credit], refusals: [] }, 20, 0);
  assert.equal(link.nextBatch("main", 0)?.runs[0]?.firstSeq, 257);
});

test("frames beyond the credit that we gave are a violation", () => {
  const link = new LinkProtocol(timing, 0);
  link.open(makeSession());
  const frames = Array.from({ length: 300 }, (_, index) => makeFrame(String(index)));
  const run = { lane: "chain", firstSeq: 1, frames } as const;
  const events = link.receive({ runs: [run], acks: [], credits: [], refusals: [] }, 100, 0);
  assert.equal(events, [
    { type: "violation", code: "FRAME_INVALID", detail: "lane chain: frames beyond the credit" },
  ]);
});

test("a silent peer is given up after its lease, but not for time in which we stood still", () => {
  const link = new LinkProtocol(timing, 0);
  link.open(makeSession());
  for (let now = 1_000; now <= 4_000; now += 1_000) assert.is(link.tick(now), undefined);
  assert.equal(link.tick(5_000), { type: "silent", silentMs: 5_000 });
  const stalled = new LinkProtocol(timing, 0);
  stalled.open(makeSession());
  assert.is(stalled.tick(60_000), undefined);
});

test("acknowledgements ride on what is sent, and travel alone after a second", () => {
  const session = makeSession();
  const link = new LinkProtocol({ heartbeatMs: 10_000, leaseMs: 40_000 }, 0);
  link.open(session);
  session.accept("chain", 1);
  session.markAllDurable();
  assert.is(link.nextBatch("main", 10), undefined);
  assert.equal(link.nextBatch("main", 1_010)?.acks, [{ lane: "chain", seq: 1 }]);
});
