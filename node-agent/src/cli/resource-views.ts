// Resource views: entries of a directory as people read them.

import type { Column } from "@cloudbrain/sdk/cli";
import type { ResourceInfo, ResourcePage } from "@cloudbrain/sdk/client";
import type { CommandHost } from "./command-host.ts";
import { formatTime, titleIn } from "./formats.ts";
import type { TextKey } from "./texts-en.ts";

export function resourceColumns(
  { say }: CommandHost,
  lang: string,
): readonly Column<ResourceInfo>[] {
  return [
    { heading: say("column.resource.code"), text: ({ entry }) => entry.code },
    { heading: say("column.name"), text: ({ entry }) => titleIn(entry.name, lang) },
    { heading: say("column.kind"), text: ({ entry }) => say(`resource.kind.${entry.kind}`) },
    {
      heading: say("column.resource.sharing"),
      text: ({ entry }) => say(`resource.sharing.${entry.sharing}`),
    },
    { heading: say("column.resource.provider"), text: ({ entry }) => entry.provider.name },
    {
      heading: say("column.state"),
      text: ({ entry, staleSinceMs }) =>
        say(staleSinceMs > 0 ? "resource.state.stale" : `resource.state.${entry.state}`),
    },
    { heading: say("column.resource.owner"), text: ({ owner }) => owner },
  ];
}

/** Lines for people; what is empty is left out. */
export function describeResource(host: CommandHost, info: ResourceInfo, lang: string): string {
  const { say } = host;
  const { entry, owner, staleSinceMs, updatedAtMs } = info;
  const fields: readonly (readonly [TextKey, string])[] = [
    ["column.resource.code", entry.code],
    ["column.name", titleIn(entry.name, lang)],
    ["column.kind", say(`resource.kind.${entry.kind}`)],
    ["column.state", say(`resource.state.${entry.state}`)],
    ["column.resource.owner", owner],
    ["column.resource.provider", `${entry.provider.name} ${entry.provider.code}`],
    ["field.resource.abstract", entry.abstract],
    ["field.resource.format", entry.format],
    ["field.resource.items", entry.items.map(({ name, type }) => `${name} (${type})`).join(", ")],
    ["column.resource.sharing", say(`resource.sharing.${entry.sharing}`)],
    ["field.resource.conditions", entry.sharingConditions],
    ["field.resource.way", entry.sharingWay],
    ["field.resource.cycle", say(`resource.cycle.${entry.updateCycle}`)],
    ["field.resource.published", entry.publishedOn],
    ["field.resource.related", entry.relatedCodes.join(" ")],
    ["field.resource.visible", entry.visibleUpTo],
    [
      "field.resource.endpoints",
      entry.endpoints.map(({ protocol, address }) => `${protocol} ${address}`).join(", "),
    ],
    ["field.resource.version", entry.version],
    ["field.resource.updated", formatTime(updatedAtMs)],
    ["field.resource.stale", staleSinceMs === 0 ? "" : formatTime(staleSinceMs)],
  ];
  return fields
    .filter(([, text]) => text !== "")
    .map(([key, text]) => `${say(key)}  ${text}`)
    .join("\n");
}

/** One line per facet that tells hits apart. */
export function formatFacets({ say }: CommandHost, facets: ResourcePage["facets"]): string {
  const lines = new Map<string, string[]>();
  for (const { facet, value, count } of facets) {
    if (value !== "") lines.set(facet, [...(lines.get(facet) ?? []), `${value} ${count}`]);
  }
  return [...lines]
    .filter(([, values]) => values.length > 1)
    .map(([facet, values]) => say("resource.facet", { facet, values: values.join(", ") }))
    .join("\n");
}
