// Checks at the gate that several messages share. Each refuses with FRAME_INVALID.

import { type JsonValue, MeshError } from "../domain/index.ts";
import { decodeText } from "./wire-reader.ts";

/** Chain, step and member make an id; a member may be an address of 512 characters. */
const idCharsMax = 1_500;
/** A sentence for people; longer ones are cut. */
const textCharsMax = 1_000;
/** As deep as protobuf nests. Who walks JSON recursively has 10,000 calls at most. */
const jsonDepthMax = 100;

export function invalid(subject: string, detail: string): MeshError {
  return new MeshError("FRAME_INVALID", { subject, detail });
}

export function checkId(id: string): string {
  if (id === "" || id.length > idCharsMax || id.includes("\u0000")) {
    throw invalid(id.slice(0, 80), "it is not an id");
  }
  return id;
}

export function checkAttempt(id: string, attempt: number): void {
  checkId(id);
  if (attempt < 1) throw invalid(id, "attempts begin at 1");
}

/** A word such as a step or a capability; it may be empty. */
export function checkWord(word: string, subject: string): string {
  if (word.length > idCharsMax || word.includes("\u0000")) {
    throw invalid(subject, "one of its words is too long");
  }
  return word;
}

export function checkTime(ms: number, subject: string): void {
  if (!(ms >= 0 && Number.isFinite(ms))) throw invalid(subject, `${ms} is not a time in ms`);
}

export function clip(text: string): string {
  return text.length > textCharsMax ? text.slice(0, textCharsMax) : text;
}

/** Whole milliseconds of a `uint32` field. */
export function wholeMs(ms: number): number {
  return Math.min(Math.max(Math.ceil(ms), 0), 0xffffffff) || 0;
}

/** JSON whose numbers are finite and whose nesting is bounded. */
export function parseJson(bytes: Uint8Array, subject: string): JsonValue {
  let value: JsonValue;
  try {
    value = JSON.parse(decodeText(bytes)) as JsonValue;
  } catch (cause) {
    throw new MeshError("FRAME_INVALID", { subject, detail: "it holds no JSON", cause });
  }
  checkJson(value, subject, jsonDepthMax);
  return value;
}

function checkJson(value: JsonValue, subject: string, depthLeft: number): void {
  if (typeof value === "number") {
    // 1e999 is legal JSON, and Infinity here.
    if (!Number.isFinite(value)) throw invalid(subject, "one of its numbers is too large");
    return;
  }
  if (typeof value !== "object" || value === null) return;
  if (depthLeft === 0) throw invalid(subject, "its JSON is nested too deeply");
  for (const item of Array.isArray(value) ? value : Object.values(value)) {
    checkJson(item, subject, depthLeft - 1);
  }
}

/**
 * Refuses text that nests deeper than JSON may, without parsing it: whoever parses it later may
 * walk it recursively.
 */
export function checkJsonText(text: string, subject: string): string {
  // So many brackets would not fit.
  if (text.length <= jsonDepthMax) return text;
  let depth = 0;
  let isInString = false;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (isInString) {
      if (unit === backslash) index += 1;
      else if (unit === quote) isInString = false;
    } else if (unit === quote) isInString = true;
    else if (unit === openBracket || unit === openBrace) {
      depth += 1;
      if (depth > jsonDepthMax) throw invalid(subject, "its JSON is nested too deeply");
    } else if (unit === closeBracket || unit === closeBrace) depth -= 1;
  }
  return text;
}

const quote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
