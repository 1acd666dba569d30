// The city hub's kernel with all of Qingdao below it: its registry is fed with facts, no process
// runs. The counts that tests compare come from the CSV alone.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type HubFact, HubKernel } from "@cloudbrain/hub/kernel";
import { createEvaluate, createValidate } from "@cloudbrain/sdk/definition";
import { type NodeNews, parseAddress } from "@cloudbrain/sdk/domain";
import { makeDescription } from "./kernel-mesh.ts";
import { repositoryRoot } from "./repository.ts";

const prefixDigits: Readonly<Record<string, number>> = {
  city: 4,
  district: 6,
  street: 9,
  community: 12,
};

export interface QingdaoKernel {
  readonly kernel: HubKernel;
  readonly nodes: number;
  /** Communities by address of the district. */
  readonly communities: ReadonlyMap<string, number>;
}

export function makeQingdaoKernel(): QingdaoKernel {
  const file = join(repositoryRoot, "test", "data", "qingdao-divisions.csv");
  const rows = readFileSync(file, "utf8").trim().split(/\r?\n/).slice(1);
  const address = parseAddress("/3702");
  const kernel = new HubKernel({
    address,
    hasParent: false,
    evaluate: createEvaluate(),
    validate: createValidate(),
  });
  kernel.step({ type: "started", epoch: 1 }, 1_000);
  const communities = new Map<string, number>();
  for (const row of rows) {
    const news = newsOf(row);
    const { level } = news.description;
    if (level === "city") continue;
    const district = parseAddress(news.description.address.split("/").slice(0, 3).join("/"));
    if (level === "community") communities.set(district, (communities.get(district) ?? 0) + 1);
    const told = { t: "nodesTold", child: district, removed: [], final: false } as const;
    const fact: HubFact = { ...told, upserts: [news] };
    kernel.apply(fact, 1_000);
  }
  return { kernel, nodes: rows.length, communities };
}

function newsOf(row: string): NodeNews {
  const [code = "", level = "", name = ""] = row.split(",");
  const labels = Object.values(prefixDigits)
    .filter((digits) => digits <= (prefixDigits[level] ?? 0))
    .map((digits) => code.slice(0, digits));
  const isLeaf = level === "community";
  const plain = makeDescription(
    `/${labels.join("/")}`,
    !isLeaf,
    isLeaf ? ["community.emergency/v1"] : [],
  );
  const description = { ...plain, level, division: code, title: { zh: name } };
  return { description, state: "online", epoch: 1, changedAtMs: 1_000 };
}
