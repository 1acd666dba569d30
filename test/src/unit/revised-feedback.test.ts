import type { Address, AggregateRule, FanoutStep } from "@cloudbrain/sdk/domain";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { assertSound, chainOf, city, publish, stepOf, submit } from "../support/kernel-chains.ts";
import { KernelMesh, makeApplication, makeFanout, succeeded } from "../support/kernel-mesh.ts";
import { suite } from "../support/suite.ts";

const test = suite("revised feedback");
const hubs = ["/c", "/c/d", "/c/d/s"];
const names = ["a1", "a2", "a3"];

/** So many hubs one below the other, and three silent communities at the lowest. */
function makeMesh(levels: number): { readonly mesh: KernelMesh; readonly lowest: Address } {
  const mesh = new KernelMesh();
  for (const address of hubs.slice(0, levels)) mesh.addHub(address);
  const lowest = (hubs[levels - 1] ?? "/c") as Address;
  for (const name of names) mesh.addAgent(`${lowest}/${name}`, ["work/v1"]);
  // News of a node goes up by one level at a time.
  for (let level = 0; level < levels; level += 1) mesh.advance(1_000);
  return { mesh, lowest };
}

/** Lets partials rise to the top: each level waits for its own timer. */
function rise(mesh: KernelMesh): void {
  for (let level = 0; level < hubs.length; level += 1) mesh.advance(1_000);
}

function makeReport(
  aggregate: Partial<AggregateRule> = {},
  each: Partial<FanoutStep["each"]> = {},
): FanoutStep {
  const base = makeFanout("report");
  return {
    ...base,
    each: { ...base.each, revise: true, ...each },
    aggregate: { ...base.aggregate, ...aggregate },
  };
}

interface Story {
  readonly mesh: KernelMesh;
  say(name: string, n: number, revision?: number): void;
}

function begin(levels: number, step: FanoutStep): Story {
  const { mesh, lowest } = makeMesh(levels);
  publish(mesh, makeApplication({ steps: [step] }));
  submit(mesh, "X1");
  return {
    mesh,
    say: (name, n, revision = 0) => {
      const address = `${lowest}/${name}`;
      mesh.say(address, lowest, succeeded(`X1.report.1!${address}`, { n }, 1, revision));
      mesh.deliver();
    },
  };
}

for (const levels of [1, 2, 3]) {
  test(`over ${levels} levels a higher revision stands in place of the earlier answer`, () => {
    const { mesh, say } = begin(levels, makeReport());
    say("a1", 10);
    say("a2", 20);
    say("a1", 11, 1);
    say("a1", 12, 2);
    rise(mesh);
    assert.equal(stepOf(mesh, "X1", "report").summary?.aggregate, { count: 2, sum: 32 });
    assertSound(mesh);
    say("a3", 30);
    assert.is(chainOf(mesh, "X1").state, "succeeded");
    assert.equal(stepOf(mesh, "X1", "report").summary?.aggregate, { count: 3, sum: 62 });
    assertSound(mesh);
  });

  test(`over ${levels} levels a late revision changes the revised result, not the given one`, () => {
    const step = makeReport({ late: "revise", quorum: 0.6, minimum: 0.5 });
    const { mesh, say } = begin(levels, step);
    say("a1", 10);
    say("a2", 20);
    rise(mesh);
    const given = chainOf(mesh, "X1");
    assert.is(given.state, "succeeded");
    assertSound(mesh);
    say("a1", 15, 1);
    say("a3", 30);
    rise(mesh);
    const later = stepOf(mesh, "X1", "report");
    assert.equal(later.summary?.aggregate, { count: 2, sum: 30 });
    assert.equal(later.revised?.aggregate, { count: 3, sum: 65 });
    assert.ok(chainOf(mesh, "X1").revision > given.revision, "watchers are told");
    assert.is(chainOf(mesh, "X1").endedAtMs, given.endedAtMs);
    assertSound(mesh);
    // As long again as the fan-out had: then the rows go, and what was made of them stays.
    mesh.advance(120_000);
    say("a2", 99, 1);
    rise(mesh);
    assert.equal(stepOf(mesh, "X1", "report").revised?.aggregate, { count: 3, sum: 65 });
    for (const hub of mesh.hubs.values()) assert.is(hub.state.fanouts.size, 0);
    assertSound(mesh);
  });

  test(`over ${levels} levels late feedback is refused with a code where the rule says so`, () => {
    const step = makeReport({ late: "reject", quorum: 0.6, minimum: 0.5 });
    const { mesh, say } = begin(levels, step);
    say("a1", 10);
    say("a2", 20);
    rise(mesh);
    say("a2", 21, 1);
    const refused = mesh.outputs.filter(({ type }) => type === "refuseFrame");
    assert.equal(
      refused.map((output) => output.type === "refuseFrame" && output.refusal.code),
      ["FEEDBACK_LATE"],
    );
    assert.is(stepOf(mesh, "X1", "report").revised, undefined);
    assertSound(mesh);
    mesh.advance(120_000);
    for (const hub of mesh.hubs.values()) assert.is(hub.state.fanouts.size, 0);
    assertSound(mesh);
  });
}

test("without revise a later answer is recorded and changes nothing", () => {
  const { mesh, say } = begin(2, makeReport({}, { revise: false }));
  say("a1", 10);
  say("a1", 11, 1);
  rise(mesh);
  assert.equal(stepOf(mesh, "X1", "report").summary?.aggregate, { count: 1, sum: 10 });
  assertSound(mesh);
});

test("an ended chain that late feedback may revise is not evicted before its time", () => {
  const { mesh, say } = begin(2, makeReport({ late: "revise" }));
  for (const name of names) say(name, 1);
  const hub = mesh.hub(city);
  hub.checkpoint();
  hub.evict();
  assert.is(hub.chainNow("X1")?.state, "succeeded");
  mesh.advance(120_000);
  const rows = hub.checkpoint();
  assert.equal(
    rows.filter(({ key }) => key === "X1").map(({ table, value }) => [table, value === undefined]),
    [
      ["chain", true],
      ["past", false],
    ],
  );
  hub.evict();
  assert.is(hub.chainNow("X1"), undefined);
});

test("whatever the order and repetition of revisions and ticks, the fold is that of the last", () => {
  const action = fc.oneof(
    fc.record({ name: fc.constantFrom(...names), revision: fc.nat(4) }),
    fc.constant("tick" as const),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.array(action, { maxLength: 30 }),
      (levels, actions) => {
        const { mesh, say } = begin(levels, makeReport({ late: "revise", finishMs: 600_000 }));
        const last = new Map<string, number>();
        const numberOf = (name: string, revision: number): number =>
          Number(name.at(-1)) * 100 + revision;
        for (const next of [...actions, ...names.map((name) => ({ name, revision: 5 }))]) {
          if (next === "tick") {
            mesh.advance(700);
            continue;
          }
          say(next.name, numberOf(next.name, next.revision), next.revision);
          last.set(next.name, Math.max(last.get(next.name) ?? 0, next.revision));
        }
        rise(mesh);
        const { summary, revised } = stepOf(mesh, "X1", "report");
        const sum = names.reduce((total, name) => total + numberOf(name, last.get(name) ?? 0), 0);
        assert.equal((revised ?? summary)?.aggregate, { count: 3, sum });
        assertSound(mesh);
      },
    ),
    { numRuns: 60 },
  );
});
