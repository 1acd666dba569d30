// OpenAPI document of the local API. The routes are made from the same table, so that neither can
// say what the other does not.

import { driverLimits } from "../drivers/driver-limits.ts";
import {
  type Action,
  acceptedSchema,
  bodySchemas,
  errorSchema,
  instructionSchema,
  pageSchema,
  receiptSchema,
} from "./api-schemas.ts";

export interface ActionRule {
  readonly summary: string;
  /** What a request of this kind answers with. */
  readonly answers: "receipt" | "accepted";
  /** For entries of an inbox alone, for all but them, or for both. */
  readonly of: "inbox" | "systems" | "all";
}

export const actionRules: Readonly<Record<Action, ActionRule>> = {
  feedback: {
    summary: "How the work has come out. The same again counts once; a bad one fails the work.",
    answers: "receipt",
    of: "systems",
  },
  progress: {
    summary: "How far the work is: news for the hub, and a sign of life.",
    answers: "accepted",
    of: "all",
  },
  claim: { summary: "Take an entry in hand, by name.", answers: "accepted", of: "inbox" },
  release: { summary: "Let go of a claimed entry.", answers: "accepted", of: "inbox" },
  complete: {
    summary: "End a claimed entry with its form. A form that breaks its schema changes nothing.",
    answers: "receipt",
    of: "inbox",
  },
  return: {
    summary: "Give a claimed entry back with the reason.",
    answers: "receipt",
    of: "inbox",
  },
};

const json = (schema: object) => ({ "application/json": { schema } });
const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });

const errors: Readonly<Record<string, string>> = {
  "400": "The request can't be read.",
  "401": "The token is missing or wrong.",
  "403": "This kind of instruction takes no such request.",
  "404": "No such instruction is known: INSTRUCTION_UNKNOWN.",
  "409":
    "It has ended (INSTRUCTION_ENDED), was cancelled (INSTRUCTION_CANCELLED) " +
    "or is held by somebody else (INSTRUCTION_TAKEN).",
  "413": "The body is over its limit.",
  "422": "The output or the form breaks its schema.",
  "503": "The agent is starting or ending: repeat it.",
};

function errorResponses(codes: readonly string[]): object {
  return Object.fromEntries(
    codes.map((code) => [
      code,
      { description: errors[code] ?? "", content: json(reference("Error")) },
    ]),
  );
}

const idParameter = {
  name: "id",
  in: "path",
  required: true,
  description: "The idempotency key of the instruction.",
  schema: { type: "string" },
};

function query(name: string, description: string, schema: object): object {
  return { name, in: "query", required: false, description, schema };
}

function actionPath(action: Action, { summary, answers }: ActionRule): object {
  const ok = answers === "receipt" ? "Receipt" : "Accepted";
  return {
    post: {
      operationId: `${action}Instruction`,
      summary,
      parameters: [idParameter],
      requestBody: { required: true, content: json(reference(bodyName(action))) },
      responses: {
        "200": { description: "It is durable at the agent.", content: json(reference(ok)) },
        ...errorResponses(Object.keys(errors)),
      },
    },
  };
}

function bodyName(action: Action): string {
  return `${action.charAt(0).toUpperCase()}${action.slice(1)}`;
}

function readingPaths(): object {
  const { pageDefault, pageMax } = driverLimits;
  return {
    "/v1/openapi.json": {
      get: {
        operationId: "getDocument",
        summary: "This document.",
        security: [],
        responses: { "200": { description: "OpenAPI 3.1.", content: json({ type: "object" }) } },
      },
    },
    "/v1/instructions": {
      get: {
        operationId: "listInstructions",
        summary: "What is open, in the order of the ids.",
        parameters: [
          query("agent", "Only those of this agent.", { type: "string" }),
          query("capability", "Only those of this capability.", { type: "string" }),
          query("state", "Only those in this state.", { enum: ["running", "deferred"] }),
          query("limit", "At most so many.", {
            type: "integer",
            minimum: 1,
            maximum: pageMax,
            default: pageDefault,
          }),
          query("after", "`next` of the page before.", { type: "string" }),
        ],
        responses: {
          "200": { description: "A page.", content: json(reference("Page")) },
          ...errorResponses(["400", "401"]),
        },
      },
    },
    "/v1/instructions/{id}": {
      get: {
        operationId: "getInstruction",
        summary: "One that is open or has ended not long ago.",
        parameters: [idParameter],
        responses: {
          "200": { description: "The instruction.", content: json(reference("Instruction")) },
          ...errorResponses(["401", "404"]),
        },
      },
    },
  };
}

export function createDocument(version: string): object {
  const rules = Object.entries(actionRules) as [Action, ActionRule][];
  const bodies = Object.entries(bodySchemas) as [Action, object][];
  return {
    openapi: "3.1.0",
    info: { title: "Cloud Brain Mesh agent", version },
    security: [{ token: [] }],
    paths: {
      ...readingPaths(),
      ...Object.fromEntries(
        rules.map(([action, rule]) => [
          `/v1/instructions/{id}/${action}`,
          actionPath(action, rule),
        ]),
      ),
    },
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: {
        Instruction: instructionSchema,
        Page: pageSchema,
        Receipt: receiptSchema,
        Accepted: acceptedSchema,
        Error: errorSchema,
        ...Object.fromEntries(bodies.map(([action, schema]) => [bodyName(action), schema])),
      },
    },
  };
}
