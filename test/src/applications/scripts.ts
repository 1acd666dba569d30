// Scripts: what the nodes of a cast do with their instructions, wherever these run, and what they
// were asked.

import type { Call, Turn } from "../support/turn.ts";
import type { NodePart } from "./stage.ts";

export class Scripts {
  /** All instructions that a node has begun, oldest first. */
  readonly heard: Call[] = [];
  private readonly parts: ReadonlyMap<string, NodePart>;
  /** By node and capability. */
  private readonly turns = new Map<string, Turn[]>();

  constructor(parts: readonly NodePart[]) {
    this.parts = new Map(parts.map((part) => [part.address, part]));
  }

  /** In place of what is left of an earlier script. */
  write(address: string, capability: string, turns: readonly Turn[]): void {
    if (this.parts.get(address)?.answers[capability] === undefined) {
      throw new Error(`no node ${address} of the cast answers ${capability}`);
    }
    this.turns.set(`${address} ${capability}`, [...turns]);
  }

  /** What the node does with an instruction that it has begun. */
  readonly take = (call: Call): Turn => {
    const { node, capability, input } = call;
    this.heard.push(call);
    const turn = this.turns.get(`${node} ${capability}`)?.shift();
    if (turn !== undefined) return turn;
    const answer = this.parts.get(node)?.answers[capability];
    // The desk above it gets what is for people.
    if (answer === undefined) return { does: "fail", code: "FOR_PEOPLE", retryable: false };
    return { does: "answer", output: answer(input) };
  };
}
