// HTTP answer: what the status and the body of a business system mean. The table stands in
// docs/agent-drivers.md.
//
//   A1  A poison answer fails its own instruction, with the reason, and nothing else.

import type { HttpAnswer } from "./http-poster.ts";

export type HttpVerdict =
  | { readonly kind: "done"; readonly output: unknown }
  /** Accepted: the outcome comes over the local API. */
  | { readonly kind: "later" }
  | { readonly kind: "returned"; readonly reason: string }
  | {
      readonly kind: "failed";
      readonly code: string;
      readonly message: string;
      readonly retryable: boolean;
    }
  | { readonly kind: "again"; readonly why: string; readonly afterMs: number | undefined };

const againStatuses: ReadonlySet<number> = new Set([408, 409, 425, 429]);
const returnedStatuses: ReadonlySet<number> = new Set([404, 410]);

export function readHttpAnswer(answer: HttpAnswer, nowMs: number): HttpVerdict {
  const { status, headers } = answer;
  if (status === 200) return readOutput(answer.body);
  if (status === 202) return { kind: "later" };
  if (againStatuses.has(status) || status >= 500) {
    const afterMs = readRetryAfter(headers["retry-after"], nowMs);
    return { kind: "again", why: `status ${status}`, afterMs };
  }
  if (status < 400) return poison("ANSWER_INVALID", `status ${status} has no meaning here`);
  const { code, message, retryable } = readReason(answer.body, status);
  if (returnedStatuses.has(status)) return { kind: "returned", reason: `${code}: ${message}` };
  return { kind: "failed", code, message, retryable };
}

function poison(code: string, message: string): HttpVerdict {
  return { kind: "failed", code, message, retryable: false };
}

function readOutput(body: Uint8Array | undefined): HttpVerdict {
  if (body === undefined) return poison("PAYLOAD_TOO_LARGE", "the answer is over its limit");
  try {
    return { kind: "done", output: parseJson(body) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return poison("ANSWER_INVALID", `the answer is no JSON: ${why}`);
  }
}

function parseJson(body: Uint8Array): unknown {
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
}

/** What a refusal says of itself; one that says nothing is named by its status. */
function readReason(
  body: Uint8Array | undefined,
  status: number,
): { readonly code: string; readonly message: string; readonly retryable: boolean } {
  const bare = { code: `HTTP_${status}`, message: `status ${status}`, retryable: false };
  try {
    const told: unknown = body === undefined ? undefined : parseJson(body);
    if (typeof told !== "object" || told === null) return bare;
    const { code, message, retryable } = told as Readonly<Record<string, unknown>>;
    return {
      code: typeof code === "string" && code !== "" ? code : bare.code,
      message: typeof message === "string" ? message : bare.message,
      retryable: retryable === true,
    };
  } catch {
    return bare;
  }
}

/** Seconds or a date, as RFC 9110 has it; undefined when it is neither. */
export function readRetryAfter(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
