// Registrations on the wire: what an application needs below a hub, and what is there.

import type { BinaryWriter } from "@bufbuild/protobuf/wire";
import { Register, Registered } from "@cloudbrain/proto";
import {
  type CapabilityNeed,
  limits,
  type RegisterBody,
  type RegisteredBody,
} from "../domain/index.ts";
import { checkAddress } from "./addresses.ts";
import { checkWord, invalid } from "./checks.ts";
import { parseTitle, protoTitle } from "./nodes.ts";

export function encodeRegister(body: RegisterBody, writer: BinaryWriter): void {
  const { origin, application, version, title, hash, needs, withdrawn } = body;
  Register.encode(
    {
      origin,
      application,
      version,
      title: protoTitle(title),
      hash,
      needs: needs.map(protoNeed),
      withdrawn,
    },
    writer,
  );
}

export function protoNeed({ kind, areas, steps, ...need }: CapabilityNeed) {
  return { ...need, areas: [...areas], steps: [...steps], every: kind === "every" };
}

export function parseRegister(payload: Uint8Array): RegisterBody {
  const message = Register.decode(payload);
  const { application, version, hash, withdrawn } = message;
  if (message.needs.length > limits.needsMax) throw invalid(application, "it has too many needs");
  return {
    kind: "register",
    origin: checkAddress(message.origin),
    application: checkName(application, "application"),
    version: checkName(version, application),
    title: parseTitle(message.title),
    hash: checkWord(hash, application),
    needs: message.needs.map((need) => ({
      capability: checkName(need.capability, application),
      level: checkWord(need.level, application),
      industry: checkWord(need.industry, application),
      areas: checkWords(need.areas, application),
      kind: need.every ? "every" : "one",
      steps: checkWords(need.steps, application),
    })),
    withdrawn,
  };
}

export function encodeRegistered(body: RegisteredBody, writer: BinaryWriter): void {
  Registered.encode({ ...body, counts: [...body.counts], gaps: [...body.gaps] }, writer);
}

export function parseRegistered(payload: Uint8Array): RegisteredBody {
  const message = Registered.decode(payload);
  const { application, version, hubs, pending, gapsMore } = message;
  const { counts, gaps } = message;
  if (counts.length > limits.needsMax || gaps.length > limits.registrationGapsMax) {
    throw invalid(application, "it has too many counts or gaps");
  }
  if (counts.some(({ holders, online }) => online > holders)) {
    throw invalid(application, "more nodes are connected than there are");
  }
  if (gaps.some(({ need }) => need >= counts.length)) {
    throw invalid(application, "a gap is of no need");
  }
  return {
    kind: "registered",
    origin: checkAddress(message.origin),
    application: checkName(application, "application"),
    version: checkName(version, application),
    hubs,
    pending,
    counts: counts.map(({ holders, online, expected }) => ({ holders, online, expected })),
    gaps: gaps.map(({ need, hub, holders, expected }) => ({
      need,
      hub: checkAddress(hub),
      holders,
      expected,
    })),
    gapsMore,
  };
}

function checkName(name: string, subject: string): string {
  if (name === "") throw invalid(subject, "one of its names is empty");
  return checkWord(name, subject);
}

function checkWords(words: readonly string[], subject: string): string[] {
  if (words.length > limits.stepsMax) throw invalid(subject, "one of its lists is too long");
  return words.map((word) => checkName(word, subject));
}
