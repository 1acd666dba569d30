import type { Client, TaskReceipt } from "@cloudbrain/sdk";
import { isMeshError } from "@cloudbrain/sdk";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";
import { clerk, refusalOf, TaskMesh } from "../support/task-mesh.ts";

// Fifty sign-ins, a thousand claims; processes that are killed and start again.
const test = suite("many clerks at one desk", { timeLimitMs: 120_000 });

const clerksCount = 50;
const tasksCount = 200;
const rivals = 5;

async function join(mesh: TaskMesh, count: number): Promise<readonly Client[]> {
  const clerks: Client[] = [];
  // One by one: a hub lets 20 passwords wait.
  for (let n = 0; n < count; n += 1) {
    clerks.push(await mesh.join(`clerk-${n}`, { ...clerk, name: `${n}` }));
  }
  return clerks;
}

function inputs(count: number): readonly { readonly n: number }[] {
  return Array.from({ length: count }, (_, n) => ({ n }));
}

async function offeredAt(client: Client) {
  const tasks = [];
  for await (const task of client.tasks.list({ filter: "offered" })) tasks.push(task);
  return tasks;
}

test("fifty clerks claim two hundred tasks at once, and each task has one holder", async () => {
  const mesh = await TaskMesh.open();
  try {
    const clerks = await join(mesh, clerksCount);
    await mesh.submit(...inputs(tasksCount));
    const tasks = await offeredAt(clerks[0] as Client);
    assert.is(tasks.length, tasksCount);
    const claims = tasks.flatMap((task, index) =>
      Array.from({ length: rivals }, (_, rival) => {
        const number = (index * 7 + rival * 11) % clerksCount;
        const claim = (clerks[number] as Client).tasks.claim(task);
        return claim.then(
          () => ({ id: task.id, winner: `clerk-${number}`, told: "" }),
          (error: unknown) => {
            if (!isMeshError(error) || error.code !== "TASK_TAKEN") throw error;
            return { id: task.id, winner: "", told: error.facts["holder"] ?? "" };
          },
        );
      }),
    );
    const results = await Promise.all(claims);
    const winners = new Map<string, string>();
    for (const { id, winner } of results) {
      if (winner === "") continue;
      assert.is(winners.has(id), false, `${id} was claimed twice`);
      winners.set(id, winner);
    }
    assert.is(winners.size, tasksCount);
    for (const { id, told } of results) {
      assert.ok(told === "" || told === winners.get(id), `${id}: ${told}`);
    }
    const counts = await Promise.all(clerks.map((client) => client.tasks.count()));
    assert.is(
      counts.reduce((sum, { mine }) => sum + mine, 0),
      tasksCount,
    );
    assert.ok(counts.every(({ offered }) => offered === 0));
  } finally {
    await mesh.close();
  }
});

test("a desk that is killed between commands takes each once and loses none", async () => {
  const mesh = await TaskMesh.open({ deskProcess: true });
  try {
    const clerks = await join(mesh, 4);
    await mesh.submit(...inputs(40));
    const tasks = await offeredAt(clerks[0] as Client);
    let completed = 0;
    const killsAt = [6, 20];
    let kills = Promise.resolve();
    const options = { timeoutMs: 60_000 };
    const finish = async (client: Client, mine: typeof tasks): Promise<readonly TaskReceipt[]> => {
      const receipts: TaskReceipt[] = [];
      for (const task of mine) {
        const claimed = await client.tasks.claim(task, options);
        const form = { result: "done", summary: `task ${task.id}` };
        receipts.push(await client.tasks.complete(claimed, form, options));
        completed += 1;
        if (completed !== killsAt[0]) continue;
        killsAt.shift();
        kills = kills.then(() => mesh.killDesk()).then(() => mesh.startDesk());
      }
      return receipts;
    };
    const work = clerks.map((client, number) =>
      finish(
        client,
        tasks.filter((_, index) => index % clerks.length === number),
      ),
    );
    const receipts = (await Promise.all(work)).flat();
    await kills;
    assert.equal([killsAt, receipts.length], [[], 40]);
    for (const { id } of receipts) {
      const chain = await mesh.ended(id);
      assert.equal([chain.state, chain.output], ["succeeded", { result: "done" }]);
    }
    for (const [number, client] of clerks.entries()) {
      for await (const { id } of client.tasks.list({ filter: "history" })) {
        const { trail } = await client.tasks.get(id);
        assert.equal(
          trail.map(({ what, by }) => [what, by?.account]),
          [
            ["opened", undefined],
            ["claimed", `clerk-${number}`],
            ["completed", `clerk-${number}`],
          ],
        );
      }
    }
  } finally {
    await mesh.close();
  }
});

test("a command id outlives the process that took it", async () => {
  const mesh = await TaskMesh.open({ deskProcess: true });
  try {
    const [client] = await join(mesh, 1);
    await mesh.submit({ n: 1 });
    const [task] = await offeredAt(client as Client);
    if (client === undefined || task === undefined) throw new Error("nothing to claim");
    const options = { commandId: "once", timeoutMs: 30_000 };
    const first = await client.tasks.claim(task, options);
    await mesh.killDesk();
    await mesh.startDesk();
    assert.equal(await client.tasks.claim(task, options), { ...first, existed: true });
    const stale = await refusalOf(client.tasks.complete(task, {}, { timeoutMs: 30_000 }));
    assert.equal([stale.code, stale.facts["version"]], ["TASK_CHANGED", "2"]);
  } finally {
    await mesh.close();
  }
});
