// Mesh tree: nodes by their addresses, as a tree for people.

import { cleanText, type Tone } from "@cloudbrain/sdk/cli";
import type { NodeInfo } from "@cloudbrain/sdk/client";
import { toneOf } from "./formats.ts";

export interface TreeBranch {
  readonly node: NodeInfo;
  readonly children: readonly TreeBranch[];
  /** Nodes below that are deeper than was asked for. */
  readonly hidden: number;
}

/** Nodes in the order of their addresses; a node whose parent is not among them is a root. */
export function buildTree(nodes: readonly NodeInfo[], depth: number): readonly TreeBranch[] {
  const known = new Set(nodes.map(({ address }) => address));
  const children = new Map<string, NodeInfo[]>();
  for (const node of nodes) {
    const parent = node.address.slice(0, node.address.lastIndexOf("/"));
    const place = known.has(parent) ? parent : "";
    const siblings = children.get(place);
    if (siblings === undefined) children.set(place, [node]);
    else siblings.push(node);
  }
  const branch = (node: NodeInfo, level: number): TreeBranch => {
    const below = children.get(node.address) ?? [];
    if (depth > 0 && level >= depth) {
      return { node, children: [], hidden: countBelow(children, node.address) };
    }
    return { node, children: below.map((child) => branch(child, level + 1)), hidden: 0 };
  };
  return (children.get("") ?? []).map((node) => branch(node, 1));
}

function countBelow(children: ReadonlyMap<string, readonly NodeInfo[]>, address: string): number {
  const below = children.get(address) ?? [];
  return below.reduce((sum, child) => sum + 1 + countBelow(children, child.address), 0);
}

export function formatTree(
  tree: readonly TreeBranch[],
  nameOf: (node: NodeInfo) => string,
  paint: (tone: Tone, text: string) => string,
): string {
  const lines: string[] = [];
  const label = ({ node, hidden }: TreeBranch, isRoot: boolean): string => {
    const { address, state } = node;
    const place = isRoot ? address : address.slice(address.lastIndexOf("/") + 1);
    const more = hidden > 0 ? `  (+${hidden})` : "";
    return `${place}  ${cleanText(nameOf(node))}  ${paint(toneOf(state), state)}${more}`;
  };
  const add = (branches: readonly TreeBranch[], indent: string): void => {
    branches.forEach((branch, index) => {
      const isLast = index === branches.length - 1;
      lines.push(`${indent}${isLast ? "└─ " : "├─ "}${label(branch, false)}`);
      add(branch.children, indent + (isLast ? "   " : "│  "));
    });
  };
  for (const root of tree) {
    lines.push(label(root, true));
    add(root.children, "");
  }
  return lines.join("\n");
}
