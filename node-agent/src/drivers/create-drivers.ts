// Create drivers: the entries of a configuration as drivers, or every mistake with its place.

import { readFileSync } from "node:fs";
import { parseDuration } from "@cloudbrain/sdk/cli";
import { type JsonValue, MeshError } from "@cloudbrain/sdk/domain";
import type { Say } from "../cli/texts.ts";
import type { Driver, DriverLog } from "./driver.ts";
import type { DriverFields, DriverPlan } from "./driver-config.ts";
import { driverLimits } from "./driver-limits.ts";
import { createGrpcDriver, type GrpcTls } from "./grpc-driver.ts";
import { findGrpcMethod } from "./grpc-method.ts";
import { createHttpDriver } from "./http-driver.ts";
import { createInboxDriver } from "./inbox-driver.ts";

export interface DriverSurroundings {
  /** Address of the agent. */
  readonly agent: string;
  /** What `webhook.secretFile` holds. */
  readonly secret: string | undefined;
  /** Whether there is a local API. */
  readonly hasApi: boolean;
  readonly log: DriverLog;
  readonly say: Say;
}

/** Refuses with CONFIG_INVALID, one line per mistake. Nothing connects before a driver runs. */
export function createDrivers(
  plans: readonly DriverPlan[],
  around: DriverSurroundings,
): readonly Driver[] {
  const factory = new DriverFactory(around);
  const drivers = plans.map((plan) => factory.create(plan));
  factory.finish();
  return drivers.filter((driver) => driver !== undefined);
}

class DriverFactory {
  private readonly around: DriverSurroundings;
  private readonly mistakes: string[] = [];
  private readonly capabilities = new Set<string>();

  constructor(around: DriverSurroundings) {
    this.around = around;
  }

  create(plan: DriverPlan): Driver | undefined {
    const { capability, http, grpc, inbox } = plan.fields;
    if (this.capabilities.has(capability)) {
      this.complain(plan, "capability", this.around.say("driver.twice", { capability }));
    }
    this.capabilities.add(capability);
    if (http !== undefined) return this.createHttp(plan, http);
    if (grpc !== undefined) return this.createGrpc(plan, grpc);
    return inbox === undefined ? undefined : this.createInbox(plan, inbox);
  }

  private createHttp(
    plan: DriverPlan,
    http: NonNullable<DriverFields["http"]>,
  ): Driver | undefined {
    const { agent, secret: shared, hasApi, log, say } = this.around;
    const own = this.readFile(plan, "http.secretFile", http.secretFile);
    const secret = http.secretFile === undefined ? shared : own?.trim();
    const ca = this.readFile(plan, "http.caFile", http.caFile);
    if (http.secretFile === undefined && shared === undefined) {
      this.complain(plan, "http", say("driver.http.secret"));
    } else if (secret !== undefined && secret.length < driverLimits.secretCharsMin) {
      this.complain(plan, "http.secretFile", say("secret.short", secretBound));
    }
    if (this.mistakes.length > 0 || secret === undefined) return undefined;
    return createHttpDriver({
      capability: plan.fields.capability,
      agent,
      url: http.url,
      secret,
      ca,
      concurrency: http.concurrency,
      timeoutMs: millisecondsOf(http.timeout),
      answerBytesMax: http.answerBytes,
      output: schemaOf(plan),
      hasApi,
      log,
    });
  }

  private createGrpc(
    plan: DriverPlan,
    grpc: NonNullable<DriverFields["grpc"]>,
  ): Driver | undefined {
    const { log, say } = this.around;
    const names = {
      protos: grpc.protos.map((path) => plan.resolve(path)),
      service: grpc.service,
      method: grpc.method,
      request: grpc.request,
      response: grpc.response,
    };
    const tls: GrpcTls = {
      ca: this.readFile(plan, "grpc.caFile", grpc.caFile),
      cert: this.readFile(plan, "grpc.certFile", grpc.certFile),
      key: this.readFile(plan, "grpc.keyFile", grpc.keyFile),
    };
    const found = findGrpcMethod(names, say);
    if ("mistakes" in found) {
      for (const { key, why } of found.mistakes) this.complain(plan, `grpc.${key}`, why);
      return undefined;
    }
    if (this.mistakes.length > 0) return undefined;
    return createGrpcDriver({
      capability: plan.fields.capability,
      target: grpc.target,
      tls: grpc.plaintext ? undefined : tls,
      method: found.method,
      names,
      concurrency: grpc.concurrency,
      timeoutMs: millisecondsOf(grpc.timeout),
      output: schemaOf(plan),
      log,
    });
  }

  private createInbox(
    plan: DriverPlan,
    inbox: NonNullable<DriverFields["inbox"]>,
  ): Driver | undefined {
    if (!this.around.hasApi) this.complain(plan, "inbox", this.around.say("driver.inbox.api"));
    const { title } = inbox;
    return createInboxDriver({
      capability: plan.fields.capability,
      title,
      form: schemaOf(plan),
    });
  }

  private readFile(plan: DriverPlan, key: string, path: string | undefined): string | undefined {
    if (path === undefined) return undefined;
    try {
      return readFileSync(plan.resolve(path), "utf8");
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code ?? String(error);
      this.complain(plan, key, this.around.say("secret.file", { why }));
      return undefined;
    }
  }

  private complain(plan: DriverPlan, key: string, why: string): void {
    this.mistakes.push(`${plan.place(key)}: ${key}: ${why}`);
  }

  finish(): void {
    if (this.mistakes.length === 0) return;
    throw new MeshError("CONFIG_INVALID", { detail: this.mistakes.join("\n") });
  }
}

const secretBound = { least: driverLimits.secretCharsMin };

function schemaOf(plan: DriverPlan): JsonValue | undefined {
  return plan.fields.output as JsonValue | undefined;
}

/** The schema of the configuration has checked the text. */
function millisecondsOf(text: string): number {
  const read = parseDuration(text);
  return typeof read === "number" ? read : driverLimits.requestMsDefault;
}
