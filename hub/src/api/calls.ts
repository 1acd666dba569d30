// Calls: every handler is wrapped once, here. A handler is an async function; what it throws
// becomes a status, and nothing that a caller does ends the process.

import { encodeError } from "@cloudbrain/sdk/codec";
import { type Address, isMeshError, limits, MeshError } from "@cloudbrain/sdk/domain";
import type { PeerIdentity } from "@cloudbrain/sdk/identity";
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from "@grpc/grpc-js";
import type { SignedInUser } from "../users/sign-in-token.ts";
import { authorise, expiredError, type Right } from "./callers.ts";

export interface CallContext {
  /** The node that calls. */
  readonly caller: Address;
  /**
   * Who acts at that node: whoever the shown token is of, as they are now; undefined where none is
   * shown. Read it anew for each thing that is done: reading throws IDENTITY_UNTRUSTED once the
   * token has ended.
   */
  readonly user: SignedInUser | undefined;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
}

export interface CallHost {
  readonly identity: PeerIdentity;
  readonly open: OpenCalls;
  /** Who shows this token; throws IDENTITY_UNTRUSTED when it is unknown or has ended. */
  readonly signedIn: (token: string) => SignedInUser;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
}

/** The streams of a hub: they would outlive its closing. */
export class OpenCalls {
  private readonly ends = new Set<() => void>();

  /** Returns what forgets the call. */
  add(end: () => void): () => void {
    this.ends.add(end);
    return () => this.ends.delete(end);
  }

  /**
   * Tells every caller that the hub stops, so that it comes again elsewhere or later. Streams that
   * end by themselves when the hub closes have a turn of the event loop to do so.
   */
  async endAll(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    for (const end of [...this.ends]) end();
  }
}

