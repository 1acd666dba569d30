import { createServer, type Socket } from "node:net";
import { encodeBatch } from "@cloudbrain/sdk/codec";
import { type Batch, type Goodbye, limits, parseAddress } from "@cloudbrain/sdk/domain";
import type { Credentials, MeshAuthority } from "@cloudbrain/sdk/identity";
import { type LinkDialer, type LinkServer, openLinkServer } from "@cloudbrain/sdk/link";
import { type LinkTiming, Session } from "@cloudbrain/sdk/session";
import * as assert from "uvu/assert";
import {
  AgentEnd,
  type AgentPlan,
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
import { TcpProxy } from "../support/tcp-proxy.ts";

const test = suite("links over grpc-js");
const timing: LinkTiming = { heartbeatMs: 100, leaseMs: 400 };
const patient: LinkTiming = { heartbeatMs: 1_000, leaseMs: 4_000 };
const leaving: Goodbye = { code: "DRAINING", detail: "the test is over", retryAfterMs: 0 };

let authority: MeshAuthority;
let hubCredentials: Credentials;
let agentCredentials: Credentials;
/** What the current test has opened, to be closed in reverse order. */
let opened: (() => unknown)[] = [];

test.before(async () => {
  authority = await makeAuthority();
  hubCredentials = await makeCredentials(authority, hubAddress);
  agentCredentials = await makeCredentials(authority, agentAddress);
});

test.after.each(async () => {
  for (const close of opened.reverse()) await close();
  opened = [];
});

async function openHub(
  end: HubEnd,
  hubTiming: LinkTiming = patient,
  credentials: Credentials = hubCredentials,
): Promise<LinkServer> {
  const server = await openLinkServer({
    credentials,
    listen: { host: "127.0.0.1", port: 0 },
    self: hubAddress,
    host: end,
    timing: hubTiming,
  });
  opened.push(() => server.close({ graceMs: 200 }));
  return server;
}

function startAgent(end: AgentEnd, plan: Partial<AgentPlan> & Pick<AgentPlan, "port">): LinkDialer {
  const dialer = makeDialer(end, { credentials: agentCredentials, timing: patient, ...plan });
  opened.push(() => dialer.stop(leaving));
  dialer.start();
  return dialer;
}

async function openProxy(port: number): Promise<TcpProxy> {
  const proxy = await TcpProxy.open(port);
  opened.push(() => proxy.close());
  return proxy;
}

function openRaw(port: number): RawLink {
  const raw = new RawLink(agentCredentials, port);
  opened.push(() => raw.close());
  return raw;
}

function fact(what: string, isSo: () => boolean, limitMs = 8_000): Promise<true> {
  return waitFor({ what, limitMs, everyMs: 5 }, () => (isSo() ? true : undefined));
}

const ids = (count: number, name = "f"): string[] =>
  Array.from({ length: count }, (_, index) => `${name}${index}`);
const empty: Batch = { runs: [], acks: [], credits: [], refusals: [] };
const helloBatch = (claims = agentAddress): Uint8Array =>
  encodeBatch({ ...empty, hello: makeHello(claims, new Session(hubAddress), 1_000) });

async function isServing(server: LinkServer): Promise<void> {
  const agent = new AgentEnd();
  const dialer = makeDialer(agent, {
    credentials: await makeCredentials(authority, parseAddress("/city/witness")),
    port: server.port,
    timing: patient,
  });
  dialer.start();
  await fact("another node is welcomed", () => agent.welcomes === 1);
  await dialer.stop(leaving);
}

test("frames travel both ways in order, are acknowledged and never outrun their credit", async () => {
  const hub = new HubEnd();
  const agent = new AgentEnd();
  const server = await openHub(hub);
  const dialer = startAgent(agent, { port: server.port });
  const names = ids(6_000);
  agent.send(
    hubAddress,
    names.map((id) => makeFrame(id, hubAddress)),
  );
  hub.send(
    agentAddress,
    names.map((id) => makeFrame(id, agentAddress)),
  );
  await fact("all frames arrive", () => hub.received.length + agent.received.length === 12_000);
  await fact("all are acknowledged", () => {
    const sessions = [hub.session(agentAddress), agent.session(hubAddress)];
    return sessions.every((session) => session.unacknowledged() === 0);
  });
  assert.equal(hub.received, names);
  assert.equal(agent.received, names);
  assert.is(server.counters.framesIn, 6_000);
  assert.is(dialer.counters.framesOut, 6_000);
});

test(
  "a link that is cut twenty times loses nothing and repeats nothing",
  async () => {
    const hub = new HubEnd();
    const agent = new AgentEnd();
    const proxy = await openProxy((await openHub(hub, timing)).port);
    startAgent(agent, { port: proxy.port, timing });
    const sent: string[] = [];
    for (let cut = 1; cut <= 20; cut += 1) {
      await fact("the agent is linked", () => agent.linkOf.has(hubAddress));
      // A link that lives for less counts as a failed attempt, and the next comes later.
      const livedAtMs = performance.now() + timing.heartbeatMs;
      await fact("the link has lived", () => performance.now() > livedAtMs);
      const names = ids(400, `${cut}-`);
      sent.push(...names);
      agent.send(
        hubAddress,
        names.map((id) => makeFrame(id, hubAddress)),
      );
      hub.send(
        agentAddress,
        names.map((id) => makeFrame(id, agentAddress)),
      );
      const before = hub.received.length;
      await fact("frames are on their way", () => hub.received.length > before);
      proxy.cut();
      await fact("the loss is noticed", () => agent.losses.length >= cut);
    }
    const all = sent.length;
    await fact("all arrive", () => hub.received.length + agent.received.length >= 2 * all, 15_000);
    assert.equal(hub.received, sent);
    assert.equal(agent.received, sent);
    assert.ok(agent.welcomes >= 20);
  },
  { timeLimitMs: 60_000 },
);

test("a second connection of a node replaces its first", async () => {
  const hub = new HubEnd();
  const [first, second] = [new AgentEnd(), new AgentEnd()];
  const { port } = await openHub(hub);
  startAgent(first, { port });
  await fact("the first is linked", () => first.welcomes === 1);
  startAgent(second, { port });
  await fact("the first has heard why", () => first.losses.length === 1);
  assert.equal(first.losses, [
    {
      code: "EPOCH_FENCED",
      detail: "a newer link has taken over",
      retryAfterMs: 60_000,
      byPeer: true,
    },
  ]);
  second.send(hubAddress, [makeFrame("new", hubAddress)]);
  await fact("the second works", () => hub.received.length === 1);
});

test("a Hello that claims another address than its certificate is sent away", async () => {
  const hub = new HubEnd();
  const agent = new AgentEnd();
  const { port } = await openHub(hub);
  startAgent(agent, { port, claims: parseAddress("/city/other") });
  await fact("the agent is sent away", () => agent.losses.length === 1);
  assert.equal(agent.losses, [
    {
      code: "IDENTITY_UNTRUSTED",
      detail: "the certificate is of /city/agent in link.mesh, not of /city/other",
      retryAfterMs: 30_000,
      byPeer: true,
    },
  ]);
  assert.equal(hub.greetings, []);
});

test("a hub with another address than expected is not told who we are", async () => {
  const hub = new HubEnd();
  const agent = new AgentEnd();
  const { port } = await openHub(hub);
  startAgent(agent, { port, expected: parseAddress("/city/district") });
  await fact("the agent gives up", () => agent.losses.length === 1);
  assert.is(agent.losses[0]?.code, "UNREACHABLE");
  assert.equal(hub.greetings, []);
});

test("a node of a foreign authority is refused by the hub, and a foreign hub by the node", async () => {
  const hub = new HubEnd();
  const [stranger, local] = [new AgentEnd(), new AgentEnd()];
  const foreign = await makeAuthority();
  const { port } = await openHub(hub);
  const strangers = await makeCredentials(foreign, agentAddress);
  startAgent(stranger, {
    port,
    credentials: { ...strangers, authorityPem: authority.certificatePem },
  });
  const foreignHub = await makeCredentials(foreign, hubAddress);
  const other = await openHub(hub, patient, foreignHub);
  startAgent(local, { port: other.port });
  await fact("both are refused", () => stranger.losses.length > 0 && local.losses.length > 0);
  assert.equal(hub.greetings, []);
});

test("bytes that are no batch end their link with FRAME_INVALID and nothing else", async () => {
  const server = await openHub(new HubEnd());
  const raw = openRaw(server.port);
  raw.write(Buffer.from("ff07deadbeef", "hex"));
  await fact("a goodbye comes", () => raw.batches.length > 0);
  assert.is(raw.batches[0]?.goodbye?.code, "FRAME_INVALID");
  await isServing(server);
});

test("a message over its limit is refused before it is kept", async () => {
  const server = await openHub(new HubEnd());
  const raw = openRaw(server.port);
  raw.write(Buffer.alloc(3 * limits.batchBytesMax));
  await fact("a status comes", () => raw.status !== undefined);
  assert.is(raw.status, "8");
  await isServing(server);
});

test("a message that comes byte by byte is cut off", async () => {
  const server = await openHub(new HubEnd());
  const raw = openRaw(server.port);
  await raw.writeFragment(messagePrefix(limits.batchBytesMax));
  for (let sent = 0; sent < 5_000 && !raw.stream.destroyed; sent += 1) {
    await raw.writeFragment(Buffer.alloc(1));
  }
  assert.is(raw.stream.rstCode, 11);
  await isServing(server);
});

test("frames beyond the credit, and a second Hello, are violations", async () => {
  const hub = new HubEnd();
  const server = await openHub(hub);
  const frames = ids(257).map((id) => makeFrame(id, hubAddress));
  const [greedy, twice] = [openRaw(server.port), openRaw(server.port)];
  greedy.write(helloBatch());
  await fact("it is welcomed", () => greedy.batches.length > 0);
  const run = (count: number) => ({
    lane: "chain" as const,
    firstSeq: 1,
    frames: frames.slice(0, count),
  });
  greedy.write(encodeBatch({ ...empty, runs: [run(256), { ...run(1), firstSeq: 5_000 }] }));
  await fact("it is sent away", () => greedy.batches.at(-1)?.goodbye !== undefined);
  assert.is(greedy.batches.at(-1)?.goodbye?.code, "FRAME_INVALID");
  twice.write(helloBatch());
  twice.write(helloBatch());
  await fact("it is sent away", () => twice.batches.at(-1)?.goodbye !== undefined);
  assert.equal(twice.batches.at(-1)?.goodbye, {
    code: "FRAME_INVALID",
    detail: "a greeting out of place",
    retryAfterMs: 5_000,
  });
  assert.is(hub.greetings.length, 2);
  await isServing(server);
});

test("a half-open connection is noticed by both ends within the lease", async () => {
  const hub = new HubEnd();
  const agent = new AgentEnd();
  const proxy = await openProxy((await openHub(hub, timing)).port);
  startAgent(agent, { port: proxy.port, timing });
  await fact("the agent is linked", () => agent.linkOf.has(hubAddress));
  const startedMs = performance.now();
  proxy.freeze();
  await fact("both notice", () => agent.losses.length > 0 && hub.closings.length > 0);
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs < 1_000, `it took ${tookMs} ms`);
  assert.is(agent.losses[0]?.code, "UNREACHABLE");
  assert.is(hub.closings[0]?.code, "UNREACHABLE");
  // The new link does not go over the dead connection.
  await fact("the agent is linked again", () => agent.welcomes === 2, 2_000);
});

