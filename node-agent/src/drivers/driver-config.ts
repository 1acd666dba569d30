// Driver configuration: the list `drivers` of agent.yaml, one entry for each capability.

import { type Config, parseDuration } from "@cloudbrain/sdk/cli";
import { checkSchema } from "@cloudbrain/sdk/definition";
import type { JsonValue } from "@cloudbrain/sdk/domain";
import { z } from "zod";
import { targetPattern } from "../cli/settings.ts";
import type { Say } from "../cli/texts.ts";
import { driverLimits } from "./driver-limits.ts";

const loopbackPattern = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Host without a port, IPv6 in brackets. */
export function isLoopback(host: string): boolean {
  return loopbackPattern.test(host);
}

function hostOf(target: string): string {
  return target.slice(0, target.lastIndexOf(":"));
}

/** A JSON Schema that can be used, or an issue that says why not. */
function createSchemaField() {
  return z
    .record(z.string(), z.unknown())
    .superRefine((schema, context) => {
      const wrong = checkSchema(schema as JsonValue);
      if (wrong !== undefined) context.addIssue({ code: "custom", message: wrong });
    })
    .optional();
}

function createRequestFields(say: Say) {
  const { requestsMax, requestsDefault, requestMsDefault, requestMsMin, requestMsMax } =
    driverLimits;
  return {
    /** Requests at once. */
    concurrency: z.int().min(1).max(requestsMax).default(requestsDefault),
    /** Time for one request, such as 30s. */
    timeout: z
      .string()
      .superRefine((text, context) => {
        const read = parseDuration(text);
        const isRight = typeof read === "number" && read >= requestMsMin && read <= requestMsMax;
        if (isRight) return;
        const [least, most] = [`${requestMsMin}ms`, `${requestMsMax / 1_000}s`];
        context.addIssue({ code: "custom", message: say("driver.timeout", { least, most }) });
      })
      .default(`${requestMsDefault / 1_000}s`),
  };
}

function createHttpFields(say: Say) {
  const { answerBytesMax } = driverLimits;
  return z.strictObject({
    url: z.string().superRefine((text, context) => {
      const why = complainOfUrl(text, say);
      if (why !== undefined) context.addIssue({ code: "custom", message: why });
    }),
    /** Shared with the business system; `webhook.secretFile` without it. */
    secretFile: z.string().min(1).optional(),
    caFile: z.string().min(1).optional(),
    answerBytes: z.int().min(1).max(answerBytesMax).default(answerBytesMax),
    ...createRequestFields(say),
  });
}

function complainOfUrl(text: string, say: Say): string | undefined {
  if (!URL.canParse(text)) return say("driver.http.url");
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (protocol === "http:") {
    return isLoopback(hostname) ? undefined : say("driver.http.plain");
  }
  const isRight = protocol === "https:" && username === "" && password === "" && hash === "";
  return isRight ? undefined : say("driver.http.url");
}

function createGrpcFields(say: Say) {
  const text = z.string().min(1);
  const names = z.record(text, text).optional();
  return z
    .strictObject({
      protos: z.array(text).min(1).max(100),
      target: z.string().regex(targetPattern, say("write.target")),
      service: text,
      method: text,
      /** Without TLS, on loopback only. */
      plaintext: z.boolean().default(false),
      caFile: text.optional(),
      certFile: text.optional(),
      keyFile: text.optional(),
      request: names,
      response: names,
      ...createRequestFields(say),
    })
    .superRefine((fields, context) => {
      const refuse = (key: string, message: string): void =>
        context.addIssue({ code: "custom", path: [key], message });
      const { plaintext, target, caFile, certFile, keyFile } = fields;
      if (plaintext && !isLoopback(hostOf(target))) refuse("plaintext", say("driver.grpc.plain"));
      if (plaintext && (caFile ?? certFile ?? keyFile) !== undefined) {
        refuse("plaintext", say("driver.grpc.plainFiles"));
      }
      if ((certFile === undefined) !== (keyFile === undefined)) {
        refuse(certFile === undefined ? "keyFile" : "certFile", say("driver.grpc.pair"));
      }
    });
}

export function createDriverFields(say: Say) {
  return z
    .strictObject({
      capability: z.string().min(1).max(200),
      http: createHttpFields(say).optional(),
      grpc: createGrpcFields(say).optional(),
      inbox: z
        .strictObject({
          title: z.strictObject({ zh: z.string().min(1), en: z.string().optional() }),
        })
        .optional(),
      /** JSON Schema of the outcome: of an answer, or of the form of an inbox. */
      output: createSchemaField(),
    })
    .superRefine(({ http, grpc, inbox }, context) => {
      const given = [http, grpc, inbox].filter((one) => one !== undefined).length;
      if (given !== 1) context.addIssue({ code: "custom", message: say("driver.one") });
    });
}

export type DriverFields = z.infer<ReturnType<typeof createDriverFields>>;

/** An entry with where it was written. */
export interface DriverPlan {
  readonly fields: DriverFields;
  /** `file:line:column` of a key such as `grpc.method`, or of the nearest thing around it. */
  readonly place: (key: string) => string;
  /** A path of the entry as a path from here. */
  readonly resolve: (path: string) => string;
}

/** The place of a dotted key, or of the nearest key around it that was given. */
export function placeNear(config: Config<unknown>, key: string): string {
  const words = key.split(".");
  for (let length = words.length; length > 0; length -= 1) {
    const { source, place } = config.origin(words.slice(0, length).join("."));
    if (source !== "unset" && source !== "default") return place;
  }
  return `${config.file ?? "configuration"}:1:1`;
}
