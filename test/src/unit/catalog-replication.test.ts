import { decodeKeptEntry, isVisibleAt } from "@cloudbrain/sdk/catalog";
import { isWithin, limits } from "@cloudbrain/sdk/domain";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { codeOf, makeResource } from "../support/catalog-entries.ts";
import { CatalogRig } from "../support/catalog-rig.ts";
import { suite } from "../support/suite.ts";

const test = suite("catalog replication", { timeLimitMs: 120_000 });
const city = "/c";
const district = "/c/d";
const street = "/c/d/s";
const agent = "/c/d/s/a";
const line = [city, district, street, agent];

async function makeLine(): Promise<CatalogRig> {
  const rig = new CatalogRig();
  await rig.add(...line);
  rig.linkAll();
  await rig.settle();
  return rig;
}

async function codesAt(rig: CatalogRig, address: string): Promise<readonly string[]> {
  const rows = await rig.node(address).rows();
  return [...rows.values()].flatMap(({ entry, code }) => (entry === undefined ? [] : [code]));
}

test("an entry travels up hub by hub, byte by byte as its owner wrote it", async () => {
  const rig = await makeLine();
  const kept = await rig.node(agent).own?.publish(makeResource(1));
  await rig.settle();
  for (const address of line) {
    const [row] = (await rig.node(address).rows()).values();
    assert.equal(row?.entry, kept?.row.entry, address);
    assert.is(row?.owner, agent);
  }
});

test("a withdrawal travels up, and the code may be used again", async () => {
  const rig = await makeLine();
  await rig.node(agent).own?.publish(makeResource(1));
  await rig.settle();
  await rig.node(agent).own?.withdraw(codeOf(1), "");
  await rig.settle();
  assert.equal(await codesAt(rig, city), []);
  await rig.node(agent).own?.publish(makeResource(1));
  await rig.settle();
  assert.equal(await codesAt(rig, city), [codeOf(1)]);
});

test("a rule that hides an entry travels up as a withdrawal, and no hub above learns of it", async () => {
  const rig = await makeLine();
  await rig.node(agent).own?.publish(makeResource(1));
  await rig.node(agent).own?.publish(makeResource(2, { visibleUpTo: street }));
  await rig.settle();
  assert.equal(await codesAt(rig, street), [codeOf(1), codeOf(2)]);
  assert.equal(await codesAt(rig, district), [codeOf(1)]);
  assert.is((await rig.node(district).rows()).size, 1, "not even its code");
  await rig.node(agent).own?.update(makeResource(1, { visibleUpTo: district }), "");
  await rig.settle();
  assert.equal(await codesAt(rig, district), [codeOf(1)]);
  assert.equal(await codesAt(rig, city), []);
  await rig.node(agent).own?.update(makeResource(1), "");
  await rig.settle();
  assert.equal(await codesAt(rig, city), [codeOf(1)]);
});

test("drafts stay with their owner until they are published", async () => {
  const rig = await makeLine();
  await rig.node(agent).own?.publish(makeResource(1, { state: "draft" }));
  await rig.settle();
  assert.equal(await codesAt(rig, agent), [codeOf(1)]);
  assert.is((await rig.node(street).rows()).size, 0);
  await rig.node(agent).own?.setState(codeOf(1), "published", "");
  await rig.settle();
  assert.equal(await codesAt(rig, city), [codeOf(1)]);
});

test("a reconnect with nothing changed costs one message, whatever the directory holds", async () => {
  const rig = await makeLine();
  const own = rig.node(street).own;
  await Promise.all(Array.from({ length: 3_000 }, (_, index) => own?.publish(makeResource(index))));
  await rig.settle();
  rig.cut(street);
  const link = rig.link(street);
  rig.link(agent);
  await rig.settle();
  assert.is(link?.delivered, 1);
  assert.is((await codesAt(rig, city)).length, 3_000);
});

test("what changes often is told once: the log keeps the newest revision per entry", async () => {
  const rig = await makeLine();
  rig.cut(agent);
  const own = rig.node(agent).own;
  await own?.publish(makeResource(1));
  for (let round = 0; round < 50; round += 1) {
    await own?.update(makeResource(1, { abstract: `round ${round}` }), "");
  }
  const part = await rig.node(agent).catalog?.log(0);
  assert.is(part?.upserts.length, 1);
  assert.is(part?.headRev, 51);
  assert.is(rig.node(agent).logLength(), 1);
});

