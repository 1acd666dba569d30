// API schemas: what the local API takes and gives, once, for the checks and for the document.

import { driverLimits } from "../drivers/driver-limits.ts";

const text = (maxLength: number) => ({ type: "string", minLength: 1, maxLength });
const reason = text(300);
const holder = text(driverLimits.holderCharsMax);

function closed<Fields extends object>(properties: Fields, required: readonly string[]) {
  return { type: "object", additionalProperties: false, required, properties };
}

/** Bodies of requests, by the last word of their path. */
export const bodySchemas = {
  feedback: {
    oneOf: [
      closed({ outcome: { const: "succeeded" }, output: {} }, ["outcome", "output"]),
      closed(
        {
          outcome: { const: "failed" },
          code: text(100),
          message: { type: "string", maxLength: 300 },
          retryable: { type: "boolean" },
        },
        ["outcome", "code", "message"],
      ),
      closed({ outcome: { const: "returned" }, reason }, ["outcome", "reason"]),
    ],
  },
  progress: closed(
    { ratio: { type: "number", minimum: 0, maximum: 1 }, note: { type: "string", maxLength: 300 } },
    ["ratio"],
  ),
  claim: closed({ name: holder }, ["name"]),
  release: closed({ name: holder }, ["name"]),
  complete: closed({ name: holder, form: {} }, ["name", "form"]),
  return: closed({ name: holder, reason }, ["name", "reason"]),
} as const;

export type Action = keyof typeof bodySchemas;

const outcome = { enum: ["succeeded", "failed", "returned", "cancelled", "expired"] };
const title = closed({ zh: { type: "string" }, en: { type: "string" } }, ["zh"]);

export const instructionSchema = closed(
  {
    id: { type: "string" },
    agent: { type: "string" },
    chain: { type: "string" },
    step: { type: "string" },
    attempt: { type: "integer", minimum: 1 },
    capability: { type: "string" },
    driver: { enum: ["http", "grpc", "inbox", "module"] },
    state: { enum: ["running", "deferred", "ended"] },
    input: {},
    deadline: { type: "string", format: "date-time" },
    heartbeatMs: { type: "integer" },
    holder: { type: "string" },
    outcome,
    title,
    form: { type: "object" },
  },
  ["id", "agent", "chain", "step", "attempt", "capability", "driver", "state", "input"],
);

export const pageSchema = closed(
  { instructions: { type: "array", items: instructionSchema }, next: { type: "string" } },
  ["instructions"],
);

export const receiptSchema = closed(
  { id: { type: "string" }, outcome, repeated: { type: "boolean" } },
  ["id", "outcome", "repeated"],
);

export const acceptedSchema = closed({ id: { type: "string" } }, ["id"]);

export const errorSchema = closed(
  {
    code: { type: "string" },
    /** For developers, in English. */
    message: { type: "string" },
    /** For people, in the language of Accept-Language. */
    title: { type: "string" },
    /** What this request has ended the instruction with, if it has. */
    outcome,
  },
  ["code", "message", "title"],
);
