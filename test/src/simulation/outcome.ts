// Outcome: what must hold once a world is healed and quiet.
//
//   - every acknowledged submit exists exactly once, at its hub; same key same chain; another body
//     under a used key is a conflict
//   - every chain has ended or is suspended
//   - an aggregate is the fold over the very feedback that it has counted, each member once
//   - a registration tells what is there, counted without the hubs
//   - nothing is left over: no instruction, task, fan-out, unacknowledged frame or handler

import type { ChainRow, FanoutSummary } from "@cloudbrain/hub/kernel";
import { canonicalJson } from "@cloudbrain/sdk/domain";
import { tableRange } from "@cloudbrain/sdk/internal/journal/keys";
import { decodeCbor } from "@cloudbrain/sdk/internal/journal/record";
import { checkCollaboration } from "./collaboration-checks.ts";
import { checkRegistrations } from "./registrations.ts";
import type { SimHub } from "./sim-hub.ts";
import { checkWaits } from "./wait-outcome.ts";
import type { World } from "./world.ts";

const terminal = new Set(["succeeded", "failed", "cancelled", "suspended"]);

/** All chains of a hub: in memory, or past in its store. */
export function chainsOf(hub: SimHub): ReadonlyMap<string, ChainRow> {
  const chains = new Map<string, ChainRow>();
  for (const { value } of hub.disk.list(tableRange("past"))) {
    const row = decodeCbor(value) as ChainRow;
    chains.set(row.id, row);
  }
  for (const id of hub.hub.state.chains.keys()) {
    const row = hub.hub.chainNow(id);
    if (row !== undefined) chains.set(id, row);
  }
  return chains;
}

/** Whether nothing moves any more. */
export function isQuiet(world: World): boolean {
  for (const hub of world.hubs) {
    if (!hub.isUp) return false;
    const { state } = hub.hub;
    if (state.assignments.size > 0 || state.waits.size > 0) return false;
    if (state.openTasks.size > 0 || state.registrationsDueMs > 0) return false;
    for (const { stage } of state.fanouts.values()) if (stage !== "kept") return false;
    for (const chain of state.chains.values()) if (!terminal.has(chain.state)) return false;
  }
  // What a hub has forgotten ends when the time that it came with is over (ADR 0032).
  if (world.agents.some((agent) => agent.openWork() > 0)) return false;
  for (const node of world.nodes) {
    if (!node.isUp) return false;
    for (const session of node.sessions().values()) if (session.unacknowledged() > 0) return false;
  }
  return true;
}

/** Why a world that should be quiet is not. */
export function reportUnrest(world: World): void {
  const { checkers } = world;
  for (const hub of world.hubs) {
    if (!hub.isUp) checkers.violation("liveness", hub.address, `it is ${hub.status}`);
    const { state } = hub.hub;
    for (const chain of state.chains.values()) {
      if (!terminal.has(chain.state))
        checkers.violation("liveness", chain.id, `it is ${chain.state}`);
    }
    for (const assignment of state.assignments.values()) {
      checkers.violation("leak", assignment.id, `still ${assignment.state} at ${hub.address}`);
    }
    for (const wait of state.waits.all()) {
      checkers.violation("leak", wait.id, `the step still waits at ${hub.address}`);
    }
    for (const id of state.openTasks.values()) {
      checkers.violation("leak", id, `the task is still open at ${hub.address}`);
    }
    if (state.registrationsDueMs > 0) {
      checkers.violation("liveness", hub.address, "it still has registrations to look at");
    }
    for (const fanout of state.fanouts.values()) {
      if (fanout.stage === "kept") continue;
      checkers.violation("leak", fanout.id, `the fan-out is still open at ${hub.address}`);
    }
  }
  for (const agent of world.agents) {
    if (agent.openWork() > 0) checkers.violation("leak", agent.address, "work is left");
  }
  for (const node of world.nodes) {
    for (const session of node.sessions().values()) {
      const left = session.unacknowledged();
      if (left === 0) continue;
      checkers.violation("leak", node.address, `${left} frames for ${session.peer} are left`);
    }
  }
}

