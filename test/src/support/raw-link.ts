// Raw link: a peer with a valid certificate that keeps to nothing else. Says what it likes on the
// link's stream and shows what comes back.

import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { parseBatch } from "@cloudbrain/sdk/codec";
import type { Batch } from "@cloudbrain/sdk/domain";
import type { Credentials } from "@cloudbrain/sdk/identity";

const service = "/cloudbrain.v1.LinkService";

/** The prefix of a gRPC message of so many bytes. */
export function messagePrefix(length: number): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

export class RawLink {
  private readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  readonly batches: Batch[] = [];
  /** The gRPC status, once there is one. */
  status: string | undefined;
  private waiting: Buffer = Buffer.alloc(0);

  constructor(credentials: Credentials, port: number) {
    this.session = connect(`https://127.0.0.1:${port}`, {
      ca: credentials.authorityPem,
      cert: credentials.certificatePem,
      key: credentials.privateKeyPem,
      checkServerIdentity: () => undefined,
    });
    this.session.on("error", () => undefined);
    this.stream = this.openStream("Link");
    this.stream.on("data", (chunk: Buffer) => this.take(chunk));
    const note = (headers: Record<string, unknown>): void => {
      const status = headers["grpc-status"];
      if (status !== undefined) this.status = String(status);
    };
    this.stream.on("response", note).on("trailers", note);
  }

  private openStream(method: string, metadata: Record<string, string> = {}): ClientHttp2Stream {
    const stream = this.session.request({
      ":method": "POST",
      ":path": `${service}/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
      ...metadata,
    });
    stream.on("error", () => undefined);
    return stream;
  }

  /** The second stream, tied to the link by the token of the Welcome. */
  openBulk(token: string): ClientHttp2Stream {
    const stream = this.openStream("Bulk", { "cloudbrain-link": token });
    stream.resume();
    return stream;
  }

  private take(chunk: Buffer): void {
    this.waiting = Buffer.concat([this.waiting, chunk]);
    while (this.waiting.length >= 5 && this.waiting.length >= 5 + this.waiting.readUInt32BE(1)) {
      const end = 5 + this.waiting.readUInt32BE(1);
      this.batches.push(parseBatch(this.waiting.subarray(5, end)));
      this.waiting = this.waiting.subarray(end);
    }
  }

  /** One gRPC message. */
  write(message: Uint8Array): void {
    this.stream.write(Buffer.concat([messagePrefix(message.length), message]));
  }

  /** One HTTP/2 frame; resolves when it has left. */
  async writeFragment(bytes: Uint8Array): Promise<void> {
    if (this.stream.destroyed) return;
    if (this.stream.write(bytes)) await new Promise((resolve) => setImmediate(resolve));
    else await Promise.race([once(this.stream, "drain"), once(this.stream, "close")]);
  }

  close(): void {
    this.session.destroy();
  }
}
