// Fan-out each reader: what every member is asked to do, by a system or by a person.

import type { FanoutEach, FanoutMembers } from "../domain/application.ts";
import { readCompensation } from "./compensation-reader.ts";
import { humanMemberDeadlines, readDeadlines, serviceDeadlines } from "./deadline-reader.ts";
import { readEscalations } from "./escalation-reader.ts";
import type { ExpressionPlace } from "./expression-check.ts";
import { type Fields, readChoice, readFields } from "./field-reader.ts";
import { readHuman } from "./human-reader.ts";
import { readMatch } from "./match-reader.ts";
import { presentFields } from "./present-fields.ts";
import { type Reader, readMappingField } from "./reader.ts";
import { readRetry, retryDefault } from "./retry-reader.ts";
import type { SourceField, SourceNode } from "./yaml-source.ts";

const sharedKeys = ["type", "match", "input", "deadline", "feedback", "compensate"];
const refused = {
  output: "remove it: aggregate.into takes what it needs out of each output",
  subflow: "write type: service: an agent may submit a chain, and answer with its result",
  onError: "move it to the step: complete.onShort says what failed members mean",
};

export interface EachContext {
  readonly by: FanoutMembers["by"];
  /** When the fan-out ends anyhow. */
  readonly finishMs: number | undefined;
}

/** Whether `each.match` asks for every node that matches; before anything else is read of it. */
export function picksAll(parent: Fields): boolean {
  const each = parent.get("each")?.value;
  const match = fieldOf(each, "match")?.value;
  const pick = fieldOf(match, "pick")?.value;
  return pick?.kind === "scalar" && pick.value === "all";
}

function fieldOf(node: SourceNode | undefined, key: string): SourceField | undefined {
  return node?.kind === "fields" ? node.fields.find((field) => field.key === key) : undefined;
}

export function readEach(
  reader: Reader,
  parent: Fields,
  place: ExpressionPlace,
  { by, finishMs }: EachContext,
): FanoutEach {
  const { problems } = reader;
  const node = parent.get("each")?.value;
  const where = `${parent.where}.each`;
  const isHuman = readType(reader, node, where) === "human";
  const fields = readFields(problems, node, where, {
    known: [...sharedKeys, ...(isHuman ? ["human", "escalate"] : ["retry"])],
    refused: isHuman
      ? { ...refused, retry: "remove it: people are reminded, and the task is escalated" }
      : { ...refused, human: "write type: human", escalate: "write type: human" },
  });
  const ofItem = by === "items" ? ["item", "index"] : [];
  const inputVariables = by === "items" ? ofItem : ["member"];
  const eachFields = node === undefined ? withoutMatch(fields) : fields;
  const ofMember = by === "items" ? ["member", "item"] : ["member"];
  const memberPlace = { ...place, variables: [...place.variables, ...ofMember] };
  const revise = readChoice(problems, fields, "feedback", ["once", "revise"]) === "revise";
  const deadlines = readDeadlines(
    reader,
    fields,
    isHuman ? humanMemberDeadlines : serviceDeadlines,
  );
  const inputPlace = { ...place, variables: [...place.variables, ...inputVariables] };
  return {
    match: readMatch(
      reader,
      eachFields,
      { ...place, variables: [...place.variables, ...ofItem] },
      { mayPickAll: by === "match" },
    ),
    ...(isHuman
      ? readTask(reader, fields, memberPlace, {
          finishMs: deadlines.finishMs ?? finishMs,
          claimMs: deadlines.claimMs,
          mayRevise: revise,
        })
      : {}),
    input: node === undefined ? undefined : readMappingField(reader, fields, "input", inputPlace),
    deadlines,
    retry: isHuman ? retryDefault : readRetry(problems, fields),
    ...presentFields({
      revise: revise ? true : undefined,
      compensate: readCompensation(reader, fields, memberPlace),
    }),
  };
}

function readType(
  { problems }: Reader,
  node: SourceNode | undefined,
  where: string,
): "service" | "human" | undefined {
  const field = fieldOf(node, "type");
  if (field === undefined) return undefined;
  const fields: Fields = { where, start: field.keyStart, get: () => field };
  return readChoice(problems, fields, "type", ["service", "human"], {
    fanout: "write service or human: a fan-out has one level of members, hubs divide it",
    subflow: refused.subflow,
  });
}

function readTask(
  reader: Reader,
  fields: Fields,
  place: ExpressionPlace,
  around: {
    readonly finishMs: number | undefined;
    readonly claimMs: number | undefined;
    readonly mayRevise: boolean;
  },
): Pick<FanoutEach, "human" | "escalate"> {
  const ofNode = { ...place, variables: [...place.variables, "node"] };
  const escalate = readEscalations(reader, fields, ofNode, around);
  const isSupervised = escalate.some(({ action }) => action === "supervise");
  return { human: readHuman(reader, fields, ofNode, { ...around, isSupervised }), escalate };
}

/** Stands in for an `each` that is missing, which is noted already. */
function withoutMatch(fields: Fields): Fields {
  const { start } = fields;
  const capability = { kind: "scalar", value: "missing", start, end: start } as const;
  const inner = [{ key: "capability", keyStart: start, value: capability }];
  const match = { kind: "fields", fields: inner, start } as const;
  return { ...fields, get: () => ({ key: "match", keyStart: start, value: match }) };
}
