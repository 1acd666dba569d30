// Mesh time: the one time of day of all processes of a test, which passes from one thing that is
// due to the next. What is due is done, with all that follows from it in any process, before more
// time passes: so days pass as they do in virtual time, and no deadline is missed because the
// machine was slow.
//
//   R1  At rest: no process waits for a disk or for an answer of the test, nothing is due, and
//       nothing has happened anywhere for some rounds of questions. A frame between two sockets is
//       read within a turn of an event loop, and each reply takes one turn at least.
//   R2  All clocks are set before anybody is woken.

import { setTimeout as delay } from "node:timers/promises";
import { MeshError } from "@cloudbrain/sdk/domain";
import type { Pulse, Question } from "./process-messages.ts";

/** A process that is asked for its pulse. */
export interface Pulsing {
  readonly name: string;
  readonly isUp: boolean;
  ask(question: Question): Promise<Pulse>;
}

export interface MeshTimeOptions {
  readonly startsAtMs: number;
  readonly processes: readonly Pulsing[];
  /** Whether something is under way that no process of ours knows of. */
  readonly isBusyOutside: () => Promise<boolean>;
}

/** Rounds without anything new, one after the other, that make rest. */
const quietRounds = 4;
const roundMs = 2;
/** Patience with the machine. */
const restLimitMs = 60_000;

interface Round {
  readonly events: number;
  readonly isBusy: boolean;
  readonly nextMs: number | undefined;
}

export class MeshTime {
  nowMs: number;
  private readonly options: MeshTimeOptions;
  private passing: Promise<unknown> = Promise.resolve();

  constructor(options: MeshTimeOptions) {
    this.options = options;
    this.nowMs = options.startsAtMs;
  }

  /** Lets time pass to this one, with all that happens until then. One caller at a time. */
  async passTo(untilMs: number): Promise<void> {
    const before = this.passing;
    const passed = before.then(() => this.passNow(untilMs));
    this.passing = passed.catch(() => undefined);
    await passed;
  }

  private async passNow(untilMs: number): Promise<void> {
    for (;;) {
      const nextMs = await this.rest();
      if (nextMs === undefined || nextMs > untilMs) break;
      await this.set(nextMs);
    }
    if (untilMs <= this.nowMs) return;
    await this.set(untilMs);
    await this.rest();
  }

  private async set(nowMs: number): Promise<void> {
    this.nowMs = Math.max(this.nowMs, nowMs);
    await this.askAll({ type: "setTime", nowMs: this.nowMs });
    await this.askAll({ type: "wake" });
  }

  /** Resolves at rest (R1) with the time at which something is due next. */
  async rest(): Promise<number | undefined> {
    const limitMs = performance.now() + restLimitMs;
    let last: Round | undefined;
    for (let quiet = 0; quiet < quietRounds; await delay(roundMs)) {
      const round = await this.round();
      const isQuiet = !round.isBusy && round.events === last?.events;
      // Asked last, since it costs the most; the round after it sees what it has set off.
      const isBusyOutside = quiet === quietRounds - 2 && (await this.options.isBusyOutside());
      quiet = isQuiet && !isBusyOutside ? quiet + 1 : 0;
      last = round;
      if (performance.now() > limitMs) {
        const detail = `the mesh does not come to rest at ${new Date(this.nowMs).toISOString()}`;
        throw new MeshError("TIMEOUT", { detail });
      }
    }
    return last?.nextMs;
  }

  private async round(): Promise<Round> {
    const pulses = await this.askAll({ type: "pulse" });
    const waits = pulses.flatMap(({ nextMs }) => nextMs ?? []);
    const nextMs = waits.length === 0 ? undefined : Math.min(...waits);
    const isDue = nextMs !== undefined && nextMs <= this.nowMs;
    return {
      events: pulses.reduce((sum, { events }) => sum + events, 0),
      isBusy: isDue || pulses.some(({ isBusy }) => isBusy),
      nextMs,
    };
  }

  private async askAll(question: Question): Promise<readonly Pulse[]> {
    const up = this.options.processes.filter(({ isUp }) => isUp);
    return await Promise.all(up.map((each) => each.ask(question)));
  }
}
