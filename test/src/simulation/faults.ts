// Faults: which ones a world has, how often, and when. All of it follows from the seed.
//
//   F1  Each probability is none, low or high, so that worlds differ in kind and not in amount
//       alone; one world in ten has no fault, three in ten have one kind only.
//   F2  Faults end at `safetyMs`; after `heal` nothing fails any more.
//   F3  Whoever refuses to serve because of damage that was done here is healed with the bytes
//       from before; a refusal that no damage explains is a violation.

import {
  journalKey,
  metaKey,
  prefixRange,
  tableRange,
} from "@cloudbrain/sdk/internal/journal/keys";
import { decodeMeta } from "@cloudbrain/sdk/internal/journal/recovery";
import type { NodeView } from "./node-view.ts";
import type { DiskCopy } from "./sim-disk.ts";
import type { World } from "./world.ts";

export const faultKinds = [
  "kill",
  "powerCut",
  "syncFailure",
  "flippedByte",
  "oldCopy",
  "brokenLink",
  "halfOpen",
  "partition",
  "oneWay",
  "freshAgent",
  "freshHub",
  "clockJump",
  "drain",
  "lostReply",
  "slowSync",
  "lateTimer",
  "checkpoints",
  "badHandlers",
] as const;
export type FaultKind = (typeof faultKinds)[number];
/** 0 none, 1 low, 2 high. */
export type FaultVector = Readonly<Record<FaultKind, 0 | 1 | 2>>;

const dayMs = 86_400_000;

/** Happenings of one kind in a world, from the rate. */
const happenings = [0, 2, 6] as const;

export class Faults {
  readonly vector: FaultVector;
  readonly safetyMs: number;
  healed = false;
  private readonly world: World;

  constructor(world: World, how: { readonly safetyMs: number; readonly calm: boolean }) {
    this.world = world;
    this.safetyMs = how.safetyMs;
    this.vector = how.calm ? calmVector() : drawVector(world);
  }

  private rate(kind: FaultKind): number {
    return this.healed ? 0 : this.vector[kind];
  }

  syncMs(node: string): number {
    const { dice } = this.world;
    if (dice.chance("slow sync", node, 0.01 * this.rate("slowSync"))) return 5_000;
    return dice.whole("sync", node, { low: 1, high: 12 });
  }
  syncFails(node: string): boolean {
    return this.world.dice.chance("sync fails", node, 0.003 * this.rate("syncFailure"));
  }
  timerLateMs(node: string): number {
    if (!this.world.dice.chance("timer late", node, 0.05 * this.rate("lateTimer"))) return 0;
    return this.world.dice.whole("timer late by", node, { low: 100, high: 8_000 });
  }
  checkpointBytes(node: string): number {
    if (this.vector.checkpoints === 2) return 1;
    return this.vector.checkpoints === 1
      ? this.world.dice.whole("checkpoint", node, { low: 1_000, high: 20_000 })
      : 8 * 1024 * 1024;
  }
  losesReply(): boolean {
    return this.world.dice.chance("lost reply", "", 0.1 * this.rate("lostReply"));
  }
  /** As much as a world wishes, but nothing in a calm one and once all is healed. */
  restless(rate: number): number {
    const isCalm = Object.values(this.vector).every((level) => level === 0);
    return this.healed || isCalm ? 0 : rate;
  }
  /** How likely a handler does something else than to succeed. */
  badHandlers(): number {
    return [0, 0.1, 0.4][this.rate("badHandlers")] ?? 0;
  }

  /** Plans what happens at which moment. */
  plan(): void {
    const { dice, timeline } = this.world;
    for (const kind of faultKinds) {
      const times = happenings[this.vector[kind]];
      for (let index = 0; index < times; index += 1) {
        const atMs = dice.whole(`when ${kind}`, "", { low: 1_000, high: this.safetyMs });
        timeline.schedule(atMs, () => {
          if (!this.healed) this.strike(kind);
        });
      }
    }
  }

  private strike(kind: FaultKind): void {
    const { dice } = this.world;
    const nodes = this.world.nodes;
    const node = dice.pick(`who ${kind}`, "", nodes);
    switch (kind) {
      case "kill":
        node.crash("process");
        this.restartLater(node.address);
        return;
      case "powerCut":
        node.crash("power");
        this.restartLater(node.address);
        return;
      case "flippedByte":
        this.flip(node);
        return;
      case "oldCopy":
        this.restoreOldCopy(node);
        return;
      case "freshAgent": {
        const agent = dice.pick("fresh agent", "", this.world.agents);
        agent.replaceStore();
        this.restartLater(agent.address);
        return;
      }
      case "freshHub": {
        const hub = dice.pick("fresh hub", "", this.world.hubs);
        if (hub.parent === undefined) return;
        this.world.timeline.note(`${hub.address} begins anew`);
        hub.replaceStore();
        this.restartLater(hub.address);
        return;
      }
      case "clockJump":
        node.wallOffsetMs += dice.chance("jump back", "", 0.5) ? -3_600_000 : dayMs;
        this.world.timeline.note(`${node.address} clock ${node.wallOffsetMs}`);
        return;
      case "drain":
        this.world.drain(node.address);
        return;
      case "brokenLink":
      case "halfOpen":
      case "partition":
      case "oneWay":
        this.strikeLink(kind, node);
    }
  }

