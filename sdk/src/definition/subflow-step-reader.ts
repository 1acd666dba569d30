// Subflow step reader: runs a chain of another application.
//
//   R3  An application never starts itself: chains of chains would have no end.
//   R6  The wait is bounded by the step's own finish deadline or by the chain's total one.

import { isBounded, readDeadlines, waitDeadlines } from "./deadline-reader.ts";
import { type Fields, readChoice, readFields, readText, requireField } from "./field-reader.ts";
import { applicationIdPattern, versionPattern } from "./identity-reader.ts";
import { type Reader, readMappingField } from "./reader.ts";
import type { StepKind } from "./step-kind.ts";

export const subflowStepKind: StepKind = {
  keys: ["subflow", "deadline", "output", "compensate"],
  refused: { input: "move it into subflow.input" },
  read: (reader, fields, place, shared) => {
    const { problems } = reader;
    const suggestion = "write subflow: { app: city.item.handle, version: ^1 }";
    const field = requireField(problems, fields, "subflow", suggestion);
    const subflow = readFields(problems, field?.value, `${fields.where}.subflow`, {
      known: ["app", "version", "input", "onParentCancel"],
    });
    if (field !== undefined) requireField(problems, subflow, "app", "write app: city.item.handle");
    if (!isBounded(reader, fields, ["finish"])) {
      const message = `${fields.where} could wait for ever (rule R6)`;
      problems.add(fields.start, "NO_DEADLINE", message, {
        suggestion: "write deadline: { finish: P1D } or spec.deadline: { total: P1D }",
      });
    }
    return {
      ...shared,
      type: "subflow",
      subflow: {
        application: readApplicationId(reader, subflow),
        version: readRange(reader, subflow),
        input: readMappingField(reader, subflow, "input", place),
        onParentCancel:
          readChoice(problems, subflow, "onParentCancel", ["cancel", "leave"]) ?? "cancel",
      },
      deadlines: readDeadlines(reader, fields, waitDeadlines),
    };
  },
};

function readApplicationId({ problems, applicationId }: Reader, fields: Fields): string {
  const id = readText(problems, fields, "app", {
    pattern: applicationIdPattern,
    charsMax: 128,
    form: "the id of an application, such as city.item.handle",
  });
  if (id !== undefined && id === applicationId) {
    const at = fields.get("app")?.value.start ?? fields.start;
    problems.add(at, "CYCLE", `${fields.where} would start its own application for ever`, {
      suggestion: "name another application, or repeat work with a fan-out over items",
    });
  }
  return id ?? "";
}

function readRange({ problems }: Reader, fields: Fields): string {
  const range = readText(problems, fields, "version", { charsMax: 64, form: "1.2.0 or ^1" });
  if (range === undefined) return "";
  if (/^\^(?:0|[1-9]\d{0,8})$/.test(range) || versionPattern.test(range)) return range;
  const at = fields.get("version")?.value.start ?? fields.start;
  const major = /^[\^~v=<> ]*(\d{1,9})/.exec(range)?.[1] ?? "1";
  problems.add(at, "BAD_RANGE", `${fields.where}.version "${range}" is no version and no range`, {
    suggestion: `write ^${major} for the newest ${major}.x, one version such as ${major}.0.0, or leave it away`,
  });
  return "";
}
