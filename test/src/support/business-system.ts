// Business system: a small HTTP server of a test that notes what it was asked and answers as told.

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { waitFor } from "./mesh-waiting.ts";

export interface Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body. */
  readonly told: Readonly<Record<string, unknown>>;
}

export interface Answered {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Undefined leaves the request without an answer. */
export type Answering = (asked: Asked) => Answered | undefined;

export class BusinessSystem {
  readonly asked: Asked[] = [];
  answering: Answering = () => ({ status: 200, body: "{}" });
  private readonly server: Server;
  private port = 0;

  constructor() {
    this.server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const text = Buffer.concat(parts).toString("utf8");
        const { url: path = "", headers } = request;
        const asked = { path, headers, text, told: JSON.parse(text) };
        this.asked.push(asked);
        const answered = this.answering(asked);
        if (answered === undefined) return;
        response.writeHead(answered.status, answered.headers);
        response.end(answered.body ?? "");
      });
    });
  }

  /** Listens, on the same port every time. */
  async open(): Promise<void> {
    this.server.listen(this.port, "127.0.0.1");
    await once(this.server, "listening");
    const address = this.server.address();
    if (typeof address === "object" && address !== null) this.port = address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/instructions`;
  }

  askedOf(chain: string): readonly Asked[] {
    return this.asked.filter(({ told }) => told["chain"] === chain);
  }

  /** The n-th request of this chain, from 0. */
  async awaitAsked(chain: string, index = 0): Promise<Asked> {
    return await waitFor({ what: `request ${index} of ${chain}`, limitMs: 15_000 }, () => {
      return this.askedOf(chain)[index];
    });
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, "close");
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}
