// Acting: a node of the cast in the process of its stage.

import { createNode, type Node } from "@cloudbrain/sdk";
import { callOf, takeTurn } from "../support/turn.ts";
import type { Scripts } from "./scripts.ts";
import type { NodePart } from "./stage.ts";

export function createActingNode(part: NodePart, scripts: Scripts): Node {
  const { address, title, answers, people = [], ...features } = part;
  const node = createNode({ address, title: { zh: title }, ...features });
  for (const capability of [...Object.keys(answers), ...people]) {
    node.handle(capability, (input, context) =>
      takeTurn(scripts.take(callOf(address, capability, input, context)), context),
    );
  }
  return node;
}
