// Bodies that travel thousands of times a second, written out by hand: instructions and what
// becomes of them. A test holds them against the generated code, byte for byte.

import type { BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  type AcceptedBody,
  type FeedbackBody,
  type InstructionBody,
  limits,
  MeshError,
  outcomes,
} from "../domain/index.ts";
import { checkAttempt, checkJsonText, checkTime, checkWord, clip, invalid } from "./checks.ts";
import { parseTaskText } from "./task-spec.ts";
import type { WireReader } from "./wire-reader.ts";

export function encodeInstruction(body: InstructionBody, writer: BinaryWriter): void {
  if (body.id !== "") writer.uint32(10).string(body.id);
  if (body.chain !== "") writer.uint32(18).string(body.chain);
  if (body.step !== "") writer.uint32(26).string(body.step);
  if (body.attempt !== 0) writer.uint32(32).uint32(body.attempt);
  if (body.capability !== "") writer.uint32(42).string(body.capability);
  // `bytes` and `string` are one encoding.
  if (body.input !== "") writer.uint32(50).string(body.input);
  if (body.finishMs !== 0) writer.uint32(57).double(body.finishMs);
  if (body.heartbeatMs !== 0) writer.uint32(65).double(body.heartbeatMs);
  if (body.task !== undefined) writer.uint32(98).string(JSON.stringify(body.task));
}

export function parseInstruction(reader: WireReader, end: number): InstructionBody {
  let id = "";
  let chain = "";
  let step = "";
  let attempt = 0;
  let capability = "";
  let input = "";
  let finishMs = 0;
  let heartbeatMs = 0;
  let task = "";
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) id = reader.text();
    else if (tag === 18) chain = reader.text();
    else if (tag === 26) step = reader.text();
    else if (tag === 32) attempt = reader.uint32();
    else if (tag === 42) capability = reader.text();
    else if (tag === 50) input = reader.text();
    else if (tag === 57) finishMs = reader.double();
    else if (tag === 65) heartbeatMs = reader.double();
    else if (tag === 98) task = reader.text();
    else reader.skipField(tag);
  }
  reader.assertAt(end);
  checkAttempt(id, attempt);
  checkWord(chain, id);
  checkWord(step, id);
  checkWord(capability, id);
  checkTime(finishMs, id);
  checkTime(heartbeatMs, id);
  checkJsonText(input, id);
  return {
    kind: "instruction",
    id,
    chain,
    step,
    attempt,
    capability,
    input,
    finishMs,
    heartbeatMs,
    ...(task === "" ? {} : { task: parseTaskText(task, id) }),
  };
}

export function encodeAccepted(body: AcceptedBody, writer: BinaryWriter): void {
  if (body.id !== "") writer.uint32(10).string(body.id);
  if (body.attempt !== 0) writer.uint32(16).uint32(body.attempt);
}

export function parseAccepted(reader: WireReader, end: number): AcceptedBody {
  let id = "";
  let attempt = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) id = reader.text();
    else if (tag === 16) attempt = reader.uint32();
    else reader.skipField(tag);
  }
  reader.assertAt(end);
  checkAttempt(id, attempt);
  return { kind: "accepted", id, attempt };
}

export function encodeFeedback(body: FeedbackBody, writer: BinaryWriter): void {
  if (body.id !== "") writer.uint32(10).string(body.id);
  if (body.attempt !== 0) writer.uint32(16).uint32(body.attempt);
  writer.uint32(24).int32(outcomes.indexOf(body.outcome) + 1);
  if (body.output !== "") writer.uint32(34).string(body.output);
  if (body.errorCode !== "") writer.uint32(42).string(body.errorCode);
  if (body.message !== "") writer.uint32(50).string(body.message);
  if (body.retryable) writer.uint32(56).bool(true);
  if (body.revision !== 0) writer.uint32(64).uint32(body.revision);
}

export function parseFeedback(reader: WireReader, end: number): FeedbackBody {
  let id = "";
  let attempt = 0;
  let number = 0;
  let output = "";
  let outputBytes = 0;
  let errorCode = "";
  let message = "";
  let retryable = false;
  let revision = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) id = reader.text();
    else if (tag === 16) attempt = reader.uint32();
    else if (tag === 24) number = reader.int32();
    else if (tag === 34) {
      const start = reader.pos;
      output = reader.text();
      outputBytes = reader.pos - start;
    } else if (tag === 42) errorCode = reader.text();
    else if (tag === 50) message = reader.text();
    else if (tag === 56) retryable = reader.bool();
    else if (tag === 64) revision = reader.uint32();
    else reader.skipField(tag);
  }
  reader.assertAt(end);
  checkAttempt(id, attempt);
  const outcome = outcomes[number - 1];
  if (outcome === undefined) throw invalid(id, `outcome ${number} is not known`);
  if (outputBytes > limits.outputBytesMax + lengthBytesMax) {
    const detail = `an output of ${outputBytes} bytes is over the limit`;
    throw new MeshError("PAYLOAD_TOO_LARGE", { subject: id, detail });
  }
  checkJsonText(output, id);
  return {
    kind: "feedback",
    id,
    attempt,
    outcome,
    output,
    errorCode: clip(errorCode),
    message: clip(message),
    retryable,
    revision,
  };
}

/** Of the length that stands before a text below 2 MiB. */
const lengthBytesMax = 3;
