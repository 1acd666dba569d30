// Escalation reader: what happens to a task that nobody claims or finishes (催办, 督办).

import type { Deadlines, EscalationRule } from "../domain/application.ts";
import { formatDuration } from "./duration.ts";
import type { ExpressionPlace } from "./expression-check.ts";
import {
  type Fields,
  readChoice,
  readDurationMs,
  readFields,
  requireField,
  textNode,
} from "./field-reader.ts";
import { listedNodes, type Reader, readTextMappings } from "./reader.ts";
import type { SourceNode } from "./yaml-source.ts";

/** More of them nobody reads. */
const escalationsMax = 20;
const actions = ["remind", "offer", "offerUp", "supervise"] as const;

/** `finishMs` of `deadlines` is the time at which the task ends anyhow. */
export function readEscalations(
  reader: Reader,
  parent: Fields,
  place: ExpressionPlace,
  deadlines: Pick<Deadlines, "claimMs" | "finishMs">,
): readonly EscalationRule[] {
  const { problems } = reader;
  const node = parent.get("escalate")?.value;
  const where = `${parent.where}.escalate`;
  if (node === undefined) return [];
  if (node.kind !== "list") {
    problems.add(node.start, "WRONG_TYPE", `${where} must be a list`, {
      suggestion: "write - { after: PT2H, on: unclaimed, do: remind }",
    });
    return [];
  }
  if (node.items.length > escalationsMax) {
    problems.add(node.start, "TOO_MANY", `${where} holds ${node.items.length} rules`, {
      suggestion: `write at most ${escalationsMax}`,
    });
  }
  return node.items.flatMap(
    (item, index) => readEscalation(reader, item, `${where}[${index}]`, place, deadlines) ?? [],
  );
}

function readEscalation(
  reader: Reader,
  node: SourceNode,
  where: string,
  place: ExpressionPlace,
  deadlines: Pick<Deadlines, "claimMs" | "finishMs">,
): EscalationRule | undefined {
  const { problems } = reader;
  const fields = readFields(problems, node, where, {
    known: ["after", "on", "do", "to", "channels"],
  });
  requireField(problems, fields, "after", "write after: PT2H");
  requireField(problems, fields, "on", "write on: unclaimed or on: unfinished");
  requireField(problems, fields, "do", `write do: ${actions.join(", ")}`);
  const afterMs = readDurationMs(problems, fields, "after");
  const on = readChoice(problems, fields, "on", ["unclaimed", "unfinished"]);
  const action = readChoice(problems, fields, "do", actions);
  const to = readTextMappings(reader, fields, "to", place);
  const channels = listedNodes(fields, "channels").flatMap(
    (listed) => textNode(problems, listed.node, listed.where)?.value ?? [],
  );
  if (afterMs === undefined || on === undefined || action === undefined) return undefined;
  checkReceivers(reader, fields, action, to.length);
  checkTime(reader, fields, { afterMs, on }, deadlines);
  return { afterMs, on, action, to, channels };
}

function checkReceivers(
  { problems }: Reader,
  fields: Fields,
  action: EscalationRule["action"],
  receivers: number,
): void {
  const isToGroups = action === "offer" || action === "supervise";
  if (isToGroups && receivers === 0) {
    problems.add(fields.start, "MISSING_KEY", `${fields.where} lacks the key "to"`, {
      suggestion: `write to: [group], whom the task is to reach by ${action}`,
    });
  } else if (!isToGroups && receivers > 0) {
    const at = fields.get("to")?.keyStart ?? fields.start;
    problems.add(at, "NO_EFFECT", `${fields.where}: ${action} goes to nobody named in "to"`, {
      suggestion:
        action === "remind"
          ? "remove it: those are reminded who hold the task or may claim it"
          : "remove it: offerUp goes to the hub above; offer goes to groups",
    });
  }
}

function checkTime(
  { problems }: Reader,
  fields: Fields,
  { afterMs, on }: Pick<EscalationRule, "afterMs" | "on">,
  { claimMs, finishMs }: Pick<Deadlines, "claimMs" | "finishMs">,
): void {
  const at = fields.get("after")?.value.start ?? fields.start;
  if (finishMs !== undefined && afterMs >= finishMs) {
    problems.add(at, "TOO_LATE", `${fields.where} comes after the finish deadline`, {
      suggestion: `write less than the ${formatDuration(finishMs)} of finish, or raise finish`,
    });
  } else if (on === "unclaimed" && claimMs !== undefined && afterMs > claimMs) {
    problems.add(at, "TOO_LATE", `${fields.where} comes after the claim deadline`, {
      suggestion: `write at most the ${formatDuration(claimMs)} of claim, or raise claim`,
    });
  }
}
