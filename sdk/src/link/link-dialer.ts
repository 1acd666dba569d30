// Link dialer: keeps a node linked to the hub above it.
//
//   T7  One attempt at a time, each with a limit; after a loss the first retry is immediate, then
//       the delay grows from 0.5 s to 30 s with full jitter, so that thousands of nodes do not
//       march in step. A goodbye that says when to come back is respected. A link that did not
//       live for a heartbeat counts as a failed attempt.
//   T8  The hub is who its certificate says: the expected address, or the link is not made.
//   T11 Every attempt has a channel and a connection of its own, gone when it is over: a channel
//       that is kept would dial by itself beside T7, would put a new link on a connection that we
//       have found dead, and would wait for ever for a hub that accepts and stays silent.

import type { Socket } from "node:net";
import type { PeerCertificate } from "node:tls";
import {
  type ChannelCredentials,
  type ChannelOptions,
  type ClientDuplexStream,
  credentials as grpcCredentials,
  Metadata,
} from "@grpc/grpc-js";
import type { Address, Goodbye, Hello } from "../domain/index.ts";
import { type Credentials, dnsNameOf, parsePeerCertificate } from "../identity/index.ts";
import type { LinkTiming } from "../session/index.ts";
import { monotonicMs } from "./heartbeat-wheel.ts";
import { Link } from "./link.ts";
import {
  type ClosedReason,
  createLinkCounters,
  type DuplexCall,
  type LinkCounters,
  type LinkHost,
} from "./link-host.ts";
import { dialerOptions } from "./link-options.ts";
import { LinkClient, linkService, linkTokenKey } from "./link-service.ts";
import { WatchedCredentials } from "./watched-credentials.ts";

export interface LinkDialerOptions {
  /** host:port of the hub. */
  readonly target: string;
  readonly credentials: Credentials;
  /** Address that the hub's certificate must name. */
  readonly expected: Address;
  readonly self: Address;
  readonly hello: () => Hello;
  readonly host: LinkHost;
  readonly timing: LinkTiming;
  /** Numbers in [0, 1). */
  readonly dice: () => number;
  readonly connectTimeoutMs?: number;
  /** Why the last attempt failed or the link ended; for people. */
  readonly onLost?: ((reason: ClosedReason) => void) | undefined;
}

export interface LinkDialer {
  /** Of all links that this dialer has made. */
  readonly counters: LinkCounters;
  start(): void;
  /** The link that the hub has taken, if there is one now. */
  current(): Link | undefined;
  /** Says goodbye and dials no more; resolves when the link is over. */
  stop(goodbye: Goodbye): Promise<void>;
}

const connectMsDefault = 10_000;
const retryMsMin = 500;
const retryMsMax = 30_000;
const stopMs = 2_000;
/** Longer than any goodbye of ours; a number from outside never becomes a timer unchecked. */
const goodbyeRetryMsMax = 600_000;

type LinkCall = ClientDuplexStream<Buffer, Buffer>;

export function createLinkDialer(options: LinkDialerOptions): LinkDialer {
  return new Dialer(options);
}

class Dialer implements LinkDialer {
  readonly counters: LinkCounters = createLinkCounters();
  private readonly options: LinkDialerOptions;
  /** Made once: a TLS context costs more than all else of a channel. */
  private readonly tls: ChannelCredentials;
  private readonly channelOptions: ChannelOptions;
  private attempt: Attempt | undefined;
  /** In a row, without a link that lived for a heartbeat. */
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;
  private stopping: Promise<void> | undefined;
  private onOver: (() => void) | undefined;
  private hubNotAfterMs = Number.POSITIVE_INFINITY;

  constructor(options: LinkDialerOptions) {
    this.options = options;
    const { credentials, expected } = options;
    const name = dnsNameOf(expected, credentials.identity.mesh);
    this.tls = grpcCredentials.createSsl(
      Buffer.from(credentials.authorityPem),
      Buffer.from(credentials.privateKeyPem),
      Buffer.from(credentials.certificatePem),
      { checkServerIdentity: (_host, certificate) => this.checkServer(certificate) },
    );
    this.channelOptions = {
      ...dialerOptions,
      "grpc.ssl_target_name_override": name,
      "grpc.default_authority": name,
    };
  }

