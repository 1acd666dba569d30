// `cloudbrain node` and `cloudbrain mesh`: what is registered (网络注册).

import { type Column, nodeStates } from "@cloudbrain/sdk/cli";
import type { NodeInfo, NodeState } from "@cloudbrain/sdk/client";
import { levels } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import type { CommandHost } from "./command-host.ts";
import { formatTime, titleIn, toneOf } from "./formats.ts";
import { addExamples } from "./help.ts";
import { takeFirst } from "./lists.ts";
import { buildTree, formatTree } from "./mesh-tree.ts";
import { readChoice, readCount } from "./usage.ts";

const nodesDefault = 100;

interface FilterFlags {
  readonly level?: string;
  readonly area?: string;
  readonly state?: NodeState;
  readonly capability?: string;
  readonly limit?: number;
}

export function addNodeCommands(node: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(
    node,
    "cloudbrain node ls --level street --area 370202",
    "cloudbrain node show /3702/370202",
  );
  addExamples(node.command("ls"), "cloudbrain node ls --state offline --json | jq .nodes[].address")
    .description(say("about.node.ls"))
    .option("--level <level>", say("option.level"), (text) =>
      readChoice(say, "--level", text, levels),
    )
    .option("--area <area>", say("option.area"))
    .option("--state <state>", say("option.node.state"), (text) =>
      readChoice(say, "--state", text, nodeStates),
    )
    .option("--capability <name>", say("option.capability"))
    .option("--limit <count>", say("option.limit", { default: nodesDefault }), (text) =>
      readCount(say, "--limit", text),
    )
    .action((flags: FilterFlags, command: Command) => listNodes(host, flags, command));
  addExamples(node.command("show"), "cloudbrain node show /3702/370202/i-traffic")
    .description(say("about.node.show"))
    .argument("<address>", say("argument.address"))
    .action((address: string, _flags: object, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        output.result(await client.getNode(address, { signal }));
      }),
    );
}

async function listNodes(host: CommandHost, flags: FilterFlags, command: Command): Promise<void> {
  await host.withClient(command, async (client, output, { signal }) => {
    const { limit = nodesDefault, ...filter } = flags;
    const found = await takeFirst(client.listNodes(filter, { signal }), limit);
    output.table(nodeColumns(host, output.lang), found.items, "nodes");
    if (found.hasMore) output.note(host.say("list.more"));
  });
}

function nodeColumns({ say }: CommandHost, lang: string): readonly Column<NodeInfo>[] {
  return [
    { heading: say("column.address"), text: ({ address }) => address },
    { heading: say("column.kind"), text: ({ kind, hub }) => (hub ? `${kind} (hub)` : kind) },
    { heading: say("column.level"), text: ({ level }) => level },
    { heading: say("column.name"), text: ({ title }) => titleIn(title, lang) },
    {
      heading: say("column.state"),
      text: ({ state }) => state,
      tone: ({ state }) => toneOf(state),
    },
    { heading: say("column.since"), text: ({ changedAtMs }) => formatTime(changedAtMs) },
    { heading: say("column.capabilities"), text: ({ capabilities }) => capabilities.join(" ") },
  ];
}

export function addMeshCommands(mesh: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(mesh, "cloudbrain mesh tree --depth 2");
  addExamples(mesh.command("tree"), "cloudbrain mesh tree --area /3702/370202")
    .description(say("about.mesh.tree"))
    .option("--area <area>", say("option.area"))
    .option("--depth <count>", say("option.depth"), (text) => readCount(say, "--depth", text))
    .action((flags: { readonly area?: string; readonly depth?: number }, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        const { area, depth = 0 } = flags;
        const { items } = await takeFirst(client.listNodes({ area }, { signal }), 0);
        const tree = buildTree(items, depth);
        const name = ({ title }: NodeInfo): string => titleIn(title, output.lang);
        const text = formatTree(tree, name, (tone, told) => output.paint(tone, told));
        output.result({ tree }, text);
        output.note(say("list.total", { count: items.length }));
      }),
    );
}
