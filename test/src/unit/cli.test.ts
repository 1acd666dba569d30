import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildTree, formatTree } from "@cloudbrain/node-agent/internal/cli/mesh-tree";
import { textsEn } from "@cloudbrain/node-agent/internal/cli/texts-en";
import { textsZhCn } from "@cloudbrain/node-agent/internal/cli/texts-zh-cn";
import {
  adviceEn,
  adviceZhCn,
  chooseColour,
  chooseLanguage,
  createOutput,
  exitCodeOf,
  exitCodeOfCode,
  type Language,
  loadConfig,
  type OutputOptions,
} from "@cloudbrain/sdk/cli";
import type { NodeInfo } from "@cloudbrain/sdk/client";
import { errorRules, isMeshError, MeshError, parseAddress } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { z } from "zod";
import { suite } from "../support/suite.ts";

const exits = suite("exit codes");

exits("the table is the contract, and nobody changes it by accident", () => {
  const codesOf = new Map<number, string[]>();
  for (const [code, exit] of Object.entries(exitCodeOfCode)) {
    codesOf.set(exit, [...(codesOf.get(exit) ?? []), code].sort());
  }
  codesOf.delete(1);
  assert.equal(Object.fromEntries(codesOf), {
    2: ["ADDRESS_INVALID", "FORM_INVALID", "INPUT_INVALID", "RESOURCE_INVALID"],
    3: [
      "APPLICATION_UNKNOWN",
      "BLOB_UNKNOWN",
      "CHAIN_UNKNOWN",
      "INSTRUCTION_UNKNOWN",
      "NODE_UNKNOWN",
      "RESOURCE_UNKNOWN",
      "SERVICE_UNKNOWN",
      "STORE_MISSING",
      "TARGET_UNKNOWN",
      "TASK_UNKNOWN",
      "USER_UNKNOWN",
    ],
    4: [
      "ADDRESS_REFUSED",
      "FRAME_FORBIDDEN",
      "IDENTITY_EXPIRED",
      "IDENTITY_INVALID",
      "IDENTITY_UNTRUSTED",
      "NOT_ALLOWED",
      "PASSWORD_CHANGE_NEEDED",
      "SIGN_IN_REFUSED",
    ],
    5: [
      "APPLICATION_EXISTS",
      "APPLICATION_RETIRED",
      "CHAIN_ENDED",
      "EPOCH_FENCED",
      "FEEDBACK_LATE",
      "INSTRUCTION_CANCELLED",
      "INSTRUCTION_ENDED",
      "INSTRUCTION_TAKEN",
      "KEY_CONFLICT",
      "RESOURCE_CODE_TAKEN",
      "RESOURCE_EXISTS",
      "RESOURCE_STATE",
      "REVISION_CONFLICT",
      "STORE_EXISTS",
      "STORE_LOCKED",
      "TASK_CHANGED",
      "TASK_STATE",
      "TASK_TAKEN",
      "USER_EXISTS",
    ],
    6: ["DRAINING", "HUB_BUSY", "TIMEOUT", "UNREACHABLE"],
    78: ["CONFIG_INVALID"],
  });
});

exits("what is not a MeshError has failed", () => {
  assert.is(exitCodeOf(new Error("x")), 1);
  assert.is(exitCodeOf(null), 1);
  assert.is(exitCodeOf(new MeshError("NODE_UNKNOWN")), 3);
});

const language = suite("languages");

language("a flag wins, then LC_ALL, LC_MESSAGES and LANG in this order", () => {
  const env = { LC_ALL: "", LC_MESSAGES: "zh_CN.UTF-8", LANG: "en_US.UTF-8" };
  assert.is(chooseLanguage(undefined, env), "zh-CN");
  assert.is(chooseLanguage("en", env), "en");
  assert.is(chooseLanguage("zh_CN", {}), "zh-CN");
  assert.is(chooseLanguage(undefined, { LC_ALL: "C", LANG: "zh_CN.UTF-8" }), "en");
  assert.is(chooseLanguage(undefined, {}), "en");
  assert.throws(() => chooseLanguage("fr", {}), /INPUT_INVALID/);
});

language("both languages have the same texts with the same blanks", () => {
  const blanks = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
  const shapeOf = (texts: Readonly<Record<string, string>>): unknown =>
    Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, blanks(text)]));
  assert.equal(shapeOf(textsZhCn), shapeOf(textsEn));
});

language("both languages explain every error, and advise on the same ones", () => {
  const codes = Object.keys(errorRules).sort();
  for (const advice of [adviceEn, adviceZhCn]) {
    assert.equal(Object.keys(advice.happened).sort(), codes);
  }
  assert.equal(Object.keys(adviceZhCn.remedies).sort(), Object.keys(adviceEn.remedies).sort());
});

const output = suite("output");

function makeOutput(options: Partial<OutputOptions>, isTerminal = false) {
  const told = { stdout: "", stderr: "" };
  const sink = (name: "stdout" | "stderr") => ({
    isTTY: isTerminal,
    write: (text: string) => {
      told[name] += text;
    },
  });
  const made = createOutput({
    json: false,
    color: false,
    lang: "en",
    quiet: false,
    stdout: sink("stdout"),
    stderr: sink("stderr"),
    ...options,
  });
  return { told, made };
}

