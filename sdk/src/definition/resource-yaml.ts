// Resources in YAML: one resource, or a list of them. Problems have their place in the file.

import type { ResourceDescription } from "../catalog/index.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { readResource } from "./resource-reader.ts";
import { plainValue, readYaml, type SourceNode } from "./yaml-source.ts";

/** What a file holds: resources where it is sound, else what is wrong with it. */
export interface ResourceFile {
  readonly resources: readonly ResourceDescription[];
  /** Empty for a sound file. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Never throws. */
export function parseResourceYaml(text: string, file: string): ResourceFile {
  const { root, problems } = readYaml(text, file);
  const resources: ResourceDescription[] = [];
  const nodes = root === undefined ? [] : root.kind === "list" ? root.items : [root];
  for (const node of nodes) {
    const read = readResource(plainValue(node));
    if (read.ok) resources.push(read.description);
    else {
      for (const { path, reason } of read.problems) {
        const where = path === "" ? "the resource" : path;
        problems.add(startOf(node, path), "RESOURCE_INVALID", `${where}: ${reason}`);
      }
    }
  }
  return { resources, diagnostics: problems.list() };
}

/** Where a path such as `items[3].name` stands, or the nearest part of it that is there. */
function startOf(node: SourceNode, path: string): number {
  let at = node;
  let { start } = node;
  for (const part of path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)) {
    const [, name, index] = part;
    if (name !== undefined && at.kind === "fields") {
      const field = at.fields.find(({ key }) => key === name);
      if (field === undefined) break;
      start = field.value.start;
      at = field.value;
    } else if (index !== undefined && at.kind === "list") {
      const item = at.items[Number(index)];
      if (item === undefined) break;
      at = item;
      start = item.start;
    } else break;
  }
  return start;
}
