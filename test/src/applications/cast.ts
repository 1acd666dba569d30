// The cast of the worked applications: a city of three levels with two districts of two streets of
// three communities each, the industry brain of public security with a station of its own, the
// business systems, and the people at their desks.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject, JsonValue } from "@cloudbrain/sdk/domain";
import { repositoryRoot } from "../support/repository.ts";
import type { Cast, HubPart, NodePart, PersonPart } from "./stage.ts";

export const city = "/3702";
export const shinan = "/3702/370202";
export const shibei = "/3702/370203";
export const policeBrain = "/3702/i-police";
export const station = "/3702/i-police/370202";

export const citizens = `${city}/s-citizens`;
export const command = `${city}/s-command`;
export const permits = `${policeBrain}/s-permits`;
export const permitsAtNight = `${policeBrain}/s-permits-2`;
export const sources = [`${city}/s-population`, `${city}/s-housing`, `${shinan}/s-leases`] as const;
export const fireShinan = [`${shinan}/i-fire`, `${shinan}/i-fire-2`] as const;
export const fireShibei = `${shibei}/i-fire`;

/** What a rescue team brings in. */
export const rescuedPerTeam = 3;

const streetsPerDistrict = 2;
const communitiesPerStreet = 3;

/** Division codes of the streets, 9 digits. */
export const streets = ["370202", "370203"].flatMap((district) =>
  count(streetsPerDistrict).map((street) => `${district}${pad(street)}`),
);

/** Division codes of the communities, 12 digits, as `member.code` tells them. */
export const communities = streets.flatMap((street) =>
  count(communitiesPerStreet).map((community) => `${street}${pad(community)}`),
);

/** Address of the hub of a street, by the code of the street or of one of its communities. */
export function streetOf(code: string): string {
  return `${city}/${code.slice(0, 6)}/${code.slice(0, 9)}`;
}

/** Account of whoever reports for a community. */
export function reporterOf(community: string): string {
  return `grid-${community}`;
}

/** Account of whoever supervises a street. */
export function supervisorOf(community: string): string {
  return `street-${community.slice(0, 9)}`;
}

function count(length: number): readonly number[] {
  return Array.from({ length }, (_, index) => index + 1);
}

function pad(place: number): string {
  return String(place).padStart(3, "0");
}

function fieldOf(input: JsonValue, name: string): JsonValue {
  return (input as JsonObject)[name] ?? null;
}

const hubs: readonly HubPart[] = [
  {
    address: city,
    title: "青岛市",
    level: "city",
    division: "370200000000",
    capabilities: ["hotline.desk/v1"],
  },
  ...[shinan, shibei].map((address) => ({
    address,
    title: address === shinan ? "市南区" : "市北区",
    level: "district",
    division: `${address.slice(-6)}000000`,
    capabilities: ["hotline.undertake/v1"],
  })),
  ...streets.map((code) => ({
    address: streetOf(code),
    title: `街道 ${code}`,
    level: "street",
    division: `${code}000`,
  })),
  { address: policeBrain, title: "公安云脑", kind: "industry", industry: "public-security" },
  {
    address: station,
    title: "市南分局",
    kind: "industry",
    industry: "public-security",
    region: "370202",
    capabilities: ["permit.review/v1"],
  },
];

const police = { kind: "industry", industry: "public-security" } as const;
const caseOf = (input: JsonValue): JsonObject => ({
  caseNo: `A-${String(fieldOf(input, "requestNo"))}`,
  station: "station-hongkong-road",
});

const permitAnswers = {
  "permit.accept/v1": caseOf,
  "permit.withdraw/v1": (input: JsonValue) => ({ withdrawn: fieldOf(input, "caseNo") }),
  "permit.make/v1": (input: JsonValue) => ({ ordered: fieldOf(input, "caseNo") }),
};

