// Agent API: over which business systems and people say how the work on instructions goes.
//
//   A1  Every request but that for the document shows the token.
//   A2  What is confirmed is durable at the agent.
//   A3  Feedback that can't be read, or breaks the declared schema, fails its instruction with the
//       reason; a form of a person is refused with the reason and can be mended.

import { createHash, timingSafeEqual } from "node:crypto";
import { createValidate } from "@cloudbrain/sdk/definition";
import { type JsonObject, type JsonValue, MeshError, type Outcome } from "@cloudbrain/sdk/domain";
import type { Answer, AnswerReceipt, Node, OpenInstruction } from "@cloudbrain/sdk/node";
import { type Context, Hono } from "hono";
import type { Driver } from "../drivers/driver.ts";
import { driverLimits } from "../drivers/driver-limits.ts";
import { describeError, type ErrorStatus, titleOf } from "./api-error.ts";
import { type Action, bodySchemas } from "./api-schemas.ts";
import { pageOf, viewOf } from "./instruction-view.ts";
import { actionRules, createDocument } from "./open-api.ts";
import { readText } from "./request-text.ts";

export interface ServedAgent {
  readonly node: Node;
  readonly drivers: readonly Driver[];
}

export interface AgentApiOptions {
  readonly agents: readonly ServedAgent[];
  readonly token: string;
  readonly version: string;
}

/** An instruction with where it is open. */
export interface Located {
  readonly instruction: OpenInstruction;
  readonly node: Node;
  readonly driver: Driver | undefined;
}

export function createAgentApi(options: AgentApiOptions): Hono {
  const api = new AgentApi(options);
  const app = new Hono();
  const document = createDocument(options.version);
  app.get("/v1/openapi.json", (request) => request.json(document));
  app.use("*", async (request, next) => {
    if (!api.isAllowed(request.req.header("authorization"))) {
      request.header("www-authenticate", "Bearer");
      const title = titleOf("NOT_ALLOWED", request.req.header("accept-language"));
      return request.json({ code: "NOT_ALLOWED", message: "show the token", title }, 401);
    }
    await next();
    return undefined;
  });
  app.get("/v1/instructions", (request) => request.json(api.list(request)));
  app.get("/v1/instructions/:id", (request) =>
    request.json(viewOf(api.locate(request.req.param("id")))),
  );
  for (const action of Object.keys(actionRules) as Action[]) {
    app.post(`/v1/instructions/:id/${action}`, (request) =>
      api.act(request, action, request.req.param("id")),
    );
  }
  app.notFound((request) => {
    const message = `there is no ${request.req.method} ${request.req.path}`;
    const title = titleOf("INPUT_INVALID", request.req.header("accept-language"));
    return request.json({ code: "INPUT_INVALID", message, title }, 404);
  });
  app.onError((error, request) => {
    const { status, body } = describeError(error, request.req.header("accept-language"));
    return request.json(body, status);
  });
  return app;
}

const validate = createValidate();

class AgentApi {
  private readonly agents: readonly ServedAgent[];
  private readonly digest: Buffer;

  constructor({ agents, token }: AgentApiOptions) {
    this.agents = agents;
    this.digest = hash(token);
  }

  /** In a time that says nothing of the token. */
  isAllowed(header: string | undefined): boolean {
    const [, shown = ""] = /^Bearer +(\S.*)$/i.exec(header ?? "") ?? [];
    return timingSafeEqual(hash(shown), this.digest);
  }

  list(request: Context): object {
    const open = this.agents.flatMap(({ node, drivers }) =>
      node.deferred
        .list()
        .map((instruction) => ({ node, instruction, driver: driverOf(drivers, instruction) })),
    );
    return pageOf(open, request.req.query());
  }

  locate(id: string): Located {
    for (const { node, drivers } of this.agents) {
      const instruction = node.deferred.find(id);
      if (instruction !== undefined) {
        return { node, instruction, driver: driverOf(drivers, instruction) };
      }
    }
    // While an agent is not open, nobody can say that it does not know the instruction.
    const closed = this.agents.find(({ node }) => !node.deferred.isOpen);
    if (closed === undefined) throw new MeshError("INSTRUCTION_UNKNOWN", { subject: id });
    throw new MeshError("STORE_CLOSED", { subject: closed.node.address });
  }

