// Wait outcome: what must hold of gates, signals and subflows once a world is quiet.
//
//   - a gate was opened by a signal that was sent and was meant for its chain
//   - what was told of a signal is what the gates show: no opening is lost, none comes twice
//   - a chain below another belongs to a step that waited for it, and a step that succeeded with it
//     has its output

import type { ChainRow, StepRun } from "@cloudbrain/hub/kernel";
import { canonicalJson, type JsonObject } from "@cloudbrain/sdk/domain";
import type { World } from "./world.ts";

type Chains = ReadonlyMap<string, { readonly hub: string; readonly row: ChainRow }>;

export function checkWaits(world: World, all: Chains): void {
  const openings = new Map<string, number>();
  for (const { row } of all.values()) {
    for (const step of row.steps) {
      if (step.type === "gate") checkGate(world, row, step, openings);
    }
    checkParent(world, all, row);
  }
  for (const [nonce, { hub, opened, unanswered, isRetained }] of world.outsiders.signals) {
    // What a hub has promised goes with its store when that is replaced.
    if ((world.hubAt(hub)?.stores ?? 1) > 1) continue;
    const count = openings.get(nonce) ?? 0;
    const isExact = unanswered === 0 && !isRetained;
    if (count < opened || (isExact && count > opened)) {
      const detail = `${opened} openings were told, ${count} gates show it`;
      world.checkers.violation("signals", nonce, detail);
    }
  }
}

function checkGate(
  world: World,
  row: ChainRow,
  step: StepRun,
  openings: Map<string, number>,
): void {
  if (step.state !== "succeeded" || !step.reason.startsWith("opened by ")) return;
  const { item, nonce } = step.output as JsonObject;
  const input = row.input as JsonObject;
  if (item !== input["item"]) {
    const detail = `opened for item ${String(item)}, its own is ${String(input["item"])}`;
    world.checkers.violation("signals", `${row.id}.${step.id}`, detail);
  }
  if (nonce === "told") return;
  const name = String(nonce);
  openings.set(name, (openings.get(name) ?? 0) + 1);
  if (!world.outsiders.signals.has(name)) {
    world.checkers.violation("signals", `${row.id}.${step.id}`, `nobody has sent ${name}`);
  }
}

function checkParent(world: World, all: Chains, row: ChainRow): void {
  if (row.parent === undefined) return;
  const wrong = (detail: string): void => world.checkers.violation("subflow", row.id, detail);
  const parent = all.get(row.parent.chain)?.row;
  const step = parent?.steps.find(({ id }) => id === row.parent?.step);
  if (parent === undefined || step === undefined) {
    wrong("the chain that started it is not there");
    return;
  }
  const visit = Number(row.id.slice(row.id.lastIndexOf(".") + 1));
  if (visit > step.visit) wrong(`it is of visit ${visit}, its step has had ${step.visit}`);
  const isItsEnd = visit === step.visit && step.state === "succeeded" && step.reason === "";
  if (!isItsEnd) return;
  if (row.state !== "succeeded") wrong(`its step has succeeded, it is ${row.state}`);
  if (canonicalJson(row.output) !== canonicalJson(step.output)) {
    wrong("its output is not that of its step");
  }
}
