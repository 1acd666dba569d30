// Opens a hub of the demo.

import { openHub } from "@cloudbrain/hub";
import { demoTiming, type OpenedNode, type PreparedNode } from "./prepared-node.ts";

export async function openPlannedHub(
  node: PreparedNode,
  parent: string | undefined,
  fatal: (error: unknown) => void,
): Promise<OpenedNode> {
  const { planned, address, credentials, dataDirectory } = node;
  return await openHub({
    description: {
      address,
      kind: "level",
      level: planned.level,
      division: planned.division,
      industry: "",
      region: "",
      title: { zh: planned.name },
      capabilities: [],
      hub: true,
      version: "demo",
    },
    dataDirectory,
    credentials,
    listen: { host: "127.0.0.1", port: 0 },
    parent,
    ...demoTiming,
    log: () => undefined,
    fatal,
  });
}