export function checkOutcome(world: World): void {
  const { checkers } = world;
  const all = new Map<string, { readonly hub: string; readonly row: ChainRow }>();
  for (const hub of world.hubs) {
    for (const [id, row] of chainsOf(hub)) {
      if (all.has(id)) checkers.violation("ledger", id, "the chain exists at two hubs");
      all.set(id, { hub: hub.address, row });
      checkChain(world, hub.address, row);
    }
    checkers.checkReplay(hub);
    checkers.checkLive(hub);
  }
  for (const agent of world.agents) {
    checkers.checkReplay(agent);
    checkers.checkLive(agent);
  }
  checkLedger(world, all);
  checkWaits(world, all);
  checkCollaboration(world, new Map([...all].map(([id, { row }]) => [id, row])));
  checkRegistrations(world);
}

function checkLedger(
  world: World,
  all: ReadonlyMap<string, { readonly hub: string; readonly row: ChainRow }>,
): void {
  const { checkers } = world;
  const chainOfKey = new Map<string, { chain: string; bodyHash: string }>();
  for (const { hub, application, key, bodyHash, chain, refused } of world.clients.submissions) {
    if (chain === undefined) {
      if (refused === undefined) {
        checkers.violation("ledger", key, `${application} at ${hub} was never answered`);
      }
      continue;
    }
    // What a hub has promised goes with its store when that is replaced.
    if ((world.hubAt(hub)?.stores ?? 1) > 1) continue;
    const found = all.get(chain);
    if (found === undefined || found.hub !== hub) {
      checkers.violation("ledger", chain, `acknowledged by ${hub}, but it is not there`);
    } else if (found.row.bodyHash !== bodyHash || found.row.key !== key) {
      checkers.violation("ledger", chain, "it has another key or body than was acknowledged");
    }
    const name = `${hub} ${application} ${key}`;
    const known = chainOfKey.get(name);
    if (known !== undefined && (known.chain !== chain || known.bodyHash !== bodyHash)) {
      checkers.violation("ledger", key, `two chains for one key: ${known.chain} and ${chain}`);
    }
    chainOfKey.set(name, { chain, bodyHash });
  }
}

function checkChain(world: World, hub: string, row: ChainRow): void {
  for (const step of row.steps) {
    if (step.summary !== undefined) checkSummary(world, row, step.id, step.summary, step.reason);
    if (step.revised !== undefined) checkSummary(world, row, step.id, step.revised, "");
  }
  const isCalm = Object.values(world.faults.vector).every((rate) => rate === 0);
  // Below the root a scenario may ask for nodes that are not there.
  if (
    isCalm &&
    hub === world.hubs[0]?.address &&
    world.scenario.started.some((it) => row.application === `${it.id}@${it.version}`) &&
    row.state !== "succeeded" &&
    row.state !== "cancelled" &&
    !row.reason.startsWith("step broken")
  ) {
    world.checkers.violation("calm", row.id, `${row.state} without any fault: ${row.reason}`);
  }
}

function checkSummary(
  world: World,
  row: ChainRow,
  step: string,
  summary: FanoutSummary,
  reason: string,
): void {
  const subject = `${row.id}.${step}`;
  const wrong = (detail: string): void => world.checkers.violation("fold", subject, detail);
  const { aggregate, members, replied, failed } = summary;
  const tags = (aggregate["tags"] ?? []) as readonly string[];
  const ids = new Set(tags.map((tag) => tag.slice(0, tag.lastIndexOf("#"))));
  if (ids.size !== tags.length) wrong("a member is counted twice");
  if (tags.length !== replied) wrong(`${tags.length} contributions of ${replied} that replied`);
  if (replied + failed > members) wrong(`${replied} + ${failed} answers of ${members} members`);
  for (const tag of tags) {
    if (!world.checkers.returnedTags.has(tag)) wrong(`${tag} was never returned by a handler`);
    if (!tag.startsWith(subject)) wrong(`${tag} belongs to another fan-out`);
  }
  const expected = world.scenario.figuresOf(row.application, step, tags);
  for (const [name, value] of Object.entries(expected)) {
    const found = aggregate[name] ?? null;
    if (canonicalJson(found) === canonicalJson(value)) continue;
    wrong(`${name} is ${JSON.stringify(found)}, not ${JSON.stringify(value)}`);
  }
  const first = aggregate["first"];
  const isFirst = first === undefined || tags.length === 0 || tags.includes(String(first));
  if (!isFirst) wrong(`first is ${String(first)}`);
  if (summary.closed && members > 0 && replied === members && reason.includes("replied"))
    wrong(`complete, yet: ${reason}`);
}
