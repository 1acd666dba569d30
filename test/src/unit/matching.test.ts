import { explainMatch } from "@cloudbrain/hub/internal/kernel/explain-match";
import { createEvaluate } from "@cloudbrain/sdk/definition";
import type { Address, Match, ServiceStep } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { chainOf, city, publish, stepOf, submit } from "../support/kernel-chains.ts";
import { KernelMesh, makeApplication, makeService } from "../support/kernel-mesh.ts";
import { suite } from "../support/suite.ts";

const test = suite("matching");

/** Two streets, each with a crew, and one crew at the city. */
function makeMesh(): KernelMesh {
  const mesh = new KernelMesh();
  for (const hub of ["/c", "/c/east", "/c/west"]) mesh.addHub(hub);
  for (const crew of ["/c/east/e1", "/c/west/w1", "/c/z1"]) mesh.addAgent(crew, ["work/v1"]);
  mesh.advance(1_000);
  return mesh;
}

function start(mesh: KernelMesh, match: Partial<Match>, submitter = "tester"): string {
  const base: ServiceStep = makeService("work");
  const step = { ...base, match: { ...base.match, ...match } };
  const policies = [{ name: "notWest", allow: '!node.address.startsWith("/c/west")' }];
  publish(mesh, makeApplication({ steps: [step], policies }));
  submit(mesh, "X1", { west: "/c/west" }, submitter);
  return stepOf(mesh, "X1", "work").node;
}

test("the first preference decides first, and what gives no number comes last", () => {
  const prefer = [
    'node.address == "/c/z1" ? 1 : 2',
    'node.address.startsWith("/c/west") ? 5.5 : 1.0',
  ];
  assert.is(start(makeMesh(), { prefer }), "/c/west/w1");
  assert.is(start(makeMesh(), { prefer: ['node.address == "/c/z1" ? 7 : node.nothing'] }), "/c/z1");
});

test("the nearest has the fewest edges from the chain's area, which is where it was submitted", () => {
  assert.is(start(makeMesh(), { pick: "nearest" }), "/c/z1");
  assert.is(start(makeMesh(), { pick: "nearest" }, "/c/west/clerk"), "/c/west/w1");
  assert.is(start(makeMesh(), { pick: "nearest" }, "/c/east/clerk"), "/c/east/e1");
});

test("the least loaded has the fewest open instructions of ours", () => {
  const mesh = makeMesh();
  const base = makeService("work");
  const step = (id: string): ServiceStep => ({
    ...base,
    id,
    match: { ...base.match, pick: "leastLoaded" },
  });
  publish(mesh, makeApplication({ steps: [step("p"), step("q"), step("r")] }));
  submit(mesh, "X1");
  assert.equal(
    chainOf(mesh, "X1")
      .steps.map(({ node }) => node)
      .sort(),
    ["/c/east/e1", "/c/west/w1", "/c/z1"],
  );
});

test("a policy of the application bars nodes, and one that is not there bars all", () => {
  assert.is(
    start(makeMesh(), { policy: "notWest", where: 'node.address != "/c/z1"' }),
    "/c/east/e1",
  );
  const mesh = makeMesh();
  start(mesh, { policy: "absent" });
  assert.is(
    chainOf(mesh, "X1").reason,
    "step work: no node matches: match.policy: the application has no policy absent",
  );
});

test("an explanation tells of every node whether it is chosen, or what it fails and why", () => {
  const mesh = makeMesh();
  mesh.addAgent("/c/s-9", ["work/v1"], "");
  const match: Match = {
    ...makeService("work").match,
    level: "community",
    where: 'node.address.startsWith("/c/east") || node.nothing',
    policy: "notWest",
    allow: "true",
  };
  const named = ["/c/s-9", "/c/nowhere"] as Address[];
  const detail = { nodesMax: 100, named };
  const { explained } = explainMatch(
    mesh.hub(city).state,
    match,
    { input: {} },
    createEvaluate(),
    detail,
  );
  assert.equal(
    [explained.known, explained.nodesMore, explained.problem],
    [mesh.hub(city).state.nodes.size, 0, ""],
  );
  assert.equal(
    explained.conditions.map(({ condition, nodes, wanted }) => [condition, nodes, wanted]),
    [
      ["capability", 2, "work/v1"],
      ["state", 0, "not retired"],
      ["level", 1, "community"],
      ["where", 2, match.where],
      ["policy", 0, "true"],
    ],
  );
  // Named ones first and once only; then best first, then condition by condition.
  assert.equal(
    explained.nodes.map(({ node, rank, condition }) => [node, rank, condition]),
    [
      ["/c/s-9", 0, "level"],
      ["/c/nowhere", 0, "known"],
      ["/c/east/e1", 1, ""],
      ["/c/east", 0, "capability"],
      ["/c/west", 0, "capability"],
      ["/c/west/w1", 0, "where"],
      ["/c/z1", 0, "where"],
    ],
  );
  const [, , , , , west] = explained.nodes;
  assert.match(west?.seen ?? "", /nothing/);
  assert.is(explained.nodes[1]?.state, undefined);
});

test("an explanation is bounded, and its counts are of all", () => {
  const mesh = new KernelMesh();
  mesh.addHub("/c");
  for (let index = 0; index < 250; index += 1) mesh.addAgent(`/c/n${index}`, ["work/v1"]);
  const match: Match = { ...makeService("work").match, level: "street" };
  const { state } = mesh.hub(city);
  const detail = { nodesMax: 200, named: [] };
  const { explained } = explainMatch(state, match, {}, createEvaluate(), detail);
  const level = explained.conditions.find(({ condition }) => condition === "level");
  assert.equal(
    [explained.known, explained.nodes.length, explained.nodesMore, level?.nodes],
    [250, 200, 50, 250],
  );
  assert.equal(
    level?.examples.map(({ node }) => node),
    ["/c/n0", "/c/n1", "/c/n10"],
  );
});

test("a match that can't be evaluated is explained by that alone", () => {
  const mesh = makeMesh();
  const region = { kind: "expression", source: "input.nothing" } as const;
  const match: Match = { ...makeService("work").match, region };
  const { state } = mesh.hub(city);
  const detail = { nodesMax: 9, named: [] };
  const found = explainMatch(state, match, { input: {} }, createEvaluate(), detail);
  assert.match(found.explained.problem, /^match\.region: /);
  assert.equal([found.candidates, found.explained.nodes], [[], []]);
});
