// Link server: where children dial in. Mutual TLS always; the hub's API shares the port.
//
//   T5  Sockets are ours: how many in all and per address, and how long a handshake may take, is
//       bounded before grpc-js sees them.
//   T6  A Hello whose address is not the certificate's never reaches the host.

import { randomBytes } from "node:crypto";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  status,
} from "@grpc/grpc-js";
import { encodeError } from "../codec/index.ts";
import { type Address, type Hello, MeshError, type Welcome } from "../domain/index.ts";
import {
  type Credentials,
  certificateDelayMs,
  type PeerIdentity,
  parsePeerCertificate,
} from "../identity/index.ts";
import type { LinkTiming, Session } from "../session/index.ts";
import { type ClosedReason, Link, type LinkHost } from "./link.ts";
import { serverOptions } from "./link-options.ts";
import { linkService, linkTokenKey } from "./link-service.ts";

export interface LinkServerOptions {
  readonly credentials: Credentials;
  readonly listen: { readonly host: string; readonly port: number };
  readonly self: Address;
  readonly host: LinkHost;
  readonly timing: LinkTiming;
  /** Adds the hub's own services before the port opens. */
  readonly extraServices?: ((server: Server) => void) | undefined;
}

export interface LinkServer {
  readonly port: number;
  /** Ends all calls, waiting `graceMs` for those that end by themselves. */
  close(options: { readonly graceMs: number }): Promise<void>;
}

const connectionsMax = 20_000;
/** Several thousand nodes of one machine, as in the demo, share an address. */
const connectionsPerAddressMax = 10_000;
const handshakeMs = 5_000;
/** A lost connection of ours must not make the peer wait for a dead half. */
const bulkTokenBytes = 16;

type LinkCall = ServerDuplexStream<Buffer, Buffer>;

export async function openLinkServer(options: LinkServerOptions): Promise<LinkServer> {
  const { credentials } = options;
  const server = new Server(serverOptions);
  const tls = ServerCredentials.createSsl(
    Buffer.from(credentials.authorityPem),
    [
      {
        private_key: Buffer.from(credentials.privateKeyPem),
        cert_chain: Buffer.from(credentials.certificatePem),
      },
    ],
    true,
  );
  const links = new Map<string, Link>();
  server.addService(linkService, {
    Link: (call: LinkCall) => guard(call, () => acceptLink(call, options, links)),
    Bulk: (call: LinkCall) => guard(call, () => acceptBulk(call, links)),
  });
  options.extraServices?.(server);
  const injector = server.createConnectionInjector(tls);
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => acceptSocket(socket, sockets, injector));
  await listening(listener, options.listen);
  const bound = listener.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : options.listen.port,
    close: async ({ graceMs }) => {
      listener.close();
      await Promise.race([
        new Promise<void>((resolve) => server.tryShutdown(() => resolve())),
        new Promise<void>((resolve) => setTimeout(resolve, graceMs).unref()),
      ]);
      injector.destroy();
      server.forceShutdown();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function listening(listener: NetServer, listen: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    listener.once("error", (cause: NodeJS.ErrnoException) => {
      const detail = `can't listen: ${cause.code ?? cause.message}; choose another address or port`;
      const subject = `${listen.host}:${listen.port}`;
      reject(new MeshError("CONFIG_INVALID", { subject, detail, cause }));
    });
    listener.listen(listen.port, listen.host, () => resolve());
  });
}

function acceptSocket(
  socket: Socket,
  sockets: Set<Socket>,
  injector: { injectConnection(socket: Socket): void },
): void {
  socket.on("error", () => undefined);
  const address = socket.remoteAddress ?? "";
  let fromAddress = 0;
  for (const other of sockets) if (other.remoteAddress === address) fromAddress += 1;
  if (sockets.size >= connectionsMax || fromAddress >= connectionsPerAddressMax) {
    socket.destroy();
    return;
  }
  sockets.add(socket);
  socket.setNoDelay(true);
  const timer = setTimeout(() => {
    // Two TLS flights of a client have more bytes than this; a silent one has none.
    if (socket.bytesRead < handshakeBytesMin) socket.destroy();
  }, handshakeMs);
  timer.unref();
  socket.once("close", () => {
    clearTimeout(timer);
    sockets.delete(socket);
  });
  injector.injectConnection(socket);
}

