// Worked scenario: the applications of docs/examples in a world with faults: the hotline's orders,
// the typhoon and the residence permit, with the people, systems and hubs of their stories.
//
//   A1  Nothing of an application is another than what is published, but for its times, which are
//       pressed together (`pressed`), and a list of tags in every aggregate, which the checkers
//       follow.

import { parseApplication } from "@cloudbrain/sdk/definition";
import type {
  Application,
  JsonObject,
  JsonValue,
  NodeDescription,
  ReducerRule,
} from "@cloudbrain/sdk/domain";
import { parseAddress } from "@cloudbrain/sdk/domain";
import { cast, city, streetOf, streets } from "../applications/cast.ts";
import type { HubPart, NodePart } from "../applications/stage.ts";
import type { Dice } from "./dice.ts";
import type { Notice, Scenario, Wish } from "./scenario.ts";
import type { Topology } from "./scenarios.ts";
import type { SimHub } from "./sim-hub.ts";
import { answerOf, figuresOf, validate } from "./worked-answers.ts";
import { createWorkedStaff } from "./worked-staff.ts";

/** Times below are as they are; an hour becomes 73 s and fifteen days 319 s, in the same order. */
const plainMsMax = 20_000;
const exponent = 0.25;

function pressed(ms: number): number {
  return ms <= plainMsMax ? ms : Math.round(plainMsMax * (ms / plainMsMax) ** exponent);
}

const tags: { readonly name: string; readonly reducer: ReducerRule } = {
  name: "tags",
  reducer: { op: "collect", value: "out.tag", where: undefined, limit: 1_000 },
};

/** Every duration of a definition, wherever it stands. */
function press(value: unknown, name = ""): unknown {
  if (typeof value === "number" && /^ms$|Ms$/.test(name) && name !== "keyKeepMs") {
    return pressed(value);
  }
  if (Array.isArray(value)) return value.map((item) => press(item));
  if (typeof value !== "object" || value === null) return value;
  const isSchema = name === "form" || name === "schema" || name === "inputSchema";
  if (isSchema) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, press(field, key)]));
}

function instrumented(application: Application): Application {
  const { steps, ...rest } = press(application) as Application;
  return {
    ...rest,
    steps: steps.map((step) => {
      if (step.type !== "fanout") return step;
      const into = [...step.aggregate.into, tags];
      return { ...step, aggregate: { ...step.aggregate, into } };
    }),
  };
}

const applications: readonly Application[] = cast.applications.map((text) => {
  const parsed = parseApplication(text, { file: "example.yaml" });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.diagnostics));
  return instrumented(parsed.application);
});

/** Those that steps of the others start. */
const below: ReadonlySet<string> = new Set(["hotline.order.again", "emergency.typhoon.second"]);

const turnMs = 20_000;
const workMs = 14_000;
const freeTurn = 7;

/** A calendar of short days: work, a night, and every seventh day off. */
function addWorkingTime(calendar: string, fromMs: number, durationMs: number): number | undefined {
  if (calendar !== "cn-workdays") return undefined;
  let atMs = fromMs;
  let leftMs = durationMs;
  for (;;) {
    const turn = Math.floor(atMs / turnMs);
    const beginMs = turn * turnMs;
    const closesMs = turn % freeTurn === 0 ? beginMs : beginMs + workMs;
    const openMs = Math.max(0, closesMs - atMs);
    if (leftMs <= openMs) return atMs + leftMs;
    leftMs -= openMs;
    atMs = beginMs + turnMs;
  }
}

function describe(part: HubPart | NodePart, hub: boolean): NodeDescription {
  const { address, title, kind, level = "", division = "", industry = "", region = "" } = part;
  const capabilities =
    "answers" in part
      ? [...Object.keys(part.answers), ...(part.people ?? [])]
      : (part.capabilities ?? []);
  return {
    address: parseAddress(address),
    kind: kind ?? (hub ? "level" : "system"),
    level,
    division,
    industry,
    region,
    title: { zh: title },
    capabilities: [...capabilities].sort(),
    hub,
    version: "1",
  };
}

/** The city, its industry brain, one or both districts, some of the streets and communities. */
function drawWorkedTopology(dice: Dice): Topology {
  const [first = "", ...others] = streets;
  const kept = [first, ...others.filter((street) => dice.chance("street", street, 0.4))];
  const left = streets.filter((street) => !kept.includes(street)).map(streetOf);
  const isLeft = (address: string): boolean => {
    if (left.some((street) => address.startsWith(street))) return true;
    const isCommunity = address.split("/").length === 5;
    return isCommunity && !address.endsWith("001") && dice.chance("no community", address, 0.4);
  };
  const agents = cast.nodes.filter(({ address }) => !isLeft(address));
  const hubs = cast.hubs.filter(({ address }) => !isLeft(address));
  return {
    hubs: hubs.map((part) => describe(part, true)),
    agents: agents.map((part) => describe(part, false)),
  };
}

function wish(dice: Dice, key: string): Wish {
  const districtCode = "370202";
  switch (dice.pick("worked wish", "", ["hotline", "typhoon", "permit"] as const)) {
    case "hotline": {
      const about = { content: "水管爆裂", caller: "138-0000", unit: "water-office" };
      const urgent = dice.chance("urgent", "", 0.3);
      return {
        application: "hotline.order",
        input: { orderNo: key, districtCode, ...about, urgent },
      };
    }
    case "typhoon": {
      const when = { landfallAt: "2026-07-06T15:00:00+08:00" };
      return {
        application: "emergency.typhoon",
        input: { typhoonId: key, level: 2, cityCode: "370200", ...when },
      };
    }
    case "permit": {
      const who = { name: "王小明", idNumber: "37020219900101123X", address: "香港中路 1 号" };
      return { application: "resident.permit", input: { requestNo: key, districtCode, ...who } };
    }
  }
}

/** The maker of cards tells of each card that is waited for. */
function notices(hub: SimHub): readonly Notice[] {
  if (hub.address !== city) return [];
  const found: Notice[] = [];
  for (const { id, steps } of hub.hub.state.chains.values()) {
    if (steps.get("made")?.state !== "running") continue;
    const { caseNo } = (steps.get("accept")?.output ?? {}) as JsonObject;
    const payload: Record<string, JsonValue> = { caseNo: caseNo ?? "", cardNo: `K-${id}` };
    found.push({ chain: id, name: "permit.card.made", payload });
  }
  return found;
}

export function workedScenario(dice: Dice): Scenario {
  return {
    topology: drawWorkedTopology(dice),
    applications,
    started: applications.filter(({ id }) => !below.has(id)),
    staff: createWorkedStaff(),
    validate,
    addWorkingTime,
    attemptsMax: 20,
    wish: (key) => wish(dice, key),
    answerOf,
    figuresOf,
    notices,
  };
}
