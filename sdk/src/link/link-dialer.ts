// Link dialer: keeps a node linked to the hub above it.
//
//   T7  One attempt at a time, each with a limit; after a loss the first retry is immediate, then
//       the delay grows from 0.5 s to 30 s with full jitter, so that thousands of nodes do not
//       march in step. A goodbye that says when to come back is respected.
//   T8  The hub is who its certificate says: the expected address, or the link is not made.

import type { PeerCertificate } from "node:tls";
import { type ClientDuplexStream, credentials as grpcCredentials, Metadata } from "@grpc/grpc-js";
import type { Address, Goodbye, Hello } from "../domain/index.ts";
import {
  type Credentials,
  certificateDelayMs,
  dnsNameOf,
  parsePeerCertificate,
} from "../identity/index.ts";
import type { LinkTiming } from "../session/index.ts";
import { type ClosedReason, type DuplexCall, Link, type LinkHost } from "./link.ts";
import { dialerOptions } from "./link-options.ts";
import { LinkClient, linkTokenKey } from "./link-service.ts";

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
  start(): void;
  /** Says goodbye and dials no more; resolves when the link is over. */
  stop(goodbye: Goodbye): Promise<void>;
}

const connectMsDefault = 10_000;
const retryMsMin = 500;
const retryMsMax = 30_000;
const stopMs = 2_000;

type LinkCall = ClientDuplexStream<Buffer, Buffer>;

export function createLinkDialer(options: LinkDialerOptions): LinkDialer {
  return new Dialer(options);
}

class Dialer implements LinkDialer {
  private readonly options: LinkDialerOptions;
  private readonly client: InstanceType<typeof LinkClient>;
  private link: Link | undefined;
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private onOver: (() => void) | undefined;

  constructor(options: LinkDialerOptions) {
    this.options = options;
    const { credentials, expected, target } = options;
    const name = dnsNameOf(expected, credentials.identity.mesh);
    this.client = new LinkClient(
      target,
      grpcCredentials.createSsl(
        Buffer.from(credentials.authorityPem),
        Buffer.from(credentials.privateKeyPem),
        Buffer.from(credentials.certificatePem),
        { checkServerIdentity: (_host, certificate) => this.checkServer(certificate) },
      ),
      {
        ...dialerOptions,
        "grpc.ssl_target_name_override": name,
        "grpc.default_authority": name,
      },
    );
  }

  /** T8; an answer other than undefined refuses the connection. */
  private checkServer(certificate: PeerCertificate): Error | undefined {
    const { credentials, expected } = this.options;
    try {
      const peer = parsePeerCertificate(certificate.raw);
      if (peer.address === expected && peer.mesh === credentials.identity.mesh) return undefined;
      return new Error(`the hub is ${peer.address} in ${peer.mesh}, expected ${expected}`);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  start(): void {
    if (this.stopped || this.link !== undefined) return;
    const { options } = this;
    const call = this.client.makeBidiStreamRequest(
      "/cloudbrain.v1.LinkService/Link",
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      new Metadata(),
      {},
    ) as LinkCall;
    let token = "";
    let isWelcomed = false;
    const connectTimer = setTimeout(
      () => call.cancel(),
      options.connectTimeoutMs ?? connectMsDefault,
    );
    const host: LinkHost = {
      ...boundHost(options.host),
      greeted: (link) => {
        const detail = "a hub does not greet its child";
        link.close({ code: "FRAME_INVALID", detail, retryAfterMs: retryMsMax });
      },
      welcomed: (link, welcome) => {
        clearTimeout(connectTimer);
        if (isWelcomed) return;
        isWelcomed = true;
        this.failures = 0;
        token = welcome.linkToken;
        options.host.welcomed(link, welcome);
      },
      closed: (link, reason) => {
        clearTimeout(connectTimer);
        this.link = undefined;
        if (isWelcomed) options.host.closed(link, reason);
        options.onLost?.(reason);
        this.planRetry(reason);
      },
    };
    this.link = new Link(duplex(call), {
      host,
      timing: options.timing,
      self: options.self,
      certificateMs: certificateDelayMs(options.credentials.identity.notAfterMs, Date.now()),
      destroy: () => call.cancel(),
      openBulk: () => this.openBulk(token),
    });
    this.link.greet(options.hello());
  }

  private openBulk(token: string): DuplexCall {
    const metadata = new Metadata();
    metadata.set(linkTokenKey, token);
    const call = this.client.makeBidiStreamRequest(
      "/cloudbrain.v1.LinkService/Bulk",
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      metadata,
      {},
    ) as LinkCall;
    return duplex(call);
  }

  private planRetry(reason: ClosedReason): void {
    if (this.stopped) {
      this.onOver?.();
      return;
    }
    const delayMs = this.retryDelayMs(reason);
    this.failures += 1;
    this.timer = setTimeout(() => this.start(), delayMs);
  }

  private retryDelayMs(reason: ClosedReason): number {
    const { dice } = this.options;
    // Not all at the very moment that the hub has named.
    if (reason.retryAfterMs > 0) return reason.retryAfterMs * (1 + dice() / 2);
    if (this.failures === 0) return 0;
    const ceiling = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(this.failures, 10));
    return Math.max(retryMsMin * dice(), dice() * ceiling);
  }

  async stop(goodbye: Goodbye): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    clearTimeout(this.timer);
    const { link } = this;
    if (link !== undefined) {
      const over = new Promise<void>((resolve) => {
        this.onOver = resolve;
      });
      link.close(goodbye);
      const patience = setTimeout(() => link.abort(), stopMs);
      await over;
      clearTimeout(patience);
    }
    this.client.close();
  }
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