const handshakeBytesMin = 200;

/** Every handler is wrapped once: a throw becomes a status, never the end of the process. */
function guard(call: LinkCall, accept: () => void): void {
  call.on("error", () => undefined);
  try {
    accept();
  } catch (error) {
    call.emit("error", encodeError(error));
  }
}

function peerOf(call: LinkCall): PeerIdentity {
  const certificate = call.getAuthContext().sslPeerCertificate;
  if (certificate?.raw === undefined) {
    throw new MeshError("IDENTITY_UNTRUSTED", { detail: "the caller has shown no certificate" });
  }
  return parsePeerCertificate(certificate.raw);
}

function acceptLink(call: LinkCall, options: LinkServerOptions, links: Map<string, Link>): void {
  const peer = peerOf(call);
  const token = randomBytes(bulkTokenBytes).toString("hex");
  const host = serverHost(options, peer, token, links);
  const link = new ServerLink(
    call,
    {
      host,
      timing: options.timing,
      self: options.self,
      certificateMs: certificateDelayMs(peer.notAfterMs, Date.now()),
      destroy: () => call.destroy(),
    },
    token,
  );
  links.set(token, link);
}

/** Adds the token of the bulk stream to the Welcome. */
class ServerLink extends Link {
  private readonly token: string;
  constructor(call: LinkCall, options: ConstructorParameters<typeof Link>[1], token: string) {
    super(call, options);
    this.token = token;
  }
  override welcome(session: Session, welcome: Welcome): void {
    super.welcome(session, { ...welcome, linkToken: this.token });
  }
}

function serverHost(
  options: LinkServerOptions,
  peer: PeerIdentity,
  token: string,
  links: Map<string, Link>,
): LinkHost {
  const { host } = options;
  return {
    greeted: (link: Link, hello: Hello) => {
      const { mesh } = options.credentials.identity;
      const { address } = hello.description;
      if (address !== peer.address || peer.mesh !== mesh) {
        const detail = `the certificate is of ${peer.address} in ${peer.mesh}, not of ${address}`;
        link.close({ code: "IDENTITY_UNTRUSTED", detail, retryAfterMs: 30_000 });
        return;
      }
      if (hello.protocolMin > protocolVersion || hello.protocolMax < protocolVersion) {
        const detail = `this hub speaks version ${protocolVersion}`;
        link.close({ code: "VERSION_UNSUPPORTED", detail, retryAfterMs: 60_000 });
        return;
      }
      host.greeted(link, { ...hello, protocolMax: protocolVersion });
    },
    welcomed: (link) => {
      const detail = "a child does not welcome its hub";
      link.close({ code: "FRAME_INVALID", detail, retryAfterMs: 30_000 });
    },
    run: (link, run) => host.run(link, run),
    acks: (link, acks) => host.acks(link, acks),
    refusals: (link, refusals) => host.refusals(link, refusals),
    closed: (link, reason: ClosedReason) => {
      links.delete(token);
      host.closed(link, reason);
    },
  };
}

/** Version of cloudbrain.v1 that this build speaks. */
export const protocolVersion = 1;

function acceptBulk(call: LinkCall, links: Map<string, Link>): void {
  peerOf(call);
  const [token] = call.metadata.get(linkTokenKey);
  const link = typeof token === "string" ? links.get(token) : undefined;
  if (link === undefined) {
    const details = "no link has this token";
    call.emit("error", { code: status.NOT_FOUND, details, metadata: new Metadata() });
    return;
  }
  link.attachBulk(call);
}
