// Deadline reader: the five deadlines (start, claim, finish, heartbeat, total), and the rule that
// every wait ends (R6, R7).

import type { Deadlines } from "../domain/application.ts";
import { type Fields, hasKey, readDurationMs, readFields, readText } from "./field-reader.ts";
import { presentFields } from "./present-fields.ts";
import { type Reader, readCalendar } from "./reader.ts";

const deadlineKeys = ["start", "claim", "finish", "heartbeat", "total"] as const;
type DeadlineKey = (typeof deadlineKeys)[number];

/** Which deadlines something may have, and what to say of the others. */
export interface DeadlineRule {
  readonly keys: readonly DeadlineKey[];
  readonly mayBeNone?: boolean;
  readonly refused: Readonly<Record<string, string>>;
}

const onlyPeopleClaim = "remove it: only people claim; an agent has start";
const onlyAgents = "remove it: people have claim and finish";

export const serviceDeadlines: DeadlineRule = {
  keys: ["start", "finish", "heartbeat", "total"],
  refused: { claim: onlyPeopleClaim, none: "remove it: only a human step may have no deadline" },
};
export const humanDeadlines: DeadlineRule = {
  keys: ["claim", "finish", "total"],
  mayBeNone: true,
  refused: { start: onlyAgents, heartbeat: onlyAgents },
};
export const humanMemberDeadlines: DeadlineRule = {
  keys: ["claim", "finish", "total"],
  refused: {
    start: onlyAgents,
    heartbeat: onlyAgents,
    none: "leave finish away: the fan-out's own deadline bounds its members",
  },
};
const onlyFinish = "write finish: it bounds the whole wait";
export const waitDeadlines: DeadlineRule = {
  keys: ["finish"],
  refused: {
    start: onlyFinish,
    claim: onlyFinish,
    heartbeat: onlyFinish,
    total: onlyFinish,
    none: onlyFinish,
  },
};

export function readDeadlines(reader: Reader, parent: Fields, rule: DeadlineRule): Deadlines {
  const { problems } = reader;
  const node = parent.get("deadline")?.value;
  const where = `${parent.where}.deadline`;
  if (rule.mayBeNone === true && node?.kind === "scalar" && node.value === "none") {
    problems.add(node.start, "NO_REASON", `${where}: none needs a reason (rule R7)`, {
      suggestion: "write deadline: { none: why nobody can say when it is done }",
    });
  }
  const fields = readFields(problems, isNone(node) ? undefined : node, where, {
    known: [...rule.keys, "calendar", ...(rule.mayBeNone === true ? ["none"] : [])],
    refused: rule.refused,
  });
  const calendar = readCalendar(reader, fields);
  const deadlines = {
    startMs: readDurationMs(problems, fields, "start"),
    finishMs: readDurationMs(problems, fields, "finish"),
    heartbeatMs: readDurationMs(problems, fields, "heartbeat"),
    totalMs: readDurationMs(problems, fields, "total"),
    ...presentFields({
      claimMs: readDurationMs(problems, fields, "claim"),
      calendar,
      unboundedReason: readText(problems, fields, "none", {
        charsMax: 500,
        form: "why nobody can say when it is done",
      }),
    }),
  };
  checkDeadlines(reader, fields, deadlines);
  return deadlines;
}

function isNone(node: Parameters<typeof hasKey>[0]): boolean {
  return node?.kind === "scalar" && node.value === "none";
}

function checkDeadlines({ problems }: Reader, fields: Fields, deadlines: Deadlines): void {
  const { finishMs, totalMs, claimMs } = deadlines;
  const at = (key: string): number => fields.get(key)?.value.start ?? fields.start;
  if (finishMs !== undefined && totalMs !== undefined && finishMs > totalMs) {
    problems.add(fields.start, "DEADLINE_ORDER", `${fields.where}.finish is longer than total`, {
      suggestion: "one attempt must fit into all attempts together",
    });
  }
  if (claimMs !== undefined && finishMs !== undefined && claimMs > finishMs) {
    problems.add(at("claim"), "DEADLINE_ORDER", `${fields.where}.claim is longer than finish`, {
      suggestion: "a task is claimed before it is finished: both count from the offer",
    });
  }
  const bounded = ["claim", "finish", "total"].some((key) => fields.get(key) !== undefined);
  if (fields.get("calendar") !== undefined && !bounded) {
    problems.add(at("calendar"), "NO_EFFECT", `${fields.where}.calendar has nothing to count`, {
      suggestion: "write claim, finish or total beside it, or remove it",
    });
  }
  const bounding = ["finish", "total"].find((key) => fields.get(key) !== undefined);
  if (fields.get("none") !== undefined && bounding !== undefined) {
    problems.add(at(bounding), "CONFLICT", `${fields.where} has none and ${bounding}`, {
      suggestion: `remove none or ${bounding}`,
    });
  }
}

/** Whether it can't wait for ever: by a deadline of its own, or by that of the whole chain. */
export function isBounded(
  reader: Reader,
  parent: Fields,
  keys: readonly DeadlineKey[] = ["finish", "total"],
): boolean {
  return reader.chainTotalMs !== undefined || hasKey(parent.get("deadline")?.value, keys);
}
