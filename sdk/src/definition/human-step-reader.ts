// Human step reader: an instruction that a person handles.
//
//   R7  It has a finish deadline and an escalation, or says why nobody can give one.

import { humanDeadlines, readDeadlines } from "./deadline-reader.ts";
import { readEscalations } from "./escalation-reader.ts";
import { type Fields, hasKey } from "./field-reader.ts";
import { readHuman } from "./human-reader.ts";
import { readMatch } from "./match-reader.ts";
import { type Reader, readMappingField } from "./reader.ts";
import type { StepKind } from "./step-kind.ts";

export const humanStepKind: StepKind = {
  keys: ["match", "input", "human", "deadline", "escalate", "output", "compensate"],
  refused: { retry: "remove it: people are reminded, and onReturn says where a task goes next" },
  read: (reader, fields, place, shared) => {
    const ofNode = { ...place, variables: [...place.variables, "node"] };
    const deadlines = readDeadlines(reader, fields, humanDeadlines);
    const escalate = readEscalations(reader, fields, ofNode, deadlines);
    checkBounds(reader, fields);
    return {
      ...shared,
      type: "human",
      match: readMatch(reader, fields, place),
      input: readMappingField(reader, fields, "input", place),
      human: readHuman(reader, fields, ofNode, {
        finishMs: deadlines.finishMs,
        isSupervised: escalate.some(({ action }) => action === "supervise"),
        mayRevise: false,
      }),
      deadlines,
      escalate,
    };
  },
};

function checkBounds({ problems }: Reader, fields: Fields): void {
  const node = fields.get("deadline")?.value;
  // A scalar is reported as what it is.
  if (hasKey(node, ["none"]) || (node !== undefined && node.kind !== "fields")) return;
  if (!hasKey(node, ["finish"])) {
    const message = `${fields.where} could wait for ever (rule R7)`;
    problems.add(fields.start, "NO_DEADLINE", message, {
      suggestion: "write deadline: { finish: P3D }, or deadline: { none: the reason }",
    });
  } else if (fields.get("escalate") === undefined) {
    const message = `${fields.where}: nobody is told when it is late (rule R7)`;
    problems.add(fields.start, "NO_ESCALATION", message, {
      suggestion: "write escalate: [{ after: PT4H, on: unclaimed, do: remind }]",
    });
  }
}
