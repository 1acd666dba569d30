// What a hub knows of the nodes below a child while the child's snapshot comes in, over a start.

import { HubKernel, liveTables } from "@cloudbrain/hub/kernel";
import { createEvaluate, createValidate } from "@cloudbrain/sdk/definition";
import type { Address, NodeNews } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { makeDescription, makeHello } from "../support/kernel-mesh.ts";
import { suite } from "../support/suite.ts";

const test = suite("stale nodes");

const city = "/c" as Address;
const district = "/c/d" as Address;

function createKernel(): HubKernel {
  const [evaluate, validate] = [createEvaluate(), createValidate()];
  return new HubKernel({ address: city, hasParent: false, evaluate, validate });
}

/** One hub and the facts of its events, which are committed at once. */
class City {
  readonly kernel = createKernel();
  nowMs = 1_000;
  private links = 0;
  private seq = 0;

  constructor() {
    this.step({ type: "started", epoch: 1 });
  }

  step(event: Parameters<HubKernel["step"]>[0]): ReturnType<HubKernel["take"]>["facts"] {
    this.nowMs += 10;
    this.kernel.step(event, this.nowMs);
    const { facts, marks } = this.kernel.take();
    this.kernel.committed(marks);
    return facts;
  }

  /** The district comes with a new store: its snapshot begins, and its frames are numbered anew. */
  connect(): void {
    this.links += 1;
    this.seq = 0;
    const hello = makeHello(makeDescription(district, true, []));
    const storeId = `store ${this.links}`;
    this.step({ type: "linkGreeted", link: this.links, hello: { ...hello, storeId } });
  }

  tell(names: readonly string[], final: boolean): ReturnType<HubKernel["take"]>["facts"] {
    const upserts = names.map(
      (name): NodeNews => ({
        description: makeDescription(`/c/d/${name}`, false, ["work/v1"]),
        state: "online",
        epoch: 1,
        changedAtMs: 500,
      }),
    );
    const body = { kind: "nodes", upserts, removed: [], final } as const;
    const frame = { from: district, to: city, body, hopLimit: 16, traceparent: "" };
    this.seq += 1;
    const place = { link: this.links, lane: "control", firstSeq: this.seq } as const;
    return this.step({ type: "frames", ...place, frames: [frame] });
  }
}

const namesIn = ({ state }: HubKernel) => [...state.nodes.keys()].sort();

test("a start in the middle of a child's snapshot drops what the snapshot did not name", () => {
  const hub = new City();
  hub.connect();
  hub.tell(["a", "b", "c"], true);
  hub.connect();
  hub.tell(["a"], false);
  const restored = createKernel();
  const rows = hub.kernel.checkpoint();
  for (const table of liveTables) {
    for (const row of rows) if (row.table === table) restored.restore(row);
  }
  assert.equal(restored.dump(), hub.kernel.dump());
  assert.not(restored.isSettled(), "the snapshot seems to have ended");
  for (const fact of hub.tell(["c"], true)) restored.apply(fact, hub.nowMs);
  assert.equal(namesIn(hub.kernel), [district, "/c/d/a", "/c/d/c"]);
  assert.equal(namesIn(restored), namesIn(hub.kernel));
  assert.equal(restored.dump(), hub.kernel.dump());
  assert.ok(restored.isSettled());
  const [row] = hub.kernel.checkpoint().filter(({ table }) => table === "session");
  assert.is(Object.hasOwn(row?.value as object, "stale"), false, "the row still names nodes");
});

test("a session that was stored before rows named stale nodes has none", () => {
  const old = createKernel();
  const value = { peerStoreId: "store 1", peerEpoch: 1, lanes: [] };
  old.restore({ table: "session", key: district, value });
  assert.ok(old.isSettled());
});
