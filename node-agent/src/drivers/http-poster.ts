// HTTP poster: one POST after the other to one business system, with bounds on time and size.
//
// node:http rather than fetch: a city's systems have certificates of their own authority, and an
// answer must not be unpacked or redirected behind our back.

import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";

export interface PosterOptions {
  /** PEM of the authority of an https target; the system's authorities without it. */
  readonly ca: string | undefined;
  readonly sockets: number;
  readonly timeoutMs: number;
  readonly answerBytesMax: number;
}

export interface Post {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Undefined when it is over the limit. */
  readonly body: Uint8Array | undefined;
}

export class HttpPoster {
  private readonly options: PosterOptions;
  private readonly http: HttpAgent;
  private readonly https: HttpsAgent;

  constructor(options: PosterOptions) {
    this.options = options;
    const { ca, sockets: maxSockets } = options;
    this.http = new HttpAgent({ keepAlive: true, maxSockets });
    this.https = new HttpsAgent({
      keepAlive: true,
      maxSockets,
      ...(ca === undefined ? {} : { ca }),
    });
  }

  /** Rejects when there is no whole answer in time, and on the signal. */
  post({ url, headers, body }: Post, signal: AbortSignal): Promise<HttpAnswer> {
    const { timeoutMs, answerBytesMax } = this.options;
    const isPlain = url.protocol === "http:";
    const bytes = Buffer.from(body, "utf8");
    return new Promise((resolve, reject) => {
      const request = (isPlain ? httpRequest : httpsRequest)(url, {
        method: "POST",
        agent: isPlain ? this.http : this.https,
        headers: { ...headers, "content-length": bytes.length },
      });
      // Whatever destroys the request is what it and its response fail with.
      let reason: unknown;
      const stop = (why: unknown): void => {
        reason ??= why;
        request.destroy();
      };
      const abort = (): void => stop(signal.reason);
      const timer = setTimeout(() => {
        stop(new Error(`no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      const settle = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
      };
      const fail = (error: unknown): void => {
        settle();
        reject(reason ?? error);
      };
      signal.addEventListener("abort", abort, { once: true });
      request.on("error", fail);
      request.on("response", (response) => {
        const { statusCode: status = 0, headers: told } = response;
        readBody(response, answerBytesMax).then((read) => {
          settle();
          resolve({ status, headers: told, body: read });
        }, fail);
      });
      request.end(bytes);
      if (signal.aborted) abort();
    });
  }

  close(): void {
    this.http.destroy();
    this.https.destroy();
  }
}

async function readBody(
  response: IncomingMessage,
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    // Leaving the loop ends the connection: nobody has to send the rest.
    if (bytes > bytesMax) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** True unless the request can't have reached the system at all. */
export function mayHaveArrived(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return !["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"].includes(code);
}