test("a child whose store is new is told from the beginning, and what it lost is gone", async () => {
  const rig = await makeLine();
  await rig.node(agent).own?.publish(makeResource(1));
  await rig.node(agent).own?.publish(makeResource(2));
  await rig.settle();
  await rig.restart(agent, (node) => {
    node.nowMs += 1;
    node.loseDisk();
  });
  await rig.node(agent).own?.publish(makeResource(2));
  rig.linkAll();
  await rig.settle();
  for (const address of line) assert.equal(await codesAt(rig, address), [codeOf(2)], address);
});

test("a child whose new store is empty leaves nothing behind at the hubs above", async () => {
  const rig = await makeLine();
  await rig.node(agent).own?.publish(makeResource(1));
  await rig.settle();
  await rig.restart(agent, (node) => node.loseDisk());
  rig.linkAll();
  await rig.settle();
  assert.equal(await codesAt(rig, city), []);
});

test("an old copy of a store finds out, and its entries outrank those of its lost future", async () => {
  const rig = await makeLine();
  await rig.node(agent).own?.publish(makeResource(1));
  await rig.settle();
  const restore = rig.node(agent).copyDisk();
  await rig.node(agent).own?.update(makeResource(1, { abstract: "lost" }), "");
  await rig.node(agent).own?.publish(makeResource(2));
  await rig.settle();
  await rig.restart(agent, (node) => {
    restore();
    node.nowMs += 1;
  });
  rig.linkAll();
  await rig.settle();
  assert.equal(await codesAt(rig, city), [codeOf(1)]);
  const [row] = (await rig.node(city).rows()).values();
  assert.is(decodeKeptEntry(row?.entry ?? new Uint8Array()).abstract, makeResource(1).abstract);
});

test("a hub that loses its directory gets it again from below, and above nothing is lost", async () => {
  const rig = await makeLine();
  await rig.node(agent).own?.publish(makeResource(1));
  await rig.node(street).own?.publish(makeResource(2));
  await rig.settle();
  await rig.restart(street, (node) => {
    node.nowMs += 1;
    node.loseDisk();
  });
  rig.linkAll();
  await rig.settle();
  // The street's own entry was in the lost store alone.
  assert.equal(await codesAt(rig, city), [codeOf(1)]);
});

test("a full directory refuses by name and goes on", async () => {
  const rig = new CatalogRig();
  await rig.add(city, district);
  rig.link(district, 2);
  for (const number of [1, 2, 3]) await rig.node(district).own?.publish(makeResource(number));
  await rig.settle();
  assert.is((await codesAt(rig, city)).length, 2);
  const [refusal] = rig.node(district).refusals;
  assert.is(refusal?.error, "QUOTA_EXCEEDED");
  assert.is(refusal?.code, codeOf(3));
});

test("a child speaks for what is below it, and a bad entry costs itself alone", async () => {
  const rig = new CatalogRig();
  await rig.add(city, district);
  const link = rig.link(district);
  const good = await rig.node(district).own?.publish(makeResource(1));
  const entry = good?.row.entry ?? new Uint8Array();
  const version = { incarnation: 5, counter: 1 };
  link?.load("down");
  link?.down.receive({
    kind: "delta",
    logId: "l",
    baseRev: 0,
    toRev: 4,
    headRev: 4,
    upserts: [
      { ...version, owner: district, code: codeOf(1), entry },
      { ...version, owner: "/c/other", code: codeOf(1), entry },
      { ...version, owner: district, code: codeOf(2), entry },
      { ...version, owner: district, code: codeOf(3), entry: Uint8Array.of(1, 2, 3) },
    ],
    tombstones: [{ ...version, owner: "/c/other", code: codeOf(4) }],
  });
  await rig.node(city).catalog?.idle();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await codesAt(rig, city), [codeOf(1)]);
  const ack = link?.down.next();
  assert.is(ack?.kind, "ack");
  assert.equal(ack?.kind === "ack" ? ack.refusals.map(({ error }) => error) : [], [
    "NOT_ALLOWED",
    "RESOURCE_INVALID",
    "RESOURCE_INVALID",
    "NOT_ALLOWED",
  ]);
});

test("a delta that does not follow ends the link", async () => {
  const rig = new CatalogRig();
  await rig.add(city, district);
  const link = rig.link(district);
  const empty = { kind: "delta", toRev: 9, headRev: 9, upserts: [], tombstones: [] } as const;
  link?.down.receive({ ...empty, logId: "l", baseRev: 3 });
  assert.match(link?.violation ?? "", "a delta from 3");
  assert.ok(link?.isCut);
});

