import type { Client, TaskVersion } from "@cloudbrain/sdk";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";
import { clerk, dispatcher, refusalOf, supervisor, TaskMesh } from "../support/task-mesh.ts";

const test = suite("tasks at the desk of a real mesh");

const hourMs = 3_600_000;
const goodForm = { result: "done", summary: "积水已排空" };

let mesh: TaskMesh;
let zhang: Client;
let li: Client;
let dispatch: Client;
let boss: Client;

test.before(async () => {
  mesh = await TaskMesh.open();
  zhang = await mesh.join("zhang", clerk);
  li = await mesh.join("li", { ...clerk, name: "李四" });
  dispatch = await mesh.join("dispatch-1", dispatcher);
  boss = await mesh.join("boss", supervisor);
  await mesh.join("water-1", { ...clerk, name: "水务员", groups: ["bureau:water"] });
});
test.after(() => mesh.close());

async function newTask(): Promise<string> {
  const [id = ""] = await mesh.submit({ text: "路面积水" });
  return id;
}

/** The task as this person sees it, for the next command. */
function seen(client: Client, id: string): Promise<TaskVersion> {
  return client.tasks.get(id);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await refusalOf(promise)).code;
}

async function idsOf(client: Client, filter: "mine" | "offered" | "history"): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of client.tasks.list({ filter })) ids.push(id);
  return ids;
}

test("a clerk claims, another hears who holds it, a bad form is refused, the chain ends", async () => {
  const id = await newTask();
  assert.equal(await idsOf(zhang, "offered"), [id]);
  assert.equal(await idsOf(zhang, "mine"), []);
  const offered = await zhang.tasks.get(id);
  const { title, about, state, version, light, ask, input, may } = offered;
  assert.equal(
    [title.zh, about, state, version, light, ask, input],
    ["核实并办理积水问题", "/3702/370202", "offered", 1, "green", "claim", { text: "路面积水" }],
  );
  assert.equal(may, ["claim", "return"]);
  const claimed = await zhang.tasks.claim(offered);
  assert.equal(claimed, { id, version: 2, existed: false });
  const taken = await refusalOf(li.tasks.claim(offered));
  assert.equal(
    [taken.code, taken.facts],
    [
      "TASK_TAKEN",
      {
        version: "2",
        state: "claimed",
        holder: "zhang",
        holderName: "张三",
        holderDepartment: "housing",
      },
    ],
  );
  const stale = await refusalOf(zhang.tasks.complete(offered, goodForm));
  assert.equal([stale.code, stale.facts["version"]], ["TASK_CHANGED", "2"]);
  const wrong = await refusalOf(zhang.tasks.complete(claimed, { result: "maybe" }));
  assert.is(wrong.code, "FORM_INVALID");
  assert.is(
    wrong.detail,
    "the value must have required property 'summary'; " +
      "/result must be equal to one of the allowed values: done, rejected",
  );
  await zhang.tasks.complete(claimed, goodForm);
  const chain = await mesh.ended(id);
  assert.equal([chain.state, chain.output], ["succeeded", { result: "done" }]);
  const done = await zhang.tasks.get(id);
  assert.equal([done.state, done.output, done.holder], ["completed", goodForm, undefined]);
  assert.equal(
    done.trail.map(({ what, by }) => [what, by?.account]),
    [
      ["opened", undefined],
      ["claimed", "zhang"],
      ["completed", "zhang"],
    ],
  );
  assert.ok((await idsOf(zhang, "history")).includes(id));
});

test("the same command id is taken once, and another command may not use it", async () => {
  const id = await newTask();
  const task = await seen(zhang, id);
  const options = { commandId: "from-the-paper-form-17" };
  const first = await zhang.tasks.claim(task, options);
  assert.equal(await zhang.tasks.claim(task, options), { ...first, existed: true });
  assert.is(await codeOf(zhang.tasks.unclaim(first, options)), "KEY_CONFLICT");
  await zhang.tasks.unclaim(first, { reason: "请假" });
  assert.is((await mesh.task(id)).state, "offered");
});

