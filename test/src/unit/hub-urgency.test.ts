import type { Address, Frame, Lane } from "@cloudbrain/sdk/domain";
import { LinkProtocol } from "@cloudbrain/sdk/internal/session/link-protocol";
import * as assert from "uvu/assert";
import { KernelMesh, makeApplication, makeFanout, makeService } from "../support/kernel-mesh.ts";
import { LoneHub, makeGate, makeSubflow } from "../support/lone-hub.ts";
import { suite } from "../support/suite.ts";

const test = suite("priority and urgency");

test("the priority of a chain is decided from its input and stays as it was decided", () => {
  const hub = new LoneHub();
  const priority = "input.urgent ? 95 : (has(input.vip) ? 4711 : 20)";
  hub.publish(makeApplication({ priority, steps: [makeGate("open")] }));
  hub.publish(makeApplication({ id: "test.plain", steps: [makeGate("open")] }));
  hub.submit("X1", { urgent: true });
  hub.submit("X2", { urgent: false });
  hub.submit("X3", { urgent: false, vip: 1 });
  hub.submit("X4", {}, "test.plain");
  const now = () => ["X1", "X2", "X3", "X4"].map((id) => hub.kernel.state.chains.get(id)?.priority);
  assert.equal(now(), [95, 20, 100, 50]);
  hub.check();
  hub.restart();
  assert.equal(now(), [95, 20, 100, 50]);
  assert.match(JSON.stringify(hub.submit("X5", {})), /INPUT_INVALID.*priority: .*urgent/);
});

test("a child has the priority that its own application gives it", () => {
  const hub = new LoneHub();
  hub.publish(makeApplication({ id: "test.child", priority: "7", steps: [makeGate("open")] }));
  hub.run("X1", [makeSubflow("sub")], { priority: "90" });
  assert.is(hub.chain("X1")?.priority, 90);
  assert.is(hub.chain("X1.sub.1")?.priority, 7);
});

const city = "/c" as Address;
const street = "/c/s" as Address;

/** What a hub has put into the outbox of a peer, by lane. */
function framesOf(mesh: KernelMesh, hub: Address, peer: string, lane: Lane): readonly string[] {
  const session = mesh.hub(hub).state.session(peer as Address);
  const kinds: string[] = [];
  for (let seq = session.acked(lane) + 1; ; seq += 1) {
    const frame = session.frameAt(lane, seq);
    if (frame === undefined) return kinds;
    kinds.push(frame.body.kind);
  }
}

function makeStreet(): KernelMesh {
  const mesh = new KernelMesh();
  mesh.addHub(city);
  mesh.addHub(street);
  for (const name of ["a1", "a2"]) mesh.addAgent(`/c/s/${name}`, ["work/v1"]);
  const steps = [makeFanout("ask"), makeService("work")];
  for (const urgency of ["normal", "emergency"] as const) {
    const application = makeApplication({ id: `test.${urgency}`, urgency, steps });
    mesh.step(city, { type: "publish", request: 1, application });
  }
  // The street knows of both: what is under way afterwards belongs to chains.
  mesh.advance(1_000);
  return mesh;
}

function start(mesh: KernelMesh, chain: string, urgency: "normal" | "emergency"): void {
  mesh.step(city, {
    type: "submit",
    request: 2,
    chain,
    application: `test.${urgency}`,
    version: "",
    key: chain,
    bodyHash: "",
    input: { text: chain === "LARGE" ? "x".repeat(40_000) : "" },
    submitter: "tester",
    holder: undefined,
  });
}

test("everything that an emergency says travels on the control lane, at every hub on the way", () => {
  const mesh = makeStreet();
  start(mesh, "E1", "emergency");
  assert.equal(framesOf(mesh, city, street, "control"), ["delegate", "instruction"]);
  assert.equal(framesOf(mesh, city, street, "chain"), []);
  mesh.deliver();
  assert.is(mesh.hub(street).state.fanouts.get("E1.ask.1")?.urgent, true);
  mesh.step(city, { type: "cancel", request: 3, chain: "E1", reason: "over" });
  assert.equal(framesOf(mesh, city, street, "control"), ["cancel", "withdraw"]);
  mesh.deliver();
  const received = () => mesh.facts.get(city)?.filter(({ fact }) => fact.t === "received") ?? [];
  const before = received().length;
  // The street gives up on its silent members and tells the city.
  mesh.advance(60_000);
  const lanes = received()
    .slice(before)
    .map(({ fact }) => (fact as { readonly lane: Lane }).lane);
  assert.equal(lanes, ["control"]);
});

test("a large input of an emergency does not queue behind the bulk of others", () => {
  const mesh = makeStreet();
  start(mesh, "LARGE", "emergency");
  assert.equal(framesOf(mesh, city, street, "bulk"), []);
  assert.equal(framesOf(mesh, city, street, "control"), ["delegate", "instruction"]);
});

test("an emergency overtakes a backlog of hundreds of instructions on the same link", () => {
  const mesh = makeStreet();
  for (let index = 0; index < 400; index += 1) start(mesh, `N${index}`, "normal");
  start(mesh, "E1", "emergency");
  const protocol = new LinkProtocol({ heartbeatMs: 3_000, leaseMs: 12_000 }, 0);
  protocol.open(mesh.hub(city).state.session(street));
  const sent: Frame[] = [];
  for (let batch = protocol.nextBatch("main", 0); batch !== undefined; ) {
    sent.push(...batch.runs.flatMap(({ frames }) => frames));
    protocol.sent(batch, 1_000);
    batch = protocol.nextBatch("main", 0);
  }
  const chainOf = ({ body }: Frame): string => ("chain" in body ? body.chain : "");
  assert.ok(sent.length > 200);
  assert.equal(sent.slice(0, 2).map(chainOf), ["E1", "E1"]);
  assert.ok(sent.slice(2).every((frame) => chainOf(frame) !== "E1"));
});
