// Steps: what `steps.ID.out` is, where the step says so itself.

import {
  canonicalJson,
  type Evaluated,
  evaluateMapping,
  type JsonValue,
  limits,
  utf8Length,
} from "@cloudbrain/sdk/domain";
import { chainScope, type Deciding } from "./deciding.ts";
import type { Chain } from "./state.ts";

/** Undefined without a mapping: the output stays as it came. */
export function mapOutput(
  deciding: Deciding,
  chain: Chain,
  step: string,
  out: JsonValue,
): Evaluated | undefined {
  const mapping = chain.application.steps.find(({ id }) => id === step)?.output;
  if (mapping === undefined) return undefined;
  const result = evaluateMapping(
    mapping,
    { ...chainScope(chain, deciding.state), out },
    deciding.evaluate,
  );
  if (!result.ok) return { ok: false, reason: `output: ${result.reason}` };
  if (utf8Length(canonicalJson(result.value)) > limits.outputBytesMax) {
    return { ok: false, reason: "output: it is over the limit" };
  }
  return result;
}