  async act(request: Context, action: Action, id: string): Promise<Response> {
    const located = this.locate(id);
    refuseOthers(located, action);
    const read = await readText(request.req.raw, driverLimits.apiBodyBytesMax);
    const body = read.ok ? parseBody(action, read.text) : read;
    if (body.ok) return await this.run(request, action, located, body.value);
    if (action !== "feedback") throw new MeshError(body.code, { subject: id, detail: body.why });
    // A3: the system believes that it has answered; waiting for it would be waiting for ever.
    const code = body.code === "INPUT_INVALID" ? "ANSWER_INVALID" : body.code;
    const answer: Answer = { outcome: "failed", code, message: body.why, retryable: false };
    await located.node.deferred.answer(id, answer);
    const status = body.code === "INPUT_INVALID" ? 400 : 413;
    return refuse(request, { status, code, message: body.why, outcome: "failed" });
  }

  private async run(
    request: Context,
    action: Action,
    located: Located,
    body: JsonObject,
  ): Promise<Response> {
    const { node, instruction } = located;
    const { id } = instruction;
    const name = String(body["name"]);
    switch (action) {
      case "feedback": {
        const receipt = await node.deferred.answer(id, answerOf(body));
        return receiptOf(request, id, body["outcome"] as Outcome, receipt);
      }
      case "progress":
        node.deferred.progress(id, Number(body["ratio"]), String(body["note"] ?? ""));
        break;
      case "claim":
        await node.deferred.claim(id, name);
        break;
      case "release":
        await node.deferred.release(id, name);
        break;
      case "complete":
        return await complete(request, located, name, body["form"] ?? null);
      case "return": {
        const reason = String(body["reason"]);
        const answer: Answer = { outcome: "returned", reason };
        const receipt = await node.deferred.answer(id, answer, { holder: name });
        return receiptOf(request, id, "returned", receipt);
      }
    }
    return request.json({ id });
  }
}

async function complete(
  request: Context,
  { node, instruction, driver }: Located,
  name: string,
  form: JsonValue,
): Promise<Response> {
  const { id } = instruction;
  const schema = driver?.inbox?.form;
  const wrong = schema === undefined ? undefined : validate(schema, form);
  if (wrong !== undefined) {
    return refuse(request, { status: 422, code: "OUTPUT_INVALID", message: wrong });
  }
  const answer: Answer = { outcome: "succeeded", output: form };
  const receipt = await node.deferred.answer(id, answer, { holder: name });
  return receiptOf(request, id, "succeeded", receipt);
}

function hash(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}

function driverOf(drivers: readonly Driver[], { capability }: OpenInstruction): Driver | undefined {
  return drivers.find(({ contract }) => contract.name === capability);
}

/** A form can't be gone round by feedback, and a system has no form. */
function refuseOthers({ instruction, driver }: Located, action: Action): void {
  const { of } = actionRules[action];
  const isInbox = driver?.kind === "inbox";
  if (of === "all" || isInbox === (of === "inbox")) return;
  const detail = isInbox ? "claim it, then complete or return it" : "answer it by feedback";
  throw new MeshError("NOT_ALLOWED", { subject: instruction.id, detail });
}

type ReadBody =
  | { readonly ok: true; readonly value: JsonObject }
  | { readonly ok: false; readonly code: "INPUT_INVALID"; readonly why: string };

function parseBody(action: Action, text: string): ReadBody {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ok: false, code: "INPUT_INVALID", why: `the body is no JSON: ${why}` };
  }
  const why = validate(bodySchemas[action] as unknown as JsonValue, value);
  if (why === undefined) return { ok: true, value: value as JsonObject };
  return { ok: false, code: "INPUT_INVALID", why };
}

/** The schema has checked the body. */
function answerOf(body: JsonObject): Answer {
  return body as unknown as Answer;
}

function receiptOf(request: Context, id: string, given: Outcome, receipt: AnswerReceipt): Response {
  const { outcome, errorCode, message, isRepeated } = receipt;
  if (outcome === given) return request.json({ id, outcome, repeated: isRepeated });
  const status = errorCode === "PAYLOAD_TOO_LARGE" ? 413 : 422;
  return refuse(request, { status, code: errorCode, message, outcome });
}

function refuse(
  request: Context,
  refusal: {
    readonly status: ErrorStatus;
    readonly code: string;
    readonly message: string;
    readonly outcome?: Outcome;
  },
): Response {
  const { status, ...body } = refusal;
  const title = titleOf("INPUT_INVALID", request.req.header("accept-language"));
  return request.json({ ...body, title }, status);
}
