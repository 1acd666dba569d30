// Hub channel: one connection to a hub, with mutual TLS, and the refusal of a hub that is not the
// expected one.

import {
  type ChannelCredentials,
  type ChannelOptions,
  credentials as grpcCredentials,
} from "@grpc/grpc-js";
import { MeshError, parseAddress } from "../domain/index.ts";
import {
  type Credentials,
  dnsNameOf,
  parsePeerCertificate,
  readCredentials,
} from "../identity/index.ts";

export interface HubChannelOptions {
  readonly identity: string | Credentials;
  readonly expected: string | undefined;
}

export interface HubChannel {
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
  /** Why the certificate of the hub was refused last, if it was. */
  refusal(): MeshError | undefined;
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

/** Reads the identity at once; nothing connects before the first call. */
export function createHubChannel({ identity, expected }: HubChannelOptions): HubChannel {
  const own = typeof identity === "string" ? readCredentials(identity) : identity;
  const { mesh } = own.identity;
  let refusal: MeshError | undefined;
  const credentials = grpcCredentials.createSsl(
    Buffer.from(own.authorityPem),
    Buffer.from(own.privateKeyPem),
    Buffer.from(own.certificatePem),
    {
      checkServerIdentity: (_host, { raw }) => {
        refusal = refuseHub(raw, mesh, expected);
        return refusal;
      },
    },
  );
  // Certificates name addresses of the mesh, not hosts; checkServerIdentity compares those.
  const name = expected === undefined ? mesh : dnsNameOf(parseAddress(expected), mesh);
  return {
    credentials,
    options: {
      ...fixedOptions,
      "grpc.ssl_target_name_override": name,
      "grpc.default_authority": name,
    },
    refusal: () => refusal,
  };
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
