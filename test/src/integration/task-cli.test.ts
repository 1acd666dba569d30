import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeCredentials } from "@cloudbrain/sdk/identity";
import * as assert from "uvu/assert";
import { type Ended, RunningCommand } from "../support/command.ts";
import { createCommandRun } from "../support/command-run.ts";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";
import { clerk, dispatcher, ownPassword, TaskMesh } from "../support/task-mesh.ts";

// Dozens of processes, each a third of a second of CPU time.
const test = suite("cloudbrain task", { timeLimitMs: 120_000 });

const main = join(repositoryRoot, "node-agent", "dist", "cli", "main.js");
const directory = mkdtempSync(join(tmpdir(), "cloudbrain-task-command-"));
const commandsAtOnce = 4;
type Person = "zhang" | "li" | "dispatch-1";
type Language = "en" | "zh-CN";

let mesh: TaskMesh;

test.before(async () => {
  mesh = await TaskMesh.open();
  writeFileSync(join(directory, "own"), ownPassword);
  writeCredentials(join(directory, "seat"), mesh.seat);
  writeCredentials(join(directory, "operator"), mesh.operator);
  const people = { zhang: clerk, li: { ...clerk, name: "李四" }, "dispatch-1": dispatcher };
  for (const [account, profile] of Object.entries(people)) {
    await mesh.join(account, profile);
    const signedIn = await run(account as Person, "en", "login", account, "--password-file", "own");
    assert.is(signedIn.code, 0, signedIn.stderr);
  }
});
test.after(async () => {
  rmSync(directory, { recursive: true });
  await mesh.close();
});

function reachOf(lang: Language, identity = "seat"): readonly string[] {
  return ["--hub", mesh.deskTarget, "--identity", identity, "--lang", lang];
}

/** Runs the command at the seat as this person, whose sign-in has a file of its own. */
function run(person: Person, lang: Language, ...words: readonly string[]): Promise<Ended> {
  const env = { XDG_CONFIG_HOME: join(directory, person), COLUMNS: "80", TZ: "UTC" };
  return createCommandRun(directory)([...words, ...reachOf(lang)], { env });
}

/** Runs it and expects it to be done; answers what it printed. */
async function done(person: Person, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(person, "en", "task", ...words);
  assert.is(code, 0, stderr);
  return stdout;
}

async function newTask(): Promise<string> {
  const [id = ""] = await mesh.submit({ text: "路面积水" });
  return id;
}

/** What people type: the end of the chain's id. */
function shortOf(id: string): string {
  return id.slice(20, 26);
}

/** Chinese characters and their punctuation take two cells. */
function cellsOf(line: string): number {
  return [...line].reduce((sum, character) => sum + (character >= "\u2e80" ? 2 : 1), 0);
}

test("sixty tasks fit an 80-column terminal, in both languages", async () => {
  const ids = await mesh.submit(...Array.from({ length: 60 }, (_, n) => ({ n })));
  for (const lang of ["zh-CN", "en"] as const) {
    const { code, stdout, stderr } = await run("zhang", lang, "task", "ls", "--list", "offered");
    assert.is(code, 0, stderr);
    const lines = stdout.trimEnd().split("\n");
    assert.is(lines.length, 61);
    const wide = lines.filter((line) => cellsOf(line) > 80);
    assert.equal(wide, []);
    const [heading = "", first = ""] = lines;
    if (lang === "zh-CN") {
      assert.match(heading, /^灯 {2}待办 {4}状态 {4}期限 {9}在办人 {2}事项$/);
      assert.match(first, /^绿 {2}[0-9A-Z]{6,} {2}待签收 {2}\d\d-\d\d \d\d:\d\d {10}核实并办理/);
      assert.is(stderr, "本人待办 0（红 0，黄 0），待签收或待决定 60\n");
    } else {
      assert.match(heading, /^LIGHT {2}TASK {4}STATE {4}DUE {10}HOLDER {2}TITLE$/);
      assert.match(first, /^green {2}[0-9A-Z]{6,} {2}offered {2}.* Clear the water · 370202$/);
      assert.is(stderr, "mine 0 (red 0, yellow 0), to claim or decide 60\n");
    }
    assert.ok(
      lines.slice(1).every((line) => ids.some((id) => id.includes(line.split(/ +/)[1] ?? "?"))),
    );
  }
  const json = await done("zhang", "ls", "--list", "offered", "--limit", "2", "--json");
  const { tasks } = JSON.parse(json) as { tasks: readonly { version: number }[] };
  assert.equal(
    tasks.map(({ version }) => version),
    [1, 1],
  );
});

