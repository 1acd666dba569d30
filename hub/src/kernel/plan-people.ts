// Plan people: who could take a task of a plan.
//
//   E5  Names are resolved as the kernel resolves them. Where that is not known before steps have
//       ended or members are there, the expression stands in place of the names.

import type { Mapping, NodeRecord } from "@cloudbrain/sdk/domain";
import type { PlannedCandidate } from "./chain-plan.ts";
import { stepsReadByMapping } from "./expression-steps.ts";
import { nodeScope } from "./node-scope.ts";
import type { Planning } from "./plan-match.ts";
import { type HumanWork, resolvePeople } from "./task-spec.ts";

const kinds = ["users", "groups", "roles", "departments"] as const;

interface PlannedPeople {
  readonly people: readonly PlannedCandidate[];
  readonly dependsOn: readonly string[];
  readonly problem: string;
}

/** `about`: the matched node; undefined where members differ in it. */
export function planPeople(
  planning: Planning,
  work: HumanWork,
  needs: readonly string[],
  about: NodeRecord | undefined,
): PlannedPeople {
  const { candidates } = work.human;
  const reads = mappingsOf(work).flatMap((mapping) => stepsReadByMapping(mapping, needs));
  if (about === undefined || reads.length > 0) {
    const written = kinds.flatMap((kind) =>
      candidates[kind].flatMap(writtenNames).map((name) => ({ kind, name })),
    );
    return { people: written, dependsOn: [...new Set(reads)], problem: "" };
  }
  const found = resolvePeople(planning, work, { ...planning.scope, node: nodeScope(about) });
  if (!found.ok) return { people: [], dependsOn: [], problem: found.reason };
  const names = found.value.candidates;
  const people = kinds.flatMap((kind) => names[kind].map((name) => ({ kind, name })));
  return { people, dependsOn: [], problem: "" };
}

function mappingsOf({ human, escalate }: HumanWork): readonly Mapping[] {
  return [
    ...kinds.flatMap((kind) => human.candidates[kind]),
    ...(human.onReturn?.to ?? []),
    ...human.extension.decidedBy,
    ...escalate.flatMap(({ to }) => to),
  ];
}

function writtenNames(mapping: Mapping): readonly string[] {
  switch (mapping.kind) {
    case "expression":
      return [`=${mapping.source}`];
    case "list":
      return mapping.items.flatMap(writtenNames);
    case "literal":
      return typeof mapping.value === "string" ? [mapping.value] : [];
    case "fields":
      return [];
  }
}
