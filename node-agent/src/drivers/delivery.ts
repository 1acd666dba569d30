// Delivery: asks a business system until it answers, however long it is down.
//
//   D3  Between two tries nothing is held: an instruction that its system is not ready for does not
//       keep others of the same driver waiting.
//   D4  It ends by an answer or by the signal: cancel, deadline or the end of the node.

import { setTimeout as delay } from "node:timers/promises";
import type { DriverLog } from "./driver.ts";
import { driverLimits } from "./driver-limits.ts";
import { RequestSlots } from "./request-slots.ts";

/** One try: an answer, or why it is worth another one. */
export type Tried<Answer> =
  | { readonly isDone: true; readonly answer: Answer }
  | { readonly isDone: false; readonly why: string; readonly afterMs?: number | undefined };

export interface DeliveryOptions {
  /** What is asked, for the log. */
  readonly target: string;
  readonly requests: number;
  readonly log: DriverLog;
  /** 0..1, evenly. */
  readonly dice: () => number;
}

export class Delivery {
  private readonly options: DeliveryOptions;
  private readonly slots: RequestSlots;
  private isDown = false;

  constructor(options: DeliveryOptions) {
    this.options = options;
    this.slots = new RequestSlots(options.requests);
  }

  /** Rejects with the signal's reason only. `ask` is given the number of the try, from 1. */
  async run<Answer>(
    signal: AbortSignal,
    ask: (no: number) => Promise<Tried<Answer>>,
  ): Promise<Answer> {
    for (let no = 1; ; no += 1) {
      const tried = await this.tryOnce(signal, () => ask(no));
      this.note(tried);
      if (tried.isDone) return tried.answer;
      const pauseMs = retryDelayMs(no, tried.afterMs, this.options.dice());
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
      signal.throwIfAborted();
    }
  }

  private async tryOnce<Answer>(
    signal: AbortSignal,
    ask: () => Promise<Tried<Answer>>,
  ): Promise<Tried<Answer>> {
    const give = await this.slots.take(signal);
    try {
      const tried = await ask();
      if (!tried.isDone) signal.throwIfAborted();
      return tried;
    } finally {
      give();
    }
  }

  /** Says it once when the system is lost and once when it is back, not at every try. */
  private note(tried: Tried<unknown>): void {
    if (tried.isDone === !this.isDown) return;
    this.isDown = !tried.isDone;
    const { target, log } = this.options;
    if (tried.isDone) log("the business system answers again", { target });
    else log("the business system does not answer", { target, why: tried.why });
  }
}

/**
 * Doubles from try to try, between half and the whole by the dice, so that what failed together
 * does not come back together. Never sooner than the system has asked for.
 */
export function retryDelayMs(no: number, afterMs: number | undefined, roll: number): number {
  const { retryMsFirst, retryMsMax, retryAfterMsMax } = driverLimits;
  const whole = Math.min(retryMsMax, retryMsFirst * 2 ** Math.min(no - 1, 30));
  const asked = Math.min(afterMs ?? 0, retryAfterMsMax);
  return Math.round(asked + (asked > 0 ? roll * retryMsFirst : whole * (0.5 + roll / 2)));
}
