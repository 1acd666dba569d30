// Hub channel: one connection to a hub, with mutual TLS, and the refusal of a hub that is not the
// expected one.
//
//   B1  A connection that is not made within its limit is given up, so that the next call makes a
//       new one. grpc-js has no such limit: behind a machine that takes connections and stays
//       silent, one channel would connect for ever.
//   B2  Closing ends the calls that are under way. grpc-js would let streams go on.

import type { Socket } from "node:net";
import {
  Channel,
  type ChannelCredentials,
  type ChannelOptions,
  connectivityState,
  credentials as grpcCredentials,
} from "@grpc/grpc-js";
import { MeshError, parseAddress } from "../domain/index.ts";
import {
  type Credentials,
  dnsNameOf,
  parsePeerCertificate,
  readCredentials,
} from "../identity/index.ts";
import { WatchedCredentials } from "../link/watched-credentials.ts";

export interface HubChannelOptions {
  /** host:port. */
  readonly hub: string;
  /** Limit of a connection that is being made. */
  readonly connectMs: number;
  readonly identity: string | Credentials;
  readonly expected: string | undefined;
}

/** A call that closing has to end. */
export interface Cancellable {
  cancel(): void;
}

/** A chain with many steps and their outputs may be larger than the 4 MiB of grpc-js. */
const receiveBytesMax = 16 * 1024 * 1024;

const fixedOptions: ChannelOptions = {
  "grpc.enable_channelz": 0,
  // Finds a dead connection under a long watch; the hub's own interval is 30 s.
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.max_receive_message_length": receiveBytesMax,
  // Two clients of one process with different identities must not share a connection.
  "grpc.use_local_subchannel_pool": 1,
  // No TXT look-ups for service configuration.
  "grpc.service_config_disable_resolution": 1,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 2_000,
};

export class HubChannel {
  readonly credentials: ChannelCredentials;
  readonly channel: Channel;
  private readonly connectMs: number;
  private readonly calls = new Set<Cancellable>();
  private lastRefusal: MeshError | undefined;
  private isOver = false;

  /** Reads the identity at once; nothing connects before the first call. */
  constructor({ hub, identity, expected, connectMs }: HubChannelOptions) {
    const own = typeof identity === "string" ? readCredentials(identity) : identity;
    const { mesh } = own.identity;
    this.connectMs = connectMs;
    const tls = grpcCredentials.createSsl(
      Buffer.from(own.authorityPem),
      Buffer.from(own.privateKeyPem),
      Buffer.from(own.certificatePem),
      {
        checkServerIdentity: (_host, { raw }) => {
          this.lastRefusal = refuseHub(raw, mesh, expected);
          return this.lastRefusal;
        },
      },
    );
    this.credentials = new WatchedCredentials(tls, (socket) => this.limit(socket));
    // Certificates name addresses of the mesh, not hosts; checkServerIdentity compares those.
    const name = expected === undefined ? mesh : dnsNameOf(parseAddress(expected), mesh);
    this.channel = new Channel(hub, this.credentials, {
      ...fixedOptions,
      "grpc.ssl_target_name_override": name,
      "grpc.default_authority": name,
    });
  }

  /** Why the certificate of the hub was refused last, if it was. */
  refusal(): MeshError | undefined {
    return this.lastRefusal;
  }

  /** B1. */
  private limit(socket: Socket): void {
    const timer = setTimeout(() => {
      // The channel has one connection at a time, and is ready once that has spoken HTTP/2.
      if (this.channel.getConnectivityState(false) !== connectivityState.READY) socket.destroy();
    }, this.connectMs);
    timer.unref();
    socket.once("close", () => clearTimeout(timer));
  }

  isClosed(): boolean {
    return this.isOver;
  }

  /** The call is under way until the returned function is called. */
  track(call: Cancellable): () => void {
    this.calls.add(call);
    return () => this.calls.delete(call);
  }

  close(): void {
    this.isOver = true;
    for (const call of this.calls) call.cancel();
    this.channel.close();
  }
}

function refuseHub(raw: Buffer, mesh: string, expected: string | undefined): MeshError | undefined {
  try {
    const peer = parsePeerCertificate(raw);
    if (peer.mesh !== mesh) return untrusted(`the hub is of mesh ${peer.mesh}, you are of ${mesh}`);
    if (expected === undefined || peer.address === expected) return undefined;
    return untrusted(`the hub is ${peer.address}, expected ${expected}`);
  } catch (cause) {
    return untrusted(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function untrusted(detail: string, cause?: unknown): MeshError {
  return new MeshError("IDENTITY_UNTRUSTED", { detail, cause });
}
