// cloudbrain-hub: the hub's part of the `cloudbrain` command. `cloudbrain hub ...` runs this.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  chooseColour,
  chooseLanguage,
  createOutput,
  exitCodeOf,
  exitCodes,
  type Language,
  type Output,
} from "@cloudbrain/sdk/cli";
import { createClient } from "@cloudbrain/sdk/client";
import { MeshError } from "@cloudbrain/sdk/domain";
import { Command, CommanderError } from "commander";
import { loadHubConfig } from "./cli/hub-config.ts";
import { initHub } from "./cli/hub-init.ts";
import { runHub } from "./cli/hub-run.ts";
import { verifyHub } from "./cli/hub-verify.ts";

interface GlobalFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly lang?: string;
}

interface RunFlags {
  readonly config: string;
  readonly listenHost?: string;
  readonly listenPort?: string;
  readonly parent?: string;
  readonly data?: string;
  readonly identity?: string;
  readonly log?: string;
}

interface InitFlags {
  readonly address: string;
  readonly title: string;
  readonly level?: string;
  readonly division?: string;
  readonly mesh?: string;
  readonly authority?: string;
  readonly parent?: string;
  readonly port: string;
}

interface RemoteFlags {
  readonly config: string;
  readonly identity?: string;
  readonly hub?: string;
  readonly wait?: string;
}

function outputOf(command: Command): Output {
  const { lang } = command.optsWithGlobals<GlobalFlags>();
  return outputIn(command, chooseLanguage(lang, process.env));
}

function outputIn(command: Command, lang: Language): Output {
  const flags = command.optsWithGlobals<GlobalFlags>();
  return createOutput({
    json: flags.json ?? false,
    quiet: flags.quiet ?? false,
    lang,
    color: chooseColour(undefined, process.env, process.stdout.isTTY),
  });
}

/** A language that nobody speaks is told in that of the environment. */
function errorLanguageOf(command: Command): Language {
  try {
    return chooseLanguage(command.optsWithGlobals<GlobalFlags>().lang, process.env);
  } catch {
    return chooseLanguage(undefined, process.env);
  }
}

/** One of two texts, by the reader's language. */
function say(output: Output, zh: string, en: string): string {
  return output.lang === "zh-CN" ? zh : en;
}

