// Test host: a kernel with its journal, links and timer in virtual time. Nothing reaches a disk.
//
//   H1  Real code: kernel, Journal, Session, LinkProtocol, codec. Simulated: disk, network, clock.
//   H2  A commit takes a millisecond and never fails; nothing leaves before it.

import {
  type Address,
  type Goodbye,
  type Hello,
  type Kernel,
  type LaneAck,
  type LaneRefusal,
  type LaneRun,
  MeshError,
  type NodeDescription,
  parentOf,
  type SessionMark,
  type Welcome,
} from "../domain/index.ts";
import { genesisHash, Journal, newMeta } from "../journal/index.ts";
import type { NodeEvent, NodeOutput, Session } from "../session/index.ts";
import type { LinkOwner } from "./link-owner.ts";
import { type LinkWorld, linkTiming, TestLinkEnd } from "./test-link.ts";

const commitMs = 1;
/** As the drivers: finer timers cost more than they give. */
const tickMsMin = 10;
const redialMs = { low: 100, high: 1_000 };

export interface HostOptions<Event, Output> {
  readonly world: LinkWorld;
  readonly description: NodeDescription;
  readonly kernel: Kernel<Event | NodeEvent, Output>;
  readonly parent: LinkOwner<TestLinkEnd> | undefined;
}

export abstract class TestHost<Event, Output> implements LinkOwner<TestLinkEnd> {
  readonly address: Address;
  readonly storeId: string;
  /** Why the hub above refused us last, for people. */
  lastGoodbye = "";
  protected readonly options: HostOptions<Event, Output>;
  protected readonly links = new Map<number, TestLinkEnd>();
  private readonly linkOfPeer = new Map<Address, TestLinkEnd>();
  private readonly journal: Journal<Event | NodeEvent, Output>;
  private uplink: TestLinkEnd | undefined;
  private dials = 0;
  private cancelDial: (() => void) | undefined;
  private isCutOff = false;
  private disarm: (() => void) | undefined;
  private armedAtMs = Number.POSITIVE_INFINITY;

  constructor(options: HostOptions<Event, Output>) {
    const { world, description, kernel } = options;
    const { timeline } = world;
    this.options = options;
    this.address = description.address;
    this.storeId = `store-of-${description.address}`;
    this.journal = new Journal({
      kernel,
      meta: { ...newMeta(this.storeId), epoch: 1 },
      position: { seq: 0, hash: genesisHash, atMs: timeline.nowMs },
      clock: () => timeline.nowMs,
      defer: (callback) => timeline.schedule(0, callback),
      commit: (_operations, _epoch, done) => timeline.schedule(commitMs, () => done(undefined)),
      release: (outputs) => {
        for (const output of outputs) this.release(output);
      },
      flushed: (marks) => this.flushed(marks),
      failed: () => undefined,
      // A checkpoint would let go of chains that the test may still ask for.
      checkpointBytes: Number.POSITIVE_INFINITY,
    });
  }

  protected abstract release(output: Output): void;
  protected abstract sessionOf(peer: Address): Session | undefined;
  abstract greeted(end: TestLinkEnd, hello: Hello): void;

  start(): void {
    this.submit({ type: "started", epoch: 1 });
    this.dialSoon(0);
  }

  submit(event: Event | NodeEvent): void {
    this.journal.submit(event);
    this.arm();
  }

  private arm(): void {
    const { kernel, world } = this.options;
    const dueMs = kernel.wakeAtMs();
    if (dueMs === undefined || this.armedAtMs <= dueMs) return;
    this.disarm?.();
    this.armedAtMs = dueMs;
    this.disarm = world.timeline.schedule(Math.max(dueMs - world.timeline.nowMs, tickMsMin), () => {
      this.armedAtMs = Number.POSITIVE_INFINITY;
      this.submit({ type: "tick" });
    });
  }

  /** Takes the link to the hub above away, and makes no other before `reconnect`. */
  disconnect(): void {
    this.isCutOff = true;
    this.uplink?.cut();
  }

  reconnect(): void {
    if (!this.isCutOff) return;
    this.isCutOff = false;
    this.dialSoon(0);
  }

  private dialSoon(delayMs: number): void {
    const { parent, world } = this.options;
    if (parent === undefined) return;
    this.cancelDial?.();
    this.cancelDial = world.timeline.schedule(delayMs, () => {
      if (this.isCutOff) return;
      this.dials += 1;
      this.uplink = new TestLinkEnd(world, this);
      this.uplink.dial(parent, this.hello());
    });
  }

  private hello(): Hello {
    const { description } = this.options;
    const parent = parentOf(description.address);
    const session = parent === undefined ? undefined : this.sessionOf(parent);
    return {
      protocolMin: 1,
      protocolMax: 1,
      features: [],
      description,
      storeId: this.storeId,
      epoch: 1,
      dial: this.dials,
      peerStoreId: session?.peerStoreId ?? "",
      positions: session?.positions() ?? [],
      heartbeatMs: linkTiming.heartbeatMs,
      draining: false,
    };
  }

  protected openLink(link: number, session: Session, welcome?: Welcome): void {
    const end = this.links.get(link);
    if (end === undefined) return;
    this.linkOfPeer.set(session.peer, end);
    end.open(session, welcome);
  }

  /** For what hubs and agents put out alike. */
  protected releaseShared(output: NodeOutput): void {
    switch (output.type) {
      case "attached":
        this.openLink(output.link, output.session);
        return;
      case "closeLink":
        this.links.get(output.link)?.close(output.goodbye);
        return;
      case "refuseFrame":
        this.links.get(output.link)?.refuse(output.refusal);
        return;
      case "amnesia":
        throw new MeshError("AMNESIA", { subject: output.peer });
    }
  }

  private flushed(marks: readonly SessionMark[]): void {
    for (const { peer } of marks) this.linkOfPeer.get(peer)?.pump();
  }

  welcomed(end: TestLinkEnd, welcome: Welcome): void {
    this.links.set(end.id, end);
    this.submit({ type: "linkWelcomed", link: end.id, welcome });
  }

  run(end: TestLinkEnd, run: LaneRun): void {
    this.submit({ type: "frames", link: end.id, ...run });
  }

  acks(end: TestLinkEnd, acks: readonly LaneAck[]): void {
    this.submit({ type: "acks", link: end.id, acks });
  }

  refused(end: TestLinkEnd, refusals: readonly LaneRefusal[]): void {
    for (const { code, detail } of refusals) {
      this.options.world.timeline.note(
        `${this.address} link ${end.id} is refused ${code}: ${detail}`,
      );
    }
  }

  closed(end: TestLinkEnd, goodbye: Goodbye | undefined): void {
    const wasKnown = this.links.delete(end.id);
    for (const [peer, live] of this.linkOfPeer) if (live === end) this.linkOfPeer.delete(peer);
    if (wasKnown) this.submit({ type: "linkClosed", link: end.id });
    if (this.uplink !== end) return;
    this.uplink = undefined;
    if (goodbye !== undefined) this.lastGoodbye = `${goodbye.code}: ${goodbye.detail}`;
    const { dice } = this.options.world;
    this.dialSoon((goodbye?.retryAfterMs ?? 0) + dice.whole("redial", this.address, redialMs));
  }
}
