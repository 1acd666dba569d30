// Scenarios: the tree of nodes and the applications of a world, drawn from its seed.

import {
  type Address,
  type AggregateRule,
  type Application,
  type Deadlines,
  type FanoutStep,
  levels,
  type Mapping,
  type Match,
  type NodeDescription,
  parseAddress,
  type RetryRule,
  type ServiceStep,
  type Step,
} from "@cloudbrain/sdk/domain";
import { type Dice, hashText } from "./dice.ts";
import { drawPeople } from "./people-scenario.ts";

export interface Topology {
  /** Parents before children. */
  readonly hubs: readonly NodeDescription[];
  readonly agents: readonly NodeDescription[];
}

/** What the handler of this attempt returns: the checkers know it as well. */
export function numberOf(tag: string): number {
  return hashText(tag) % 1_000;
}

const hubsMax = 6;
const communitiesMax = 9;

export function drawTopology(dice: Dice): Topology {
  const depth = dice.whole("levels", "", { low: 1, high: 4 });
  const hubs: NodeDescription[] = [describeHub(parseAddress("/c0"), 0)];
  let row = [...hubs];
  for (let level = 1; level < depth && level < 3; level += 1) {
    const next: NodeDescription[] = [];
    for (const parent of row) {
      const children = dice.whole("hub children", parent.address, { low: 1, high: 4 });
      for (let index = 0; index < children && hubs.length + next.length < hubsMax; index += 1) {
        next.push(describeHub(parseAddress(`${parent.address}/h${index}`), level));
      }
    }
    hubs.push(...next);
    row = next;
  }
  const agents: NodeDescription[] = [];
  for (const hub of row) {
    const children = dice.whole("communities", hub.address, { low: 1, high: 4 });
    for (let index = 0; index < children && agents.length < communitiesMax; index += 1) {
      agents.push(
        describeAgent(parseAddress(`${hub.address}/m${index}`), "community", [
          "report/v1",
          "unreport/v1",
        ]),
      );
    }
  }
  const systems = dice.whole("systems", "", { low: 1, high: 3 });
  for (let index = 0; index < systems; index += 1) {
    const hub = dice.pick("system place", "", hubs);
    const capabilities = ["work/v1", "unwork/v1", "break/v1"];
    agents.push(describeAgent(parseAddress(`${hub.address}/s-${index}`), "", capabilities));
  }
  return { hubs, agents };
}

export function describeHub(address: Address, level: number): NodeDescription {
  return {
    address,
    kind: "level",
    level: levels[level] ?? "street",
    division: "",
    industry: "",
    region: "",
    title: { zh: address },
    capabilities: [],
    hub: true,
    version: "1",
  };
}

export function describeAgent(
  address: Address,
  level: string,
  capabilities: readonly string[],
): NodeDescription {
  const kind = level === "" ? "system" : "level";
  return { ...describeHub(address, 0), kind, level, capabilities, hub: false };
}

export const longestDeadlineMs = 90_000;

export const expression = (source: string): Mapping => ({ kind: "expression", source });
export const literal = (value: string | number): Mapping => ({ kind: "literal", value });

export function drawRetry(dice: Dice): RetryRule {
  return {
    max: dice.whole("retry max", "", { low: 1, high: 4 }),
    initialMs: dice.whole("retry initial", "", { low: 50, high: 2_000 }),
    factor: 2,
    capMs: 8_000,
    jitter: 0.2,
    notOn: ["DEFECT"],
    rematch: dice.chance("rematch", "", 0.5),
  };
}

function drawDeadlines(dice: Dice): Deadlines {
  return {
    startMs: dice.chance("start deadline", "", 0.5) ? 15_000 : undefined,
    finishMs: dice.chance("finish deadline", "", 0.7) ? 12_000 : undefined,
    heartbeatMs: dice.chance("heartbeats", "", 0.2) ? 5_000 : undefined,
    totalMs: dice.whole("total deadline", "", { low: 20_000, high: longestDeadlineMs }),
  };
}