test("nobody without a sign-in, a right or a group acts, and strangers see nothing", async () => {
  const id = await newTask();
  const task = await mesh.task(id);
  const seat = mesh.connect(mesh.deskTarget, mesh.seat);
  const unknown = await refusalOf(seat.tasks.get(id));
  assert.is(unknown.code, "NOT_ALLOWED");
  assert.match(unknown.detail ?? "", /sign in/);
  const outsider = await mesh.join("outsider", { ...clerk, groups: [], rights: [] });
  assert.is(await codeOf(outsider.tasks.get(id)), "TASK_UNKNOWN");
  assert.is(await codeOf(outsider.tasks.claim(task)), "NOT_ALLOWED");
  assert.is(await codeOf(outsider.tasks.get("no#1")), "TASK_UNKNOWN");
  const rightless = await mesh.join("rightless", { ...clerk, rights: [] });
  assert.equal((await rightless.tasks.get(id)).may, []);
  const lacking = await refusalOf(rightless.tasks.claim(task));
  assert.equal(
    [lacking.code, lacking.detail],
    ["NOT_ALLOWED", "rightless has no right to handle item.handling"],
  );
  const reader = await mesh.join("reader", { ...clerk, roles: ["readOnly"] });
  assert.is((await refusalOf(reader.tasks.claim(task))).detail, "reader only reads");
  assert.is(await codeOf(zhang.tasks.supervise(task, "too slow")), "NOT_ALLOWED");
  assert.is(await codeOf(listAll(zhang)), "NOT_ALLOWED");
  assert.ok((await listAll(boss)).includes(id));
});

async function listAll(client: Client): Promise<string[]> {
  const ids: string[] = [];
  for await (const task of client.tasks.list({ filter: "all" })) ids.push(task.id);
  return ids;
}

test("a returned task goes to the dispatch desk, which insists, redirects or rejects", async () => {
  const id = await newTask();
  const claimed = await zhang.tasks.claim(await seen(zhang, id));
  const returned = await zhang.tasks.returnTask(claimed, "不属于本部门");
  const atDesk = await dispatch.tasks.get(id);
  assert.equal(
    [atDesk.state, atDesk.ask, atDesk.reason, atDesk.may.includes("decideReturn")],
    ["returning", "decideReturn", "不属于本部门", true],
  );
  assert.equal(atDesk.decisions, ["changeCandidates", "insist", "reject"]);
  assert.is(
    await codeOf(zhang.tasks.decideReturn(returned, { kind: "insist" }, "mine")),
    "NOT_ALLOWED",
  );
  const insisted = await dispatch.tasks.decideReturn(atDesk, { kind: "insist" }, "属于本部门");
  assert.is((await mesh.task(id)).holder?.account, "zhang");
  const again = await zhang.tasks.returnTask(insisted, "确实不属于");
  const nobody = { kind: "changeCandidates", candidates: { groups: ["nobody"] } } as const;
  assert.is(await codeOf(dispatch.tasks.decideReturn(again, nobody, "改派")), "INPUT_INVALID");
  const toWater = { kind: "changeCandidates", candidates: { groups: ["bureau:water"] } } as const;
  const redirected = await dispatch.tasks.decideReturn(again, toWater, "改派水务");
  assert.is(await codeOf(zhang.tasks.claim(redirected)), "NOT_ALLOWED");
  const returning = await boss.tasks.transfer(redirected, { account: "li" }, "请李四办理");
  const third = await li.tasks.returnTask(returning, "无法办理");
  await dispatch.tasks.decideReturn(third, { kind: "reject" }, "退回市里");
  const chain = await mesh.ended(id);
  assert.equal([chain.state, chain.reason], ["failed", "step bureau: REJECTED: 派单员: 退回市里"]);
});

test("transfer moves the task, delegation the work alone, and resolving brings it back", async () => {
  const id = await newTask();
  const claimed = await zhang.tasks.claim(await seen(zhang, id));
  assert.is(
    await codeOf(zhang.tasks.transfer(claimed, { account: "nobody" }, "轮班")),
    "USER_UNKNOWN",
  );
  assert.is(
    await codeOf(zhang.tasks.transfer(claimed, { account: "rightless" }, "轮班")),
    "INPUT_INVALID",
  );
  const moved = await zhang.tasks.transfer(claimed, { account: "li" }, "轮班");
  assert.is(await codeOf(zhang.tasks.complete(moved, goodForm)), "NOT_ALLOWED");
  const delegated = await li.tasks.delegate(moved, "zhang", "现场核查");
  const now = await mesh.task(id);
  assert.equal([now.holder?.account, now.owner?.account], ["zhang", "li"]);
  assert.is(await codeOf(zhang.tasks.complete(delegated, goodForm)), "TASK_STATE");
  const resolved = await zhang.tasks.resolve(delegated, { reason: "已核查" });
  await li.tasks.complete(resolved, goodForm);
  assert.is((await mesh.ended(id)).state, "succeeded");
});

