// Undo order: what is undone after what, and by whom.

import type { NodeRecord, Step } from "@cloudbrain/sdk/domain";

/** Every step after all that need it; otherwise as the definition has them, backwards. */
export function reverseOrder(steps: readonly Step[]): readonly Step[] {
  const ordered: Step[] = [];
  const seen = new Set<string>();
  const visit = (step: Step): void => {
    if (seen.has(step.id)) return;
    seen.add(step.id);
    for (const need of step.needs) {
      const needed = steps.find(({ id }) => id === need.step);
      if (needed !== undefined) visit(needed);
    }
    ordered.push(step);
  };
  for (const step of steps) visit(step);
  return ordered.reverse();
}

/** Who has done it undoes it, if it can; else the best of those who can. */
export function undoerOf(candidates: readonly NodeRecord[], doer: string): NodeRecord | undefined {
  return candidates.find(({ description }) => description.address === doer) ?? candidates[0];
}
