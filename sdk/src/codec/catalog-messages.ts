// Catalog messages as bytes (cloudbrain.v1.CatalogMessage). They are few and large, so the
// generated code writes and reads them. What an entry says is read by who applies it: one bad entry
// costs that entry, never the link (W4).

import type { BinaryWriter } from "@bufbuild/protobuf/wire";
import { CatalogMessage as ProtoMessage } from "@cloudbrain/proto";
import {
  type CatalogMessage,
  type CatalogTombstone,
  type CatalogUpsert,
  type EntryName,
  limits,
} from "../domain/index.ts";
import { checkAddress } from "./addresses.ts";
import { clip, invalid } from "./checks.ts";

const logIdCharsMax = 100;
const codeCharsMax = 64;

export function encodeCatalogMessage(message: CatalogMessage, writer: BinaryWriter): void {
  ProtoMessage.encode(ProtoMessage.fromPartial(protoMessage(message)), writer);
}

function protoMessage(message: CatalogMessage): Parameters<typeof ProtoMessage.fromPartial>[0] {
  switch (message.kind) {
    case "resume": {
      const { logId, appliedRev } = message;
      return { resume: { logId, appliedRev: BigInt(appliedRev) } };
    }
    case "ack": {
      const { logId, appliedRev, refusals } = message;
      return { ack: { logId, appliedRev: BigInt(appliedRev), refusals: [...refusals] } };
    }
    case "delta":
      return {
        delta: {
          logId: message.logId,
          baseRev: BigInt(message.baseRev),
          toRev: BigInt(message.toRev),
          headRev: BigInt(message.headRev),
          upserts: message.upserts.map((upsert) => ({ ...versioned(upsert), entry: upsert.entry })),
          tombstones: message.tombstones.map(versioned),
        },
      };
  }
}

function versioned({ owner, code, incarnation, counter }: CatalogTombstone) {
  return { owner, code, incarnation: BigInt(incarnation), counter: BigInt(counter) };
}

/** Refuses with FRAME_INVALID. */
export function parseCatalogMessage(bytes: Uint8Array): CatalogMessage {
  const { resume, delta, ack } = ProtoMessage.decode(bytes);
  if (resume !== undefined) {
    const { logId, appliedRev } = resume;
    return { kind: "resume", logId: readLogId(logId), appliedRev: readNumber(appliedRev) };
  }
  if (ack !== undefined) {
    const refusals = ack.refusals.slice(0, limits.catalogRefusalsMax).map((refusal) => ({
      ...readName(refusal),
      error: refusal.error.slice(0, codeCharsMax),
      detail: clip(refusal.detail),
    }));
    const appliedRev = readNumber(ack.appliedRev);
    return { kind: "ack", logId: readLogId(ack.logId), appliedRev, refusals };
  }
  if (delta === undefined) throw invalid("catalog", "the message is of no known kind");
  const { upserts, tombstones } = delta;
  if (upserts.length + tombstones.length > limits.catalogDeltaEntriesMax) {
    throw invalid("catalog", `a delta has more than ${limits.catalogDeltaEntriesMax} entries`);
  }
  const [baseRev, toRev, headRev] = [delta.baseRev, delta.toRev, delta.headRev].map(readNumber);
  if (baseRev === undefined || toRev === undefined || headRev === undefined) {
    throw invalid("catalog", "a delta lacks a revision");
  }
  if (baseRev > toRev || toRev > headRev) {
    throw invalid("catalog", `a delta from ${baseRev} to ${toRev} of ${headRev}`);
  }
  return {
    kind: "delta",
    logId: readLogId(delta.logId),
    baseRev,
    toRev,
    headRev,
    upserts: upserts.map(readUpsert),
    tombstones: tombstones.map(readTombstone),
  };
}

interface ProtoVersioned {
  readonly owner: string;
  readonly code: string;
  readonly incarnation: bigint;
  readonly counter: bigint;
}

function readName({ owner, code }: { readonly owner: string; readonly code: string }): EntryName {
  if (code.length > codeCharsMax || code.includes("\u0000")) {
    throw invalid("catalog", "a code is too long");
  }
  return { owner: checkAddress(owner), code };
}

function readTombstone(message: ProtoVersioned): CatalogTombstone {
  return {
    ...readName(message),
    incarnation: readNumber(message.incarnation),
    counter: readNumber(message.counter),
  };
}

function readUpsert(message: ProtoVersioned & { readonly entry: Uint8Array }): CatalogUpsert {
  // A view: a batch of a catalog is little but its entries, and they are gone once applied.
  const { buffer, byteOffset, length } = message.entry;
  return { ...readTombstone(message), entry: new Uint8Array(buffer, byteOffset, length) };
}

function readNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw invalid("catalog", "a number is beyond 2^53");
  return number;
}

function readLogId(logId: string): string {
  if (logId.length > logIdCharsMax) throw invalid("catalog", "the id of a log is too long");
  return logId;
}