test("an idle link stays, however many leases pass", async () => {
  const hub = new HubEnd();
  const agent = new AgentEnd();
  const { port, counters } = await openHub(hub, timing);
  startAgent(agent, { port, timing });
  await fact("thirty heartbeats pass", () => counters.batchesIn >= 30);
  assert.equal(agent.losses, []);
  assert.is(agent.welcomes, 1);
});

test("a hub that accepts and stays silent is given up, and its socket with it", async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  opened.push(() => silent.close());
  const bound = silent.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  const agent = new AgentEnd();
  const dialer = startAgent(agent, { port, connectTimeoutMs: 200 });
  await fact("two attempts end", () => agent.losses.length >= 2);
  const detail = `no link to 127.0.0.1:${port} within 200 ms`;
  assert.equal(agent.losses[0], { code: "TIMEOUT", detail, retryAfterMs: 0, byPeer: false });
  await dialer.stop(leaving);
  await fact("no socket is left", () => sockets.size === 0);
});

test("a host that throws ends that link alone, and the peer is not told what it threw", async () => {
  const hub = new HubEnd();
  const agent = new AgentEnd();
  const server = await openHub(hub);
  hub.poison.add("bad");
  startAgent(agent, { port: server.port });
  agent.send(hubAddress, [makeFrame("bad", hubAddress)]);
  await fact("the link ends", () => agent.losses.length === 1);
  assert.equal(agent.losses, [{ code: "DEFECT", detail: "", retryAfterMs: 5_000, byPeer: true }]);
  assert.match(hub.closings[0]?.detail ?? "", /poison bad/);
  await isServing(server);
});