function readPort(flag: string, text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new MeshError("INPUT_INVALID", {
    subject: flag,
    detail: `"${text}" is not a port; write a number from 0 to 65535`,
  });
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function buildProgram(): Command {
  const program = new Command("cloudbrain hub")
    .description("协同中枢 / the hub")
    .option("--json", "one JSON document on stdout / 以 JSON 输出")
    .option("-q, --quiet", "no notes on stderr / 不输出提示")
    .option("--lang <language>", "zh-CN or en / 语言")
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText(
      "beforeAll",
      [
        "Examples / 示例",
        "  cloudbrain hub init city --address /3702 --title 青岛市 --level city",
        "  cloudbrain hub run --config city/hub.yaml",
        "  cloudbrain hub status --config city/hub.yaml",
        "",
      ].join("\n"),
    );
  addInit(program);
  addRun(program);
  addRemote(program);
  addVerify(program);
  return program;
}

function addInit(program: Command): void {
  program
    .command("init <directory>")
    .description("make identity, store and hub.yaml / 创建身份、存储与配置")
    .requiredOption("--address <address>", "such as /3702/370202 / 地址")
    .option("--title <text>", "name of the brain / 名称", "")
    .option("--level <level>", "city, district, street, community / 层级")
    .option("--division <code>", "12-digit division code / 区划代码")
    .option("--mesh <name>", "name of a new mesh, mesh.local if not given / 云脑群名称")
    .option("--authority <directory>", "authority of the mesh, made if not given / 签发机构")
    .option("--parent <host:port>", "the hub above / 上级中枢")
    .option("--port <number>", "port to listen on / 端口", "7443")
    .action(async (directory: string, flags: InitFlags, command: Command) => {
      const output = outputOf(command);
      const made = await initHub({
        directory,
        address: flags.address,
        title: flags.title,
        level: flags.level,
        division: flags.division,
        mesh: flags.mesh,
        authority: flags.authority,
        parent: flags.parent,
        port: readPort("--port", flags.port),
      });
      output.result(
        made,
        say(
          output,
          `已创建 ${made.config}\n运行：cloudbrain hub run --config ${made.config}`,
          `Made ${made.config}\nRun it: cloudbrain hub run --config ${made.config}`,
        ),
      );
    });
}

function addRun(program: Command): void {
  program
    .command("run")
    .description("run the hub / 运行中枢")
    .option("--config <file>", "configuration / 配置文件", "hub.yaml")
    .option("--listen-host <host>", "address to listen on / 监听地址")
    .option("--listen-port <port>", "port to listen on / 监听端口")
    .option("--parent <host:port>", "the hub above / 上级中枢")
    .option("--data <directory>", "directory of the store / 存储目录")
    .option("--identity <directory>", "directory of the identity / 身份目录")
    .option("--log <level>", "debug, info, warn, error, silent / 日志级别")
    .action(async (flags: RunFlags, command: Command) => {
      const output = outputOf(command);
      const { value } = loadHubConfig(flags.config, {
        "listen.host": flags.listenHost,
        "listen.port": numberOf(flags.listenPort),
        parent: flags.parent,
        dataDir: flags.data === undefined ? undefined : resolve(flags.data),
        identityDir: flags.identity === undefined ? undefined : resolve(flags.identity),
        log: flags.log,
      });
      process.exitCode = await runHub(value, (hub) => {
        const ready = { address: hub.address, host: value.listen.host, port: hub.port };
        output.result(
          ready,
          say(
            output,
            `${value.title.zh} ${hub.address} 已就绪：${ready.host}:${ready.port}`,
            `${value.title.en ?? value.title.zh} ${hub.address} ready at ${ready.host}:${ready.port}`,
          ),
        );
      });
    });
  program
    .command("dev")
    .description("a city hub in a temporary directory, gone at the end / 临时的市级中枢")
    .option("--listen-port <port>", "port to listen on / 监听端口", "7443")
    .action(async (flags: { readonly listenPort: string }, command: Command) => {
      const output = outputOf(command);
      const directory = mkdtempSync(join(tmpdir(), "cloudbrain-dev-"));
      try {
        const made = await initHub({
          directory,
          address: "/city",
          title: "开发",
          level: "city",
          division: undefined,
          mesh: "dev.local",
          authority: undefined,
          parent: undefined,
          port: readPort("--listen-port", flags.listenPort),
        });
        const { value } = loadHubConfig(made.config, { log: "warn" });
        process.exitCode = await runHub(value, (hub) => {
          const ready = { hub: `127.0.0.1:${hub.port}`, ...made };
          output.result(
            ready,
            say(
              output,
              `开发模式：结束后数据即删除\n  中枢 ${ready.hub}\n  身份 ${made.operator}`,
              `Development mode: all data is lost on exit\n  hub      ${ready.hub}\n  identity ${made.operator}`,
            ),
          );
        });
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
}

function addRemote(program: Command): void {
  const remote = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .option("--config <file>", "configuration / 配置文件", "hub.yaml")
      .option("--hub <host:port>", "the hub, if not the one of the configuration / 中枢")
      .option("--identity <directory>", "identity to call with / 身份目录");
  remote("status", "how the hub is / 中枢状态")
    .option("--wait <seconds>", "wait until it answers / 等待就绪")
    .action(async (flags: RemoteFlags, command: Command) => {
      const output = outputOf(command);
      const client = clientOf(flags);
      try {
        const timeoutMs = flags.wait === undefined ? 5_000 : Number(flags.wait) * 1_000;
        const status = await client.status({ timeoutMs });
        if (output.json) output.result(status);
        else {
          output.table(
            [
              { heading: say(output, "项目", "What"), text: ([key]) => key },
              { heading: say(output, "值", "Value"), text: ([, value]) => value },
            ],
            Object.entries(status).map(([key, value]): readonly [string, string] => [
              key,
              typeof value === "object" ? value.zh : String(value),
            ]),
          );
        }
      } finally {
        client.close();
      }
    });
  remote("drain", "take no new chains / 停止接收新业务").action(
    async (flags: RemoteFlags, command: Command) => {
      const output = outputOf(command);
      const client = clientOf(flags);
      try {
        await client.drain();
        output.result({ state: "draining" }, say(output, "正在排空", "Draining"));
      } finally {
        client.close();
      }
    },
  );
}

function clientOf(flags: RemoteFlags) {
  if (flags.hub !== undefined && flags.identity !== undefined) {
    return createClient({ hub: flags.hub, identity: flags.identity });
  }
  const { value } = loadHubConfig(flags.config);
  const { host, port } = value.listen;
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host;
  return createClient({
    hub: flags.hub ?? `${reachable}:${port}`,
    identity: flags.identity ?? process.env["CLOUDBRAIN_IDENTITY"] ?? value.identityDir,
    expected: value.address,
  });
}

function addVerify(program: Command): void {
  program
    .command("verify")
    .description("check a stopped hub's store / 检查已停止的中枢的存储")
    .option("--config <file>", "configuration / 配置文件", "hub.yaml")
    .action(async (flags: { readonly config: string }, command: Command) => {
      const output = outputOf(command);
      const { value } = loadHubConfig(flags.config);
      const report = await verifyHub(value.dataDir, value.address);
      const { files, records, chains, blobs, damagedBlobs, violations } = report;
      const isSound = violations.length === 0 && damagedBlobs.length === 0;
      const harm = damagedBlobs.map((ref) => `\n${ref}`).join("");
      output.result(
        report,
        say(
          output,
          `${isSound ? "完好" : "有损坏"}：${files} 个文件，${records} 条日志，${chains} 条指令链，` +
            `${blobs} 个附件，${report.entries} 个资源${harm}`,
          `${isSound ? "Sound" : "Damaged"}: ${files} files, ${records} journal records, ` +
            `${chains} chains, ${blobs} attachments, ${report.entries} resources${harm}`,
        ),
      );
      process.exitCode = isSound ? exitCodes.done : exitCodes.failed;
    });
}

async function main(): Promise<void> {
  const program = buildProgram();
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
      return;
    }
    outputIn(program, errorLanguageOf(program)).error(error);
    process.exitCode = exitCodeOf(error);
  }
}

await main();
process.exit();
