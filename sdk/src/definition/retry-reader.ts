// Retry reader: how often something is tried, and how long to wait in between.

import type { RetryRule } from "../domain/application.ts";
import { limits } from "../domain/limits.ts";
import {
  type Fields,
  readBoolean,
  readDurationMs,
  readFields,
  readNumber,
  textNode,
} from "./field-reader.ts";
import type { Problems, SourceNode } from "./yaml-source.ts";

/** One attempt unless `retry.max` says otherwise. */
export const retryDefault: RetryRule = {
  max: 1,
  initialMs: 1_000,
  factor: 2,
  capMs: 60_000,
  jitter: 0.2,
  notOn: [],
  rematch: false,
};

export function readRetry(
  problems: Problems,
  parent: Fields,
  unlessSaid: RetryRule = retryDefault,
): RetryRule {
  const node = parent.get("retry")?.value;
  if (node === undefined) return unlessSaid;
  const fields = readFields(problems, node, `${parent.where}.retry`, {
    known: ["max", "backoff", "notOn", "rematch"],
  });
  const attempts = { min: 1, max: limits.attemptsMax, whole: true };
  const backoff = readFields(problems, fields.get("backoff")?.value, `${fields.where}.backoff`, {
    known: ["initial", "factor", "max", "jitter"],
  });
  const initialMs = readDurationMs(problems, backoff, "initial") ?? unlessSaid.initialMs;
  const capMs = readDurationMs(problems, backoff, "max");
  if (capMs !== undefined && capMs < initialMs) {
    const at = backoff.get("max")?.value.start ?? backoff.start;
    problems.add(at, "OUT_OF_RANGE", `${backoff.where}.max is shorter than initial`, {
      suggestion: `write at least ${initialMs} ms`,
    });
  }
  return {
    max: readNumber(problems, fields, "max", attempts) ?? unlessSaid.max,
    initialMs,
    factor: readNumber(problems, backoff, "factor", { min: 1, max: 100 }) ?? unlessSaid.factor,
    capMs: capMs ?? Math.max(initialMs, unlessSaid.capMs),
    jitter: readNumber(problems, backoff, "jitter", { min: 0, max: 1 }) ?? unlessSaid.jitter,
    notOn: readTexts(problems, fields.get("notOn")?.value, `${fields.where}.notOn`),
    rematch: readBoolean(problems, fields, "rematch") ?? false,
  };
}

function readTexts(
  problems: Problems,
  node: SourceNode | undefined,
  where: string,
): readonly string[] {
  if (node === undefined) return [];
  if (node.kind !== "list") {
    problems.add(node.start, "WRONG_TYPE", `${where} must be a list of texts`, {
      suggestion: "write [CODE, OTHER_CODE]",
    });
    return [];
  }
  const texts: string[] = [];
  for (const [index, item] of node.items.entries()) {
    const text = textNode(problems, item, `${where}[${index}]`)?.value;
    if (text !== undefined) texts.push(text);
  }
  return texts;
}
