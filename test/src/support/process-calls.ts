// Calls: handlers of a hosted process whose turns come from the driver of the test.

import type { AnyHandler } from "@cloudbrain/sdk/node";
import { type Call, callOf, type Turn, takeTurn } from "./turn.ts";

export class HandlerCalls {
  private readonly tell: (id: number, call: Call) => void;
  private readonly waiting = new Map<number, (turn: Turn) => void>();
  private lastId = 0;

  constructor(tell: (id: number, call: Call) => void) {
    this.tell = tell;
  }

  /** Whether the driver owes an answer. */
  isWaiting(): boolean {
    return this.waiting.size > 0;
  }

  handler(node: string, capability: string): AnyHandler {
    return async (input, context) => {
      const turn = await this.ask(callOf(node, capability, input, context));
      return await takeTurn(turn, context);
    };
  }

  private ask(call: Call): Promise<Turn> {
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.tell(id, call);
    });
  }

  turn(id: number, turn: Turn): void {
    this.waiting.get(id)?.(turn);
    this.waiting.delete(id);
  }
}