test("what is gone is remembered for a day and until the hub above knows, then forgotten", async () => {
  const rig = await makeLine();
  await rig.node(agent).own?.publish(makeResource(1));
  await rig.settle();
  rig.cut(agent);
  await rig.node(agent).own?.withdraw(codeOf(1), "");
  const node = rig.node(agent);
  node.nowMs += limits.tombstoneKeepMs + 1;
  assert.is(await node.catalog?.purge(1), 0, "the street does not know yet");
  const link = rig.link(agent);
  await rig.settle();
  assert.is(await node.catalog?.purge(link?.up.ackedRev ?? 0), 1);
  assert.equal([...(await node.rows()).keys()], []);
  assert.is(node.catalog?.meta.tombstones, 0);
  const above = rig.node(street);
  assert.is(await above.catalog?.purge(99), 0, "it is not a day since the street has heard of it");
});

/** What may happen, by a number. */
interface Doing {
  readonly what: number;
  readonly who: number;
  readonly code: number;
  readonly how: number;
}

const tree = ["/c", "/c/d", "/c/e", "/c/d/s", "/c/d/s/a", "/c/d/s/b", "/c/e/x"];
const doing = fc.record({
  what: fc.nat(99),
  who: fc.nat(tree.length - 1),
  code: fc.nat(5),
  how: fc.nat(1_000),
});

/** What an owner would have us see, by its own store. */
async function wantedAt(rig: CatalogRig, viewer: string): Promise<Map<string, string>> {
  const wanted = new Map<string, string>();
  for (const [owner, node] of rig.nodes) {
    if (!isWithin(owner, viewer)) continue;
    for (const [text, row] of await node.rows()) {
      if (row.owner !== owner || row.entry === undefined) continue;
      const entry = decodeKeptEntry(row.entry);
      if (owner !== viewer && !isVisibleAt(entry, viewer)) continue;
      wanted.set(text, `${row.incarnation}.${row.counter}`);
    }
  }
  return wanted;
}

async function actOn(rig: CatalogRig, { what, who, code, how }: Doing): Promise<void> {
  const address = tree[who] ?? city;
  const node = rig.node(address);
  // Two nodes that can't see each other may use one code; each tries with all.
  const ignore = (): void => undefined;
  const seen = ["", "", address, address.slice(0, address.lastIndexOf("/")) || address][how % 4];
  const draft = makeResource(code, {
    abstract: `${how}`,
    visibleUpTo: seen ?? "",
    state: how % 7 === 0 ? "draft" : "published",
  });
  if (what < 20) await node.own?.publish(draft).catch(ignore);
  else if (what < 35) await node.own?.update(draft, "").catch(ignore);
  else if (what < 45) await node.own?.withdraw(draft.code, "").catch(ignore);
  else if (what < 50) rig.cut(address);
  else if (what < 60) rig.link(address);
  else if (what < 63) await rig.restart(address);
  else if (what < 65) {
    await rig.restart(address, (restarted) => {
      restarted.nowMs += 1 + how;
      restarted.loseDisk();
    });
  } else if (what < 70) await rig.settle();
  else {
    const link = rig.links.get(address);
    const direction = how % 2 === 0 ? "up" : "down";
    for (let round = 0; round <= how % 5; round += 1) {
      link?.load(direction);
      if (what % 2 === 0) link?.deliver(direction);
    }
  }
}

test("whatever happens on the way, the directories end as their owners want them", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(doing, { minLength: 20, maxLength: 120 }), async (doings) => {
      const rig = new CatalogRig();
      await rig.add(...tree);
      rig.linkAll();
      for (const it of doings) {
        await actOn(rig, it);
        // No entry is ever seen where its rules hide it, not even while all is in motion.
        for (const [viewer, node] of rig.nodes) {
          for (const { row, entry } of node.changes.splice(0)) {
            if (entry === undefined || row.owner === viewer) continue;
            assert.ok(isVisibleAt(entry, viewer), `${row.code} of ${row.owner} at ${viewer}`);
          }
        }
      }
      rig.linkAll();
      await rig.settle();
      for (const viewer of tree) {
        const there = new Map<string, string>();
        for (const [text, row] of await rig.node(viewer).rows()) {
          if (row.entry === undefined) continue;
          there.set(text, `${row.incarnation}.${row.counter}`);
          const entry = decodeKeptEntry(row.entry);
          assert.ok(row.owner === viewer || isVisibleAt(entry, viewer), `${text} at ${viewer}`);
        }
        const wanted = await wantedAt(rig, viewer);
        assert.equal([...there].sort(), [...wanted].sort(), viewer);
        const { meta } = rig.node(viewer).catalog ?? {};
        assert.is(meta?.entries, there.size, `count of ${viewer}`);
      }
      for (const link of rig.links.values()) assert.is(link.violation, undefined);
    }),
    { numRuns: 150, seed: 11 },
  );
});
