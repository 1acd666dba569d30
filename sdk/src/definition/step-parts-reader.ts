// Step parts: match, deadlines and retry, which service steps and fan-out members have in common.

import type { Deadlines, Mapping, Match, RetryRule } from "../domain/application.ts";
import { limits } from "../domain/limits.ts";
import { levels } from "../domain/node-record.ts";
import type { ExpressionPlace, Expressions } from "./expression-check.ts";
import {
  type Fields,
  readBoolean,
  readChoice,
  readDurationMs,
  readFields,
  readNumber,
  readText,
  requireField,
  textNode,
} from "./field-reader.ts";
import type { Problems, SourceField, SourceNode } from "./yaml-source.ts";

const capabilityPattern =
  /^[A-Za-z][A-Za-z0-9-]*(?:\.[A-Za-z0-9][A-Za-z0-9-]*)*(?:\/v[1-9][0-9]{0,5})?$/;

/** What is read, where problems go, and what collects the expressions. */
export interface Reader {
  readonly problems: Problems;
  readonly expressions: Expressions;
}

/** One attempt unless `retry.max` says otherwise. */
const retryDefault: RetryRule = {
  max: 1,
  initialMs: 1_000,
  factor: 2,
  capMs: 60_000,
  jitter: 0.2,
  notOn: [],
  rematch: false,
};

const noDeadlines: Deadlines = {
  startMs: undefined,
  finishMs: undefined,
  heartbeatMs: undefined,
  totalMs: undefined,
};

export function readMatch(
  { problems, expressions }: Reader,
  parent: Fields,
  place: ExpressionPlace,
): Match {
  const suggestion = "write match: { capability: name/v1 }";
  const field = requireField(problems, parent, "match", suggestion);
  const where = `${parent.where}.match`;
  const fields = readFields(problems, field?.value, where, {
    known: ["capability", "level", "region", "industry", "where", "pick"],
    unsupported: ["prefer", "reserve"],
  });
  if (field !== undefined) requireField(problems, fields, "capability", "write name or name/v1");
  const capability = readText(problems, fields, "capability", {
    pattern: capabilityPattern,
    charsMax: 128,
    form: "a name such as item.classify/v1",
  });
  const chosen = fields.get("where");
  const inMatch = { ...place, where };
  return {
    capability: capability ?? "",
    level: readChoice(problems, fields, "level", levels),
    region: readTextMapping(problems, expressions, fields.get("region"), inMatch),
    industry: readTextMapping(problems, expressions, fields.get("industry"), inMatch),
    where: readCel({ problems, expressions }, chosen, {
      ...place,
      where: `${where}.where`,
      variables: [...place.variables, "node"],
    }),
    pick: readChoice(problems, fields, "pick", ["one", "leastLoaded", "nearest"], ["all"]) ?? "one",
  };
}

function readTextMapping(
  problems: Problems,
  expressions: Expressions,
  field: SourceField | undefined,
  place: ExpressionPlace,
): Mapping | undefined {
  if (field === undefined) return undefined;
  const where = `${place.where}.${field.key}`;
  const node = textNode(problems, field.value, where);
  return node === undefined ? undefined : expressions.readMapping(node, { ...place, where });
}

/** A field that holds CEL without `=`. */
export function readCel(
  { problems, expressions }: Reader,
  field: SourceField | undefined,
  place: ExpressionPlace,
): string | undefined {
  if (field === undefined) return undefined;
  const node = textNode(problems, field.value, place.where);
  return node === undefined ? undefined : expressions.add(node, node.value, 0, place);
}

/** A field whose value is a mapping, with the place named after it. */
export function readMappingField(
  { expressions }: Reader,
  parent: Fields,
  key: string,
  place: ExpressionPlace,
): Mapping | undefined {
  const node = parent.get(key)?.value;
  if (node === undefined) return undefined;
  return expressions.readMapping(node, { ...place, where: `${parent.where}.${key}` });
}

export function readDeadlines(problems: Problems, parent: Fields): Deadlines {
  const node = parent.get("deadline")?.value;
  if (node === undefined) return noDeadlines;
  const fields = readFields(problems, node, `${parent.where}.deadline`, {
    known: ["start", "finish", "heartbeat", "total"],
    unsupported: ["claim", "calendar"],
  });
  const deadlines = {
    startMs: readDurationMs(problems, fields, "start"),
    finishMs: readDurationMs(problems, fields, "finish"),
    heartbeatMs: readDurationMs(problems, fields, "heartbeat"),
    totalMs: readDurationMs(problems, fields, "total"),
  };
  const { finishMs, totalMs } = deadlines;
  if (finishMs !== undefined && totalMs !== undefined && finishMs > totalMs) {
    problems.add(node.start, "DEADLINE_ORDER", `${fields.where}.finish is longer than total`, {
      suggestion: "one attempt must fit into all attempts together",
    });
  }
  return deadlines;
}

export function readRetry(problems: Problems, parent: Fields): RetryRule {
  const node = parent.get("retry")?.value;
  if (node === undefined) return retryDefault;
  const fields = readFields(problems, node, `${parent.where}.retry`, {
    known: ["max", "backoff", "notOn", "rematch"],
  });
  const attempts = { min: 1, max: limits.attemptsMax, whole: true };
  const backoff = readFields(problems, fields.get("backoff")?.value, `${fields.where}.backoff`, {
    known: ["initial", "factor", "max", "jitter"],
  });
  const initialMs = readDurationMs(problems, backoff, "initial") ?? retryDefault.initialMs;
  const capMs = readDurationMs(problems, backoff, "max");
  if (capMs !== undefined && capMs < initialMs) {
    const at = backoff.get("max")?.value.start ?? backoff.start;
    problems.add(at, "OUT_OF_RANGE", `${backoff.where}.max is shorter than initial`, {
      suggestion: `write at least ${initialMs} ms`,
    });
  }
  return {
    max: readNumber(problems, fields, "max", attempts) ?? retryDefault.max,
    initialMs,
    factor: readNumber(problems, backoff, "factor", { min: 1, max: 100 }) ?? retryDefault.factor,
    capMs: capMs ?? Math.max(initialMs, retryDefault.capMs),
    jitter: readNumber(problems, backoff, "jitter", { min: 0, max: 1 }) ?? retryDefault.jitter,
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
