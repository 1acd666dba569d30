// Bodies: what a frame says, as bytes (cloudbrain.v1 Instruction, Feedback, ...).

import type { BinaryWriter } from "@bufbuild/protobuf/wire";
import { Cancel, Delegate, Nodes, PartialAggregate, Progress, Withdraw } from "@cloudbrain/proto";
import {
  type DelegateBody,
  type FrameBody,
  ignorableKind,
  isJsonObject,
  type JsonValue,
  limits,
  type NodesBody,
  type OpaqueBody,
  type PartialBody,
} from "../domain/index.ts";
import { checkAddress } from "./addresses.ts";
import { checkAttempt, checkId, checkTime, checkWord, clip, invalid, parseJson } from "./checks.ts";
import { encodeRule, parseAggregateRule, parseFanoutEach } from "./fanout-rules.ts";
import {
  encodeAccepted,
  encodeFeedback,
  encodeInstruction,
  parseAccepted,
  parseFeedback,
  parseInstruction,
} from "./frequent-bodies.ts";
import { parseNodeNews, protoNodeNews } from "./nodes.ts";
import {
  encodeRegister,
  encodeRegistered,
  parseRegister,
  parseRegistered,
} from "./registrations.ts";
import { parseTaskHeading } from "./task-spec.ts";
import type { WireReader } from "./wire-reader.ts";

/** `FrameKind` by name. */
export const kindNumbers: Readonly<Record<FrameBody["kind"], number>> = {
  instruction: 1,
  cancel: 2,
  accepted: 3,
  progress: 4,
  feedback: 5,
  delegate: 6,
  withdraw: 7,
  partial: 8,
  nodes: 9,
  register: 64,
  registered: 65,
};

const encoder = new TextEncoder();
const noBytes = new Uint8Array(0);

/** Protobuf leaves out an empty payload; every other body has a field that must be there. */
export function hasPayload(body: FrameBody): boolean {
  return body.kind !== "nodes" || body.final || body.upserts.length > 0 || body.removed.length > 0;
}

export function encodeBody(body: FrameBody, writer: BinaryWriter): void {
  switch (body.kind) {
    case "instruction":
      encodeInstruction(body, writer);
      return;
    case "cancel":
      Cancel.encode(body, writer);
      return;
    case "accepted":
      encodeAccepted(body, writer);
      return;
    case "progress":
      Progress.encode({ ...body, dueInMs: body.dueInMs ?? 0 }, writer);
      return;
    case "feedback":
      encodeFeedback(body, writer);
      return;
    case "delegate":
      Delegate.encode(
        {
          ...body,
          each: encoder.encode(encodeRule(body.each)),
          aggregate: encoder.encode(encodeRule(body.aggregate)),
          context: encodeJson(body.context),
          heading:
            body.heading === undefined ? noBytes : encoder.encode(JSON.stringify(body.heading)),
        },
        writer,
      );
      return;
    case "withdraw":
      Withdraw.encode(body, writer);
      return;
    case "partial":
      PartialAggregate.encode(
        { ...body, accumulators: encodeJson(body.accumulators), missing: [...body.missing] },
        writer,
      );
      return;
    case "nodes":
      Nodes.encode(
        {
          upserts: body.upserts.map(protoNodeNews),
          removed: [...body.removed],
          final: body.final,
        },
        writer,
      );
      return;
    case "register":
      encodeRegister(body, writer);
      return;
    case "registered":
      encodeRegistered(body, writer);
  }
}

function encodeJson(value: JsonValue): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** Reads the body that stands in the reader from `start` to `end`. */
export function parseBody(
  kind: number,
  reader: WireReader,
  start: number,
  end: number,
): FrameBody | OpaqueBody {
  reader.pos = start;
  const body = parseFrequentBody(kind, reader, end) ?? parseRareBody(kind, reader.part(start, end));
  return body ?? { kind: "opaque", wireKind: kind, bytes: reader.copy(start, end) };
}

