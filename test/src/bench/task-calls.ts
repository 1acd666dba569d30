// Task calls: the clerks of a desk, in a process of their own, each with a connection and a
// sign-in.

import { type Client, createClient, type TaskInfo } from "@cloudbrain/sdk/client";
import { isMeshError, MeshError } from "@cloudbrain/sdk/domain";
import { readCredentials } from "@cloudbrain/sdk/identity";
import type { CallTable } from "./bench-calls.ts";
import { runClosedLoop } from "./closed-loop.ts";

/** The agent of the mesh stands for the bureau: its hub is the desk. */
const application = `apiVersion: cloudbrain/v1
kind: Application
metadata: { id: bench.task, version: 1.0.0, title: { zh: 群众诉求办理 } }
spec:
  input: { type: object }
  deadline: { total: P2D }
  onFailure: fail
  steps:
    - id: bureau
      type: human
      match: { capability: bench.echo/v1 }
      input: '=input'
      human: { candidates: { groups: ['bureau:bench'] } }
      deadline: { finish: P1D }
      escalate: [{ after: PT12H, on: unfinished, do: remind }]
`;

const first = "a first password";
const own = "a word of my own";
const submitsInFlight = 64;
const readersCount = 4;
/** Rows of a page, as a console asks for. */
const pageRows = 50;
/** Every so many tasks two clerks want the same one. */
const contendedEvery = 10;
const offeredWithinMs = 60_000;
const lookEveryMs = 200;

const clerks: Client[] = [];

function clerkAt(index: number): Client {
  const clerk = clerks[index % clerks.length];
  if (clerk === undefined) throw new MeshError("DEFECT", { detail: "openClerks comes first" });
  return clerk;
}

export const taskCalls: Pick<CallTable, "openClerks" | "readPages" | "claimTasks"> = {
  openClerks: async ({ directory, target, clerks: count, tasks }) => {
    const identity = readCredentials(`${directory}/identity`);
    const operator = createClient({ hub: target, identity, timeoutMs: 60_000 });
    await operator.publish(application);
    for (let index = 0; index < count; index += 1) {
      clerks.push(await joinAs(operator, `clerk-${index}`));
    }
    let submitted = 0;
    const submit = async (): Promise<void> => {
      while (submitted < tasks) {
        submitted += 1;
        await operator.submit("bench.task", { n: submitted }, { key: `task-${submitted}` });
      }
    };
    await Promise.all(Array.from({ length: submitsInFlight }, submit));
    return { offered: await offeredOf(tasks) };
  },

  readPages: async ({ ms }) => {
    let pages = 0;
    const answer = await runClosedLoop(
      { inFlight: readersCount, windowMs: ms, windows: 1 },
      async () => {
        pages += 1;
        const order = (["due", "priority", "newest"] as const)[pages % 3];
        const query = { filter: "offered", order, limit: pageRows } as const;
        let rows = 0;
        for await (const _task of clerkAt(pages).tasks.list(query)) rows += 1;
        if (rows !== pageRows) throw new MeshError("DEFECT", { detail: `a page of ${rows} rows` });
      },
    );
    const [figures] = answer.windows;
    if (figures === undefined) throw new MeshError("DEFECT", { detail: "no window" });
    return figures;
  },

  claimTasks: async ({ count }) => {
    const wanted: TaskInfo[] = [];
    const query = { filter: "offered", limit: count } as const;
    for await (const task of clerkAt(0).tasks.list(query)) wanted.push(task);
    const winners = new Map<string, number>();
    const claim = async (clerk: Client, task: TaskInfo): Promise<void> => {
      try {
        await clerk.tasks.claim(task);
        winners.set(task.id, (winners.get(task.id) ?? 0) + 1);
      } catch (error) {
        if (!isMeshError(error) || error.code !== "TASK_TAKEN") throw error;
      }
    };
    let next = 0;
    const work = async (clerk: Client, number: number): Promise<void> => {
      for (;;) {
        const index = next;
        const task = wanted[index];
        if (task === undefined) return;
        next += 1;
        const isContended = index % contendedEvery === 0;
        const rival = isContended ? [claim(clerkAt(number + 1), task)] : [];
        await Promise.all([claim(clerk, task), ...rival]);
      }
    };
    const beganMs = performance.now();
    await Promise.all(clerks.map(work));
    const ms = performance.now() - beganMs;
    const doubleClaims = [...winners.values()].filter((times) => times > 1).length;
    return { claims: winners.size, doubleClaims, ms };
  },
};

async function joinAs(operator: Client, account: string): Promise<Client> {
  const profile = {
    name: account,
    department: "bench",
    roles: ["clerk"],
    groups: ["bureau:bench"],
    rights: [{ application: "bench.task", rights: ["handle"] }],
  } as const;
  await operator.users.create(account, profile, first);
  await operator.users.changePassword(account, { present: first, next: own });
  return await operator.signIn(account, own);
}

/** A submit is answered when its chain is durable; its task may be offered a moment later. */
async function offeredOf(tasks: number): Promise<number> {
  const untilMs = performance.now() + offeredWithinMs;
  for (;;) {
    const { offered } = await clerkAt(0).tasks.count();
    if (offered >= tasks || performance.now() > untilMs) return offered;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}