test("an extension is refused, then granted, and moves the due time", async () => {
  const id = await newTask();
  const claimed = await zhang.tasks.claim(await seen(zhang, id));
  const { dueMs } = await mesh.task(id);
  assert.is(
    await codeOf(zhang.tasks.requestExtension(claimed, 200 * hourMs, "等待配件")),
    "INPUT_INVALID",
  );
  const asked = await zhang.tasks.requestExtension(claimed, 48 * hourMs, "等待配件");
  const waiting = await dispatch.tasks.get(id);
  assert.equal(
    [waiting.ask, waiting.extension?.extraMs, waiting.extension?.by?.account],
    ["decideExtension", 48 * hourMs, "zhang"],
  );
  assert.is(await codeOf(zhang.tasks.decideExtension(asked, true, "好")), "NOT_ALLOWED");
  const refused = await dispatch.tasks.decideExtension(waiting, false, "尽快办理");
  assert.is((await mesh.task(id)).dueMs, dueMs);
  await zhang.tasks.requestExtension(refused, 24 * hourMs, "仍需等待");
  await dispatch.tasks.decideExtension(await seen(dispatch, id), true, "同意");
  assert.is((await mesh.task(id)).dueMs, dueMs + 24 * hourMs);
});

test("others give opinions, supervisors press, the clock stands still, the end is judged", async () => {
  const id = await newTask();
  const claimed = await zhang.tasks.claim(await seen(zhang, id));
  const asked = await zhang.tasks.askCoHandler(claimed, { account: "li" }, "管网图", {
    required: true,
  });
  assert.is(await codeOf(zhang.tasks.complete(asked, goodForm)), "TASK_STATE");
  const { coHandlings } = await li.tasks.get(id);
  const [entry] = coHandlings;
  assert.equal([entry?.account, entry?.required, entry?.state], ["li", true, "asked"]);
  await li.tasks.answerCoHandling(await seen(li, id), entry?.id ?? "", "已附管网图");
  await boss.tasks.remind(await seen(boss, id), { reason: "市民来电" });
  await boss.tasks.supervise(await seen(boss, id), "超过承诺时限");
  const pressed = await zhang.tasks.get(id);
  assert.equal([pressed.reminders, pressed.supervision], [1, "超过承诺时限"]);
  assert.is(await codeOf(zhang.tasks.requestHanging(pressed, Number.NaN, "x")), "INPUT_INVALID");
  const untilMs = Date.now() + 48 * hourMs;
  await zhang.tasks.requestHanging(pressed, untilMs, "冬季无法施工");
  await dispatch.tasks.decideHanging(await seen(dispatch, id), true, "同意");
  const hanging = await mesh.task(id);
  assert.equal([hanging.state, hanging.dueMs], ["hanging", untilMs]);
  const resumed = await zhang.tasks.resume(hanging, { reason: "天气转暖" });
  await zhang.tasks.complete(resumed, goodForm);
  await dispatch.tasks.evaluate(await seen(dispatch, id), 5, "群众满意");
  const { evaluation } = await zhang.tasks.get(id);
  assert.equal([evaluation?.score, evaluation?.by?.account], [5, "dispatch-1"]);
  assert.is(
    await codeOf(dispatch.tasks.evaluate(await seen(dispatch, id), 0, "")),
    "INPUT_INVALID",
  );
});

test("a watcher hears its counts at once, and of what changes in its lists", async () => {
  const watcher = await mesh.join("watcher", clerk);
  const before = await watcher.tasks.count();
  let submitted: string | undefined;
  for await (const news of watcher.tasks.watch()) {
    if (submitted === undefined) {
      assert.equal(news, { counts: before, changed: [], more: false });
      submitted = await newTask();
    } else if (news.changed.some(({ id }) => id === submitted)) {
      assert.equal(news.counts, { ...before, offered: before.offered + 1 });
      break;
    }
  }
  await watcher.users.signOut();
  assert.is(await codeOf(watcher.tasks.count()), "IDENTITY_UNTRUSTED");
});

test("lists are filtered by text, state and application, and read page by page", async () => {
  const ids = await mesh.submit(...Array.from({ length: 5 }, (_, n) => ({ n })));
  const [one = ""] = ids;
  const found: string[] = [];
  const text = one.slice(0, 26);
  for await (const { id } of zhang.tasks.list({ filter: "offered", text })) found.push(id);
  assert.equal(found, [one]);
  const wrong: readonly Parameters<typeof zhang.tasks.list>[0][] = [
    { filter: "offered", state: "claimed" },
    { filter: "offered", application: "item.other" },
    { filter: "offered", light: "red" },
  ];
  for (const query of wrong) {
    for await (const { id } of zhang.tasks.list(query)) assert.unreachable(id);
  }
  await zhang.tasks.claim(await seen(zhang, one));
  const department: string[] = [];
  for await (const task of li.tasks.list({ filter: "department", state: "claimed" })) {
    department.push(task.id);
  }
  assert.ok(department.includes(one));
});
