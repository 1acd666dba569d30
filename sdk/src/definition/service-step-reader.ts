// Service step reader: one instruction to one node.

import { isBounded, readDeadlines, serviceDeadlines } from "./deadline-reader.ts";
import { readMatch } from "./match-reader.ts";
import { readMappingField } from "./reader.ts";
import { readRetry } from "./retry-reader.ts";
import type { StepKind } from "./step-kind.ts";

export const serviceStepKind: StepKind = {
  keys: ["match", "input", "deadline", "retry", "output", "compensate"],
  refused: {},
  read: (reader, fields, place, shared) => {
    if (!isBounded(reader, fields)) {
      const message = `${fields.where} could wait for ever (rule R6)`;
      reader.problems.add(fields.start, "NO_DEADLINE", message, {
        suggestion: "write deadline: { finish: PT1H } or spec.deadline: { total: P1D }",
      });
    }
    return {
      ...shared,
      type: "service",
      match: readMatch(reader, fields, place),
      input: readMappingField(reader, fields, "input", place),
      deadlines: readDeadlines(reader, fields, serviceDeadlines),
      retry: readRetry(reader.problems, fields),
    };
  },
};
