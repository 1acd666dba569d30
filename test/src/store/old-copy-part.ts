// Part d: an old copy of a hub's directory is found out: by its peer when store and anchor are old
// together, by the anchor when the store alone is.

import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Client, createClient } from "@cloudbrain/sdk/client";
import { Dice } from "../simulation/dice.ts";
import { applicationTexts, drawSubmission } from "../support/mesh-applications.ts";
import { settledStates } from "../support/mesh-ledger.ts";
import { cityAddress, makeTree, prepareMesh, type TreeNode } from "../support/mesh-shape.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { HostedProcess, stopAll } from "../support/process-host.ts";
import type { PartReport } from "./report.ts";

const chains = 12;
const limitMs = 30_000;

export interface OldCopyOptions {
  readonly directory: string;
  readonly seed: number;
}

/** A child shows what it remembers, or the parent says what the hub has forgotten. */
const toldByPeer =
  /AMNESIA.*(?:ends at frame \d+ .*\/3702\S* remembers \d+|the store of \/3702\S* is an old copy)/;

export async function runOldCopyPart(options: OldCopyOptions): Promise<PartReport> {
  const tree = makeTree({ districts: 1, streetsPerDistrict: 0, communitiesPerStreet: 2 });
  const mesh = await prepareMesh(join(options.directory, "mesh"), tree);
  const host = (level: string): HostedProcess =>
    new HostedProcess({
      name: level,
      nodes: [...mesh.nodes.values()].filter((node) => node.level === level),
    });
  const city = host("city");
  const district = host("district");
  const agents = host("community");
  const data = join(district.nodes[0]?.directory ?? "", "data");
  const old = join(options.directory, "old");
  const client = createClient({ hub: mesh.target(cityAddress), identity: mesh.operator });
  const dice = new Dice(options.seed);
  const problems: string[] = [];
  let silentlyWrong = 0;
  try {
    await Promise.all([city.start(), district.start(), agents.start()]);
    for (const text of applicationTexts) await client.publish(text);
    await runChains(client, dice, tree, "before");
    await district.stop();
    cpSync(data, old, { recursive: true });
    await district.start();
    await runChains(client, dice, tree, "after");
    await district.stop();
    const newest = join(options.directory, "newest");
    cpSync(data, newest, { recursive: true });

    replace(old, data);
    const byPeer = await refusalOf(district);
    if (!toldByPeer.test(byPeer)) {
      silentlyWrong += byPeer === "" ? 1 : 0;
      problems.push(`store and anchor old together: "${byPeer || "it serves"}"`);
    }
    replace(newest, data);
    replace(join(old, "store"), join(data, "store"));
    const byAnchor = await refusalOf(district);
    if (!/AMNESIA.*record \d+, the anchor beside it remembers \d+/.test(byAnchor)) {
      silentlyWrong += byAnchor === "" ? 1 : 0;
      problems.push(`the store alone old: "${byAnchor || "it serves"}"`);
    }
    replace(newest, data);
    // Agents come back to a hub that they have refused after half a minute, or when restarted.
    await agents.stop();
    await Promise.all([district.start(), agents.start()]);
    await runChains(client, dice, tree, "healed");
    const summary = `by its peer: "${byPeer}"; by its anchor: "${byAnchor}"; the newest copy serves again`;
    return { part: "old copy", summary, silentlyWrong, lost: 0, problems };
  } finally {
    client.close();
    await stopAll([agents, district, city]);
  }
}

function replace(source: string, target: string): void {
  rmSync(target, { recursive: true, force: true });
  cpSync(source, target, { recursive: true });
}

/** Why the process ended by itself; empty when it goes on serving. */
async function refusalOf(hosted: HostedProcess): Promise<string> {
  await hosted.start().catch(() => undefined);
  try {
    const what = "the hub refuses its old store";
    const { code, reason } = await waitFor({ what, limitMs: 10_000 }, () => hosted.failure);
    await hosted.ended();
    return reason.startsWith(code) ? reason : `${code}: ${reason}`;
  } catch {
    return "";
  } finally {
    await hosted.stop();
  }
}

async function runChains(
  client: Client,
  dice: Dice,
  tree: readonly TreeNode[],
  name: string,
): Promise<void> {
  const communities = tree.filter(({ level }) => level === "community");
  await waitFor({ what: "all nodes are online", limitMs }, async () => {
    return (await client.status()).nodesOnline >= tree.length - 1 ? true : undefined;
  });
  const runs = Array.from({ length: chains }, async (_, index) => {
    const { application, input, key } = drawSubmission(
      dice,
      `${name}-${index}`,
      cityAddress,
      communities,
    );
    const { chain } = await client.submit(application, input, { key });
    await waitFor({ what: `chain ${chain} has ended`, limitMs }, async () => {
      const { state } = await client.getChain(chain);
      return settledStates.has(state) ? true : undefined;
    });
  });
  await Promise.all(runs);
}
