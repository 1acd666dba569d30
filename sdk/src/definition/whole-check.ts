// Whole check: what can be said only when all steps are known: ids, circles, and rules that have
// no effect.

import type { Application, Step } from "../domain/application.ts";
import type { Fields } from "./field-reader.ts";
import { findCycle } from "./graph.ts";
import type { Reader, WholeDefinition } from "./reader.ts";
import { nearestStep, type ReadStep } from "./step-reader.ts";
import type { Problems, SourceNode } from "./yaml-source.ts";

/** Checks ids and needs; answers all ids, also of steps that could not be read. */
export function checkGraph(
  problems: Problems,
  steps: readonly ReadStep[],
  parent: Fields,
): ReadonlySet<string> {
  const ids = checkIds(problems, parent);
  for (const { step, needsAt } of steps) {
    for (const [need, at] of needsAt) {
      if (ids.has(need)) continue;
      const others = [...ids].filter((id) => id !== step.id && id !== "");
      problems.add(at, "UNKNOWN_STEP", `steps.${step.id} needs "${need}", which is no step`, {
        suggestion: nearestStep(need, others) ?? `there is ${others.slice(0, 8).join(", ")}`,
      });
    }
  }
  const cycle = findCycle(steps.map(({ step }) => step));
  const first = steps.find(({ step }) => step.id === cycle?.[0]);
  if (cycle === undefined || first === undefined) return ids;
  const loop = [...cycle, cycle[0]].join(" -> ");
  const at = first.needsAt.get(cycle[1] ?? cycle[0] ?? "") ?? first.idAt;
  problems.add(at, "CYCLE", `steps need each other in a circle: ${loop}`, {
    suggestion: "remove one of these needs",
  });
  return ids;
}

function checkIds(problems: Problems, parent: Fields): ReadonlySet<string> {
  const listed = parent.get("steps")?.value;
  const seen = new Set<string>();
  for (const item of listed?.kind === "list" ? listed.items : []) {
    const id = idOf(item);
    if (id !== "" && seen.has(id)) {
      problems.add(item.start, "DUPLICATE_STEP", `there are two steps "${id}"`, {
        suggestion: "rename one of the two",
      });
    }
    seen.add(id);
  }
  return seen;
}

function idOf(node: SourceNode): string {
  const field = node.kind === "fields" ? node.fields.find(({ key }) => key === "id") : undefined;
  return field?.value.kind === "scalar" ? String(field.value.value) : "";
}

/** Warns of what stands there and never does anything. */
export function warnOfNoEffect(
  reader: Reader,
  parent: Fields,
  steps: readonly ReadStep[],
  { onFailure, onCancel }: Pick<Application, "onFailure" | "onCancel">,
): void {
  const severity = "warning";
  const undoing = steps.filter(({ step }) => isUndone(step));
  const mayUndo = onFailure === "compensate" || onCancel === "compensate";
  const [first] = undoing;
  if (first !== undefined && !mayUndo) {
    const message = `steps.${first.step.id} can be undone, but nothing ever undoes it`;
    reader.problems.add(first.idAt, "NO_EFFECT", message, {
      suggestion: "write spec.onFailure: compensate or spec.onCancel: compensate",
      severity,
    });
  }
  if (first === undefined && mayUndo) {
    const key = onFailure === "compensate" ? "onFailure" : "onCancel";
    const at = parent.get(key)?.value.start ?? parent.start;
    reader.problems.add(at, "NO_EFFECT", `spec.${key}: no step says how it is undone`, {
      suggestion: "write compensate: { call: { capability: name/v1 } } in a step",
      severity,
    });
  }
}

function isUndone(step: Step): boolean {
  return (step.type === "fanout" ? step.each.compensate : step.compensate) !== undefined;
}

/** A policy that no step names is still checked, over the chain as a whole. */
export function checkUnusedPolicies(reader: Reader, { policies, steps }: WholeDefinition): void {
  const used = new Set([...steps.values()].flatMap((step) => policiesOf(step)));
  for (const [name, node] of policies) {
    if (used.has(name)) continue;
    reader.problems.add(node.start, "NO_EFFECT", `spec.policies.${name}: no step names it`, {
      suggestion: `write match: { policy: ${name} } in a step, or remove it`,
      severity: "warning",
    });
    reader.expressions.add(node, node.value, 0, {
      where: `spec.policies.${name}`,
      variables: ["node", "input", "steps"],
      step: undefined,
      expects: "boolean",
    });
  }
}

function policiesOf(step: Step): readonly string[] {
  const matches = [
    step.type === "service" || step.type === "human" ? step.match : undefined,
    step.type === "fanout" ? step.each.match : undefined,
    (step.type === "fanout" ? step.each.compensate : step.compensate)?.match,
  ];
  return matches.flatMap((match) => match?.policy ?? []);
}