const columns = [{ heading: "NAME", text: ({ name }: { name: string }) => name }];

output("a table is for people; with JSON the same rows are one document", () => {
  const text = makeOutput({});
  text.made.table(columns, [{ name: "市\u001b[2J" }], "nodes");
  text.made.note("a note");
  assert.equal(text.told, { stdout: "NAME\n市 [2J\n", stderr: "a note\n" });
  const json = makeOutput({ json: true, quiet: true, color: true });
  json.made.table(columns, [{ name: "市" }], "nodes");
  json.made.note("a note");
  assert.equal(json.told, { stdout: '{"nodes":[{"name":"市"}]}\n', stderr: "" });
});

output("an error says what, where, why and what to do, in the chosen language", () => {
  const error = new MeshError("UNREACHABLE", { subject: "h:1", detail: "refused" });
  const told = (lang: Language): string => {
    const { made, told: written } = makeOutput({ lang });
    made.error(error);
    return written.stderr;
  };
  assert.is(
    told("en"),
    [
      "error: the hub can't be reached (UNREACHABLE)",
      "  where: h:1",
      "  why: refused",
      "  do: check that the hub runs and that --hub names it, then repeat the command",
      "",
    ].join("\n"),
  );
  assert.is(
    told("zh-CN"),
    [
      "错误：无法连接中枢 (UNREACHABLE)",
      "  位置：h:1",
      "  原因：refused",
      "  办法：请确认中枢正在运行且 --hub 正确，然后重试",
      "",
    ].join("\n"),
  );
});

output("with JSON an error is one line of JSON on stderr, the same in every language", () => {
  const { made, told } = makeOutput({ json: true, lang: "zh-CN" });
  made.error(new MeshError("HUB_BUSY", { subject: "h:1", retryAfterMs: 500 }));
  assert.equal(told.stdout, "");
  assert.equal(JSON.parse(told.stderr), {
    error: { code: "HUB_BUSY", retry: "later", subject: "h:1", retryAfterMs: 500 },
  });
});

output("progress is drawn on a terminal only and wiped before a result", () => {
  const file = makeOutput({});
  file.made.progress("half");
  assert.is(file.told.stderr, "");
  const terminal = makeOutput({}, true);
  terminal.made.progress("half");
  terminal.made.result({}, "done");
  assert.equal(terminal.told, { stdout: "done\n", stderr: "half\r\u001b[2K" });
});

output("colours follow the flag, NO_COLOR, FORCE_COLOR and the terminal in this order", () => {
  assert.is(chooseColour(false, { FORCE_COLOR: "1" }, true), false);
  assert.is(chooseColour(undefined, { NO_COLOR: "1", FORCE_COLOR: "1" }, true), false);
  assert.is(chooseColour(undefined, { FORCE_COLOR: "1" }, false), true);
  assert.is(chooseColour(undefined, {}, false), false);
  assert.is(chooseColour(undefined, { TERM: "dumb" }, true), false);
});

const config = suite("configuration");
const directory = mkdtempSync(join(tmpdir(), "cloudbrain-cli-test-"));
config.after(() => rmSync(directory, { recursive: true }));

const schema = z.strictObject({
  hub: z.string().optional(),
  listen: z
    .strictObject({ grpcPort: z.int().min(1).default(7443), host: z.string().default("0.0.0.0") })
    .prefault({}),
  verbose: z.boolean().optional(),
  tags: z.array(z.string()).optional(),
  token: z.string().optional(),
});

function writeFile(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

function refusalLines(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    if (isMeshError(error) && error.code === "CONFIG_INVALID") {
      return (error.detail ?? "").replaceAll(`${directory}/`, "").split("\n");
    }
    throw error;
  }
  throw new Error("it was not refused");
}

config("a flag wins over the environment, that over the file, that over a default", () => {
  const file = writeFile(
    "a.yaml",
    "hub: file\nlisten:\n  grpcPort: 1\n  host: file\nverbose: false\n",
  );
  const loaded = loadConfig({
    file,
    schema,
    env: { CLOUDBRAIN_HUB: "env", CLOUDBRAIN_LISTEN_GRPC_PORT: "2", CLOUDBRAIN_TAGS: "a, b" },
    flags: { "listen.grpcPort": "3", verbose: undefined },
    defaults: { hub: "default", token: "t" },
  });
  assert.equal(loaded.value, {
    hub: "env",
    listen: { grpcPort: 3, host: "file" },
    verbose: false,
    tags: ["a", "b"],
    token: "t",
  });
  assert.equal(Object.fromEntries(loaded.keys.map((key) => [key, loaded.origin(key)])), {
    hub: { source: "env", place: "CLOUDBRAIN_HUB" },
    "listen.grpcPort": { source: "flag", place: "--listen-grpc-port" },
    "listen.host": { source: "file", place: `${file}:4:9` },
    tags: { source: "env", place: "CLOUDBRAIN_TAGS" },
    token: { source: "default", place: "default" },
    verbose: { source: "file", place: `${file}:5:10` },
  });
});