test(
  "large frames on the bulk lane hold up neither the chain lane nor heartbeats",
  async () => {
    const hub = new HubEnd();
    const agent = new AgentEnd();
    const proxy = await openProxy((await openHub(hub, timing)).port);
    startAgent(agent, { port: proxy.port, timing });
    await fact("the agent is linked", () => agent.linkOf.has(hubAddress));
    proxy.bytesPerSecond = 6_400_000;
    const large = ids(8, "bulk").map((id) => makeFrame(id, hubAddress, 900_000));
    agent.send(hubAddress, large, "bulk");
    await fact("the first large frame arrives", () => hub.received.length >= 1);
    agent.send(hubAddress, [makeFrame("small", hubAddress)]);
    await fact("all arrive", () => hub.received.length === 9, 15_000);
    assert.ok(hub.received.indexOf("small") < 8, hub.received.join(" "));
    assert.equal(
      hub.received.filter((id) => id !== "small"),
      ids(8, "bulk"),
    );
    assert.equal(agent.losses, []);
  },
  { timeLimitMs: 30_000 },
);

test("a link ends with the certificate of its child, and with that of its hub", async () => {
  const [hub, mortal] = [new HubEnd(), new HubEnd()];
  const [brief, lasting] = [new AgentEnd(), new AgentEnd()];
  const { port } = await openHub(hub);
  const other = await openHub(mortal, patient, await makeCredentials(authority, hubAddress, 2_500));
  startAgent(lasting, { port: other.port });
  startAgent(brief, { port, credentials: await makeCredentials(authority, agentAddress, 2_500) });
  await fact("both are linked", () => brief.welcomes === 1 && lasting.welcomes === 1);
  await fact("both end", () => brief.losses.length > 0 && lasting.losses.length > 0);
  assert.is(brief.losses[0]?.code, "IDENTITY_EXPIRED");
  assert.is(lasting.losses[0]?.code, "IDENTITY_EXPIRED");
});

test("a hub that closes says goodbye, and its children come back to the next one", async () => {
  const agent = new AgentEnd();
  const hub = new HubEnd();
  const server = await openHub(hub);
  const proxy = await openProxy(server.port);
  const dialer = startAgent(agent, { port: proxy.port });
  await fact("the agent is linked", () => agent.linkOf.has(hubAddress));
  await server.close({ graceMs: 2_000 });
  await fact("the agent hears it", () => agent.losses.length > 0);
  const detail = "the hub stops";
  assert.equal(agent.losses[0], { code: "DRAINING", detail, retryAfterMs: 500, byPeer: true });
  assert.is(dialer.current(), undefined);
  assert.is(hub.linkOf.size, 0);
});
