// Simulated node: one kernel with its journal, disk and links, through many lives.
//
//   S1  A life begins by recovering the disk and ends with a crash; nothing of it acts later.
//   S2  A store that recovery refuses is never served: the world's operator puts a good copy back.
//   S3  Real code: kernel, Journal, Recovery, LinkProtocol. Simulated: disk, network, clock.

import {
  type Address,
  type Batch,
  type Goodbye,
  type Hello,
  type Kernel,
  type LaneAck,
  type LaneRefusal,
  type LaneRun,
  MeshError,
  type NodeDescription,
  parentOf,
  type Welcome,
} from "@cloudbrain/sdk/domain";
import { Journal } from "@cloudbrain/sdk/internal/journal/journal";
import { metaKey } from "@cloudbrain/sdk/internal/journal/keys";
import {
  decodeMeta,
  encodeMeta,
  newMeta,
  type Recovery,
} from "@cloudbrain/sdk/internal/journal/recovery";
import {
  amnesiaToldTo,
  type NodeEvent,
  type NodeOutput,
  type Session,
} from "@cloudbrain/sdk/session";
import { CommitPorter } from "./commit-porter.ts";
import { recoverFrom } from "./disk-recovery.ts";
import type { LinkEnd } from "./link-end.ts";
import { NodeLinks } from "./node-links.ts";
import type { NodeStatus, NodeView } from "./node-view.ts";
import { type DiskCopy, SimDisk } from "./sim-disk.ts";
import type { Cancel } from "./timeline.ts";
import type { World } from "./world.ts";

/** 2026-01-01; only differences matter. */
const wallStartMs = 1_767_225_600_000;
/** As the driver: finer timers cost more than they give. */
const tickMsMin = 10;

export abstract class SimNode<Event, Output> implements NodeView {
  readonly world: World;
  readonly description: NodeDescription;
  readonly disk: SimDisk;
  kernel: Kernel<Event | NodeEvent, Output>;
  journal: Journal<Event | NodeEvent, Output> | undefined;
  status: NodeStatus = "down";
  storeId: string;
  epoch = 0;
  lives = 0;
  stores = 1;
  wallOffsetMs = 0;
  lastJournalMs = 0;
  goodCopy: DiskCopy | undefined;
  protected links: NodeLinks;
  private cancelTick: Cancel | undefined;
  private tickDueMs = 0;
  private commits: CommitPorter<Event, Output> | undefined;

  constructor(world: World, description: NodeDescription) {
    this.world = world;
    this.description = description;
    this.storeId = `store-${description.address}-1`;
    const { timeline, dice, faults } = world;
    const node = description.address;
    this.disk = new SimDisk({
      timeline,
      dice,
      node,
      syncMs: () => faults.syncMs(node),
      syncFails: () => faults.syncFails(node),
    });
    this.kernel = this.createKernel();
    this.links = this.createLinks();
    this.initialise();
  }

  abstract createKernel(): Kernel<Event | NodeEvent, Output>;
  abstract sessions(): ReadonlyMap<Address, Session>;
  protected abstract readonly liveTables: readonly string[];
  protected abstract releaseOne(output: Output): void;
  protected abstract isDraining(): boolean;

  get address(): Address {
    return this.description.address;
  }
  get parent(): Address | undefined {
    return parentOf(this.description.address);
  }
  get isUp(): boolean {
    return this.status === "up";
  }

  private initialise(): void {
    const value = encodeMeta(newMeta(this.storeId));
    this.disk.commit([{ type: "put", key: metaKey, value }], () => undefined);
    this.disk.crash("process");
  }

  replaceStore(): void {
    this.crash("process");
    this.status = "down";
    this.disk.wipe();
    this.goodCopy = undefined;
    this.stores += 1;
    this.storeId = `store-${this.address}-${this.stores}`;
    this.initialise();
    this.world.checkers.storeReplaced(this.address);
  }