config(
  "defaults of the schema hold where nothing is said, and an empty variable says nothing",
  () => {
    const loaded = loadConfig({ schema, env: { CLOUDBRAIN_HUB: "" } });
    assert.equal(loaded.value, { listen: { grpcPort: 7443, host: "0.0.0.0" } });
    assert.equal(loaded.origin("hub"), { source: "unset", place: "unset" });
    assert.equal(loaded.origin("listen.host"), { source: "default", place: "default" });
  },
);

config("every mistake is told at once with its place, in the order of the file", () => {
  const file = writeFile("b.yaml", "hup: x\nlisten:\n  grpcPort: many\n  hosts: y\n");
  const lines = refusalLines(() =>
    loadConfig({ file, schema, env: { CLOUDBRAIN_VERBOSE: "maybe" }, flags: { tags: 1 } }),
  );
  assert.equal(lines, [
    "--tags: tags: Invalid input: expected array, received number",
    "b.yaml:1:1: hup: unknown key (did you mean hub?)",
    "b.yaml:3:13: listen.grpcPort: Invalid input: expected number, received string",
    "b.yaml:4:3: listen.hosts: unknown key (did you mean host?)",
    "CLOUDBRAIN_VERBOSE: verbose: Invalid input: expected boolean, received string",
  ]);
});

config("what is no YAML is told with its place", () => {
  const file = writeFile("c.yaml", "hub: a\nhub: b\nlisten: {\n");
  const lines = refusalLines(() => loadConfig({ file, schema, env: {} }));
  assert.equal(
    lines.map((line) => line.split(": ")[0]),
    ["c.yaml:2:1", "c.yaml:4:1"],
  );
  const list = writeFile("d.yaml", "- a\n");
  assert.equal(
    refusalLines(() => loadConfig({ file: list, schema, env: {} })),
    ["d.yaml:1:1: expected keys and values"],
  );
});

config("a file that is asked for must be there, one that is looked for need not", () => {
  const file = join(directory, "none.yaml");
  assert.equal(
    refusalLines(() => loadConfig({ file, schema, env: {} })),
    ["none.yaml: the file is missing"],
  );
  assert.is(loadConfig({ file, fileOptional: true, schema, env: {} }).file, undefined);
});

config("a secret may stand in a file of its own, but not in two places", () => {
  const secret = writeFile("secret", "s3cret\n");
  const env = { CLOUDBRAIN_TOKEN_FILE: secret };
  const loaded = loadConfig({ schema, env, secrets: ["token"] });
  assert.is(loaded.value.token, "s3cret");
  assert.is(loaded.origin("token").place, "CLOUDBRAIN_TOKEN_FILE");
  assert.is(loadConfig({ schema, env }).value.token, undefined);
  const both = { ...env, CLOUDBRAIN_TOKEN: "x" };
  assert.is(refusalLines(() => loadConfig({ schema, env: both, secrets: ["token"] })).length, 1);
});

config("a key named __proto__ is refused like any other that nobody knows", () => {
  const file = writeFile("e.yaml", "__proto__: { polluted: true }\n");
  const lines = refusalLines(() => loadConfig({ file, schema, env: {} }));
  assert.equal(lines, ["e.yaml:1:1: __proto__: unknown key"]);
  assert.is(Object.hasOwn(Object.prototype, "polluted"), false);
});

const trees = suite("mesh tree");

function makeNode(address: string, zh: string): NodeInfo {
  return {
    address: parseAddress(address),
    kind: "level",
    level: "",
    division: "",
    industry: "",
    region: "",
    title: { zh, en: "" },
    capabilities: [],
    hub: false,
    version: "",
    state: "online",
    epoch: 1,
    changedAtMs: 0,
  };
}

const nodes = [
  makeNode("/3702", "青岛市"),
  makeNode("/3702/370202", "市南区"),
  makeNode("/3702/370202/370202001", "街道"),
  makeNode("/3702/i-traffic", "交通"),
];
const plain = (_tone: unknown, text: string): string => text;
const nameOf = ({ title }: NodeInfo): string => title.zh;

trees("nodes stand below the node whose address theirs begins with", () => {
  assert.equal(formatTree(buildTree(nodes, 0), nameOf, plain).split("\n"), [
    "/3702  青岛市  online",
    "├─ 370202  市南区  online",
    "│  └─ 370202001  街道  online",
    "└─ i-traffic  交通  online",
  ]);
});

trees("what is deeper than asked for is counted", () => {
  assert.equal(formatTree(buildTree(nodes, 2), nameOf, plain).split("\n"), [
    "/3702  青岛市  online",
    "├─ 370202  市南区  online  (+1)",
    "└─ i-traffic  交通  online",
  ]);
});

trees("a node whose parent is not known is a root", () => {
  assert.equal(
    formatTree(buildTree(nodes.slice(2, 3), 0), nameOf, plain),
    ["/3702/370202/370202001  街道  online"].join(""),
  );
});
