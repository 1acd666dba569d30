import type { Address, Batch, Frame } from "@cloudbrain/sdk/domain";
import { FragmentCount } from "@cloudbrain/sdk/internal/link/session-guard";
import { LinkProtocol, Session } from "@cloudbrain/sdk/session";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("bounds of a link");
const timing = { heartbeatMs: 1_000, leaseMs: 4_000 };
const kib = 1_024;

function makeBatch(seq: number): Batch {
  const body = { kind: "accepted", id: `${seq}`, attempt: 1 } as const;
  const ends = { from: "/c/a" as Address, to: "/c" as Address };
  const frame: Frame = { ...ends, body, hopLimit: 16, traceparent: "" };
  const run = { lane: "bulk", firstSeq: seq, frames: [frame] } as const;
  return { runs: [run], acks: [], credits: [], refusals: [] };
}

test("bytes are granted anew only for what is durable", () => {
  const session = new Session("/c/a" as Address);
  const link = new LinkProtocol(timing, 0);
  link.open(session);
  link.receive(makeBatch(1), 200 * kib, 0);
  link.receive(makeBatch(2), 40 * kib, 0);
  assert.is(link.nextBatch("main", 1), undefined);
  session.accept("bulk", 1);
  session.markAllDurable();
  assert.equal(link.nextBatch("main", 2)?.credits, [
    { lane: "bulk", seqMax: 4_097, bytesMax: 200 * kib + 8 * kib * kib },
  ]);
});

test("a batch that begins beyond the byte credit is a violation", () => {
  const link = new LinkProtocol(timing, 0);
  link.open(new Session("/c/a" as Address));
  // The last batch within the credit may exceed it.
  assert.is(link.receive(makeBatch(1), 900 * kib, 0)[0]?.type, "run");
  assert.equal(link.receive(makeBatch(2), 10, 0), [
    { type: "violation", code: "FRAME_INVALID", detail: "lane bulk: frames beyond the credit" },
  ]);
});

test("many small messages are no flood, one message in as many crumbs is", () => {
  const fragments = new FragmentCount();
  const heartbeat = Buffer.from([0, 0, 0, 0, 2, 32, 1]);
  for (let sent = 0; sent < 5_000; sent += 1) assert.not(fragments.isFlood(heartbeat));
  const split = [heartbeat.subarray(0, 3), heartbeat.subarray(3, 6), heartbeat.subarray(6)];
  for (let sent = 0; sent < 5_000; sent += 1) {
    for (const part of split) assert.not(fragments.isFlood(part));
  }
  assert.not(fragments.isFlood(Buffer.from([0, 0, 1, 0, 0])));
  let crumbs = 1;
  while (!fragments.isFlood(Buffer.alloc(1))) crumbs += 1;
  assert.is(crumbs, 1_000);
});
