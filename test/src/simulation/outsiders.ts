// Outsiders: clients that start chains which wait, those that signal them, and an operator who
// holds, skips and rematches at the wrong moments.
//
//   L3  Each signal carries a nonce; the ledger keeps how many gates it was told to have opened.
//   L4  Signals are repeated, and come too early, too late and for other items.

import type { HubEvent, HubReply } from "@cloudbrain/hub/kernel";
import type { JsonObject } from "@cloudbrain/sdk/domain";
import { hashOf, type Submission } from "./clients.ts";
import type { SimHub } from "./sim-hub.ts";
import { waitingIds } from "./waiting-scenarios.ts";
import type { World } from "./world.ts";

export interface SentSignal {
  readonly hub: string;
  /** Gates that it opened, as the answers told. */
  opened: number;
  /** Sendings whose answer has not come. */
  unanswered: number;
  isRetained: boolean;
}

type Command = Extract<HubEvent, { type: "suspend" | "resume" | "retry" | "skip" | "rematch" }>;
type WithoutRequest<Event> = Event extends unknown ? Omit<Event, "request"> : never;

const operatorEveryMs = 3_000;
const noticeEveryMs = 2_500;
const idleStates: ReadonlySet<string> = new Set(["waiting", "succeeded", "skipped", "cancelled"]);
const by = "/c0/s-operator";

export class Outsiders {
  /** By nonce. */
  readonly signals = new Map<string, SentSignal>();
  /** Instructions that the operator has given to another node, or tried to. */
  rematches = 0;
  private notices = 0;
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  plan(): void {
    const { dice, timeline, faults } = this.world;
    this.notice();
    const [low, high] = this.world.scenario.wish === undefined ? [0, 4] : [0, 0];
    const count = dice.whole("waiting submissions", "", { low, high });
    for (let item = 0; item < count; item += 1) {
      const atMs = dice.whole("waiting at", "", { low: 4_000, high: faults.safetyMs });
      timeline.schedule(atMs, () => this.begin(item, atMs));
    }
    if (Object.values(faults.vector).some((rate) => rate > 0)) this.operate();
  }

  /** Whoever has something to tell a chain does, now and then to others, and not only once. */
  private notice(): void {
    const { dice, timeline, hubs, scenario } = this.world;
    timeline.schedule(noticeEveryMs, () => {
      for (const hub of hubs) {
        for (const { chain, name, payload } of hub.isUp ? scenario.notices(hub) : []) {
          if (!dice.chance("notices", chain, 0.3)) continue;
          this.notices += 1;
          const nonce = `notice-${this.notices}`;
          const sent = { hub: hub.address, opened: 0, unanswered: 0, isRetained: false };
          this.signals.set(nonce, sent);
          const only = dice.chance("notice to chain", chain, 0.5) ? chain : undefined;
          const isForOther = dice.chance("notice to another", chain, 0.2);
          const told = isForOther ? { ...payload, caseNo: "another" } : payload;
          this.send(sent, name, { ...told, nonce }, only);
        }
      }
      this.notice();
    });
  }

  private begin(item: number, atMs: number): void {
    const { dice, timeline, hubs, clients } = this.world;
    const hub = dice.pick("waiting hub", "", hubs).address;
    const input: JsonObject = { scope: hub, item };
    const submission: Submission = {
      hub,
      application: dice.pick("waiting application", "", [...waitingIds, "waits", "waits"]),
      key: `w${item}`,
      bodyHash: hashOf(input),
      input,
      chain: undefined,
      refused: undefined,
      tries: 0,
    };
    clients.begin(submission);
    const signals = dice.whole("signals", "", { low: 0, high: 8 });
    for (let index = 0; index < signals; index += 1) {
      const delayMs = dice.whole("signal after", "", { low: 0, high: 40_000 });
      timeline.schedule(delayMs, () => this.signal(submission, `${item}-${index}-${atMs}`));
    }
  }

  private signal(submission: Submission, nonce: string): void {
    const { dice, timeline } = this.world;
    const item = dice.chance("signal to another", "", 0.2) ? -1 : (submission.input["item"] ?? 0);
    const chain = dice.chance("signal to chain", "", 0.5) ? submission.chain : undefined;
    const sent = { hub: submission.hub, opened: 0, unanswered: 0, isRetained: false };
    this.signals.set(nonce, sent);
    const times = dice.chance("signal again", "", 0.3) ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      timeline.schedule(time * dice.whole("signal gap", "", { low: 1, high: 9_000 }), () =>
        this.send(sent, "approved", { item, nonce }, chain),
      );
    }
  }

  private send(
    sent: SentSignal,
    name: string,
    payload: JsonObject,
    chain: string | undefined,
  ): void {
    const hub = this.world.hubAt(sent.hub);
    if (hub?.isUp !== true) return;
    const only = chain === undefined ? {} : { chain };
    sent.unanswered += 1;
    hub.request(
      (request) => ({
        type: "signalled",
        request,
        name,
        payload,
        source: "/c0/s-desk",
        ...only,
      }),
      (reply) => {
        if (this.world.faults.losesReply()) return;
        sent.unanswered -= 1;
        if (reply.kind !== "signalled") return;
        sent.opened += reply.opened;
        if (reply.retained) sent.isRetained = true;
      },
    );
  }

  private operate(): void {
    const { timeline, faults, hubs } = this.world;
    timeline.schedule(operatorEveryMs, () => {
      if (faults.healed) return;
      for (const hub of hubs) if (hub.isUp) this.meddle(hub);
      this.operate();
    });
  }

  private meddle(hub: SimHub): void {
    const { dice } = this.world;
    const chains = [...hub.hub.state.chains.values()];
    if (chains.length === 0 || !dice.chance("operator meddles", hub.address, 0.6)) return;
    const chain = dice.pick("operator chain", hub.address, chains);
    const moving = [...chain.steps.values()].filter(({ state }) => !idleStates.has(state));
    const steps = moving.length > 0 ? moving : [...chain.steps.values()];
    const step = dice.pick("operator step", hub.address, steps).id;
    const command = dice.pick("operator command", hub.address, [
      { type: "suspend", chain: chain.id, by, reason: "look" },
      { type: "resume", chain: chain.id, by, reason: "looked" },
      { type: "resume", chain: chain.id, by, reason: "looked" },
      { type: "retry", chain: chain.id, step, by, reason: "mended" },
      { type: "skip", chain: chain.id, step, by, reason: "no use", output: null },
      { type: "rematch", chain: chain.id, step, by, reason: "stuck" },
      { type: "rematch", chain: chain.id, step, by, reason: "stuck" },
    ] satisfies readonly WithoutRequest<Command>[]);
    if (command.type === "rematch") this.rematches += 1;
    hub.request(
      (request) => ({ ...command, request }),
      (reply: HubReply) => this.world.timeline.note(`${command.type} ${chain.id}: ${reply.kind}`),
    );
  }
}
