// Opens an agent of the demo: the emergency desk of a community.

import { createNode } from "@cloudbrain/sdk/node";
import { demoTiming, type OpenedNode, type PreparedNode } from "./prepared-node.ts";
import { makeReport } from "./report.ts";

export async function openPlannedAgent(
  node: PreparedNode,
  parent: string | undefined,
  fatal: (error: unknown) => void,
): Promise<OpenedNode> {
  const { planned, address, credentials, dataDirectory } = node;
  const agent = createNode({
    address,
    kind: "level",
    level: planned.level,
    division: planned.division,
    title: { zh: planned.name },
    hub: parent ?? "",
    identity: credentials,
    dataDir: dataDirectory,
    ...demoTiming,
    onFatal: fatal,
  });
  // What the desk would report; made up here.
  agent.handle("community.emergency/v1", () => ({ ...makeReport(planned.division) }));
  await agent.start();
  return { port: 0, close: () => agent.stop({ drain: 0 }) };
}