  healFrom(copy: DiskCopy): void {
    this.crash("process");
    this.disk.restore(copy, true);
    this.goodCopy = undefined;
    this.status = "down";
  }

  isIdle(): boolean {
    return this.commits?.isIdle() ?? true;
  }

  tables(): readonly string[] {
    return this.liveTables;
  }

  recover(from: "checkpoint" | "genesis"): {
    kernel: Kernel<Event | NodeEvent, Output>;
    recovery: Recovery;
  } {
    const kernel = this.createKernel();
    const recovery = recoverFrom({ disk: this.disk, tables: this.liveTables, kernel, from });
    return { kernel, recovery };
  }

  start(): void {
    if (this.status !== "down") return;
    const { world } = this;
    world.timeline.note(`${this.address} starts`);
    this.lives += 1;
    try {
      world.checkers.checkReplay(this);
      const { kernel, recovery } = this.recover("checkpoint");
      const position = recovery.finish();
      const stored = decodeMeta(this.disk.read(metaKey));
      const meta = { ...stored, epoch: stored.epoch + 1 };
      this.epoch = meta.epoch;
      this.kernel = kernel;
      this.status = "starting";
      const life = this.lives;
      this.disk.commit([{ type: "put", key: metaKey, value: encodeMeta(meta) }], (error) => {
        if (this.lives !== life || this.status !== "starting") return;
        if (error !== undefined) this.die("the first commit failed");
        else this.begin(meta, position);
      });
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      this.refuse(error.code);
    }
  }

  private begin(
    meta: ReturnType<typeof decodeMeta>,
    position: ReturnType<Recovery["finish"]>,
  ): void {
    const { world } = this;
    const life = this.lives;
    const isCurrent = (): boolean => this.lives === life && this.isUp;
    const commits = new CommitPorter({ world, node: this, kernel: this.kernel });
    this.commits = commits;
    this.links = this.createLinks();
    this.lastJournalMs = position.atMs;
    this.status = "up";
    world.checkers.recovered(this);
    this.journal = new Journal<Event | NodeEvent, Output>({
      kernel: this.kernel,
      meta,
      position,
      clock: () => wallStartMs + Math.floor(world.timeline.nowMs) + this.wallOffsetMs,
      defer: (callback) => world.timeline.schedule(0, () => isCurrent() && callback()),
      commit: (operations, _epoch, done) =>
        commits.commit(operations, (error) => isCurrent() && done(error)),
      release: (outputs) => {
        for (const output of outputs) if (isCurrent()) this.releaseOne(output);
      },
      flushed: (marks) => this.links.flushed(marks),
      failed: () => this.die("a commit failed"),
      anchor: (seq, hash) => this.disk.rememberAnchor({ seq, hash }),
      checkpointBytes: world.faults.checkpointBytes(this.address),
    });
    this.submit({ type: "started", epoch: meta.epoch });
    if (isCurrent()) this.links.dialSoon(0);
  }

  submit(event: Event | NodeEvent): void {
    if (!this.isUp || this.journal === undefined) return;
    this.journal.submit(event);
    this.world.checkers.stepped(this);
    this.armTick();
  }

  private armTick(): void {
    const dueMs = this.kernel.wakeAtMs();
    if (!this.isUp || this.journal === undefined || dueMs === undefined) return;
    if (this.cancelTick !== undefined && this.tickDueMs <= dueMs) return;
    this.cancelTick?.();
    this.tickDueMs = dueMs;
    const delayMs = Math.max(dueMs - this.journal.now(), tickMsMin);
    const lateMs = this.world.faults.timerLateMs(this.address);
    const life = this.lives;
    this.cancelTick = this.world.timeline.schedule(delayMs + lateMs, () => {
      if (this.lives !== life) return;
      this.cancelTick = undefined;
      this.submit({ type: "tick" });
    });
  }