  private strikeLink(
    kind: "brokenLink" | "halfOpen" | "partition" | "oneWay",
    node: NodeView,
  ): void {
    const { dice, net, timeline } = this.world;
    const { parent } = node;
    if (parent === undefined) return;
    const ends = net.endsBetween(node.address, parent);
    timeline.note(`${kind} ${node.address}`);
    if (kind === "brokenLink") {
      for (const end of ends) {
        end.isCut = true;
        timeline.schedule(dice.whole("break seen", node.address, { low: 0, high: 3_000 }), () =>
          end.lose(),
        );
      }
      return;
    }
    if (kind === "halfOpen") {
      const end = ends[dice.chance("which half", node.address, 0.5) ? 1 : 0];
      if (end !== undefined) end.isCut = true;
      return;
    }
    const [from, to] = dice.chance("direction", node.address, 0.5)
      ? [node.address, parent]
      : [parent, node.address];
    net.block(from, to);
    if (kind === "partition") net.block(to, from);
    timeline.schedule(dice.whole("partition", "", { low: 500, high: 40_000 }), () => {
      net.unblock(from, to);
      net.unblock(to, from);
    });
  }

  restartLater(address: string): void {
    const delayMs = this.world.dice.whole("restart", address, { low: 200, high: 45_000 });
    this.world.timeline.schedule(this.healed ? 100 : delayMs, () =>
      this.world.nodeAt(address)?.start(),
    );
  }

  /** Damages a value that the next start reads. */
  private flip(node: NodeView): void {
    if (node.goodCopy !== undefined || isRefused(node)) return;
    node.crash("process");
    node.goodCopy = node.disk.copy();
    const meta = decodeMeta(node.disk.read(metaKey));
    const ranges = [
      prefixRange(metaKey),
      ...this.world.liveTablesOf(node.address).map(tableRange),
      { gte: journalKey(meta.appliedSeq + 1), lt: journalKey(Number.MAX_SAFE_INTEGER) },
    ];
    if (!node.disk.flip(ranges)) node.goodCopy = undefined;
    node.start();
    if (!isRefused(node) && node.goodCopy !== undefined) {
      this.world.checkers.violation("D1", node.address, "a flipped byte was not detected");
    }
  }

  /**
   * Puts an old copy back: the store alone, which its anchor must notice, or, for an agent, store
   * and anchor, which its hub must notice.
   */
  private restoreOldCopy(node: NodeView): void {
    if (node.goodCopy !== undefined || !node.isUp) return;
    const old = node.disk.copy();
    const before = node.journal?.position().seq ?? 0;
    const isWhole =
      this.world.agents.some(({ address }) => address === node.address) &&
      this.world.dice.chance("whole copy", "", 0.5);
    const ageMs = this.world.dice.whole("age of copy", "", { low: 1_000, high: 20_000 });
    this.world.timeline.schedule(ageMs, () => {
      if (this.healed || !node.isUp || node.goodCopy !== undefined) return;
      const after = node.journal?.position().seq ?? 0;
      node.crash("process");
      if (after <= before) this.restartLater(node.address);
      else this.putBack(node, old, isWhole);
    });
  }

  /** Starts a node that is down with an old copy; the operator keeps the bytes from before. */
  putBack(node: NodeView, old: DiskCopy, isWhole: boolean): void {
    node.goodCopy = node.disk.copy();
    this.world.timeline.note(`${node.address} gets an old copy${isWhole ? " and anchor" : ""}`);
    node.disk.restore(old, isWhole);
    node.start();
    if (!isWhole && !isRefused(node)) {
      this.world.checkers.violation("C2", node.address, "an old copy was served beside its anchor");
    }
  }

  refused(node: NodeView, code: string): void {
    if (node.goodCopy === undefined) {
      this.world.checkers.violation("refused", node.address, `${code}, and nothing was damaged`);
      return;
    }
    this.world.timeline.schedule(this.healed ? 100 : 3_000, () => this.world.operatorHeals(node));
  }

  heal(): void {
    this.healed = true;
    this.world.net.healAll();
    for (const node of this.world.nodes) {
      // Forward alone: behind its own journal a clock would let no timer fire for hours.
      node.wallOffsetMs = Math.ceil(node.wallOffsetMs / dayMs) * dayMs;
      if (node.goodCopy !== undefined) this.world.operatorHeals(node);
      node.start();
    }
  }
}

function isRefused(node: NodeView): boolean {
  return node.status === "refused";
}

function calmVector(): Record<FaultKind, 0 | 1 | 2> {
  return Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, 0 | 1 | 2>;
}

function drawVector(world: World): FaultVector {
  const { dice } = world;
  const vector = calmVector();
  const shape = dice.roll("shape of faults");
  if (shape < 0.1) return vector;
  if (shape < 0.4) {
    vector[dice.pick("single fault", "", faultKinds)] = dice.chance("single rate", "", 0.5) ? 1 : 2;
    return vector;
  }
  for (const kind of faultKinds) {
    const roll = dice.roll("fault rate", kind);
    vector[kind] = roll < 0.5 ? 0 : roll < 0.8 ? 1 : 2;
  }
  return vector;
}