export function unary<Request, Response>(
  host: CallHost,
  right: Right,
  answer: (request: Request, context: CallContext) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => {
    call.on("error", () => undefined);
    const run = async (): Promise<Response> => {
      const { address } = authorise(call, host.identity, right);
      return await answer(call.request, openContext(host, address, call));
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
  options: SendOptions = {},
): handleServerStreamingCall<Request, Response> {
  return (call: ServerWritableStream<Request, Response>) =>
    send(host, right, call, (context) => answer(call.request, context), options);
}

/** One answer for all requests, which are read as `answer` asks for them. */
export function clientStream<Request, Response>(
  host: CallHost,
  right: Right,
  answer: (requests: AsyncIterable<Request>, context: CallContext) => Promise<Response>,
): handleClientStreamingCall<Request, Response> {
  return (call: ServerReadableStream<Request, Response>, callback: sendUnaryData<Response>) => {
    call.on("error", () => undefined);
    let isOver = false;
    const end = (error: unknown, response: Response | null): void => {
      if (isOver) return;
      isOver = true;
      forget();
      if (error === undefined) callback(null, response);
      else callback(encodeError(error));
      // What still comes is not read; grpc-js resets the stream once the status is out.
    };
    const detail = "the hub stops";
    const forget = host.open.add(() => end(new MeshError("DRAINING", { detail }), null));
    const run = async (): Promise<Response> => {
      const { address } = authorise(call, host.identity, right);
      const requests: AsyncIterable<Request> = call.iterator({ destroyOnReturn: false });
      return await answer(requests, openContext(host, address, call));
    };
    run().then(
      (response) => end(undefined, response),
      (error: unknown) => {
        if (!(call.cancelled && isBrokenOff(error))) noteDefect(host, error);
        end(error, null);
      },
    );
  };
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

export interface SendOptions {
  /** How long the caller may read nothing; for ever when that costs little. */
  readonly silenceMs?: number;
}

type SendingCall<Request, Response> =
  | ServerWritableStream<Request, Response>
  | ServerDuplexStream<Request, Response>;

function send<Request, Response>(
  host: CallHost,
  right: Right,
  call: SendingCall<Request, Response>,
  answers: (context: CallContext) => AsyncIterable<Response>,
  { silenceMs }: SendOptions = {},
): void {
  call.on("error", () => undefined);
  const run = async (): Promise<void> => {
    const caller = authorise(call, host.identity, right);
    watchOver(host, call, caller);
    for await (const response of answers(openContext(host, caller.address, call))) {
      if (call.cancelled) return;
      userOf(host, call);
      if (!call.write(response)) await drained(call, silenceMs);
    }
    call.end();
  };
  run().catch((error: unknown) => {
    if (call.cancelled && isBrokenOff(error)) return;
    fail(host, call, error);
  });
}

/** What reading from a caller fails with whose connection is gone: nobody is left to be told. */
function isBrokenOff(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_STREAM_PREMATURE_CLOSE";
}

/** What answers a bidirectional call. */
export interface DuplexAnswer<Request> {
  /** Takes the next message; what it throws ends the call. */
  take(request: Request): void;
  /** The caller has said all; what is under way may still be answered. */
  finished(): void;
  /** Nothing more reaches the caller. Called once, however the call ends. */
  ended(): void;
}

/** The sending side of a bidirectional call. */
export interface Outbound<Response> {
  /** `written`: the message is on its way, and the next may follow. */
  write(response: Response, written: () => void): void;
  end(): void;
}

export function duplex<Request, Response>(
  host: CallHost,
  right: Right,
  open: (context: CallContext, outbound: Outbound<Response>) => DuplexAnswer<Request>,
): handleBidiStreamingCall<Request, Response> {
  return (call: ServerDuplexStream<Request, Response>) => {
    call.on("error", () => undefined);
    try {
      const caller = authorise(call, host.identity, right);
      watchOver(host, call, caller);
      const answer = open(openContext(host, caller.address, call), {
        write: (response, written) => void call.write(response, written),
        end: () => void call.end(),
      });
      call.once("cancelled", () => answer.ended());
      call.once("end", () => answer.finished());
      call.on("data", (request: Request) => {
        try {
          answer.take(request);
        } catch (error) {
          fail(host, call, error);
        }
      });
    } catch (error) {
      fail(host, call, error);
    }
  };
}

/** Ends the call with a status, which `destroy` would leave the caller without. */
function fail(host: CallHost, call: EmittingCall, error: unknown): void {
  noteDefect(host, error);
  call.emit("error", encodeError(error));
}

/** Ends a stream with the certificate that it was authorised by (A3), and with the hub. */
function watchOver(host: CallHost, call: EmittingCall, caller: PeerIdentity): void {
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const leftMs = caller.notAfterMs - Date.now();
    if (leftMs <= 0) fail(host, call, expiredError(caller.address));
    else timer = setTimeout(arm, Math.min(leftMs, limits.timerDelayMsMax)).unref();
  };
  arm();
  const detail = "the hub stops";
  const forget = host.open.add(() => fail(host, call, new MeshError("DRAINING", { detail })));
  call.once("cancelled", () => {
    clearTimeout(timer);
    forget();
  });
}

type EmittingCall = {
  readonly cancelled: boolean;
  once(event: "cancelled" | "drain" | "close", listener: () => void): unknown;
  emit(event: "error", status: unknown): unknown;
};

/** One for all: grpc-js tells every stream that ends as cancelled, and a new error has a stack. */
const callerGone = new MeshError("CANCELLED", { detail: "the caller has gone" });

/** Most calls never ask for their signal, and one costs more than many an answer. */
function openContext(host: CallHost, caller: Address, call: AnsweredCall): CallContext {
  let signal: AbortSignal | undefined;
  // An ended token is refused although what answers the call may not ask who acts.
  userOf(host, call);
  return {
    caller,
    get user() {
      return userOf(host, call);
    },
    get signal() {
      signal ??= signalOf(call);
      return signal;
    },
  };
}

type AnsweredCall = EmittingCall & { readonly metadata: Metadata };

/** Who is signed in with the token that the call shows, now. */
function userOf(host: CallHost, call: AnsweredCall): SignedInUser | undefined {
  const token = bearerToken(call.metadata);
  return token === undefined ? undefined : host.signedIn(token);
}

/** The token of `authorization: Bearer TOKEN`, if the caller shows one. */
function bearerToken(metadata: Metadata): string | undefined {
  const [value] = metadata.get("authorization");
  if (value === undefined) return undefined;
  const token = /^Bearer ([A-Za-z0-9_-]{1,128})$/.exec(String(value))?.[1];
  if (token !== undefined) return token;
  const detail = "it must be `Bearer` and a sign-in token";
  throw new MeshError("IDENTITY_UNTRUSTED", { subject: "authorization", detail });
}

function signalOf(call: EmittingCall): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort(callerGone);
  call.once("cancelled", () => controller.abort(callerGone));
  return controller.signal;
}

function drained(call: EmittingCall, silenceMs: number | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const detail = `nothing was read for ${silenceMs} ms`;
    const late = (): void => reject(new MeshError("TIMEOUT", { detail }));
    const timer = silenceMs === undefined ? undefined : setTimeout(late, silenceMs);
    const over = (): void => {
      clearTimeout(timer);
      resolve();
    };
    call.once("drain", over);
    call.once("cancelled", over);
    call.once("close", over);
  });
}

/** The log gets what the caller does not. */
export function noteDefect(host: CallHost, error: unknown): void {
  if (isMeshError(error) && error.code !== "DEFECT") return;
  const stack = error instanceof Error ? error.stack : String(error);
  host.log("defect in a call", { stack });
}
