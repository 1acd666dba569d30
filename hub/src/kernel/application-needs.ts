// Needs: an application, decomposed into the capabilities that it calls upon (应用分解).
//
//   Q3  What depends on an input or on the output of a step is left open: a need asks for what
//       every chain needs, whatever its input.

import {
  type Application,
  type CapabilityNeed,
  canonicalJson,
  compareText,
  limits,
  type Mapping,
  type Match,
  type NeedKind,
  type Step,
} from "@cloudbrain/sdk/domain";

type Needed = Omit<CapabilityNeed, "steps">;

/** Sorted by capability; what several steps call upon in the same way is one need. */
export function needsOf(application: Application): readonly CapabilityNeed[] {
  const found = new Map<string, { readonly need: Needed; readonly steps: string[] }>();
  for (const step of application.steps) {
    for (const need of needsOfStep(step)) {
      const key = canonicalJson({ ...need });
      const known = found.get(key);
      if (known === undefined) found.set(key, { need, steps: [step.id] });
      else if (!known.steps.includes(step.id)) known.steps.push(step.id);
    }
  }
  return [...found.entries()]
    .sort(([a, x], [b, y]) => {
      return compareText(x.need.capability, y.need.capability) || compareText(a, b);
    })
    .slice(0, limits.needsMax)
    .map(([, { need, steps }]) => ({ ...need, steps }));
}

function needsOfStep(step: Step): readonly Needed[] {
  const needs: Needed[] = [];
  if (step.type === "service" || step.type === "human") needs.push(needOf(step.match, "one"));
  if (step.compensate !== undefined) needs.push(needOf(step.compensate.match, "one"));
  if (step.type !== "fanout") return needs;
  const { each, members } = step;
  if (each.compensate !== undefined) needs.push(needOf(each.compensate.match, "one"));
  if (members.by !== "level") return [...needs, needOf(each.match, "one")];
  const level = each.match.level ?? members.level;
  return [...needs, needOf({ ...each.match, level }, "every", members.scope)];
}

function needOf(match: Match, kind: NeedKind, scope?: Mapping): Needed {
  const areas = [literalText(scope), literalText(match.region)];
  return {
    capability: match.capability,
    level: match.level ?? "",
    industry: literalText(match.industry),
    areas: areas.filter((area) => area !== "").map(asArea),
    kind,
  };
}

function literalText(mapping: Mapping | undefined): string {
  if (mapping?.kind !== "literal" || typeof mapping.value !== "string") return "";
  return mapping.value;
}

/** Digits of a code that stand for a city, a district, a street: what lies within begins so. */
const divisionPrefix = /^(\d{4})0{8}$|^(\d{6})0{6}$|^(\d{9})0{3}$/;

/** A whole division code stands for what lies in it. */
export function asArea(text: string): string {
  const found = divisionPrefix.exec(text);
  return found?.[1] ?? found?.[2] ?? found?.[3] ?? text;
}