  /** T8; an answer other than undefined refuses the connection. */
  private checkServer(certificate: PeerCertificate): Error | undefined {
    const { credentials, expected } = this.options;
    try {
      const peer = parsePeerCertificate(certificate.raw);
      this.hubNotAfterMs = peer.notAfterMs;
      if (peer.address === expected && peer.mesh === credentials.identity.mesh) return undefined;
      return new Error(`the hub is ${peer.address} in ${peer.mesh}, expected ${expected}`);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  current(): Link | undefined {
    return this.attempt?.welcomedAtMs === undefined ? undefined : this.attempt.link;
  }

  start(): void {
    if (this.isStopped || this.attempt !== undefined) return;
    let hello: Hello;
    try {
      hello = this.options.hello();
    } catch (error) {
      const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const reason = { code: "DEFECT", detail, retryAfterMs: retryMsMax, byPeer: false };
      this.retry(reason);
      this.options.onLost?.(reason);
      return;
    }
    const attempt = this.openAttempt();
    this.attempt = attempt;
    attempt.link.greet(hello);
  }

  private openAttempt(): Attempt {
    const { options } = this;
    const sockets: Socket[] = [];
    const client = new LinkClient(
      options.target,
      new WatchedCredentials(this.tls, (socket) => sockets.push(socket)),
      this.channelOptions,
    );
    const call = openStream(client, linkService.Link.path, new Metadata());
    let token = "";
    const link = new Link(duplex(call), {
      end: "dialling",
      host: {
        ...boundHost(options.host),
        greeted: (refused, hello) => options.host.greeted(refused, hello),
        welcomed: (taken, welcome) => {
          clearTimeout(attempt.connectTimer);
          attempt.welcomedAtMs = monotonicMs();
          token = welcome.linkToken;
          taken.expireBy(this.hubNotAfterMs);
          options.host.welcomed(taken, welcome);
        },
        closed: (closed, reason) => {
          clearTimeout(attempt.connectTimer);
          this.attempt = undefined;
          // What is under way may end by itself (T11): the goodbye is on this connection.
          client.close();
          this.over(closed, reason, attempt.welcomedAtMs);
        },
      },
      timing: options.timing,
      self: options.self,
      notAfterMs: options.credentials.identity.notAfterMs,
      destroy: () => {
        call.cancel();
        for (const socket of sockets) socket.destroy();
      },
      openBulk: () => {
        const metadata = new Metadata();
        metadata.set(linkTokenKey, token);
        return duplex(openStream(client, linkService.Bulk.path, metadata));
      },
      totals: this.counters,
    });
    const connectTimeoutMs = options.connectTimeoutMs ?? connectMsDefault;
    const attempt: Attempt = {
      link,
      welcomedAtMs: undefined,
      connectTimer: setTimeout(() => {
        link.fail("TIMEOUT", `no link to ${options.target} within ${connectTimeoutMs} ms`);
      }, connectTimeoutMs),
    };
    return attempt;
  }

  private over(link: Link, reason: ClosedReason, welcomedAtMs: number | undefined): void {
    const { host, onLost, timing } = this.options;
    const livedMs = welcomedAtMs === undefined ? 0 : monotonicMs() - welcomedAtMs;
    if (livedMs >= timing.heartbeatMs) this.failures = 0;
    this.retry(reason);
    if (welcomedAtMs !== undefined) host.closed(link, reason);
    onLost?.(reason);
  }

  private retry(reason: ClosedReason): void {
    if (this.isStopped) {
      this.onOver?.();
      return;
    }
    const delayMs = this.retryDelayMs(reason);
    this.failures += 1;
    this.timer = setTimeout(() => this.start(), delayMs);
  }

  private retryDelayMs(reason: ClosedReason): number {
    const { dice } = this.options;
    // Not all at the very moment that the hub has named; and a hub can't send us away for ever.
    if (reason.retryAfterMs > 0) {
      return Math.min(reason.retryAfterMs, goodbyeRetryMsMax) * (1 + dice() / 2);
    }
    if (this.failures === 0) return 0;
    return dice() * Math.min(retryMsMax, retryMsMin * 2 ** Math.min(this.failures, 10));
  }

  stop(goodbye: Goodbye): Promise<void> {
    this.stopping ??= this.end(goodbye);
    return this.stopping;
  }

  private async end(goodbye: Goodbye): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    const { attempt } = this;
    if (attempt === undefined) return;
    const over = new Promise<void>((resolve) => {
      this.onOver = resolve;
    });
    const { link } = attempt;
    const patience = setTimeout(() => link.abort(), stopMs);
    if (attempt.welcomedAtMs === undefined) link.abort();
    else link.close(goodbye);
    await over;
    clearTimeout(patience);
  }
}

/** One dial and what came of it. */
interface Attempt {
  readonly link: Link;
  readonly connectTimer: NodeJS.Timeout;
  /** Monotonic; undefined until the hub has answered. */
  welcomedAtMs: number | undefined;
}

function openStream(
  client: InstanceType<typeof LinkClient>,
  path: string,
  metadata: Metadata,
): LinkCall {
  const asBuffer = (bytes: Buffer): Buffer => bytes;
  return client.makeBidiStreamRequest(path, asBuffer, asBuffer, metadata, {});
}

function boundHost(host: LinkHost): Pick<LinkHost, "run" | "acks" | "refusals"> {
  return {
    run: (link, run) => host.run(link, run),
    acks: (link, acks) => host.acks(link, acks),
    refusals: (link, refusals) => host.refusals(link, refusals),
  };
}

/** A client call's `write` takes its callback in the second place, like a server's. */
function duplex(call: LinkCall): DuplexCall {
  return call as unknown as DuplexCall;
}
