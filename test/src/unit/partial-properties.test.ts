import type { Address, FrameBody, Lane } from "@cloudbrain/sdk/domain";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { assertSound, chainOf, city, publish, stepOf, submit } from "../support/kernel-chains.ts";
import {
  KernelMesh,
  makeApplication,
  makeDescription,
  makeFanout,
  makeHello,
} from "../support/kernel-mesh.ts";
import { suite } from "../support/suite.ts";

const test = suite("partial properties");
const street = "/c/s" as Address;
const link = 77;

/** A city whose one child hub is spoken for by the test. */
class SpokenStreet {
  readonly mesh = new KernelMesh();
  private seq = 0;

  constructor() {
    this.mesh.addHub("/c");
    const hello = makeHello(makeDescription(street, true, []));
    this.mesh.step(city, { type: "linkGreeted", link, hello });
    const description = { ...makeDescription("/c/s/a1", false, ["work/v1"]), level: "community" };
    const news = { description, state: "online", epoch: 1, changedAtMs: 1 } as const;
    this.say({ kind: "nodes", upserts: [news], removed: [], final: true }, "control");
    this.seq = 0;
  }

  say(body: FrameBody, lane: Lane = "chain"): void {
    this.seq += 1;
    const frame = { from: street, to: city, body, hopLimit: 16, traceparent: "" };
    this.mesh.step(city, { type: "frames", link, lane, firstSeq: this.seq, frames: [frame] });
  }

  /** The state that the street was in at this version: both counts and sum grow with it. */
  partial(version: number, final: boolean): void {
    this.say({
      kind: "partial",
      fanout: "X1.report.1",
      version,
      closed: true,
      final,
      members: 100,
      replied: final ? 100 : version,
      failed: 0,
      accumulators: [version, [version * 10, 0, version]],
      missing: [],
    });
  }
}

function start(revise: boolean): SpokenStreet {
  const spoken = new SpokenStreet();
  const base = makeFanout("report");
  publish(spoken.mesh, makeApplication({ steps: [{ ...base, each: { ...base.each, revise } }] }));
  submit(spoken.mesh, "X1");
  return spoken;
}

test("whatever the order and repetition of partials, the aggregate is that of the highest", () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 40 }),
      (revise, versions) => {
        const spoken = start(revise);
        let highest = 0;
        for (const version of versions) {
          spoken.partial(version, false);
          highest = Math.max(highest, version);
          const { summary } = stepOf(spoken.mesh, "X1", "report");
          assert.equal(summary?.aggregate, { count: highest, sum: highest * 10 });
          assert.is(summary?.replied, highest);
        }
        assertSound(spoken.mesh);
        spoken.partial(41, true);
        // What comes after the final one is old news, or nobody's.
        for (const version of versions) spoken.partial(version + 41, false);
        assert.is(chainOf(spoken.mesh, "X1").state, "succeeded");
        const { summary } = stepOf(spoken.mesh, "X1", "report");
        assert.equal(summary?.aggregate, { count: 41, sum: 410 });
        assertSound(spoken.mesh);
      },
    ),
    { numRuns: 100 },
  );
});
