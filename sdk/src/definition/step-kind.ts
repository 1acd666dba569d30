// Step kind: what the reader of one type of step says of itself.

import type { ServiceStep, Step } from "../domain/application.ts";
import type { ExpressionPlace } from "./expression-check.ts";
import type { Fields } from "./field-reader.ts";
import type { Reader } from "./reader.ts";

/** What steps of all types have, as it has been read. */
export type SharedStep = Pick<
  ServiceStep,
  "id" | "title" | "needs" | "when" | "onError" | "output" | "compensate"
>;

export interface StepKind {
  /** Keys beside those that every step has. */
  readonly keys: readonly string[];
  /** Keys of other types that people will try here, each with what to write instead. */
  readonly refused: Readonly<Record<string, string>>;
  read(reader: Reader, fields: Fields, place: ExpressionPlace, shared: SharedStep): Step;
}
