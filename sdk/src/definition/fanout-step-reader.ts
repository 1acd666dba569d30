// Fan-out step reader: one step for many members, whose feedback becomes one result.
//
//   R6  A fan-out that could wait for ever is refused: it has a finish deadline of its own or the
//       chain has a total one.

import { readAggregate } from "./aggregate-reader.ts";
import { picksAll, readEach } from "./fanout-each-reader.ts";
import { readMembers } from "./fanout-members-reader.ts";
import { type Fields, readDurationMs, readFields, requireField } from "./field-reader.ts";
import type { Reader } from "./reader.ts";
import type { StepKind } from "./step-kind.ts";

export const fanoutStepKind: StepKind = {
  keys: ["fanout", "each", "aggregate", "deadline"],
  refused: Object.fromEntries(
    ["match", "input", "retry", "human", "escalate", "compensate"].map((key) => [
      key,
      `move it into each.${key}`,
    ]),
  ),
  read: (reader, fields, place, shared) => {
    const { problems } = reader;
    const isOverMatches = picksAll(fields);
    if (!isOverMatches) {
      const suggestion = "write fanout: { scope: '=input.scope', level: community }";
      requireField(problems, fields, "fanout", suggestion);
    }
    const capability = "write each: { match: { capability: name/v1 } }";
    requireField(problems, fields, "each", capability);
    const into = "write aggregate: { into: { replies: count() } }";
    requireField(problems, fields, "aggregate", into);
    const members = readMembers(reader, fields, place, {
      needs: shared.needs,
      picksAll: isOverMatches,
    });
    const finishMs = readFinishMs(reader, fields) ?? reader.chainTotalMs;
    if (finishMs === undefined && fields.get("deadline") === undefined) {
      problems.add(fields.start, "NO_DEADLINE", `${fields.where} could wait for ever (rule R6)`, {
        suggestion: "write deadline: { finish: PT10M } or spec.deadline: { total: P1D }",
      });
    }
    const each = readEach(reader, fields, place, { by: members.by, finishMs });
    return {
      ...shared,
      type: "fanout",
      members,
      each,
      aggregate: readAggregate(reader, fields, place, {
        finishMs: finishMs ?? 1,
        by: members.by,
        form: each.human?.form,
      }),
    };
  },
};

function readFinishMs({ problems }: Reader, parent: Fields): number | undefined {
  const node = parent.get("deadline")?.value;
  if (node === undefined) return undefined;
  const ofMembers = "move it into each.deadline";
  const fields = readFields(problems, node, `${parent.where}.deadline`, {
    known: ["finish"],
    refused: {
      start: ofMembers,
      claim: ofMembers,
      heartbeat: ofMembers,
      total: ofMembers,
      calendar: "move it into each.deadline, or into spec.deadline for the whole chain",
    },
  });
  if (node.kind === "fields") {
    requireField(problems, fields, "finish", "write deadline: { finish: PT10M }");
  }
  return readDurationMs(problems, fields, "finish");
}
