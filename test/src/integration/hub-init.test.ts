import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@cloudbrain/sdk/client";
import { readCredentials } from "@cloudbrain/sdk/identity";
import * as assert from "uvu/assert";
import { type Ended, RunningCommand, runCommand } from "../support/command.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

// A dozen processes.
const test = suite("cloudbrain hub init", { timeLimitMs: 60_000 });

const main = join(repositoryRoot, "hub", "bin", "cloudbrain-hub.js");
const cloudbrain = join(repositoryRoot, "node-agent", "dist", "cli", "main.js");
const directory = mkdtempSync(join(tmpdir(), "cloudbrain-hub-init-"));
const root = ["init", "root", "--address", "/3702", "--title", "青岛市", "--level", "city"];

let made: Ended;
test.before(async () => {
  made = await run([...root, "--division", "370200000000", "--port", "7001", "--json"]);
});
test.after(() => rmSync(directory, { recursive: true }));

function run(words: readonly string[]): Promise<Ended> {
  return runCommand(main, words, { directory });
}

const inDirectory = (...path: readonly string[]): string => join(directory, ...path);

/** Every entry below a directory with its mode; the store's own files are LevelDB's matter. */
function modesIn(folder: string): Readonly<Record<string, string>> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes("/data/store/"));
  return Object.fromEntries(
    entries
      .map((path): [string, string] => {
        const relative = path.slice(folder.length + 1);
        return [relative, (statSync(path).mode & 0o777).toString(8)];
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

test("it makes identity, operator, authority, store and hub.yaml, each key its owner's alone", () => {
  assert.equal([made.code, made.stderr], [0, ""]);
  assert.equal(JSON.parse(made.stdout), {
    config: inDirectory("root", "hub.yaml"),
    authority: inDirectory("root", "authority"),
    operator: inDirectory("root", "operator"),
  });
  assert.is(statSync(inDirectory("root")).mode & 0o777, 0o700);
  assert.equal(modesIn(inDirectory("root")), {
    authority: "700",
    "authority/ca.crt": "644",
    "authority/ca.key": "600",
    "authority/mesh": "644",
    data: "700",
    "data/anchor": "644",
    "data/store": "755",
    "hub.yaml": "644",
    identity: "700",
    "identity/ca.crt": "644",
    "identity/node.crt": "644",
    "identity/node.key": "600",
    operator: "700",
    "operator/ca.crt": "644",
    "operator/node.crt": "644",
    "operator/node.key": "600",
  });
  const addressIn = (name: string): string =>
    readCredentials(inDirectory("root", name)).identity.address;
  assert.equal(["identity", "operator"].map(addressIn), ["/3702", "/3702/s-operator"]);
});

test("hub.yaml says what the flags said, under comments for whoever changes it", () => {
  const lines = readFileSync(inDirectory("root", "hub.yaml"), "utf8").trimEnd().split("\n");
  const comments = lines.filter((line) => line.startsWith("#"));
  assert.equal(lines.slice(0, comments.length), comments);
  for (const key of ["CLOUDBRAIN_LISTEN_PORT", "parent:", "listen.host:", "heartbeatMs", "log:"]) {
    assert.ok(
      comments.some((line) => line.includes(key)),
      key,
    );
  }
  assert.equal(lines.slice(comments.length), [
    "apiVersion: cloudbrain/v1",
    "kind: Hub",
    "address: /3702",
    "title:",
    "  zh: 青岛市",
    "level: city",
    'division: "370200000000"',
    "listen:",
    "  host: 127.0.0.1",
    "  port: 7001",
    "identityDir: identity",
    "dataDir: data",
  ]);
});

test("without --json it says in the reader's language how to run what it made", async () => {
  const [english, chinese] = await Promise.all(
    ["en", "zh-CN"].map((lang) => run(["init", lang, "--address", "/3702", "--lang", lang])),
  );
  const config = (name: string): string => inDirectory(name, "hub.yaml");
  assert.equal(english, {
    code: 0,
    stdout: `Made ${config("en")}\nRun it: cloudbrain hub run --config ${config("en")}\n`,
    stderr: "",
  });
  assert.equal(chinese, {
    code: 0,
    stdout: `已创建 ${config("zh-CN")}\n运行：cloudbrain hub run --config ${config("zh-CN")}\n`,
    stderr: "",
  });
});

test("a second init in the same directory is exit code 5 and changes nothing", async () => {
  const key = readFileSync(inDirectory("root", "identity", "node.key"), "utf8");
  const again = await run(root);
  assert.equal([again.code, again.stdout], [5, ""]);
  assert.ok(again.stderr.includes(`where: ${inDirectory("root", "hub.yaml")}\n`), again.stderr);
  assert.match(again.stderr, /why: a hub was made here before, .*; choose an empty directory/);
  assert.is(readFileSync(inDirectory("root", "identity", "node.key"), "utf8"), key);
});

test("a mistake in the words is exit code 2 with the reason, and makes nothing", async () => {
  const mistakes: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /required option '--address <address>'/],
    [["--address", "3702"], /where: 3702\n {2}why: it must begin with \//],
    [["--address", "/a", "--titel", "x"], /unknown option '--titel'/],
    [["--address", "/a", "--port", "http"], /where: --port\n {2}why: "http" is not a port/],
    [["--address", "/a", "--lang", "fr"], /where: --lang\n {2}why: "fr" is not one of/],
    [["--address", "/a", "--parent", "h"], /where: --parent\n {2}why: write host:port/],
  ];
  const ended = await Promise.all(
    mistakes.map(([words], index) => run(["init", `refused-${index}`, ...words])),
  );
  for (const [index, [words, reason]] of mistakes.entries()) {
    const { code, stdout, stderr } = ended[index] ?? { code: null, stdout: "", stderr: "" };
    assert.equal([words, code, stdout], [words, 2, ""]);
    assert.match(stderr, reason);
    assert.is(existsSync(inDirectory(`refused-${index}`)), false);
  }
});

test("a directory that can't be made is exit code 78, told with --json as one line", async () => {
  writeFileSync(inDirectory("file"), "");
  const ended = await run(["init", "file/below", "--address", "/3702", "--json"]);
  assert.equal([ended.code, ended.stdout], [78, ""]);
  const { error } = JSON.parse(ended.stderr) as { readonly error: Record<string, unknown> };
  assert.equal(
    [error["code"], error["subject"], error["detail"]],
    ["CONFIG_INVALID", inDirectory("file", "below"), "the directory can't be made (ENOTDIR)"],
  );
});

test("hub init and pki issue tell an authority that is missing alike, exit code 78", async () => {
  const words = ["--address", "/3702/a", "--authority", "none"];
  const ended = await Promise.all([
    run(["init", "of-none", ...words]),
    runCommand(cloudbrain, ["pki", "issue", "--out", "of-none", ...words], { directory }),
  ]);
  for (const { code, stdout, stderr } of ended) {
    assert.equal([code, stdout], [78, ""]);
    assert.match(
      stderr,
      /none\/ca\.key\n {2}why: the file is missing; `cloudbrain hub init` makes/,
    );
  }
  assert.is(existsSync(inDirectory("of-none")), false);
});

const below = ["--level", "district", "--authority", "root/authority"];

test("hub run takes hub.yaml as it was made; a child of the same authority links to it", async () => {
  const flags = ["--listen-port", "0", "--log", "silent", "--json"];
  const start = (name: string): RunningCommand =>
    new RunningCommand(main, ["run", "--config", `${name}/hub.yaml`, ...flags], { directory });
  const rootHub = start("root");
  const running = [rootHub];
  try {
    const { address, port } = JSON.parse(await rootHub.firstLine());
    assert.is(address, "/3702");
    const parent = `127.0.0.1:${port}`;
    const words = ["--address", "/3702/370202", "--parent", parent, ...below];
    const child = await run(["init", "child", ...words, "--json"]);
    assert.equal([child.code, child.stderr], [0, ""]);
    assert.is(JSON.parse(child.stdout).authority, inDirectory("root", "authority"));
    assert.equal(readdirSync(inDirectory("child")).sort(), [
      "data",
      "hub.yaml",
      "identity",
      "operator",
    ]);
    const childHub = start("child");
    running.push(childHub);
    await childHub.firstLine();
    const client = createClient({ hub: parent, identity: inDirectory("root", "operator") });
    try {
      const what = "the root sees its child online";
      await waitFor({ what, limitMs: 20_000 }, async () => {
        const { nodesOnline } = await client.status();
        return nodesOnline === 1 ? true : undefined;
      });
    } finally {
      client.close();
    }
  } finally {
    const ended = await Promise.all(running.map((hub) => hub.stop()));
    assert.equal(
      ended.map(({ code, stderr }) => [code, stderr]),
      running.map(() => [0, ""]),
    );
  }
});
