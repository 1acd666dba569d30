// Gate step reader: waits for a signal.
//
//   R6  The wait is bounded by the gate's own finish deadline or by the chain's total one.

import { isBounded, readDeadlines, waitDeadlines } from "./deadline-reader.ts";
import { readFields, readText, requireField } from "./field-reader.ts";
import { readCel, readSchema } from "./reader.ts";
import { typeOfSchema } from "./schema-type.ts";
import { signalNameRule } from "./signal-step-reader.ts";
import type { StepKind } from "./step-kind.ts";
import { mapOf, textType } from "./value-type.ts";

export const gateStepKind: StepKind = {
  keys: ["gate", "deadline", "output"],
  refused: { compensate: "remove it: there is nothing to undo" },
  read: (reader, fields, place, shared) => {
    const { problems } = reader;
    const suggestion = "write gate: { signal: water.level.red }";
    const field = requireField(problems, fields, "gate", suggestion);
    const gate = readFields(problems, field?.value, `${fields.where}.gate`, {
      known: ["signal", "schema", "where"],
    });
    if (field !== undefined) requireField(problems, gate, "signal", "write signal: a.name");
    if (!isBounded(reader, fields, ["finish"])) {
      const message = `${fields.where} could wait for ever (rule R6)`;
      problems.add(fields.start, "NO_DEADLINE", message, {
        suggestion: "write deadline: { finish: PT6H } or spec.deadline: { total: P1D }",
      });
    }
    const schema = readSchema(problems, gate, "schema");
    const event = mapOf([
      ["name", textType],
      ["payload", typeOfSchema(schema)],
    ]);
    return {
      ...shared,
      type: "gate",
      gate: {
        signal: readText(problems, gate, "signal", signalNameRule) ?? "",
        schema,
        where: readCel(reader, gate.get("where"), {
          ...place,
          where: `${gate.where}.where`,
          variables: [...place.variables, "event"],
          types: new Map([["event", event]]),
          expects: "boolean",
        }),
      },
      deadlines: readDeadlines(reader, fields, waitDeadlines),
    };
  },
};
