// Tasks: how fast a desk with many open tasks shows a page of them, and how many claims of many
// clerks it makes durable a second.

import { MeshError } from "@cloudbrain/sdk/domain";
import { withProcesses } from "./bench-process.ts";
import type { BenchRun } from "./bench-result.ts";
import { agentAddress, BenchAuthority, hubAddress, operatorAddress } from "./credentials.ts";
import { round } from "./statistics.ts";

const clerks = 50;
/** Signing clerks in is not what is measured. */
const passwordLogN = 8;

export async function runTasks(run: BenchRun): Promise<void> {
  const open = run.isShort ? 500 : 10_000;
  const authority = await BenchAuthority.create(run.directory);
  await withProcesses(run.profile, async (start) => {
    const hub = start("tasks-hub");
    const agent = start("tasks-agent");
    const people = start("tasks-clerks");
    const { target } = await hub.ask("openHub", {
      directory: await authority.place("hub", hubAddress),
      passwordLogN,
    });
    await agent.ask("openAgent", {
      directory: await authority.place("agent", agentAddress),
      target,
    });
    run.note(`tasks: ${open} open tasks, ${clerks} clerks`);
    const directory = await authority.place("clerks", operatorAddress);
    const { offered } = await people.ask("openClerks", { directory, target, clerks, tasks: open });
    if (offered !== open) {
      const detail = `${offered} of ${open} tasks are offered`;
      throw new MeshError("DEFECT", { subject: "tasks", detail });
    }
    await people.ask("readPages", { ms: run.isShort ? 200 : 2_000 });
    const pages = await people.ask("readPages", { ms: run.isShort ? 1_000 : 10_000 });
    const before = await hub.ask("usage", { collect: false });
    const { claims, doubleClaims, ms } = await people.ask("claimTasks", { count: open / 2 });
    const after = await hub.ask("usage", { collect: false });
    if (claims !== open / 2) {
      throw new MeshError("DEFECT", {
        subject: "tasks",
        detail: `${claims} of ${open / 2} claims`,
      });
    }
    run.report({
      bench: "tasks",
      figures: {
        open,
        pageP50Ms: round(pages.p50Ms),
        pageP99Ms: round(pages.p99Ms),
        claimsPerS: round((claims * 1_000) / ms, 0),
        clerks,
        doubleClaims,
        fsyncsPerClaim: round((after.syncs - before.syncs) / claims, 3),
      },
      targets: [
        { field: "pageP99Ms", atMost: 20 },
        { field: "claimsPerS", atLeast: 200 },
        { field: "doubleClaims", atMost: 0 },
      ],
    });
  });
}