function parseFrequentBody(kind: number, reader: WireReader, end: number): FrameBody | undefined {
  switch (kind) {
    case 1:
      return parseInstruction(reader, end);
    case 3:
      return parseAccepted(reader, end);
    case 5:
      return parseFeedback(reader, end);
    default:
      return undefined;
  }
}

/** Undefined for a kind that may be ignored. */
function parseRareBody(kind: number, payload: Uint8Array): FrameBody | undefined {
  switch (kind) {
    case 2: {
      const { id, attempt, reason } = Cancel.decode(payload);
      return { kind: "cancel", id: checkId(id), attempt, reason: clip(reason) };
    }
    case 4: {
      const { id, attempt, ratio, note, dueInMs } = Progress.decode(payload);
      checkAttempt(id, attempt);
      checkTime(dueInMs, id);
      if (!(ratio >= 0 && ratio <= 1)) throw invalid(id, `progress ${ratio} is not within 0..1`);
      const due = dueInMs === 0 ? {} : { dueInMs };
      return { kind: "progress", id, attempt, ratio, note: clip(note), ...due };
    }
    case 6:
      return parseDelegate(payload);
    case 7: {
      const { fanout, reason, forgets } = Withdraw.decode(payload);
      return { kind: "withdraw", fanout: checkId(fanout), reason: clip(reason), forgets };
    }
    case 8:
      return parsePartial(payload);
    case 9:
      return parseNodes(payload);
    case 64:
      return parseRegister(payload);
    case 65:
      return parseRegistered(payload);
    default:
      if (kind < ignorableKind) {
        throw invalid("frame", `kind ${kind} is not known to this version`);
      }
      return undefined;
  }
}

function parseDelegate(payload: Uint8Array): DelegateBody {
  const message = Delegate.decode(payload);
  const { chain, step, level, membersMax, budgetMs, compensates } = message;
  const fanout = checkId(message.fanout);
  checkTime(budgetMs, fanout);
  const context = parseJson(message.context, fanout);
  if (!isJsonObject(context)) throw invalid(fanout, "its context is not an object");
  return {
    kind: "delegate",
    fanout,
    chain: checkWord(chain, fanout),
    step: checkWord(step, fanout),
    scope: checkAddress(message.scope),
    level: checkWord(level, fanout),
    membersMax,
    each: parseFanoutEach(parseJson(message.each, fanout), fanout),
    aggregate: parseAggregateRule(parseJson(message.aggregate, fanout), fanout),
    context,
    budgetMs,
    compensates: checkWord(compensates, fanout),
    ...(message.heading.length === 0
      ? {}
      : { heading: parseTaskHeading(parseJson(message.heading, fanout), fanout) }),
  };
}

function parsePartial(payload: Uint8Array): PartialBody {
  const message = PartialAggregate.decode(payload);
  const { version, closed, final, members, replied, failed } = message;
  const fanout = checkId(message.fanout);
  const accumulators = parseJson(message.accumulators, fanout);
  if (!Array.isArray(accumulators)) throw invalid(fanout, "its accumulators are not a list");
  if (version < 1) throw invalid(fanout, "versions begin at 1");
  if (replied + failed > members) throw invalid(fanout, "it has more answers than members");
  return {
    kind: "partial",
    fanout,
    version,
    closed,
    final,
    members,
    replied,
    failed,
    accumulators: accumulators as readonly JsonValue[],
    missing: message.missing.slice(0, missingMax).map(checkAddress),
  };
}

function parseNodes(payload: Uint8Array): NodesBody {
  const message = Nodes.decode(payload);
  if (message.upserts.length > nodesMax || message.removed.length > limits.nodesMax) {
    throw invalid("nodes", "too many nodes in one frame");
  }
  return {
    kind: "nodes",
    upserts: message.upserts.map(parseNodeNews),
    removed: message.removed.map(checkAddress),
    final: message.final,
  };
}

/** Senders keep 20; more would be for nobody to read. */
const missingMax = 100;
/** Senders put 200 into a frame. */
const nodesMax = 1_000;
