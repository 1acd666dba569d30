// Clients: the world outside, which never crashes and remembers what it was told.
//
//   L1  A client that hears nothing within `replyMs` asks again, with the same key and body.
//   L2  The ledger holds every acknowledgement; the checkers compare it with the hubs at the end.

import type { HubReply } from "@cloudbrain/hub/kernel";
import type { Application, JsonObject } from "@cloudbrain/sdk/domain";
import { hashText } from "./dice.ts";
import type { Wish } from "./scenario.ts";
import type { SimHub } from "./sim-hub.ts";
import type { World } from "./world.ts";

export interface Submission {
  readonly hub: string;
  readonly application: string;
  readonly key: string;
  readonly bodyHash: string;
  readonly input: JsonObject;
  chain: string | undefined;
  refused: string | undefined;
  tries: number;
}

/** Applications that ask people, and the others: each is drawn on its own. */
function partOf(applications: readonly Application[]) {
  const isForPeople = ({ id }: Application): boolean => id === "people";
  return [
    applications.filter(isForPeople),
    applications.filter((application) => !isForPeople(application)),
  ] as const;
}

export function hashOf(input: JsonObject): string {
  return `hash-${hashText(JSON.stringify(input))}`;
}

const replyMs = 6_000;
const triesMax = 60;

/** Whoever has a wish of their own has it at the root. */
function submissionOf(wish: Wish, hubs: readonly SimHub[], key: string): Submission {
  const bodyHash = hashOf(wish.input);
  const nothing = { chain: undefined, refused: undefined, tries: 0 };
  return { ...wish, hub: hubs[0]?.address ?? "", key, bodyHash, ...nothing };
}

export class Clients {
  readonly submissions: Submission[] = [];
  private readonly world: World;
  private chains = 0;

  constructor(world: World) {
    this.world = world;
  }

  plan(): void {
    const { dice, timeline, faults } = this.world;
    const count = dice.whole("submissions", "", { low: 1, high: 10 });
    for (let index = 0; index < count; index += 1) {
      const atMs = dice.whole("submit at", "", { low: 4_000, high: faults.safetyMs });
      timeline.schedule(atMs, () => this.begin(this.draw(`k${index}`)));
    }
  }

  private draw(key: string): Submission {
    const { dice, hubs, scenario } = this.world;
    if (scenario.wish !== undefined) return submissionOf(scenario.wish(key), hubs, key);
    const applications = scenario.started;
    const hub = dice.chance("submit at root", "", 0.7)
      ? hubs[0]
      : dice.pick("submit hub", "", hubs);
    const [people, machines] = partOf(applications);
    const forPeople = people.length > 0 && dice.chance("asks people", "", 0.35);
    const application = dice.pick("application", "", forPeople ? people : machines).id;
    const address = hub?.address ?? "/c0";
    const list = Array.from(
      { length: dice.whole("items", "", { low: 1, high: 6 }) },
      (_, at) => at,
    );
    // Beyond 32 KiB an input travels on the bulk lane, and may be overtaken.
    const pad = dice.chance("large input", "", this.world.largeInputs) ? "x".repeat(33_000) : "";
    const input = { scope: address, list, close: dice.chance("close", "", 0.7), pad };
    const bodyHash = hashOf(input);
    return {
      hub: address,
      application,
      key,
      bodyHash,
      input,
      chain: undefined,
      refused: undefined,
      tries: 0,
    };
  }

  begin(submission: Submission): void {
    const { dice, timeline } = this.world;
    this.submissions.push(submission);
    this.submit(submission);
    if (dice.chance("same key again", "", 0.25)) {
      timeline.schedule(dice.whole("again at", "", { low: 10, high: 20_000 }), () => {
        const again = { ...submission, chain: undefined, refused: undefined, tries: 0 };
        this.submissions.push(again);
        this.submit(again);
      });
    }
    if (dice.chance("other body", "", 0.2)) {
      timeline.schedule(dice.whole("other at", "", { low: 10, high: 20_000 }), () => {
        const other = { ...submission, chain: undefined, refused: undefined, tries: 0 };
        const input = { ...submission.input, other: true };
        const changed = { ...other, input, bodyHash: hashOf(input) };
        this.submissions.push(changed);
        this.submit(changed);
      });
    }
  }

  private submit(submission: Submission): void {
    const { world } = this;
    submission.tries += 1;
    const { application, key, bodyHash, input } = submission;
    let isAnswered = false;
    this.call(submission.hub, (hub) => {
      this.chains += 1;
      const chain = `c${this.chains}`;
      const holder = hub.storedHolder(application, key);
      hub.request(
        (request) => ({
          type: "submit",
          request,
          chain,
          application,
          version: "",
          key,
          bodyHash,
          input,
          submitter: "client",
          holder,
        }),
        (reply) => {
          if (world.faults.losesReply()) return;
          world.timeline.schedule(world.net.latencyMs("client"), () => {
            isAnswered = true;
            this.answered(submission, reply);
          });
        },
      );
    });
    world.timeline.schedule(replyMs, () => {
      if (!isAnswered && submission.tries < triesMax) this.submit(submission);
    });
  }

  private call(address: string, make: (hub: SimHub) => void): void {
    const { world } = this;
    world.timeline.schedule(world.net.latencyMs("client"), () => {
      const hub = world.hubAt(address);
      if (hub?.isUp === true) make(hub);
    });
  }

  private answered(submission: Submission, reply: HubReply): void {
    const { world } = this;
    if (reply.kind === "accepted") {
      const isFirstStore = (world.hubAt(submission.hub)?.stores ?? 1) === 1;
      if (isFirstStore && submission.chain !== undefined && submission.chain !== reply.chain) {
        const both = `${submission.chain} and ${reply.chain}`;
        world.checkers.violation(
          "ledger",
          submission.key,
          `one submit was told two chains: ${both}`,
        );
      }
      submission.chain = reply.chain;
      if (world.dice.chance("cancel", "", 0.15)) this.cancelLater(submission.hub, reply.chain);
      return;
    }
    if (reply.kind !== "refused") return;
    if (
      reply.code === "DRAINING" ||
      reply.code === "HUB_BUSY" ||
      reply.code === "APPLICATION_UNKNOWN"
    ) {
      if (submission.tries < triesMax)
        world.timeline.schedule(replyMs, () => this.submit(submission));
      return;
    }
    submission.refused = reply.code;
    if (reply.code !== "KEY_CONFLICT") {
      world.checkers.violation("ledger", submission.key, `refused: ${reply.code} ${reply.detail}`);
    }
  }

  private cancelLater(address: string, chain: string): void {
    const { world } = this;
    world.timeline.schedule(world.dice.whole("cancel at", "", { low: 5, high: 8_000 }), () => {
      this.call(address, (hub) => {
        hub.request(
          (request) => ({ type: "cancel", request, chain, reason: "the client changed its mind" }),
          () => undefined,
        );
      });
    });
  }

  areAnswered(): boolean {
    return this.submissions.every(
      ({ chain, refused, tries }) =>
        chain !== undefined || refused !== undefined || tries >= triesMax,
    );
  }

  /** An operator tries suspended chains again now and then. */
  retrySuspended(): void {
    const { world } = this;
    for (const hub of world.hubs) {
      if (!hub.isUp) continue;
      for (const { id, state } of hub.hub.state.chains.values()) {
        if (state !== "suspended" || !world.dice.chance("operator retries", id, 0.5)) continue;
        hub.request(
          (request) => ({ type: "retry", request, chain: id }),
          () => undefined,
        );
      }
    }
  }
}
