// Graph: the steps of an application as a directed graph without cycles.

import type { Need } from "../domain/application.ts";

interface Node {
  readonly id: string;
  readonly needs: readonly Need[];
}

/** All steps that must have ended before each step; needs that name no step count for nothing. */
export function upstreamOf(steps: readonly Node[]): ReadonlyMap<string, ReadonlySet<string>> {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const found = new Map<string, Set<string>>();
  for (const { id } of steps) {
    const upstream = new Set<string>();
    const open = [id];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const { step } of byId.get(next)?.needs ?? []) {
        if (upstream.has(step) || !byId.has(step)) continue;
        upstream.add(step);
        open.push(step);
      }
    }
    found.set(id, upstream);
  }
  return found;
}

/** One cycle as a list of ids in order, or undefined. */
export function findCycle(steps: readonly Node[]): readonly string[] | undefined {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const upstream = upstreamOf(steps);
  const start = steps.find(({ id }) => upstream.get(id)?.has(id) === true);
  if (start === undefined) return undefined;
  const cycle = [start.id];
  for (let at = start.id; ; ) {
    const next: string | undefined = byId
      .get(at)
      ?.needs.map(({ step }) => step)
      .find((step) => step === start.id || upstream.get(step)?.has(start.id) === true);
    if (next === undefined || next === start.id || cycle.includes(next)) return cycle;
    cycle.push(next);
    at = next;
  }
}
