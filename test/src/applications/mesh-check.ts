// Mesh check: what a mesh must look like when all stories have been played, as the chaos test
// judges it.
//
//   K1  A story leaves no chain that goes on by itself. One that waits for people is cancelled.
//   K2  Every store is whole by itself, and nothing is left in it that somebody has to work on.
//   K3  What the hubs have kept are the chains that were submitted, and those that these started.

import { auditNode } from "../support/mesh-audit.ts";
import { settledStates } from "../support/mesh-ledger.ts";
import type { MeshStage } from "./mesh-stage.ts";
import type { MeshWorld } from "./mesh-world.ts";

/** More than any compensation of the applications may take. */
const endMs = 24 * 3_600_000;

/** Ends what stories have left; answers what they should not have left. */
export async function endChains(world: MeshWorld): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const { address } of world.cast.hubs) {
    const hub = world.operator(address);
    for await (const { id, application, state, parent } of hub.listChains()) {
      if (settledStates.has(state) || parent !== undefined) continue;
      if (state !== "suspended") problems.push(`${address}: ${application} ${id} is ${state}`);
      await hub.cancelChain(id, "the stories are over");
    }
  }
  await world.time.passTo(world.time.nowMs + endMs);
  return problems;
}

/** What is wrong in the stores of a mesh that has been closed (K2, K3), or was said by its hubs. */
export async function auditStores(stage: MeshStage): Promise<readonly string[]> {
  const { world, submitted } = stage;
  const problems = world.processes.flatMap(({ name, broken, failure }) => [
    ...broken.map((what) => `${name}: ${what}`),
    ...(failure === undefined ? [] : [`${name} has ended by itself: ${failure.reason}`]),
  ]);
  for (const node of world.nodes.values()) {
    const { chains, problems: found } = await auditNode(node);
    problems.push(...found.map((what) => `${node.address}: ${what}`));
    const wanted = new Set(submitted.get(node.address));
    for (const { id, parent } of chains.values()) {
      if (wanted.delete(id) || parent !== undefined) continue;
      problems.push(`${node.address}: nobody submitted chain ${id}`);
    }
    for (const id of wanted) problems.push(`${node.address}: chain ${id} is not in the store`);
  }
  return problems;
}