  crash(mode: "process" | "power"): void {
    if (this.status === "down" || this.status === "refused") return;
    this.world.timeline.note(`${this.address} crashes: ${mode}`);
    this.stop();
    this.disk.crash(mode);
    for (const end of [...this.world.net.ends]) {
      if (end.owner.address === this.address) end.abandon(mode === "process");
    }
    this.crashed();
  }

  /** The process ends by its own decision. */
  private die(why: string): void {
    this.world.timeline.note(`${this.address} ends: ${why}`);
    this.crash("process");
    this.world.faults.restartLater(this.address);
  }

  /** Must not serve: waits for the operator. */
  refuse(code: string): void {
    this.world.timeline.note(`${this.address} refuses to serve: ${code}`);
    if (this.isUp || this.status === "starting") this.crash("process");
    this.status = "refused";
    this.world.faults.refused(this, code);
  }

  private stop(): void {
    this.status = "down";
    this.cancelTick?.();
    this.cancelTick = undefined;
    this.journal = undefined;
    this.links = this.createLinks();
  }

  protected crashed(): void {
    // Nodes with a world of their own around them clear it here.
  }

  private createLinks(): NodeLinks {
    const { lives } = this;
    return new NodeLinks({
      world: this.world,
      owner: this,
      parent: this.parent,
      isAlive: () => this.lives === lives && this.isUp,
      hello: (parent) => this.hello(parent),
    });
  }

  private hello(parent: Address): Omit<Hello, "dial" | "heartbeatMs"> {
    const session = this.sessions().get(parent);
    return {
      protocolMin: 1,
      protocolMax: 1,
      features: [],
      description: this.description,
      storeId: this.storeId,
      epoch: this.epoch,
      peerStoreId: session?.peerStoreId ?? "",
      positions: session?.positions() ?? [],
      draining: this.isDraining(),
    };
  }

  greeted(end: LinkEnd, _hello: Hello): void {
    this.links.add(end);
  }

  welcomed(end: LinkEnd, welcome: Welcome): void {
    this.links.add(end);
    this.submit({ type: "linkWelcomed", link: end.id, welcome });
  }

  run(end: LinkEnd, run: LaneRun): void {
    this.submit({ type: "frames", link: end.id, ...run });
  }

  acks(end: LinkEnd, acks: readonly LaneAck[]): void {
    this.submit({ type: "acks", link: end.id, acks });
  }

  refused(end: LinkEnd, refusals: readonly LaneRefusal[]): void {
    for (const { code, detail } of refusals) {
      this.world.checkers.frameRefused(this.address, end.peer, code, detail);
    }
  }

  sending(end: LinkEnd, batch: Batch): void {
    this.world.checkers.sending(this, end, batch);
  }

  violated(detail: string): void {
    this.world.checkers.violation("link", this.address, detail);
  }

  closed(end: LinkEnd, goodbye: Goodbye | undefined): void {
    const wasKnown = this.links.closed(end, goodbye);
    this.world.linksLost += 1;
    const told = goodbye && amnesiaToldTo(this.address, { ...goodbye, byPeer: true });
    if (told !== undefined) {
      this.refuse(told.code);
      return;
    }
    if (wasKnown) this.submit({ type: "linkClosed", link: end.id });
  }

  /** For what hubs and agents put out alike. */
  protected releaseShared(output: NodeOutput): void {
    switch (output.type) {
      case "attached":
        // The hub above has judged our positions: a copy that lacks nothing it knows of is as good
        // as the store. From here on it is the store, and the bytes from before are the old copy.
        this.goodCopy = undefined;
        this.openLink(output.link, output.session);
        return;
      case "closeLink":
        this.links.get(output.link)?.sayGoodbye(output.goodbye);
        return;
      case "refuseFrame":
        this.links.get(output.link)?.protocol.refuse(output.refusal);
        return;
      case "amnesia":
        this.refuse("AMNESIA");
    }
  }

  protected openLink(link: number, session: Session, welcome?: Welcome): void {
    this.links.open(link, session, welcome);
  }
}
