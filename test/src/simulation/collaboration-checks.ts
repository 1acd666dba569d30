// Collaboration checks: what must hold over the facts of all hubs once a world is quiet.
//
//   - whatever was undone had succeeded, and was undone once (I11)
//   - a chain that compensated has undone all that succeeded and can be undone (I11)
//   - a growing fan-out has every item that its source told of (I4)
//   - rows that are kept are still needed, or go in their time (ADR 0018)

import type { ChainRow, HubFact } from "@cloudbrain/hub/kernel";
import type { Application } from "@cloudbrain/sdk/domain";
import { factsOf } from "./history.ts";
import type { World } from "./world.ts";

interface Ledger {
  /**
   * Instructions that a hub has counted as done, without those that undo: by their first answer, or
   * by a later one of a member that had been given up (ADR 0018).
   */
  readonly done: Set<string>;
  /** How often what an instruction did was undone. */
  readonly undone: Map<string, number>;
  /** Keys of members, by fan-out. */
  readonly keys: Map<string, Set<string>>;
}

/** Longer than any fan-out of a world refuses late feedback. */
const refusalMs = 600_000;

export function checkCollaboration(world: World, chains: ReadonlyMap<string, ChainRow>): void {
  const { checkers } = world;
  // Rows go with a store; whoever asks a hub that has begun anew finds less.
  const isWhole = world.hubs.every(({ stores }) => stores === 1);
  const ledger = readLedger(world);
  for (const [id, times] of ledger.undone) {
    if (!ledger.done.has(id) && isWhole) checkers.violation("I11", id, "undone, but never done");
    if (times > 1 && isWhole) checkers.violation("I11", id, `undone ${times} times`);
  }
  if (isWhole) {
    for (const row of chains.values()) {
      checkUndone(world, row, ledger);
      checkRescued(world, row, ledger);
    }
  }
  checkKept(world, chains, isWhole);
}

function readLedger(world: World): Ledger {
  const ledger: Ledger = { done: new Set(), undone: new Map(), keys: new Map() };
  for (const hub of world.hubs) {
    for (const fact of factsOf(hub, () => undefined) as readonly HubFact[]) note(ledger, fact);
  }
  return ledger;
}

function note(ledger: Ledger, fact: HubFact): void {
  if (fact.t === "ended" && fact.outcome === "succeeded") {
    const undone = /^([^~]*)(?:~[0-9]+)+(.*)$/.exec(fact.id);
    if (undone === null) ledger.done.add(fact.id);
    else {
      const id = `${undone[1]}${undone[2]}`;
      ledger.undone.set(id, (ledger.undone.get(id) ?? 0) + 1);
    }
  } else if (fact.t === "revised") {
    ledger.done.add(`${fact.fanout}!${fact.member}`);
  } else if (fact.t === "fanoutOpened" || fact.t === "membersPut") {
    const keys = ledger.keys.get(fact.fanout) ?? new Set();
    for (const { key } of fact.members) keys.add(key);
    ledger.keys.set(fact.fanout, keys);
  }
}

function applicationOf(world: World, row: ChainRow): Application | undefined {
  return world.scenario.applications.find(
    ({ id, version }) => `${id}@${version}` === row.application,
  );
}

function checkUndone(world: World, row: ChainRow, ledger: Ledger): void {
  const application = applicationOf(world, row);
  const { state, reason } = row;
  const rule = state === "failed" ? application?.onFailure : application?.onCancel;
  const isOver = state === "failed" || state === "cancelled";
  if (!isOver || rule !== "compensate" || reason.includes("not all is undone")) return;
  for (const step of application?.steps ?? []) {
    const each = step.type === "fanout" ? step.each.compensate : undefined;
    for (const done of ledger.done) {
      if (!done.startsWith(`${row.id}.${step.id}.`) || ledger.undone.has(done)) continue;
      if ((done.includes("!") ? each : step.compensate) === undefined) continue;
      world.checkers.violation("I11", done, `done, not undone, yet the chain is ${state}`);
    }
  }
}

function checkRescued(world: World, row: ChainRow, ledger: Ledger): void {
  const rescue = row.steps.find(({ id }) => id === "rescue");
  const alert = row.steps.find(({ id }) => id === "alert");
  if (rescue?.state !== "succeeded" || rescue.reason !== "") return;
  const keys = ledger.keys.get(`${row.id}.rescue.${rescue.visit}`) ?? new Set();
  const stranded = alert?.summary?.aggregate["strandedAt"];
  for (const item of Array.isArray(stranded) ? stranded : []) {
    if (keys.has(String(item))) continue;
    world.checkers.violation("growth", row.id, `${String(item)} is stranded, nobody was sent`);
  }
}

function checkKept(world: World, chains: ReadonlyMap<string, ChainRow>, isWhole: boolean): void {
  for (const hub of world.hubs) {
    const nowMs = hub.journal?.now() ?? 0;
    for (const fanout of hub.hub.state.fanouts.values()) {
      const refuses = fanout.aggregate.late === "reject" && fanout.keepDueMs < nowMs + refusalMs;
      if (fanout.stage !== "kept" || !isWhole || (refuses && fanout.keepDueMs > 0)) continue;
      if (chains.get(fanout.chain)?.state === "suspended") continue;
      world.checkers.violation("leak", fanout.id, `its rows are kept at ${hub.address} for nobody`);
    }
  }
}
