// Signal step reader: publishes a signal, which opens the gates that wait for it.

import { readFields, readText, requireField } from "./field-reader.ts";
import { readMappingField } from "./reader.ts";
import type { StepKind } from "./step-kind.ts";

/** Names of signals, here and in gates. */
export const signalNameRule = {
  pattern: /^[a-z][A-Za-z0-9-]*(?:\.[A-Za-z0-9][A-Za-z0-9-]*)*$/,
  charsMax: 128,
  form: "a name such as water.level.red",
};

export const signalStepKind: StepKind = {
  keys: ["signal", "compensate"],
  refused: {
    deadline: "remove it: a signal is published at once",
    output: "remove it: a signal has no output",
  },
  read: (reader, fields, place, shared) => {
    const { problems } = reader;
    const suggestion = "write signal: { name: water.level.red, payload: {...} }";
    const field = requireField(problems, fields, "signal", suggestion);
    const signal = readFields(problems, field?.value, `${fields.where}.signal`, {
      known: ["name", "payload"],
    });
    if (field !== undefined) requireField(problems, signal, "name", "write name: water.level.red");
    return {
      ...shared,
      type: "signal",
      signal: {
        name: readText(problems, signal, "name", signalNameRule) ?? "",
        payload: readMappingField(reader, signal, "payload", place),
      },
    };
  },
};