export function matchOf(capability: string): Match {
  return {
    capability,
    level: undefined,
    region: undefined,
    industry: undefined,
    where: undefined,
    pick: "leastLoaded",
  };
}

function drawAggregate(dice: Dice): AggregateRule {
  const quorum = dice.pick("quorum", "", [1, 1, 0.75, 0.5]);
  return {
    into: [
      { name: "avg", reducer: { op: "avg", value: "out.v" } },
      { name: "big", reducer: { op: "countIf", where: "out.big" } },
      { name: "count", reducer: { op: "count" } },
      { name: "first", reducer: { op: "first", value: "out.tag" } },
      { name: "max", reducer: { op: "max", value: "out.v" } },
      { name: "min", reducer: { op: "min", value: "out.v" } },
      { name: "sum", reducer: { op: "sum", value: "out.v" } },
      {
        name: "tags",
        reducer: { op: "collect", value: "out.tag", where: undefined, limit: 1_000 },
      },
    ],
    emitEveryMs: dice.pick("emit every", "", [100, 500, 3_000]),
    quorum,
    or: dice.chance("or", "", 0.2) ? "agg.count >= 2" : undefined,
    minimum: Math.min(quorum, dice.pick("minimum", "", [0, 0.5, 1])),
    onShort: dice.pick("on short", "", ["partial", "fail", "suspend"] as const),
    late: "record",
    finishMs: dice.whole("fan-out deadline", "", { low: 15_000, high: 60_000 }),
  };
}

export function fanoutOver(dice: Dice, id: string, members: FanoutStep["members"]): FanoutStep {
  return {
    type: "fanout",
    id,
    title: undefined,
    needs: [],
    when: undefined,
    onError: undefined,
    members,
    each: {
      match: matchOf(members.by === "level" ? "report/v1" : "work/v1"),
      input: members.by === "level" ? expression("input") : undefined,
      deadlines: drawDeadlines(dice),
      retry: drawRetry(dice),
    },
    aggregate: drawAggregate(dice),
  };
}

export function serviceStep(dice: Dice, id: string, needs: Step["needs"]): ServiceStep {
  return {
    type: "service",
    id,
    title: undefined,
    needs,
    when: undefined,
    onError: dice.chance("on error", id, 0.4) ? literal("substitute") : undefined,
    match: matchOf("work/v1"),
    input: expression("input"),
    deadlines: drawDeadlines(dice),
    retry: drawRetry(dice),
  };
}

export function applicationOf(dice: Dice, id: string, steps: readonly Step[]): Application {
  return {
    id,
    version: "1.0.0",
    hash: `hash-of-${id}`,
    title: { zh: id },
    inputSchema: undefined,
    totalMs: dice.chance("chain deadline", id, 0.5) ? longestDeadlineMs : undefined,
    keyExpression: undefined,
    keyKeepMs: 30 * 24 * 3_600_000,
    onFailure: dice.pick("on failure", id, ["fail", "suspend"] as const),
    steps,
    output: undefined,
  };
}

/** Four applications: a tree of communities, services with items, people, and branches. */
export function drawApplications(dice: Dice): readonly Application[] {
  const communities = fanoutOver(dice, "ask", {
    by: "level",
    scope: expression("input.scope"),
    level: "community",
    membersMax: 1_000,
  });
  const items = fanoutOver(dice, "each", {
    by: "items",
    items: expression("input.list"),
    key: undefined,
    membersMax: 1_000,
  });
  const done = (step: string): Step["needs"] => [{ step, on: "done" }];
  return [
    applicationOf(dice, "report", [communities]),
    applicationOf(dice, "items", [
      serviceStep(dice, "open", []),
      { ...items, needs: done("open") },
      { ...serviceStep(dice, "close", done("each")), when: "input.close" },
    ]),
    drawPeople(dice),
    applicationOf(dice, "branches", [
      serviceStep(dice, "left", []),
      { ...communities, id: "right" },
      serviceStep(dice, "both", [...done("left"), ...done("right")]),
      serviceStep(dice, "mend", [{ step: "left", on: "failed" }]),
    ]),
  ];
}
