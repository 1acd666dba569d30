// Handshake messages: Hello, Welcome, Goodbye.

import type { BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  Goodbye as ProtoGoodbye,
  Hello as ProtoHello,
  Welcome as ProtoWelcome,
} from "@cloudbrain/proto";
import {
  type Address,
  type Goodbye,
  type Hello,
  type Lane,
  type LanePosition,
  lanes,
  limits,
  type Welcome,
} from "../domain/index.ts";
import { checkAddress } from "./addresses.ts";
import { clip, invalid, wholeMs } from "./checks.ts";
import { parseDescription, parseTitle, protoDescription, protoTitle } from "./nodes.ts";

interface ProtoPosition {
  lane: number;
  received: bigint;
  sent: bigint;
  acked: bigint;
  sentBefore?: bigint | undefined;
}

function protoPositions(positions: readonly LanePosition[]): ProtoPosition[] {
  return positions.map(({ lane, received, sent, acked, sentBefore }) => ({
    lane: lanes.indexOf(lane) + 1,
    received: BigInt(received),
    sent: BigInt(sent),
    acked: BigInt(acked),
    sentBefore: sentBefore === undefined ? undefined : BigInt(sentBefore),
  }));
}

function parsePositions(positions: readonly ProtoPosition[]): LanePosition[] {
  if (positions.length > lanes.length) throw invalid("positions", "it has too many lanes");
  return positions.map((position) => {
    const lane: Lane | undefined = lanes[position.lane - 1];
    const before = position.sentBefore;
    const numbers = [position.received, position.sent, position.acked, before ?? 0n].map(Number);
    if (lane === undefined || !numbers.every(Number.isSafeInteger)) {
      throw invalid("positions", "a lane is not known");
    }
    const [received = 0, sent = 0, acked = 0, sentBefore = 0] = numbers;
    if (before === undefined) return { lane, received, sent, acked };
    return { lane, received, sent, acked, sentBefore };
  });
}

export function encodeHello(hello: Hello, writer: BinaryWriter): void {
  ProtoHello.encode(
    ProtoHello.fromPartial({
      ...hello,
      features: [...hello.features],
      description: protoDescription(hello.description),
      positions: protoPositions(hello.positions),
    }),
    writer,
  );
}

export function parseHello(bytes: Uint8Array): Hello {
  const message = ProtoHello.decode(bytes);
  const { protocolMin, protocolMax, epoch, dial, heartbeatMs, draining } = message;
  return {
    protocolMin,
    protocolMax,
    features: parseFeatures(message.features),
    description: parseDescription(message.description),
    storeId: checkName(message.storeId, "store id"),
    epoch,
    dial,
    peerStoreId: checkName(message.peerStoreId, "peer store id"),
    positions: parsePositions(message.positions),
    heartbeatMs,
    draining,
  };
}

export function encodeWelcome(welcome: Welcome, writer: BinaryWriter): void {
  ProtoWelcome.encode(
    ProtoWelcome.fromPartial({
      ...welcome,
      features: [...welcome.features],
      title: protoTitle(welcome.title),
      positions: protoPositions(welcome.positions),
      ancestors: [...welcome.ancestors],
    }),
    writer,
  );
}

export function parseWelcome(bytes: Uint8Array): Welcome {
  const message = ProtoWelcome.decode(bytes);
  const { protocol, epoch, resumed, heartbeatMs, linkToken } = message;
  return {
    protocol,
    features: parseFeatures(message.features),
    address: checkAddress(message.address),
    title: parseTitle(message.title),
    storeId: checkName(message.storeId, "store id"),
    epoch,
    resumed,
    positions: parsePositions(message.positions),
    heartbeatMs,
    ancestors: parseAncestors(message.ancestors),
    linkToken: checkName(linkToken, "link token"),
  };
}

export function encodeGoodbye(goodbye: Goodbye, writer: BinaryWriter): void {
  ProtoGoodbye.encode(
    ProtoGoodbye.fromPartial({
      ...goodbye,
      subject: goodbye.subject ?? "",
      retryAfterMs: wholeMs(goodbye.retryAfterMs),
    }),
    writer,
  );
}

export function parseGoodbye(bytes: Uint8Array): Goodbye {
  const { code, subject, detail, retryAfterMs } = ProtoGoodbye.decode(bytes);
  const goodbye = { code: code.slice(0, nameCharsMax), detail: clip(detail), retryAfterMs };
  return subject === "" ? goodbye : { ...goodbye, subject: clip(subject) };
}

const featuresMax = 100;
const nameCharsMax = 100;

/** Who does not know a feature ignores it, so a long one or one too many does no harm. */
function parseFeatures(features: readonly string[]): string[] {
  return features.slice(0, featuresMax).filter((name) => name.length <= nameCharsMax);
}

/** Never cut: two cut names could be one. */
function checkName(name: string, subject: string): string {
  if (name.length > nameCharsMax) throw invalid(subject, "it is too long");
  return name;
}

/** Never cut: a node looks for itself here. */
function parseAncestors(ancestors: readonly string[]): Address[] {
  if (ancestors.length > limits.addressSegmentsMax) throw invalid("ancestors", "it is too deep");
  return ancestors.map(checkAddress);
}
