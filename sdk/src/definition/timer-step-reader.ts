// Timer step reader: waits for a while, or until a time.

import type { TimerStep } from "../domain/application.ts";
import type { ExpressionPlace } from "./expression-check.ts";
import { type Fields, readDurationMs, readFields, requireField } from "./field-reader.ts";
import { type Reader, readCalendar, readTextMapping } from "./reader.ts";
import type { StepKind } from "./step-kind.ts";

const timerForm = "write timer: { for: PT2H } or timer: { until: '=input.landfallAt' }";

export const timerStepKind: StepKind = {
  keys: ["timer"],
  refused: {
    deadline: "remove it: a timer ends by itself",
    output: "remove it: a timer has no output",
    compensate: "remove it: there is nothing to undo",
  },
  read: (reader, fields, place, shared) => ({
    ...shared,
    type: "timer",
    timer: readTimer(reader, fields, place),
  }),
};

function readTimer(reader: Reader, parent: Fields, place: ExpressionPlace): TimerStep["timer"] {
  const { problems } = reader;
  const field = requireField(problems, parent, "timer", timerForm);
  const fields = readFields(problems, field?.value, `${parent.where}.timer`, {
    known: ["for", "until", "calendar"],
  });
  const [wait, until] = [fields.get("for"), fields.get("until")];
  if (field !== undefined && (wait === undefined) === (until === undefined)) {
    const message = `${fields.where} takes either "for" or "until"`;
    problems.add(fields.start, "CONFLICT", message, { suggestion: timerForm });
  }
  const calendar = readCalendar(reader, fields);
  if (until === undefined) {
    return {
      kind: "for",
      ms: readDurationMs(problems, fields, "for") ?? 1,
      calendar: calendar ?? "",
    };
  }
  if (calendar !== undefined) {
    const at = fields.get("calendar")?.keyStart ?? fields.start;
    problems.add(at, "NO_EFFECT", `${fields.where}.calendar has nothing to count`, {
      suggestion: "remove it: until is a point in time",
    });
  }
  const at = readTextMapping(reader, fields, "until", place);
  checkTime(reader, fields, at);
  return { kind: "until", at: at ?? { kind: "literal", value: "" } };
}

function checkTime({ problems }: Reader, fields: Fields, at: TimerUntil): void {
  if (at?.kind !== "literal" || typeof at.value !== "string") return;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(at.value)) {
    if (!Number.isNaN(Date.parse(at.value))) return;
  }
  const place = fields.get("until")?.value.start ?? fields.start;
  problems.add(place, "WRONG_VALUE", `${fields.where}.until can't be "${at.value.slice(0, 60)}"`, {
    suggestion: "write a time such as 2026-08-01T08:00:00+08:00, or an expression with =",
  });
}

type TimerUntil = ReturnType<typeof readTextMapping>;
