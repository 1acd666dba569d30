import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAddress } from "@cloudbrain/sdk/domain";
import {
  createMeshAuthority,
  issueCertificate,
  openMeshAuthority,
  writeCredentials,
} from "@cloudbrain/sdk/identity";
import * as assert from "uvu/assert";
import { createCommandRun } from "../support/command-run.ts";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

// Dozens of processes, each a fifth of a second of CPU time.
const test = suite("the cloudbrain command", { timeLimitMs: 60_000 });

const directory = mkdtempSync(join(tmpdir(), "cloudbrain-command-"));
const run = createCommandRun(directory);
const identity = join(directory, "identity");
const hourMs = 3_600_000;

test.before(async () => {
  const address = parseAddress("/3702");
  const nowMs = Date.now();
  const authority = await createMeshAuthority({
    mesh: "test.mesh",
    rootAddress: address,
    nowMs,
    days: 1,
  });
  const issued = await issueCertificate(await openMeshAuthority(authority, "test.mesh"), {
    address: parseAddress("/3702/s-operator"),
    notBeforeMs: nowMs - hourMs,
    notAfterMs: nowMs + hourMs,
  });
  writeCredentials(identity, { ...issued, authorityPem: authority.certificatePem });
});
test.after(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): string {
  const file = join(directory, name);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, text);
  return name;
}

