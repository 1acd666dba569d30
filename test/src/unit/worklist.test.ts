// Worklists: what each person finds, in which order, page by page.

import { taskDetail, worklistCounts } from "@cloudbrain/hub/kernel";
import { isMeshError } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";
import {
  Desk,
  goodForm,
  hourMs,
  li,
  literal,
  makeActor,
  makeHuman,
  makeRule,
  street,
  supervisor,
  wang,
} from "../support/task-desk.ts";

const test = suite("worklists");

/** `count` tasks, one a minute; their priority is their number modulo 7. */
function makeFull(count: number): Desk {
  const desk = new Desk();
  desk.start({ priority: "has(input.n) ? input.n : 50", steps: [makeHuman()] }, "X0");
  for (let index = 1; index < count; index += 1) {
    desk.mesh.nowMs += 60_000;
    desk.submit(`X${index}`, { n: index % 7 });
  }
  return desk;
}

function pagesOf(
  desk: Desk,
  query: Parameters<Desk["list"]>[0],
): { readonly ids: readonly string[]; readonly pages: number } {
  const ids: string[] = [];
  let after = "";
  for (let pages = 1; ; pages += 1) {
    const page = desk.mesh.hub(street).worklist({ ...query, after }, desk.mesh.nowMs);
    ids.push(...page.tasks.map(({ id }) => id));
    after = page.next;
    if (after === "") return { ids, pages };
  }
}

test("pages of every order hold each task once, in that order", () => {
  const desk = makeFull(60);
  const { tasks } = desk.mesh.hub(street).state;
  const all = [...tasks.values()];
  const by = (compare: (a: (typeof all)[0], b: (typeof all)[0]) => number) =>
    [...all].sort((a, b) => compare(a, b) || (a.id < b.id ? -1 : 1)).map(({ id }) => id);
  const query = { actor: wang, filter: "offered", limit: 7 } as const;
  const due = (a: (typeof all)[0], b: (typeof all)[0]) => a.times.finishDueMs - b.times.finishDueMs;
  assert.equal(pagesOf(desk, query), { ids: by(due), pages: 9 });
  assert.equal(
    pagesOf(desk, { ...query, order: "priority" }).ids,
    by((a, b) => b.spec.priority - a.spec.priority || due(a, b)),
  );
  assert.equal(
    pagesOf(desk, { ...query, order: "newest" }).ids,
    by((a, b) => b.openedAtMs - a.openedAtMs),
  );
});

test("a page looks at the tasks that it shows and at the next one, however many there are", () => {
  const desk = makeFull(1_000);
  const { state } = desk.mesh.hub(street);
  const read = state.tasks.get.bind(state.tasks);
  let reads = 0;
  state.tasks.get = (id) => {
    reads += 1;
    return read(id);
  };
  let after = "";
  for (let page = 0; page < 3; page += 1) {
    const query = { actor: wang, filter: "offered", order: "priority", limit: 20, after } as const;
    after = desk.mesh.hub(street).worklist(query, desk.mesh.nowMs).next;
  }
  assert.is(reads, 3 * 21);
});

test("a task that is offered to somebody in several ways stands in their list once", () => {
  const desk = new Desk();
  const candidates = {
    users: [literal("wang")],
    groups: [literal("bureau:housing")],
    roles: [literal("clerk"), literal("chief")],
    departments: [literal("housing")],
  };
  desk.start({ steps: [makeHuman({ human: makeRule({ candidates }) })] });
  const actor = { ...wang, roles: ["clerk", "chief"] };
  assert.equal(desk.list({ actor, filter: "offered" }), ["X.bureau.1#1"]);
  const counts = { mine: 0, offered: 1, red: 0, yellow: 0 };
  assert.equal(worklistCounts(desk.mesh.hub(street).state, actor, desk.mesh.nowMs), counts);
  const clerk = (department: string) =>
    makeActor("zhao", { groups: [], roles: ["clerk"], department });
  assert.is(desk.list({ actor: clerk("housing"), filter: "offered" }).length, 1);
  assert.is(desk.list({ actor: clerk("water"), filter: "offered" }).length, 0);
});

test("filters narrow a list by state, application, text and light", () => {
  const desk = makeFull(5);
  desk.does(wang, { kind: "claim" }, "X1.bureau.1#1");
  const all = { actor: supervisor, filter: "all" } as const;
  assert.is(desk.list(all).length, 5);
  assert.equal(desk.list({ ...all, state: "claimed" }), ["X1.bureau.1#1"]);
  assert.is(desk.list({ ...all, application: "test.app" }).length, 5);
  assert.is(desk.list({ ...all, application: "other" }).length, 0);
  assert.equal(desk.list({ ...all, text: "X3" }), ["X3.bureau.1#1"]);
  assert.is(desk.list({ ...all, text: "\u529e\u7406" }).length, 5);
  assert.is(desk.list({ ...all, light: "green" }).length, 5);
  desk.mesh.advance(20 * hourMs);
  assert.is(desk.list({ ...all, light: "yellow" }).length, 5);
  assert.equal(desk.list({ actor: { ...li, groups: [] }, filter: "department" }), [
    "X1.bureau.1#1",
  ]);
  assert.equal(worklistCounts(desk.mesh.hub(street).state, wang, desk.mesh.nowMs), {
    mine: 1,
    offered: 4,
    red: 0,
    yellow: 1,
  });
});

test("all tasks of a desk are for its supervisors, and a made-up place is refused", () => {
  const desk = makeFull(1);
  const code = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      return isMeshError(error) ? error.code : "other";
    }
    return "none";
  };
  assert.is(
    code(() => desk.list({ actor: wang, filter: "all" })),
    "NOT_ALLOWED",
  );
  for (const after of ["x", "1~2", "1~x~id"]) {
    assert.is(
      code(() => desk.list({ actor: wang, filter: "offered", after })),
      "INPUT_INVALID",
    );
  }
});

test("a clerk's history holds what they have acted on, and strangers see no task", () => {
  const desk = makeFull(3);
  desk.does(wang, { kind: "claim" }, "X1.bureau.1#1");
  desk.does(wang, { kind: "complete", output: { ...(goodForm as object) } }, "X1.bureau.1#1");
  desk.does(wang, { kind: "claim" }, "X2.bureau.1#1");
  const history = { actor: wang, filter: "history", order: "newest" } as const;
  assert.equal(desk.list(history), ["X2.bureau.1#1", "X1.bureau.1#1"]);
  const { state } = desk.mesh.hub(street);
  const detail = taskDetail(state, "X1.bureau.1#1", wang, desk.mesh.nowMs);
  assert.equal(detail?.current, {
    kind: "completed",
    by: { account: "wang", name: "WANG", department: "housing" },
    output: goodForm,
  });
  assert.equal(detail?.trail.length, 3);
  const stranger = makeActor("stranger", { groups: [], department: "" });
  assert.is(taskDetail(state, "X1.bureau.1#1", stranger, desk.mesh.nowMs), undefined);
});
