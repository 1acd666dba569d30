// Acting: how a node of the cast behaves. Every stage makes its nodes here, in one process or many.

import { createNode, type InstructionContext, type Node, type NodeOptions } from "@cloudbrain/sdk";
import type { JsonValue } from "@cloudbrain/sdk/domain";
import type { Answer, NodePart, StageCall, Turn } from "./stage.ts";

/** A node of the cast with what it has been told to do. */
export class ActingNode {
  readonly node: Node;
  private readonly part: NodePart;
  private readonly turns = new Map<string, Turn[]>();
  private readonly heard: (call: StageCall) => void;

  /** `options`: what the stage adds to the part, such as where the hub is. */
  constructor(
    part: NodePart,
    heard: (call: StageCall) => void,
    options: Omit<Partial<NodeOptions>, "address" | "title"> = {},
  ) {
    this.part = part;
    this.heard = heard;
    const { address, title, answers, people = [], ...features } = part;
    this.node = createNode({ address, title: { zh: title }, ...features, ...options });
    for (const [capability, answer] of Object.entries(answers)) {
      this.node.handle(capability, (input, context) =>
        this.act(capability, answer, input as JsonValue, context),
      );
    }
    // The desk above it gets what is for people; nothing of that comes here.
    for (const capability of people) {
      this.node.handle(capability, (_input, context) =>
        context.fail("FOR_PEOPLE", `${capability} is done by people`, { retryable: false }),
      );
    }
  }

  /** The next instructions of this capability, one each. */
  script(capability: string, turns: readonly Turn[]): void {
    if (this.part.answers[capability] === undefined) {
      throw new Error(`${this.part.address} does not answer ${capability}`);
    }
    this.turns.set(capability, [...turns]);
  }

  private act(
    capability: string,
    answer: Answer,
    input: JsonValue,
    context: InstructionContext,
  ): JsonValue | Promise<never> {
    const { chainId: chain, attempt, signal } = context;
    this.heard({ node: this.part.address, capability, input, chain, attempt });
    const turn = this.turns.get(capability)?.shift();
    switch (turn?.does) {
      case undefined:
        return answer(input);
      case "answer":
        return turn.output;
      case "reject":
        return context.reject(turn.reason);
      case "fail":
        return context.fail(turn.code, turn.code, { retryable: turn.retryable });
      case "hang":
        return stopped(signal);
    }
  }
}

function stopped(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
