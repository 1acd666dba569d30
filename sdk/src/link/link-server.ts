// Link server: where children dial in. Mutual TLS always; the hub's API shares the port.
//
//   T5  Sockets are ours: how many in all and per address, and how long a handshake may take, is
//       bounded before grpc-js sees them. (Its connection injector works with mutual TLS and keeps
//       the caller's certificate; its own `bindAsync` has no limit of either kind.)
//   T6  A Hello whose address is not the certificate's never reaches the host.

import { randomBytes } from "node:crypto";
import { createServer, type Server as NetServer } from "node:net";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  status,
} from "@grpc/grpc-js";
import { encodeError } from "../codec/index.ts";
import { type Address, type Hello, limits, MeshError, type Welcome } from "../domain/index.ts";
import { type Credentials, type PeerIdentity, parsePeerCertificate } from "../identity/index.ts";
import type { LinkTiming, Session } from "../session/index.ts";
import { Link } from "./link.ts";
import {
  type ClosedReason,
  createLinkCounters,
  type LinkCounters,
  type LinkHost,
} from "./link-host.ts";
import { serverOptions } from "./link-options.ts";
import { linkService, linkTokenKey } from "./link-service.ts";
import { ServerSockets } from "./server-sockets.ts";
import { guardSessions, resetCall, type SessionPatience } from "./session-guard.ts";

/** How long a peer may take, ms. */
export interface ServerPatience extends SessionPatience {
  /** For the TLS handshake. */
  readonly handshakeMs: number;
  /** From the opening of a link's stream to its Hello. */
  readonly helloMs: number;
}

const patienceDefault: ServerPatience = {
  handshakeMs: limits.tlsHandshakeMs,
  firstStreamMs: limits.firstStreamMs,
  helloMs: limits.linkHelloMs,
  messageMs: limits.messageMs,
};

export interface LinkServerOptions {
  readonly credentials: Credentials;
  readonly listen: { readonly host: string; readonly port: number };
  readonly self: Address;
  readonly host: LinkHost;
  readonly timing: LinkTiming;
  /** Adds the hub's own services before the port opens. */
  readonly extraServices?: ((server: Server) => void) | undefined;
  /** Other limits than those of the mesh. */
  readonly patience?: ServerPatience;
}

export interface LinkServer {
  readonly port: number;
  /** Of all links that were ever made here. */
  readonly counters: LinkCounters;
  /** Sockets that are open now, whatever they have said. */
  connections(): number;
  /** Says goodbye to all links and ends all calls, waiting `graceMs` at most. */
  close(options: { readonly graceMs: number }): Promise<void>;
}

/** A token that can't be guessed: it ties a bulk stream to its link. */
const bulkTokenBytes = 16;

type LinkCall = ServerDuplexStream<Buffer, Buffer>;

interface OpenLink {
  readonly link: Link;
  /** Its bulk stream, once the child has opened one. */
  bulk: LinkCall | undefined;
  /** Of the peer's certificate. */
  readonly fingerprint: string;
}

/** What the links of one server share. */
interface ServerState {
  readonly options: LinkServerOptions;
  readonly counters: LinkCounters;
  /** By token. */
  readonly links: Map<string, OpenLink>;
}

export async function openLinkServer(options: LinkServerOptions): Promise<LinkServer> {
  const { credentials, patience = patienceDefault } = options;
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
  const links = new Map<string, OpenLink>();
  const state: ServerState = { options, counters: createLinkCounters(), links };
  server.addService(linkService, {
    Link: (call: LinkCall) => guard(call, () => acceptLink(call, state, patience.helloMs)),
    Bulk: (call: LinkCall) => guard(call, () => acceptBulk(call, links)),
  });
  options.extraServices?.(server);
  const injector = server.createConnectionInjector(tls);
  const sockets = new ServerSockets(patience.handshakeMs);
  sockets.seesSessions = guardSessions(server, patience, ({ socket }) =>
    sockets.shakenHands(socket),
  );
  const listener = createServer((socket) => {
    if (sockets.admit(socket)) injector.injectConnection(socket);
  });
  await listening(listener, options.listen);
  const bound = listener.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : options.listen.port,
    counters: state.counters,
    connections: () => sockets.size,
    close: async ({ graceMs }) => {
      listener.close();
      for (const { link } of links.values()) {
        link.close({ code: "DRAINING", detail: "the hub stops", retryAfterMs: 500 });
      }
      await Promise.race([
        new Promise<void>((resolve) => server.tryShutdown(() => resolve())),
        new Promise<void>((resolve) => setTimeout(resolve, graceMs).unref()),
      ]);
      injector.destroy();
      server.forceShutdown();
      sockets.destroy();
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

function acceptLink(call: LinkCall, state: ServerState, helloMs: number): void {
  const { options, counters, links } = state;
  const peer = peerOf(call);
  const token = randomBytes(bulkTokenBytes).toString("hex");
  const link = new ServerLink(
    call,
    {
      end: "listening",
      host: serverHost(options, peer, () => links.delete(token)),
      timing: options.timing,
      self: options.self,
      notAfterMs: Math.min(peer.notAfterMs, options.credentials.identity.notAfterMs),
      destroy: () => {
        resetCall(call);
        if (open.bulk !== undefined) resetCall(open.bulk);
      },
      helloMs,
      totals: counters,
    },
    token,
  );
  const open: OpenLink = { link, bulk: undefined, fingerprint: peer.fingerprint };
  links.set(token, open);
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
  onClosed: () => void,
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
    welcomed: (link, welcome) => host.welcomed(link, welcome),
    run: (link, run) => host.run(link, run),
    acks: (link, acks) => host.acks(link, acks),
    refusals: (link, refusals) => host.refusals(link, refusals),
    closed: (link, reason: ClosedReason) => {
      onClosed();
      host.closed(link, reason);
    },
  };
}

/** Version of cloudbrain.v1 that this build speaks. */
export const protocolVersion = 1;

function acceptBulk(call: LinkCall, links: ReadonlyMap<string, OpenLink>): void {
  const { fingerprint } = peerOf(call);
  const [token] = call.metadata.get(linkTokenKey);
  const open = typeof token === "string" ? links.get(token) : undefined;
  if (open?.fingerprint === fingerprint && open.link.attachBulk(call)) {
    open.bulk = call;
    return;
  }
  const details = "no link of this caller waits for this stream";
  call.emit("error", { code: status.NOT_FOUND, details, metadata: new Metadata() });
}
