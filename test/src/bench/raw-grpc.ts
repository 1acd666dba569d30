// Raw grpc-js over mutual TLS: what the floors are made of. Bytes in, bytes out, nothing of ours.

import { join } from "node:path";
import { readCredentials } from "@cloudbrain/sdk/identity";
import {
  type ClientDuplexStream,
  credentials as grpcCredentials,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import { benchMesh } from "./credentials.ts";

const asBuffer = (bytes: Buffer): Buffer => bytes;
const method = (path: string) => ({
  path,
  requestStream: true,
  responseStream: true,
  requestSerialize: asBuffer,
  requestDeserialize: asBuffer,
  responseSerialize: asBuffer,
  responseDeserialize: asBuffer,
});

const rawService = {
  Runs: method("/bench.Raw/Runs"),
  Pipe: method("/bench.Raw/Pipe"),
} as const satisfies ServiceDefinition;
const RawServiceClient = makeGenericClientConstructor(rawService, "Raw");

export type RawPipe = ClientDuplexStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

/** The options of our own links, so that the same library is compared with itself. */
const channelOptions = {
  "grpc.per_rpc_retry_buffer_size": 0,
  "grpc.enable_retries": 0,
  "grpc-node.flow_control_window": 4 * 1024 * 1024,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_channelz": 0,
  "grpc.service_config_disable_resolution": 1,
};

export interface RawHandlers {
  readonly runs?: (call: ServerDuplexStream<Buffer, Buffer>) => void;
  readonly pipe?: (call: ServerDuplexStream<Buffer, Buffer>) => void;
}

/** Listens on loopback; answers host:port. */
export async function openRawServer(directory: string, handlers: RawHandlers): Promise<string> {
  const own = readCredentials(join(directory, "identity"));
  const server = new Server({ "grpc.enable_channelz": 0 });
  server.addService(rawService, {
    Runs: (call: ServerDuplexStream<Buffer, Buffer>) => handlers.runs?.(call),
    Pipe: (call: ServerDuplexStream<Buffer, Buffer>) => handlers.pipe?.(call),
  });
  const pair = {
    private_key: Buffer.from(own.privateKeyPem),
    cert_chain: Buffer.from(own.certificatePem),
  };
  const tls = ServerCredentials.createSsl(Buffer.from(own.authorityPem), [pair], true);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", tls, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return `127.0.0.1:${port}`;
}

export class RawClient {
  private readonly client: InstanceType<typeof RawServiceClient>;

  constructor(directory: string, target: string) {
    const own = readCredentials(join(directory, "identity"));
    const tls = grpcCredentials.createSsl(
      Buffer.from(own.authorityPem),
      Buffer.from(own.privateKeyPem),
      Buffer.from(own.certificatePem),
      { checkServerIdentity: () => undefined },
    );
    this.client = new RawServiceClient(target, tls, {
      ...channelOptions,
      "grpc.ssl_target_name_override": benchMesh,
      "grpc.default_authority": benchMesh,
    });
  }

  runs(): ClientDuplexStream<Buffer, Buffer> {
    return this.client.makeBidiStreamRequest(rawService.Runs.path, asBuffer, asBuffer);
  }

  pipe(): ClientDuplexStream<Buffer, Buffer> {
    return this.client.makeBidiStreamRequest(rawService.Pipe.path, asBuffer, asBuffer);
  }
}

/** Writes one message at a time; what gathers meanwhile travels as one. */
export class GatheringWriter {
  private readonly call: RawPipe;
  private waiting: Buffer[] = [];
  private isWriting = false;

  constructor(call: RawPipe) {
    this.call = call;
  }

  push(bytes: Buffer): void {
    this.waiting.push(bytes);
    this.flush();
  }

  private flush(): void {
    if (this.isWriting || this.waiting.length === 0) return;
    const bytes = Buffer.concat(this.waiting);
    this.waiting = [];
    this.isWriting = true;
    const written = (): void => {
      this.isWriting = false;
      this.flush();
    };
    // A client's and a server's `write` differ in their types alone.
    (this.call as ClientDuplexStream<Buffer, Buffer>).write(bytes, written);
  }
}
