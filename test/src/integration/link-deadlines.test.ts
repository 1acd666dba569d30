import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { encodeBatch } from "@cloudbrain/sdk/codec";
import { type Batch, type Goodbye, limits, parseAddress } from "@cloudbrain/sdk/domain";
import type { Credentials, MeshAuthority } from "@cloudbrain/sdk/identity";
import { type LinkServer, openLinkServer } from "@cloudbrain/sdk/link";
import { Session } from "@cloudbrain/sdk/session";
import * as assert from "uvu/assert";
import {
  AgentEnd,
  agentAddress,
  HubEnd,
  hubAddress,
  makeAuthority,
  makeCredentials,
  makeDialer,
  makeFrame,
  makeHello,
} from "../support/link-rig.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { messagePrefix, RawLink } from "../support/raw-link.ts";
import { suite } from "../support/suite.ts";

const test = suite("deadlines of a hub's connections", { timeLimitMs: 60_000 });
/** Long, so that no lease ends what a deadline has to end. */
const timing = { heartbeatMs: 5_000, leaseMs: 60_000 };
const patience = { handshakeMs: 400, firstStreamMs: 400, helloMs: 400, messageMs: 400 };
const leaving: Goodbye = { code: "DRAINING", detail: "the test is over", retryAfterMs: 0 };
const empty: Batch = { runs: [], acks: [], credits: [], refusals: [] };

let authority: MeshAuthority;
let credentials: Credentials;
let hub: HubEnd;
let server: LinkServer;
let witness: AgentEnd;
/** What the current test has opened, to be closed in reverse order. */
let opened: (() => unknown)[] = [];

test.before(async () => {
  authority = await makeAuthority();
  credentials = await makeCredentials(authority, agentAddress);
});

test.before.each(async () => {
  hub = new HubEnd();
  server = await openLinkServer({
    credentials: await makeCredentials(authority, hubAddress),
    listen: { host: "127.0.0.1", port: 0 },
    self: hubAddress,
    host: hub,
    timing,
    patience,
  });
  opened.push(() => server.close({ graceMs: 200 }));
  witness = new AgentEnd();
  const dialer = makeDialer(witness, {
    credentials: await makeCredentials(authority, parseAddress("/city/witness")),
    port: server.port,
    timing,
  });
  opened.push(() => dialer.stop(leaving));
  dialer.start();
  await fact("the witness is linked", () => witness.welcomes === 1);
});

test.after.each(async () => {
  for (const close of opened.reverse()) await close();
  opened = [];
});

function fact(what: string, isSo: () => boolean, limitMs = 15_000): Promise<true> {
  return waitFor({ what, limitMs, everyMs: 5 }, () => (isSo() ? true : undefined));
}

function openRaw(own = credentials): RawLink {
  const raw = new RawLink(own, server.port);
  opened.push(() => raw.close());
  return raw;
}

const hello = (): Uint8Array =>
  encodeBatch({ ...empty, hello: makeHello(agentAddress, new Session(hubAddress), 1_000) });

async function openWelcomed(): Promise<RawLink> {
  const raw = openRaw();
  raw.write(hello());
  await fact("it is welcomed", () => raw.batches[0]?.welcome !== undefined);
  return raw;
}

/** Waits for the end of the silent one, not before its limit, and shows that others live on. */
async function endsAlone(limitMs: number, startedAtMs: number, isOver: () => boolean) {
  await fact("the silent one is closed", isOver);
  const tookMs = performance.now() - startedAtMs;
  // Four ticks of a timer, each of which may come a millisecond early.
  assert.ok(tookMs >= limitMs - 50, `it was closed after ${tookMs} ms already`);
  witness.send(hubAddress, [makeFrame("alive", hubAddress)]);
  await fact("another link still works", () => hub.received.includes("alive"));
  assert.equal(witness.losses, []);
}

test("a connection that never speaks TLS is closed, and so is one that stops in its middle", async () => {
  for (const said of ["", "1603010200"]) {
    const startedAtMs = performance.now();
    const socket = connectTcp(server.port, "127.0.0.1");
    opened.push(() => socket.destroy());
    socket.on("error", () => undefined).resume();
    await once(socket, "connect");
    socket.write(Buffer.from(said, "hex"));
    await endsAlone(patience.handshakeMs, startedAtMs, () => socket.closed);
  }
  await fact("the witness alone is connected", () => server.connections() === 1);
});