function rescueTeam(address: string, region: string): NodePart {
  return {
    address,
    title: "消防救援",
    kind: "industry",
    industry: "fire-rescue",
    region,
    answers: {
      "rescue.dispatch/v1": () => ({ rescued: rescuedPerTeam }),
      "rescue.recall/v1": (input) => ({ recalled: fieldOf(input, "target") }),
    },
  };
}

const nodes: readonly NodePart[] = [
  {
    address: citizens,
    title: "市民服务平台",
    level: "city",
    answers: { "citizen.notify/v1": (input) => ({ told: fieldOf(input, "to") }) },
  },
  {
    address: command,
    title: "应急指挥部",
    level: "city",
    answers: { "command.brief/v1": () => ({ briefed: true }) },
  },
  ...sources.map((address) => ({
    address,
    title: address.slice(address.lastIndexOf("/") + 3),
    answers: { "resident.proof/v1": () => ({ confirmed: true }) },
  })),
  { address: permits, title: "居住证系统", ...police, answers: permitAnswers },
  { address: permitsAtNight, title: "居住证系统备机", ...police, answers: permitAnswers },
  ...fireShinan.map((address) => rescueTeam(address, "370202")),
  rescueTeam(fireShibei, "370203"),
  ...communities.map(
    (code): NodePart => ({
      address: `${streetOf(code)}/${code}`,
      title: `社区 ${code}`,
      kind: "level",
      level: "community",
      division: code,
      answers: {},
      people: ["community.emergency/v1"],
    }),
  ),
];

const hotline = ["hotline.order", "hotline.order.again"];
const typhoon = ["emergency.typhoon", "emergency.typhoon.second"];

function clerkOf(account: string, name: string, department: string): PersonPart {
  return {
    account,
    name,
    at: shinan,
    department,
    area: "370202",
    roles: ["clerk"],
    handles: hotline,
  };
}

function memberOf(account: string, name: string, at: string, group: string): PersonPart {
  return {
    account,
    name,
    at,
    groups: [group],
    handles: [...hotline, ...typhoon, "resident.permit"],
  };
}

const people: readonly PersonPart[] = [
  memberOf("he", "何接线", city, "dispatch-desk"),
  memberOf("gao", "高班长", city, "dispatch-desk-chief"),
  memberOf("fan", "范回访", city, "follow-up-desk"),
  clerkOf("wang", "王水务", "water-office"),
  clerkOf("li", "李水务", "water-office"),
  clerkOf("zhao", "赵房管", "housing-office"),
  memberOf("chen", "陈科长", shinan, "chief:water-office"),
  memberOf("ding", "丁派单", shinan, "dispatch-desk"),
  memberOf("su", "苏督办", shinan, "supervision-office"),
  memberOf("luo", "罗区长", shinan, "hub:supervisors"),
  ...streets.map((code) => ({
    ...memberOf(supervisorOf(code), `街道值班 ${code}`, streetOf(code), "hub:supervisors"),
    groups: ["hub:supervisors", "emergency-duty"],
  })),
  ...communities.map((code) =>
    memberOf(reporterOf(code), `网格员 ${code}`, streetOf(code), `community:${code}`),
  ),
  {
    account: "qin",
    name: "秦民警",
    at: station,
    department: "station-hongkong-road",
    roles: ["clerk"],
    handles: ["resident.permit"],
  },
  {
    account: "xu",
    name: "许民警",
    at: station,
    department: "station-taiping-road",
    roles: ["clerk"],
    handles: ["resident.permit"],
  },
  memberOf("pan", "潘主任", station, "permit-desk"),
  memberOf("sun", "孙督察", station, "supervision-office"),
];

const applications = [
  "hotline-12345.yaml",
  "hotline-12345-again.yaml",
  "typhoon-emergency.yaml",
  "typhoon-second-wave.yaml",
  "resident-permit.yaml",
].map((name) => readFileSync(join(repositoryRoot, "docs/examples", name), "utf8"));

export const cast: Cast = { hubs, nodes, people, applications };
