// Node scope: a node as expressions see it.

import type { JsonObject, NodeRecord } from "@cloudbrain/sdk/domain";

/** What expressions see of a node. */
export function nodeScope(record: NodeRecord): JsonObject {
  const { description } = record;
  return {
    address: description.address,
    code: description.division,
    level: description.level,
    kind: description.kind,
    industry: description.industry,
    region: description.region,
    title: description.title.zh,
    capabilities: description.capabilities,
  };
}
