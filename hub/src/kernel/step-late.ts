// Steps: feedback of members whose instruction has ended already.
//
//   I4  A higher revision stands in place of the one before it, and nothing is ever added. One that
//       is not higher has been counted, or was overtaken: it is kept for the record.

import {
  type Address,
  type Contribution,
  contributionOf,
  type ErrorCode,
  type Evaluated,
  type FeedbackBody,
  type JsonObject,
  type JsonValue,
} from "@cloudbrain/sdk/domain";
import type { Deciding } from "./deciding.ts";
import { nodeScope } from "./node-scope.ts";
import { recordOf } from "./registry.ts";
import type { Fanout, Member } from "./state.ts";

/** Tells the sender of a frame that it is not taken. */
export type Refuse = (code: ErrorCode, detail: string) => void;

export function stepLateFeedback(
  deciding: Deciding,
  from: Address,
  body: FeedbackBody,
  refuse?: Refuse,
): void {
  const { id, attempt, outcome } = body;
  const at = id.indexOf("!");
  const fanout = at < 0 ? undefined : deciding.state.fanouts.get(id.slice(0, at));
  const member = fanout?.members.get(id.slice(at + 1));
  // A task of people is told of by its desk.
  if (fanout !== undefined && member !== undefined && (member.desk ?? member.node) === from) {
    const isOver = fanout.stage === "kept" || fanout.withdrawn;
    // Our own desk sends no frame that could be refused: the record says so.
    if (isOver && fanout.aggregate.late === "reject" && refuse !== undefined) {
      refuse("FEEDBACK_LATE", `fan-out ${fanout.id} has ended; what it gave stays as it is`);
      return;
    }
    if (!isOver && revise(deciding, fanout, member, body)) return;
  }
  deciding.decide({ t: "late", id, attempt, outcome, output: body.output });
}

/** True when the answer now stands in the member's row. */
function revise(deciding: Deciding, fanout: Fanout, member: Member, body: FeedbackBody): boolean {
  const { outcome, revision } = body;
  if (outcome !== "succeeded" || revision <= member.revision) return false;
  if (fanout.each.revise !== true || member.state === "queued") return false;
  const output = parseOutput(body.output);
  if (output === undefined) return false;
  const result = contributionIn(deciding, fanout, member.key, output);
  if (!result.ok) return false;
  deciding.decide({
    t: "revised",
    fanout: fanout.id,
    member: member.key,
    revision,
    value: result.value as Contribution,
    ...(fanout.each.compensate === undefined ? {} : { output }),
  });
  deciding.reviewFanout(fanout.id);
  return true;
}

/** What the answer of a member contributes to the aggregate. */
export function contributionIn(
  deciding: Deciding,
  fanout: Fanout,
  member: string,
  output: JsonValue,
): Evaluated {
  const scope = { ...memberScope(deciding, fanout, member), out: output };
  return contributionOf(fanout.aggregate.into, scope, deciding.evaluate);
}

export function parseOutput(text: string): JsonValue | undefined {
  if (text === "") return null;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/** What the reducers' expressions read beside `out`. */
export function memberScope(deciding: Deciding, fanout: Fanout, memberKey: string): JsonObject {
  const member = fanout.members.get(memberKey);
  const record = member === undefined ? undefined : recordOf(deciding.state, member.node);
  return {
    member: record === undefined ? { address: memberKey } : nodeScope(record),
    item: member?.item ?? null,
  };
}
