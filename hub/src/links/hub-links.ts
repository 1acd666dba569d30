// Links of a hub: joins live connections with the kernel. Children dial us; we dial our parent.

import {
  type Address,
  catalogFeature,
  type Hello,
  type LaneAck,
  type LaneRun,
  type NodeDescription,
  type SessionMark,
  type Welcome,
} from "@cloudbrain/sdk/domain";
import type { CatalogTraffic, Link, LinkHost } from "@cloudbrain/sdk/link";
import { helloFor } from "@cloudbrain/sdk/session";
import type { DriverLinks, HubDriver } from "../driver.ts";
import type { HubKernel, HubOutput } from "../kernel/index.ts";

export interface HubLinksOptions {
  readonly description: NodeDescription;
  readonly storeId: string;
  readonly heartbeatMs: number;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
  /** A text with inputs or outputs is about to be taken here, or passed on. */
  readonly mentioned: (text: string | Uint8Array) => void;
  /** The hub above has welcomed us. */
  readonly parentLinked: () => void;
  readonly catalogs: CatalogEnds;
}

/** What replicates the hub's catalog over one link, until that is closed. */
export interface CatalogEnd extends CatalogTraffic {
  close(): void;
}

export interface CatalogEnds {
  openDownlink(child: Address, link: Link): CatalogEnd;
  openUplink(link: Link): CatalogEnd;
}

/** Optional abilities of this build. */
const ownFeatures: readonly string[] = [catalogFeature];

type Outgoing<Type extends HubOutput["type"]> = Extract<HubOutput, { type: Type }>;

/** Frames by direction, since the process began. */
export interface FrameCounters {
  received: number;
  receivedByKind: Map<string, number>;
}

export class HubLinks implements LinkHost, DriverLinks {
  readonly counters: FrameCounters = { received: 0, receivedByKind: new Map() };
  private readonly options: HubLinksOptions;
  private readonly links = new Map<number, Link>();
  private readonly linkOfPeer = new Map<Address, Link>();
  /** By link: the features of the other end, then those of both. */
  private readonly features = new Map<number, readonly string[]>();
  private readonly catalogEnds = new Map<number, CatalogEnd>();
  private driver: HubDriver | undefined;

  constructor(options: HubLinksOptions) {
    this.options = options;
  }

  bind(driver: HubDriver): void {
    this.driver = driver;
  }

  get size(): number {
    return this.links.size;
  }

  /** Our Hello to the parent: positions as they are now. */
  hello(kernel: HubKernel, epoch: number, dial: number, parent: Address): Hello {
    const session = kernel.state.sessions.get(parent);
    return {
      protocolMin: 1,
      protocolMax: 1,
      features: ownFeatures,
      description: this.options.description,
      storeId: this.options.storeId,
      epoch,
      dial,
      peerStoreId: session?.peerStoreId ?? "",
      positions: session?.positions() ?? [],
      heartbeatMs: this.options.heartbeatMs,
      draining: kernel.state.draining,
    };
  }

  greeted(link: Link, hello: Hello): void {
    this.links.set(link.id, link);
    this.features.set(link.id, hello.features);
    const known = helloFor(this.options.storeId, hello);
    this.driver?.submit({ type: "linkGreeted", link: link.id, hello: known });
  }

  welcomed(link: Link, welcome: Welcome): void {
    this.links.set(link.id, link);
    this.options.parentLinked();
    this.features.set(link.id, welcome.features);
    this.driver?.submit({ type: "linkWelcomed", link: link.id, welcome });
  }

  run(link: Link, run: LaneRun): void {
    const { lane, firstSeq, frames } = run;
    this.counters.received += frames.length;
    for (const { body } of frames) {
      const { receivedByKind } = this.counters;
      receivedByKind.set(body.kind, (receivedByKind.get(body.kind) ?? 0) + 1);
      if (body.kind === "feedback") this.options.mentioned(body.output);
      else if (body.kind === "instruction") this.options.mentioned(body.input);
      else if (body.kind === "opaque") this.options.mentioned(body.bytes);
    }
    this.driver?.submit({ type: "frames", link: link.id, lane, firstSeq, frames });
  }

  acks(link: Link, acks: readonly LaneAck[]): void {
    this.driver?.submit({ type: "acks", link: link.id, acks });
  }

  refusals(link: Link, refusals: Parameters<LinkHost["refusals"]>[1]): void {
    for (const refusal of refusals) {
      this.options.log("frame refused by peer", { link: link.id, ...refusal });
    }
  }

  closed(link: Link, reason: Parameters<LinkHost["closed"]>[1]): void {
    this.catalogEnds.get(link.id)?.close();
    this.catalogEnds.delete(link.id);
    this.features.delete(link.id);
    if (!this.links.delete(link.id)) return;
    for (const [peer, live] of this.linkOfPeer) {
      if (live === link) this.linkOfPeer.delete(peer);
    }
    this.options.log("link closed", { link: link.id, ...reason });
    this.driver?.submit({ type: "linkClosed", link: link.id });
  }

  welcome(output: Outgoing<"welcome">): void {
    const link = this.links.get(output.link);
    if (link === undefined) return;
    const { description, storeId, heartbeatMs } = this.options;
    this.linkOfPeer.set(output.session.peer, link);
    const welcome: Welcome = {
      ...output.welcome,
      features: this.commonFeatures(link),
      title: description.title,
      storeId,
      heartbeatMs,
      // The server knows which link it is.
      linkToken: "",
    };
    const { peer } = output.session;
    this.attachCatalog(link, () => this.options.catalogs.openDownlink(peer, link));
    link.welcome(output.session, welcome);
  }

  private commonFeatures({ id }: Link): readonly string[] {
    const theirs = this.features.get(id) ?? [];
    return ownFeatures.filter((feature) => theirs.includes(feature));
  }

  /** A peer that does not know catalogs is never sent a word of them. */
  private attachCatalog(link: Link, open: () => CatalogEnd): void {
    if (!this.commonFeatures(link).includes(catalogFeature)) return;
    const end = open();
    this.catalogEnds.set(link.id, end);
    link.attachCatalog(end);
  }

  attach(output: Outgoing<"attached">): void {
    const link = this.links.get(output.link);
    if (link === undefined) return;
    this.linkOfPeer.set(output.session.peer, link);
    this.attachCatalog(link, () => this.options.catalogs.openUplink(link));
    link.attach(output.session);
  }

  close(output: Outgoing<"closeLink">): void {
    this.links.get(output.link)?.close(output.goodbye);
  }

  refuseFrame(output: Outgoing<"refuseFrame">): void {
    this.links.get(output.link)?.refuse(output.refusal);
  }

  flushed(marks: readonly SessionMark[]): void {
    for (const { peer } of marks) this.linkOfPeer.get(peer)?.pump();
  }

  /** Says goodbye to everybody: the hub is going away. */
  closeAll(detail: string): void {
    for (const link of this.links.values()) {
      link.close({ code: "DRAINING", detail, retryAfterMs: 500 });
    }
  }
}
