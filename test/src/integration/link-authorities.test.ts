import { parseAddress } from "@cloudbrain/sdk/domain";
import { type Credentials, issueCredentials, type MeshAuthority } from "@cloudbrain/sdk/identity";
import { openLinkServer } from "@cloudbrain/sdk/link";
import * as assert from "uvu/assert";
import { type ChainPlan, makeBelow, makeRoot, makeWrongBelow } from "../support/authority-chain.ts";
import {
  AgentEnd,
  agentAddress,
  HubEnd,
  hubAddress,
  linkMesh,
  makeCredentials,
  makeDialer,
} from "../support/link-rig.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { suite } from "../support/suite.ts";

const test = suite("links between nodes of several authorities");
const timing = { heartbeatMs: 1_000, leaseMs: 4_000 };
const leaving = { code: "DRAINING", detail: "the test is over", retryAfterMs: 0 };
const plan: ChainPlan = {
  mesh: linkMesh,
  rootAddress: hubAddress,
  belowAddress: hubAddress,
  nowMs: Date.now(),
};

let root: MeshAuthority;
test.before(async () => {
  root = await makeRoot(plan);
});

/** Whether the two make a link; otherwise both ends have been asked and neither has taken it. */
async function areLinked(hubs: Credentials, agents: Credentials): Promise<boolean> {
  const hub = new HubEnd();
  const agent = new AgentEnd();
  const server = await openLinkServer({
    credentials: hubs,
    listen: { host: "127.0.0.1", port: 0 },
    self: hubAddress,
    host: hub,
    timing,
  });
  const dialer = makeDialer(agent, { credentials: agents, port: server.port, timing });
  try {
    dialer.start();
    const { isLinked } = await waitFor(
      { what: "a link or its loss", limitMs: 10_000, everyMs: 5 },
      () => {
        if (agent.welcomes > 0) return { isLinked: true };
        return agent.losses.length > 0 ? { isLinked: false } : undefined;
      },
    );
    assert.is(hub.greetings.length, isLinked ? 1 : 0);
    return isLinked;
  } finally {
    await dialer.stop(leaving);
    await server.close({ graceMs: 200 });
  }
}

test("a link joins nodes of authorities below one root, whichever end is below", async () => {
  const [east, west] = [await makeBelow(root, plan), await makeBelow(root, plan)];
  const deep = await makeBelow(east, plan);
  const ends = [root, east, west, deep];
  for (const hubs of ends) {
    for (const agents of ends) {
      const [hub, agent] = [
        await makeCredentials(hubs, hubAddress),
        await makeCredentials(agents, agentAddress),
      ];
      assert.ok(await areLinked(hub, agent));
    }
  }
});

test("either end refuses a node whose authority is foreign, none, expired or not presented", async () => {
  const right = {
    hub: await makeCredentials(root, hubAddress),
    agent: await makeCredentials(root, agentAddress),
  };
  assert.ok(await areLinked(right.hub, right.agent));
  for (const [what, wrong] of await makeWrongBelow(root, plan)) {
    const [hub, agent] = [
      await makeCredentials(wrong, hubAddress),
      await makeCredentials(wrong, agentAddress),
    ];
    assert.not(await areLinked(right.hub, agent), `the hub has taken an agent of one ${what}`);
    assert.not(await areLinked(hub, right.agent), `an agent has taken the hub of one ${what}`);
  }
});

test("an authority can't vouch for addresses beside its own", async () => {
  const beside = await makeBelow(root, { ...plan, belowAddress: parseAddress("/city/district") });
  const hub = await makeCredentials(root, hubAddress);
  const nowMs = Date.now();
  const lifetime = { notBeforeMs: nowMs - 1_000, notAfterMs: nowMs + 60_000 };
  // Ours would not sign it.
  const rogue = { ...beside, permittedNames: undefined };
  const outside = await issueCredentials(rogue, { address: agentAddress, ...lifetime });
  assert.not(await areLinked(hub, outside));
});