/** A port of loopback where nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return typeof address === "object" && address !== null ? address.port : 0;
}

test("--help begins with examples, in both languages", async () => {
  const english = await run(["chain", "--help"]);
  assert.equal([english.code, english.stderr], [0, ""]);
  assert.ok(english.stdout.startsWith("Examples:\n  cloudbrain chain start "));
  assert.match(english.stdout, /\nCommands:\n {2}start <app> /);
  const chinese = await run(["chain", "--help"], { env: { LANG: "zh_CN.UTF-8" } });
  assert.ok(chinese.stdout.startsWith("示例：\n  cloudbrain chain start "));
  assert.match(chinese.stdout, /\n通用选项：\n/);
  const asked = await run(["help", "chain", "--lang", "zh-CN"]);
  assert.is(asked.stdout, chinese.stdout);
});

test("every command has help, and its first lines are examples", async () => {
  const nouns = [
    "agent",
    "node",
    "chain",
    "app",
    "user",
    "login",
    "mesh",
    "calendar",
    "pki",
    "config",
  ];
  const helps = await Promise.all(nouns.map((noun) => run([noun, "--help"])));
  assert.equal(
    helps.map(({ code, stdout }) => [code, stdout.split("\n")[0]]),
    nouns.map(() => [0, "Examples:"]),
  );
});

test("words that nobody knows are answered with the nearest, and exit code 2", async () => {
  const [command, verb, flag, state] = await Promise.all([
    run(["nod", "ls"]),
    run(["node", "lss"]),
    run(["node", "ls", "--jsn", "--lang", "zh-CN"]),
    run(["node", "ls", "--state", "onlin"]),
  ]);
  assert.equal([command?.code, verb?.code, flag?.code, state?.code], [2, 2, 2, 2]);
  assert.match(command?.stderr ?? "", /unknown command nod \(did you mean node\?\)/);
  assert.match(verb?.stderr ?? "", /unknown command lss \(did you mean ls\?\)/);
  assert.match(flag?.stderr ?? "", /未知的选项 --jsn （?\(?您是否想输入 --json？/);
  assert.match(state?.stderr ?? "", /"onlin" is none of .* \(did you mean online\?\)/);
  assert.equal([command?.stdout, verb?.stdout, flag?.stdout, state?.stdout], ["", "", "", ""]);
});

test("bad flags and arguments are mistakes of usage", async () => {
  const lines = [
    [],
    ["node"],
    ["chain", "show"],
    ["chain", "show", "a", "b"],
    ["node", "ls", "--hub", "nowhere"],
    ["node", "ls", "--timeout", "soon"],
    ["node", "ls", "--timeout"],
    ["node", "ls", "--limit", "-1"],
    ["node", "ls", "--lang", "fr"],
    ["chain", "start", "a", "--input", "{"],
    ["chain", "start", "a", "--input", "@none.json"],
    ["app", "lint", "none.yaml"],
    ["pki", "issue", "--address", "/a/b"],
  ];
  const ended = await Promise.all(lines.map((words) => run(words)));
  assert.equal(
    ended.map(({ code, stdout }, index) => [lines[index], code, stdout]),
    lines.map((words) => [words, 2, ""]),
  );
});

test("an error with --json is one line of JSON on stderr", async () => {
  const { code, stdout, stderr } = await run(["node", "ls", "--json"]);
  assert.equal([code, stdout], [78, ""]);
  const { error } = JSON.parse(stderr) as { error: Record<string, unknown> };
  assert.equal([error["code"], error["subject"]], ["CONFIG_INVALID", "identity"]);
});

test("a mistake in the file of the user is told with line and column, exit code 78", async () => {
  const file = join(directory, write("bad/cloudbrain/config.yaml", "# mine\nhub: x\ntimeot: 3s\n"));
  const env = { XDG_CONFIG_HOME: join(directory, "bad") };
  const { code, stderr } = await run(["node", "ls"], { env });
  assert.is(code, 78);
  assert.ok(stderr.includes(`${file}:2:6: hub: write host:port\n`), stderr);
  assert.ok(stderr.includes(`${file}:3:1: timeot: unknown key (did you mean timeout?)\n`), stderr);
});

test("a mistake in a variable is told by its name, exit code 78", async () => {
  const { code, stderr } = await run(["node", "ls"], { env: { CLOUDBRAIN_TIMEOUT: "soon" } });
  assert.is(code, 78);
  assert.match(stderr, /why: CLOUDBRAIN_TIMEOUT: timeout: "soon" is not a duration/);
});

test("a mistake in agent.yaml is told with line and column, exit code 78", async () => {
  const broken = write("broken.yaml", "hub: [1\nagents: x\n");
  const unknown = write(
    "unknown.yaml",
    "hub: 10.0.0.1:1\nadress: /a/b\ntitle: { zh: 1 }\nconcurency: 3\n",
  );
  const module = write("module.yaml", moduleConfig("handlers: ./none.mjs"));
  const several = write(
    "several.yaml",
    "hub: 10.0.0.1:1\nagents:\n  - address: /a/b\n    title: { zh: 甲 }\n",
  );
  const files = [broken, unknown, module, several, "none.yaml"];
  const ended = await Promise.all(files.map((file) => run(["agent", "run", "--config", file])));
  assert.equal(
    ended.map(({ code, stdout }) => [code, stdout]),
    files.map(() => [78, ""]),
  );
  const places = ended.map(({ stderr }) =>
    [...stderr.matchAll(/[a-z]+\.yaml:\d+:\d+: [\w.]+/g)].map(String),
  );
  assert.equal(places.slice(1, 4), [
    ["unknown.yaml:2:1: adress", "unknown.yaml:3:14: title.zh", "unknown.yaml:4:1: concurency"],
    ["module.yaml:4:11: handlers"],
    [
      "several.yaml:3:5: agents.0.identity",
      "several.yaml:3:5: agents.0.data",
      "several.yaml:3:5: agents.0.handlers",
    ],
  ]);
  assert.match(ended[0]?.stderr ?? "", /broken\.yaml:\d+:\d+: /);
  assert.match(ended[4]?.stderr ?? "", /none\.yaml: the file is missing/);
});

function moduleConfig(handlers: string): string {
  return `hub: 10.0.0.1:1\naddress: /a/b\ntitle: { zh: 甲 }\n${handlers}\n`;
}

test("a module must export handlers that are functions", async () => {
  write("empty.mjs", "export const handlers = {};\n");
  write("text.mjs", 'export const handlers = { "a/v1": "b" };\n');
  const files = ["empty", "text"].map((name) =>
    write(`${name}.yaml`, moduleConfig(`handlers: ${name}.mjs`)),
  );
  const [empty, text] = await Promise.all(
    files.map((file) => run(["agent", "run", "--config", file])),
  );
  assert.equal([empty?.code, text?.code], [78, 78]);
  assert.match(empty?.stderr ?? "", /empty\.yaml:4:11: handlers: .*`handlers` is empty/);
  assert.match(text?.stderr ?? "", /handlers\["a\/v1"\] is no function/);
});

test("agent init makes each store once", async () => {
  const file = write("init.yaml", `${moduleConfig("handlers: a.mjs")}data: made\n`);
  const made = await run(["agent", "init", "--config", file, "--json"]);
  assert.equal([made.code, made.stderr], [0, ""]);
  assert.equal(JSON.parse(made.stdout), {
    made: [{ address: "/a/b", directory: join(directory, "made") }],
  });
  const again = await run(["agent", "init", "--config", file]);
  assert.is(again.code, 5);
  const words = ["agent", "init", "--address", "/a/c"];
  const flags = await run([...words, "--data", "other"]);
  assert.equal([flags.code, flags.stderr], [0, ""]);
  assert.is((await run(words)).code, 2);
});

test("a hub that does not answer is exit code 6, whatever was asked", async () => {
  const hub = `127.0.0.1:${await closedPort()}`;
  const reach = ["--hub", hub, "--identity", identity];
  const lines = [
    ["node", "ls"],
    ["mesh", "tree"],
    ["chain", "watch", "x"],
    ["chain", "start", "a", "--wait"],
  ];
  const ended = await Promise.all(lines.map((words) => run([...words, ...reach])));
  assert.equal(
    ended.map(({ code, stdout }) => [code, stdout]),
    lines.map(() => [6, ""]),
  );
  for (const { stderr } of ended) assert.ok(stderr.includes(`\n  where: ${hub}\n`), stderr);
});

test("a hub that takes the connection and says nothing is exit code 6 after --timeout", async () => {
  const server = createServer((socket) => socket.on("error", () => undefined));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const reach = ["--hub", `127.0.0.1:${port}`, "--identity", identity, "--timeout", "500ms"];
  const ended = await Promise.all([
    run(["chain", "ls", ...reach]),
    run(["chain", "watch", "x", ...reach]),
  ]);
  server.close();
  assert.equal(
    ended.map(({ code }) => code),
    [6, 6],
  );
});

test("app lint needs no hub: findings on stdout, exit code 1 for errors", async () => {
  const file = write("app.yaml", "apiVersion: cloudbrain/v1\nkind: Aplication\n");
  const bad = await run(["app", "lint", file]);
  assert.is(bad.code, 1);
  assert.match(bad.stdout, /^app\.yaml:2:7: error WRONG_VALUE: .*did you mean "Application"/m);
  const json = await run(["app", "lint", "-", "--json"], { input: "kind: Aplication\n" });
  const { diagnostics } = JSON.parse(json.stdout) as { diagnostics: { file: string }[] };
  assert.equal([json.code, diagnostics[0]?.file], [1, "stdin"]);
  const examples = join(repositoryRoot, "docs", "examples");
  const good = await run(["app", "lint", join(examples, "item-handling.yaml")]);
  assert.equal([good.code, good.stdout], [0, ""]);
});

test("config show tells every value and where it came from", async () => {
  const file = join(directory, write("xdg2/cloudbrain/config.yaml", "hub: a:1\ntimeout: 3s\n"));
  const env = { XDG_CONFIG_HOME: join(directory, "xdg2"), CLOUDBRAIN_IDENTITY: "me" };
  const { code, stdout } = await run(["config", "show", "--json", "--hub", "b:2"], { env });
  assert.is(code, 0);
  assert.equal(JSON.parse(stdout), {
    values: [
      { key: "hub", value: "b:2", source: "flag", place: "--hub" },
      { key: "identity", value: "me", source: "env", place: "CLOUDBRAIN_IDENTITY" },
      { key: "lang", source: "unset", place: "unset" },
      { key: "timeout", value: "3s", source: "file", place: `${file}:2:10` },
    ],
  });
});

test("the language of the user's file holds for help, unless a flag says otherwise", async () => {
  write("xdg3/cloudbrain/config.yaml", "lang: zh-CN\n");
  const env = { XDG_CONFIG_HOME: join(directory, "xdg3") };
  assert.ok((await run(["--help"], { env })).stdout.startsWith("示例：\n"));
  assert.ok((await run(["--help", "--lang=en"], { env })).stdout.startsWith("Examples:\n"));
});

test("hub runs cloudbrain-hub with the same words, and ends with its exit code", async () => {
  const bin = join(directory, "bin");
  write(
    "bin/cloudbrain-hub",
    `#!${process.execPath}\nconsole.log(process.argv.slice(2).join(" "));\nprocess.exit(42);\n`,
  );
  chmodSync(join(bin, "cloudbrain-hub"), 0o755);
  const env = { PATH: bin };
  const ended = await run(["--lang", "en", "hub", "status", "--json", "--", "-x"], { env });
  assert.equal(ended, { code: 42, stdout: "--lang en status --json -- -x\n", stderr: "" });
  const workspace = await run(["hub", "--help"]);
  assert.is(workspace.code, 0);
});

test("version is what the package says", async () => {
  const [word, flag, json] = await Promise.all([
    run(["version"]),
    run(["--version"]),
    run(["version", "--json"]),
  ]);
  assert.match(word?.stdout ?? "", /^\d+\.\d+\.\d+\n$/);
  assert.is(flag?.stdout, word?.stdout);
  assert.is(
    (JSON.parse(json?.stdout ?? "{}") as { version?: string }).version,
    word?.stdout.trim(),
  );
});