test("a task is claimed by the end of its id, refused field by field, completed and seen", async () => {
  const id = await newTask();
  const short = shortOf(id);
  assert.is(await done("zhang", "claim", short), `${id}: claimed (version 2)\n`);
  const taken = await run("li", "zh-CN", "task", "claim", id);
  assert.is(taken.code, 5);
  assert.match(taken.stderr, /\(TASK_TAKEN\)/);
  assert.match(taken.stderr, /张三 \(zhang\) of housing holds the task/);
  const asJson = await run("li", "en", "task", "claim", id, "--json");
  const { error } = JSON.parse(asJson.stderr) as { error: { facts: Record<string, string> } };
  assert.is(error.facts["holder"], "zhang");
  for (const [lang, heading] of [
    ["zh-CN", "2 处有误："],
    ["en", "2 mistakes:"],
  ] as const) {
    const wrong = await run("zhang", lang, "task", "complete", short, "--form", '{"result":"x"}');
    assert.is(wrong.code, 2);
    assert.ok(
      wrong.stderr.includes(
        `${heading}\n    the value must have required property 'summary'\n` +
          "    /result must be equal to one of the allowed values: done, rejected\n",
      ),
      wrong.stderr,
    );
  }
  assert.is((await run("zhang", "en", "task", "complete", short, "--expect", "1")).code, 5);
  writeFileSync(join(directory, "form.json"), '{"result":"done","summary":"积水已排空"}');
  const told = await run("zhang", "zh-CN", "task", "complete", short, "--form-file", "form.json");
  assert.is(told.stdout, `${id}：办结（版本 3）\n`);
  assert.is((await mesh.ended(id)).state, "succeeded");
  const shown = await run("zhang", "zh-CN", "task", "show", short);
  assert.match(shown.stdout, /^待办 +01[0-9A-Z]{24}\.bureau\.1#1$/m);
  assert.match(shown.stdout, /^状态 +办结$/m);
  assert.match(shown.stdout, /^\d{4}-\d\d-\d\d .* {2}张三 +签收$/m);
});

test("a return, a hanging and an extension are asked for and decided", async () => {
  const id = await newTask();
  const short = shortOf(id);
  await done("zhang", "claim", short);
  const later = new Date(Date.now() + 30 * 24 * 3_600_000).toISOString().slice(0, 10);
  const wrong = [
    run("zhang", "en", "task", "return", short),
    run("zhang", "en", "task", "hang", short, "soon", "--reason", "x"),
    run("dispatch-1", "en", "task", "decide", short, "change", "--reason", "x"),
    run("dispatch-1", "en", "task", "decide", id, "grant", "--reason", "x"),
  ];
  assert.equal(
    (await Promise.all(wrong)).map(({ code }) => code),
    [2, 2, 2, 2],
  );
  await done("zhang", "return", short, "--reason", "不属于本部门");
  await done("dispatch-1", "decide", short, "insist", "--reason", "属于本部门");
  await done("zhang", "hang", short, later, "--reason", "冬季无法施工");
  await done("dispatch-1", "decide", short, "refuse", "--about", "hanging", "--reason", "不同意");
  await done("zhang", "extend", short, "PT24H", "--reason", "等待配件");
  const granted = await done("dispatch-1", "decide", short, "grant", "--reason", "同意");
  assert.match(granted, /: granted \(version \d+\)$/m);
  assert.is((await mesh.desk.tasks.get(id)).extensionsGranted, 1);
});

test("work moves to others and back, opinions are asked for, the end is judged", async () => {
  const id = await newTask();
  const short = shortOf(id);
  await done("zhang", "claim", short);
  await done("zhang", "delegate", short, "li", "--reason", "现场核查");
  await done("li", "resolve", short, "--reason", "已核查");
  assert.is(
    (await run("zhang", "en", "task", "transfer", short, "--to", "no", "--reason", "x")).code,
    3,
  );
  await done("zhang", "transfer", short, "--to", "li", "--reason", "轮班");
  await done("li", "cohandle", short, "--to", "zhang", "--required", "--reason", "管网图");
  assert.is((await run("li", "en", "task", "cohandle", short)).code, 2);
  await done("zhang", "cohandle", short, "--answer", "已附");
  await done("dispatch-1", "remind", id, "--reason", "市民来电");
  assert.is((await run("dispatch-1", "en", "task", "supervise", id, "--reason", "慢")).code, 4);
  const form = '{"result":"done","summary":"积水已排空"}';
  await done("li", "complete", short, "--form", form);
  await done("dispatch-1", "evaluate", id, "5", "--comment", "群众满意");
  assert.is((await run("zhang", "en", "task", "show", "NOSUCHTASK")).code, 3);
  const operator = await createCommandRun(directory)([
    ...["task", "show", id, "--json"],
    ...reachOf("en", "operator"),
  ]);
  const { evaluation } = JSON.parse(operator.stdout) as { evaluation: { score: number } };
  assert.is(evaluation.score, 5);
  const seat = await createCommandRun(directory)(["task", "ls", ...reachOf("en")]);
  assert.is(seat.code, 4);
});

test("a watch tells the counts as lines of JSON until it is interrupted", async () => {
  const env = { XDG_CONFIG_HOME: join(directory, "zhang") };
  const words = ["task", "watch", "--json", ...reachOf("en")];
  const watch = new RunningCommand(main, words, { directory, env });
  const { counts } = JSON.parse(await watch.firstLine()) as { counts: { offered: number } };
  assert.is(counts.offered, (await listed("zhang")).length);
  assert.is((await watch.stop()).code, 143);
});

async function listed(person: Person): Promise<readonly unknown[]> {
  const json = await done(person, "ls", "--list", "offered", "--limit", "0", "--json");
  return (JSON.parse(json) as { tasks: readonly unknown[] }).tasks;
}

/** Lines of the guide that begin with the command, as their words. */
function commandsOf(guide: string): readonly (readonly string[])[] {
  const text = readFileSync(join(repositoryRoot, "docs", guide), "utf8");
  return [...text.matchAll(/^cloudbrain (.*)$/gm)].map(([, line = ""]) =>
    [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ""),
  );
}

test("every command of the guides is one that the command line takes", async () => {
  const commands = commandsOf("tasks.md");
  assert.ok(commands.length > 30);
  assert.equal(commandsOf("tasks.zh-CN.md"), commands);
  writeFileSync(join(directory, "form.json"), '{"result":"done","summary":"积水已排空"}');
  writeFileSync(join(directory, "first"), "a first password");
  writeFileSync(join(directory, "现场.jpg"), "a photo");
  // Nobody listens there: what is sound gets as far as the hub, what is not ends before.
  const nowhere = ["--hub", "127.0.0.1:1", "--identity", "seat", "--timeout", "5s"];
  for (let at = 0; at < commands.length; at += commandsAtOnce) {
    const some = commands.slice(at, at + commandsAtOnce);
    const ended = await Promise.all(
      some.map((words) => createCommandRun(directory)([...words, ...nowhere])),
    );
    assert.equal(
      ended.map(({ code }, index) => [some[index]?.join(" "), code]),
      some.map((words) => [words.join(" "), 6]),
    );
  }
});