test("a session that never opens a stream is closed, whether or not it speaks HTTP/2", async () => {
  const { certificatePem: cert, privateKeyPem: key, authorityPem: ca } = credentials;
  const tls = { cert, key, ca, checkServerIdentity: () => undefined };
  const mute = connectTls({ ...tls, host: "127.0.0.1", port: server.port, ALPNProtocols: ["h2"] });
  opened.push(() => mute.destroy());
  mute.on("error", () => undefined).resume();
  const startedAtMs = performance.now();
  await once(mute, "secureConnect");
  await endsAlone(patience.firstStreamMs, startedAtMs, () => mute.closed);

  const idle = connectHttp2(`https://127.0.0.1:${server.port}`, tls);
  opened.push(() => idle.destroy());
  idle.on("error", () => undefined);
  const idleAtMs = performance.now();
  await once(idle, "remoteSettings");
  await endsAlone(patience.firstStreamMs, idleAtMs, () => idle.closed);
  await fact("the witness alone is connected", () => server.connections() === 1);
});

test("a session that has opened a stream may be idle for as long as it likes", async () => {
  const raw = await openWelcomed();
  const untilMs = performance.now() + 3 * patience.firstStreamMs;
  await fact("three limits pass", () => performance.now() > untilMs);
  assert.not(raw.stream.closed);
  assert.is(raw.batches.at(-1)?.goodbye, undefined);
});

test("a link that never says Hello is sent away, even when it says something else", async () => {
  for (const isTalking of [false, true]) {
    const startedAtMs = performance.now();
    const raw = openRaw();
    if (isTalking) raw.write(encodeBatch({ ...empty, heartbeat: true }));
    await endsAlone(patience.helloMs, startedAtMs, () => raw.stream.closed);
    assert.equal(raw.batches.at(-1)?.goodbye, {
      code: "TIMEOUT",
      detail: `no Hello came within ${patience.helloMs} ms`,
      retryAfterMs: 5_000,
    });
  }
  assert.is(hub.greetings.length, 1);
});

test("a link that stops in the middle of a batch is closed", async () => {
  const raw = await openWelcomed();
  const startedAtMs = performance.now();
  raw.stream.write(messagePrefix(1_000));
  raw.stream.write(Buffer.alloc(500));
  await endsAlone(patience.messageMs, startedAtMs, () => raw.stream.closed);
  await fact("the hub has heard of it", () => hub.closings.length === 1);
});

test("half a batch on the bulk stream ends its link, however alive the main stream is", async () => {
  const raw = await openWelcomed();
  const bulk = raw.openBulk(raw.batches[0]?.welcome?.linkToken ?? "");
  bulk.write(messagePrefix(1_000));
  const startedAtMs = performance.now();
  const talking = setInterval(() => raw.write(encodeBatch({ ...empty, heartbeat: true })), 20);
  opened.push(() => clearInterval(talking));
  await endsAlone(patience.messageMs, startedAtMs, () => bulk.closed && raw.stream.closed);
});

test("a batch that comes slowly but whole within its time is taken", async () => {
  const raw = await openWelcomed();
  const feedback = makeFrame("slow", hubAddress, 4_000);
  const run = { lane: "chain" as const, firstSeq: 1, frames: [feedback] };
  const bytes = encodeBatch({ ...empty, runs: [run] });
  const message = Buffer.concat([messagePrefix(bytes.length), bytes]);
  for (let at = 0; at < message.length; at += 500) {
    await raw.writeFragment(message.subarray(at, at + 500));
  }
  await fact("it has arrived", () => hub.received.includes("slow"));
  const untilMs = performance.now() + 2 * patience.messageMs;
  await fact("its limit passes", () => performance.now() > untilMs);
  assert.not(raw.stream.closed);
});

test("the memory of half batches is given back", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const heldBytes = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const half = Buffer.alloc(limits.batchBytesMax - 1_000);
  const beforeBytes = heldBytes();
  const greedy = Array.from({ length: 30 }, () => openRaw());
  let taken = 0;
  await Promise.all(
    greedy.map(async ({ stream }) => {
      stream.write(messagePrefix(limits.batchBytesMax));
      await new Promise((resolve) => stream.write(half, resolve));
      taken += 1;
    }),
  );
  assert.is(taken, greedy.length);
  const heldMost = heldBytes() - beforeBytes;
  assert.ok(heldMost > 20 * half.length, `only ${heldMost} bytes were held`);
  await fact("all are closed", () => greedy.every(({ stream }) => stream.closed));
  // The connections stay open: what a stream has held must not wait for them.
  assert.is(server.connections(), 1 + greedy.length);
  await fact("it is given back", () => heldBytes() - beforeBytes < heldMost / 5);
});
