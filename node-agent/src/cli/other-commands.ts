// node ls|show, app lint|publish|ls, mesh tree, pki issue.

import { readFileSync } from "node:fs";
import { exitCodes } from "@cloudbrain/sdk/cli";
import type { Diagnostic, NodeInfo } from "@cloudbrain/sdk/client";
import { parseApplication } from "@cloudbrain/sdk/definition";
import { MeshError } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import { type CommandOutput, outputOf, withClient } from "./session.ts";

export function addNodeCommands(program: Command): void {
  const node = program.command("node").description("云脑节点 / nodes");
  node
    .command("ls")
    .description("nodes at and below the hub / 列出")
    .option("--level <level>", "city, district, street, community / 层级")
    .option("--area <code>", "address or division code / 区域")
    .option("--state <state>", "online, offline, draining, ... / 状态")
    .option("--capability <name>", "with this capability / 能力")
    .action(async (flags: Record<string, string>, command: Command) => {
      await withClient(command, async (client, output) => {
        const found: NodeInfo[] = [];
        for await (const info of client.listNodes(flags)) found.push(info);
        output.result(found, () => nodeTable(found, output));
      });
    });
  node
    .command("show <address>")
    .description("one node / 查看")
    .action(async (address: string, _flags: unknown, command: Command) => {
      await withClient(command, async (client, output) => {
        const info = await client.getNode(address);
        output.result(info, () =>
          output.table(
            [output.say("项目", "What"), output.say("值", "Value")],
            Object.entries(info).map(([key, value]) => [key, cellOf(value)]),
          ),
        );
      });
    });
  program
    .command("mesh")
    .description("云脑群 / the mesh")
    .command("tree")
    .description("nodes as a tree / 以树形显示")
    .action(async (_flags: unknown, command: Command) => {
      await withClient(command, async (client, output) => {
        const found: NodeInfo[] = [];
        for await (const info of client.listNodes()) found.push(info);
        output.result(found, () => treeText(found));
      });
    });
}

function cellOf(value: NodeInfo[keyof NodeInfo]): string {
  if (typeof value !== "object") return String(value);
  return "zh" in value ? value.zh : value.join(" ");
}

function nodeTable(nodes: readonly NodeInfo[], output: CommandOutput): string {
  return output.table(
    [
      output.say("地址", "ADDRESS"),
      output.say("名称", "NAME"),
      output.say("层级", "LEVEL"),
      output.say("状态", "STATE"),
      output.say("能力", "CAPABILITIES"),
    ],
    nodes.map((info) => [
      info.address,
      info.title.zh,
      info.level,
      info.state,
      info.capabilities.join(" "),
    ]),
  );
}

/** Nodes come sorted by address: a node's depth is the number of its segments. */
export function treeText(nodes: readonly NodeInfo[]): string {
  const top = nodes[0]?.address.split("/").length ?? 0;
  return nodes
    .map((info) => {
      const indent = "  ".repeat(info.address.split("/").length - top);
      const label = info.address.slice(info.address.lastIndexOf("/") + 1);
      const state = info.state === "online" ? "" : ` (${info.state})`;
      return `${indent}${label} ${info.title.zh}${state}`;
    })
    .join("\n");
}

export function addApplicationCommands(program: Command): void {
  const app = program.command("app").description("应用 / applications");
  app
    .command("lint <file>")
    .description("check a definition, without a hub / 检查定义")
    .action((file: string, _flags: unknown, command: Command) => {
      const output = outputOf(command);
      const parsed = parseApplication(readText(file), { file });
      const found: readonly Diagnostic[] = (parsed.ok ? parsed.warnings : parsed.diagnostics).map(
        (diagnostic) => ({ ...diagnostic, suggestion: diagnostic.suggestion ?? "" }),
      );
      output.result(found, () => lintText(found, output));
      if (!parsed.ok) process.exitCode = exitCodes.failed;
    });
  app
    .command("publish <file>")
    .description("publish a version / 发布")
    .action(async (file: string, _flags: unknown, command: Command) => {
      await withClient(command, async (client, output) => {
        const info = await client.publish(readText(file), { file });
        output.result(info, () =>
          output.say(`已发布 ${info.id} ${info.version}`, `Published ${info.id} ${info.version}`),
        );
      });
    });
  app
    .command("ls")
    .description("published applications / 列出")
    .action(async (_flags: unknown, command: Command) => {
      await withClient(command, async (client, output) => {
        const found = await client.listApplications();
        output.result(found, () =>
          output.table(
            [
              output.say("应用", "APPLICATION"),
              output.say("版本", "VERSION"),
              output.say("名称", "TITLE"),
              output.say("哈希", "HASH"),
            ],
            found.map((info) => [info.id, info.version, info.title.zh, info.hash.slice(0, 12)]),
          ),
        );
      });
    });
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new MeshError("INPUT_INVALID", {
      subject: file,
      detail: "the file is missing or can't be read",
      cause,
    });
  }
}

function lintText(found: readonly Diagnostic[], output: CommandOutput): string {
  if (found.length === 0) return output.say("没有问题", "No problems");
  return found
    .map((diagnostic) => {
      const { file, line, column, severity, message, suggestion } = diagnostic;
      const hint = suggestion === "" ? "" : `\n    ${suggestion}`;
      return `${file}:${line}:${column}: ${severity}: ${message}${hint}`;
    })
    .join("\n");
}
