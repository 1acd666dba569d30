import type { Frame, Goodbye } from "@cloudbrain/sdk/domain";
import type { Credentials, MeshAuthority } from "@cloudbrain/sdk/identity";
import { type LinkServer, openLinkServer } from "@cloudbrain/sdk/link";
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
} from "../support/link-rig.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { suite } from "../support/suite.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const test = suite("the bulk stream of a link", { timeLimitMs: 60_000 });
const timing = { heartbeatMs: 500, leaseMs: 10_000 };
const leaving: Goodbye = { code: "DRAINING", detail: "the test is over", retryAfterMs: 0 };
/** Some above the size from which an output travels in bulk, up to the largest of a step. */
const largeBytes = (index: number): number => 33_000 + ((index * 7_919) % 32_000);

let authority: MeshAuthority;
let credentials: { readonly hub: Credentials; readonly agent: Credentials };
let hub: HubEnd;
let agent: AgentEnd;
let server: LinkServer;
let proxy: TcpProxy;
/** What the current test has opened, to be closed in reverse order. */
let opened: (() => unknown)[] = [];

test.before(async () => {
  authority = await makeAuthority();
  credentials = {
    hub: await makeCredentials(authority, hubAddress),
    agent: await makeCredentials(authority, agentAddress),
  };
});

test.before.each(async () => {
  [hub, agent] = [new HubEnd(), new AgentEnd()];
  server = await openLinkServer({
    credentials: credentials.hub,
    listen: { host: "127.0.0.1", port: 0 },
    self: hubAddress,
    host: hub,
    timing,
  });
  opened.push(() => server.close({ graceMs: 200 }));
  proxy = await TcpProxy.open(server.port);
  opened.push(() => proxy.close());
  const dialer = makeDialer(agent, { credentials: credentials.agent, port: proxy.port, timing });
  opened.push(() => dialer.stop(leaving));
  dialer.start();
  await fact("the agent is linked", () => agent.welcomes === 1);
});

test.after.each(async () => {
  for (const close of opened.reverse()) await close();
  opened = [];
});

function fact(what: string, isSo: () => boolean, limitMs = 30_000): Promise<true> {
  return waitFor({ what, limitMs, everyMs: 5 }, () => (isSo() ? true : undefined));
}

test("a hub's large frames reach a child that has none of its own to send", async () => {
  hub.send(agentAddress, [makeFrame("large", agentAddress, largeBytes(1))], "bulk");
  await fact("it arrives", () => agent.received.includes("large"), 5_000);
});

/** Frames of the largest outputs that still are one step's: about `count` times 49 KB. */
function makeLarge(count: number, name: string, to = hubAddress): readonly Frame[] {
  return Array.from({ length: count }, (_, index) =>
    makeFrame(`${name}${index}`, to, largeBytes(index)),
  );
}

const namesOf = (received: readonly string[], name: string): readonly string[] =>
  received.filter((id) => id.startsWith(name));
const idsOf = (count: number, name: string): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${name}${index}`);

test("small frames overtake the bulk on a slow line, and each lane keeps its order", async () => {
  const largeCount = 400;
  const smallCount = 10;
  proxy.bytesPerSecond = 6_000_000;
  proxy.delayMs = 10;
  agent.send(hubAddress, makeLarge(largeCount, "large"), "bulk");
  // What overtook a small one on its way, against what was ahead of it when it was sent.
  let overtaken = 0;
  let ahead = 0;
  for (let index = 0; index < smallCount; index += 1) {
    const started = index * 20;
    await fact(`${started} large ones have arrived`, () => hub.received.length > started);
    const sentAt = hub.received.length;
    agent.send(hubAddress, [makeFrame(`small${index}`, hubAddress)]);
    await fact("the small one arrives", () => hub.received.includes(`small${index}`));
    overtaken += hub.received.indexOf(`small${index}`) - sentAt;
    ahead += largeCount - namesOf(hub.received.slice(0, sentAt), "large").length;
  }
  await fact("all have arrived", () => hub.received.length === largeCount + smallCount);
  assert.equal(namesOf(hub.received, "large"), idsOf(largeCount, "large"));
  assert.equal(namesOf(hub.received, "small"), idsOf(smallCount, "small"));
  assert.equal(agent.losses, []);
  assert.ok(overtaken < ahead / 2, `${overtaken} of ${ahead} went first`);
});

test("a bulk that is cut in its middle again and again loses and repeats nothing", async () => {
  const largeCount = 160;
  proxy.bytesPerSecond = 3_000_000;
  proxy.delayMs = 5;
  agent.send(hubAddress, makeLarge(largeCount, "up"), "bulk");
  hub.send(agentAddress, makeLarge(largeCount, "down", agentAddress), "bulk");
  for (let cut = 1; cut <= 3; cut += 1) {
    await fact("both directions move", () => {
      return Math.min(hub.received.length, agent.received.length) > cut * 20;
    });
    agent.send(hubAddress, [makeFrame(`small${cut}`, hubAddress)]);
    proxy.cut();
    await fact("the loss is noticed", () => agent.losses.length >= cut);
    await fact("they are linked again", () => agent.welcomes > cut);
  }
  await fact("all large ones have arrived", () => {
    return hub.received.length === largeCount + 3 && agent.received.length === largeCount;
  });
  assert.equal(namesOf(hub.received, "up"), idsOf(largeCount, "up"));
  assert.equal(namesOf(hub.received, "small"), ["small1", "small2", "small3"]);
  assert.equal(agent.received, idsOf(largeCount, "down"));
});
