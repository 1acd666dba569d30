// gRPC driver: a unary method of the vendor's own service does the work of a capability.
//
//   G1  The method and its messages are checked before the agent connects.
//   G2  Nothing of an input is dropped in silence: what the request message can't keep fails.

import { isJsonObject, type JsonValue, limits } from "@cloudbrain/sdk/domain";
import type { InstructionContext } from "@cloudbrain/sdk/node";
import {
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { Delivery, type Tried } from "./delivery.ts";
import type { Driver, DriverLog } from "./driver.ts";
import { driverLimits } from "./driver-limits.ts";
import type { GrpcMethod, GrpcMethodNames } from "./grpc-method.ts";
import { isTooLarge, meaningOf } from "./grpc-outcome.ts";
import { createJsonContract } from "./json-contract.ts";
import { findLoss } from "./message-echo.ts";

export interface GrpcTls {
  readonly ca: string | undefined;
  /** What our end shows of itself; both or none. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

export interface GrpcDriverOptions {
  readonly capability: string;
  readonly target: string;
  /** Undefined for plaintext. */
  readonly tls: GrpcTls | undefined;
  readonly method: GrpcMethod;
  readonly names: GrpcMethodNames;
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** JSON Schema. */
  readonly output: JsonValue | undefined;
  readonly log: DriverLog;
}

export function createGrpcDriver(options: GrpcDriverOptions): Driver {
  const caller = new GrpcCaller(options);
  return {
    kind: "grpc",
    contract: createJsonContract(options.capability, options.output),
    run: (input, context) => caller.call(input as JsonValue, context),
    options: { concurrency: driverLimits.pendingMax },
    close: () => caller.close(),
  };
}

type Called =
  | { readonly response: object }
  | { readonly code: Exclude<status, status.OK>; readonly details: string };

class GrpcCaller {
  private readonly options: GrpcDriverOptions;
  private readonly client: Client;
  private readonly delivery: Delivery;

  constructor(options: GrpcDriverOptions) {
    this.options = options;
    const { target, concurrency, log } = options;
    this.client = new Client(target, credentialsOf(options.tls), {
      "grpc.max_receive_message_length": 4 * limits.outputBytesMax,
      // A service configuration from DNS would add retries of its own.
      "grpc.service_config_disable_resolution": 1,
      "grpc.enable_retries": 0,
      // A system that is back must be found again soon, whatever it was before.
      "grpc.max_reconnect_backoff_ms": driverLimits.retryMsMax / 4,
    });
    this.delivery = new Delivery({ target, requests: concurrency, log, dice: Math.random });
  }

  async call(input: JsonValue, context: InstructionContext): Promise<unknown> {
    const request = this.requestOf(input, context);
    const called = await this.delivery.run(context.signal, () => this.ask(request, context));
    if ("response" in called) return this.outputOf(called.response);
    const { code, details } = called;
    const name = status[code];
    if (isTooLarge(code, details)) {
      return context.fail("PAYLOAD_TOO_LARGE", details, { retryable: false });
    }
    const meaning = meaningOf(code);
    if (meaning === "returned") return context.reject(`${name}: ${details}`);
    return context.fail(`GRPC_${name}`, details, { retryable: meaning === "failed" });
  }

  private requestOf(input: JsonValue, context: InstructionContext): object {
    const { names, method } = this.options;
    const refuse = (why: string): never => context.fail("INPUT_INVALID", why, { retryable: false });
    if (!isJsonObject(input)) return refuse("the input is no object");
    const request: Record<string, unknown> = {};
    if (names.request === undefined) Object.assign(request, input);
    for (const [field, source] of Object.entries(names.request ?? {})) {
      const value = input[source];
      if (value !== undefined) request[field] = value;
    }
    try {
      const echoed = method.requestDeserialize(method.requestSerialize(request));
      const loss = findLoss(request, echoed);
      return loss === undefined ? request : refuse(loss);
    } catch (error) {
      // The verdict of `refuse` is no failure of the encoder.
      if (!(error instanceof TypeError) && !(error instanceof RangeError)) throw error;
      return refuse(error.message);
    }
  }

  private outputOf(response: object): unknown {
    const { names } = this.options;
    if (names.response === undefined) return response;
    const fields = Object.entries(response);
    const values = new Map<string, unknown>(fields);
    return Object.fromEntries(
      Object.entries(names.response).map(([name, field]) => [name, values.get(field) ?? null]),
    );
  }

  private async ask(request: object, context: InstructionContext): Promise<Tried<Called>> {
    const called = await this.send(request, context);
    if ("response" in called) return { isDone: true, answer: called };
    const { code, details } = called;
    if (meaningOf(code) !== "again" || isTooLarge(code, details)) {
      return { isDone: true, answer: called };
    }
    return { isDone: false, why: `${status[code]}: ${details}` };
  }

  private send(request: object, context: InstructionContext): Promise<Called> {
    const { method, timeoutMs } = this.options;
    const { signal } = context;
    const deadlineMs = Math.min(
      Date.now() + timeoutMs,
      context.deadline?.getTime() ?? Number.POSITIVE_INFINITY,
    );
    return new Promise((resolve) => {
      const call = this.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadataOf(context),
        { deadline: deadlineMs },
        (error: ServiceError | null, response?: object) => {
          signal.removeEventListener("abort", cancel);
          if (error === null) resolve({ response: response ?? {} });
          else resolve({ code: failureCode(error.code), details: error.details });
        },
      );
      const cancel = (): void => call.cancel();
      signal.addEventListener("abort", cancel, { once: true });
    });
  }

  close(): void {
    this.client.close();
  }
}

function failureCode(code: status): Exclude<status, status.OK> {
  return code === status.OK ? status.UNKNOWN : code;
}

function credentialsOf(tls: GrpcTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const bytes = (pem: string | undefined): Buffer | null =>
    pem === undefined ? null : Buffer.from(pem, "utf8");
  return credentials.createSsl(bytes(tls.ca), bytes(tls.key), bytes(tls.cert));
}

function metadataOf(context: InstructionContext): Metadata {
  const metadata = new Metadata();
  metadata.set("idempotency-key", context.idempotencyKey);
  metadata.set("cloudbrain-chain", context.chainId);
  metadata.set("cloudbrain-step", context.stepId);
  metadata.set("cloudbrain-attempt", String(context.attempt));
  return metadata;
}
