// Calls: every handler is wrapped once, here. A handler is an async function; what it throws
// becomes a status, and nothing that a caller does ends the process.

import { encodeError } from "@cloudbrain/sdk/codec";
import { type Address, isMeshError, MeshError } from "@cloudbrain/sdk/domain";
import type { PeerIdentity } from "@cloudbrain/sdk/identity";
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from "@grpc/grpc-js";
import { authorise, type Right } from "./callers.ts";

export interface CallContext {
  readonly caller: Address;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
}

export interface CallHost {
  readonly identity: PeerIdentity;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

export function unary<Request, Response>(
  host: CallHost,
  right: Right,
  answer: (request: Request, context: CallContext) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => {
    call.on("error", () => undefined);
    const run = async (): Promise<Response> => {
      const caller = authorise(call, host.identity, right);
      return await answer(call.request, contextOf(caller, call));
    };
    run().then(
      (response) => callback(null, response),
      (error: unknown) => {
        noteDefect(host, error);
        callback(encodeError(error));
      },
    );
  };
}

export function serverStream<Request, Response>(
  host: CallHost,
  right: Right,
  answer: (request: Request, context: CallContext) => AsyncIterable<Response>,
): handleServerStreamingCall<Request, Response> {
  return (call: ServerWritableStream<Request, Response>) =>
    send(host, right, call, (context) => answer(call.request, context));
}

/** One answer for every request, in their order; a request is read once the last is answered. */
export function bidiStream<Request, Response>(
  host: CallHost,
  right: Right,
  answer: (request: Request, context: CallContext) => Promise<Response> | Response,
): handleBidiStreamingCall<Request, Response> {
  return (call: ServerDuplexStream<Request, Response>) =>
    send(host, right, call, async function* (context) {
      // Destroyed at the end of the requests, the call could not tell its status any more.
      const requests: AsyncIterable<Request> = call.iterator({ destroyOnReturn: false });
      for await (const request of requests) yield await answer(request, context);
    });
}

type SendingCall<Request, Response> =
  | ServerWritableStream<Request, Response>
  | ServerDuplexStream<Request, Response>;

function send<Request, Response>(
  host: CallHost,
  right: Right,
  call: SendingCall<Request, Response>,
  answers: (context: CallContext) => AsyncIterable<Response>,
): void {
  call.on("error", () => undefined);
  const run = async (): Promise<void> => {
    const caller = authorise(call, host.identity, right);
    for await (const response of answers(contextOf(caller, call))) {
      if (call.cancelled) return;
      if (!call.write(response)) await drained(call);
    }
    call.end();
  };
  run().catch((error: unknown) => {
    if (call.cancelled && isBrokenOff(error)) return;
    noteDefect(host, error);
    // `destroy` would leave the caller without a status.
    call.emit("error", encodeError(error));
  });
}

/** What reading from a caller fails with whose connection is gone: nobody is left to be told. */
function isBrokenOff(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_STREAM_PREMATURE_CLOSE";
}

type EmittingCall = {
  readonly cancelled: boolean;
  once(event: "cancelled" | "drain" | "close", listener: () => void): unknown;
};

/** One for all: grpc-js tells every stream that ends as cancelled, and a new error has a stack. */
const callerGone = new MeshError("CANCELLED", { detail: "the caller has gone" });

/** Most calls never ask for their signal, and one costs more than many an answer. */
function contextOf(caller: Address, call: EmittingCall): CallContext {
  let signal: AbortSignal | undefined;
  return {
    caller,
    get signal() {
      signal ??= signalOf(call);
      return signal;
    },
  };
}

function signalOf(call: EmittingCall): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort(callerGone);
  call.once("cancelled", () => controller.abort(callerGone));
  return controller.signal;
}

function drained(call: EmittingCall): Promise<void> {
  return new Promise((resolve) => {
    call.once("drain", resolve);
    call.once("cancelled", resolve);
    call.once("close", resolve);
  });
}

function noteDefect(host: CallHost, error: unknown): void {
  if (isMeshError(error) && error.code !== "DEFECT") return;
  const stack = error instanceof Error ? error.stack : String(error);
  host.log("defect in a call", { stack });
}
