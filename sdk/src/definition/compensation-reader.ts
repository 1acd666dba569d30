// Compensation reader: what undoes a step that is done when its chain fails or is cancelled.

import type { Compensation, RetryRule } from "../domain/application.ts";
import type { ExpressionPlace } from "./expression-check.ts";
import { type Fields, readDurationMs, readFields, requireField } from "./field-reader.ts";
import { matchKeys, readMatchFields } from "./match-reader.ts";
import { type Reader, readMappingField } from "./reader.ts";
import { readRetry, retryDefault } from "./retry-reader.ts";

/** More attempts than on the way there: what can't be undone needs a person. */
const compensationRetry: RetryRule = { ...retryDefault, max: 10 };
const finishMsDefault = 3_600_000;

/** `place` is that of the step; the result of what is undone is there as `out`. */
export function readCompensation(
  reader: Reader,
  parent: Fields,
  place: ExpressionPlace,
): Compensation | undefined {
  const { problems } = reader;
  const node = parent.get("compensate")?.value;
  if (node === undefined) return undefined;
  const suggestion = "write compensate: { call: { capability: name/v1, input: {...} } }";
  const fields = readFields(problems, node, `${parent.where}.compensate`, {
    known: ["call", "retry", "deadline"],
    refused: { capability: suggestion, input: suggestion },
  });
  const call = requireField(problems, fields, "call", suggestion);
  const where = `${fields.where}.call`;
  const callFields = readFields(problems, call?.value, where, { known: [...matchKeys, "input"] });
  if (call !== undefined) {
    requireField(problems, callFields, "capability", "write name or name/v1");
  }
  const deadline = readFields(problems, fields.get("deadline")?.value, `${fields.where}.deadline`, {
    known: ["finish"],
  });
  return {
    match: readMatchFields(reader, callFields, place),
    input: readMappingField(reader, callFields, "input", {
      ...place,
      variables: [...place.variables, "out"],
    }),
    retry: readRetry(problems, fields, compensationRetry),
    finishMs: readDurationMs(problems, deadline, "finish") ?? finishMsDefault,
  };
}
