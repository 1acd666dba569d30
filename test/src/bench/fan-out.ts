// W1, fan-out and aggregate: a caller submits N items, a hub hands them to one agent process, folds
// the replies and tells the caller. Everything is durable before anybody sees it, and every
// result is compared with the exact one. Beside each figure the same messages and syncs are
// measured without us.

import type { LoopAnswer, LoopRequest } from "./bench-calls.ts";
import { type BenchProcess, withProcesses } from "./bench-process.ts";
import type { BenchRun, Target } from "./bench-result.ts";
import { agentAddress, BenchAuthority, hubAddress, operatorAddress } from "./credentials.ts";
import { median, round } from "./statistics.ts";

interface Load {
  readonly n: number;
  readonly inFlight: number;
  readonly targets?: readonly Target[];
}

const loads: readonly Load[] = [
  { n: 1, inFlight: 1, targets: [{ field: "p50Ms", atMost: 2.5 }] },
  { n: 1, inFlight: 64 },
  { n: 16, inFlight: 1 },
  {
    n: 16,
    inFlight: 64,
    targets: [
      { field: "chainsPerS", atLeast: 1_000 },
      { field: "instructionsPerS", atLeast: 16_000 },
    ],
  },
  { n: 1_000, inFlight: 1 },
  { n: 1_000, inFlight: 8 },
];

const windows = 5;

interface Mesh {
  readonly hub: BenchProcess;
  readonly agent: BenchProcess;
  readonly client: BenchProcess;
}

/** `wanted` such as "16x64" measures one load alone. */
export async function runFanOut(run: BenchRun, wanted: string | undefined): Promise<void> {
  const authority = await BenchAuthority.create(run.directory);
  await withProcesses(run.profile, async (start) => {
    const mesh = { hub: start("hub"), agent: start("agent"), client: start("client") };
    await openMesh(mesh, authority);
    await withProcesses(undefined, async (startFloor) => {
      const names = ["floor-hub", "floor-agent", "floor-client"] as const;
      const [hub, agent, client] = names.map(startFloor) as [
        BenchProcess,
        BenchProcess,
        BenchProcess,
      ];
      const floor = { hub, agent, client };
      await openFloor(floor, authority);
      for (const load of loads) {
        const name = `${load.n}x${load.inFlight}`;
        if (wanted !== undefined && wanted !== name) continue;
        run.note(`w1 ${name}`);
        await measureLoad(run, load, mesh, floor);
      }
    });
  });
}

async function openMesh({ hub, agent, client }: Mesh, authority: BenchAuthority): Promise<void> {
  const { target } = await hub.ask("openHub", {
    directory: await authority.place("hub", hubAddress),
  });
  await agent.ask("openAgent", { directory: await authority.place("agent", agentAddress), target });
  const directory = await authority.place("client", operatorAddress);
  await client.ask("openClient", { directory, target });
}

async function openFloor({ hub, agent, client }: Mesh, authority: BenchAuthority): Promise<void> {
  const { target } = await hub.ask("openFloorHub", {
    directory: await authority.place("floor-hub", hubAddress),
  });
  await agent.ask("openFloorAgent", {
    directory: await authority.place("floor-agent", agentAddress),
    target,
  });
  const directory = await authority.place("floor-client", operatorAddress);
  await client.ask("openFloorClient", { directory, target });
}

async function measureLoad(run: BenchRun, load: Load, mesh: Mesh, floor: Mesh): Promise<void> {
  const { n, inFlight, targets = [] } = load;
  const measureMs = run.isShort ? 3_000 : 10_000;
  const warmMs = run.isShort ? 1_500 : 4_000;
  const measured: LoopRequest = { n, inFlight, windows, windowMs: measureMs / windows };
  const warming: LoopRequest = { n, inFlight, windows: 1, windowMs: warmMs };
  await mesh.client.ask("runChains", warming);
  const before = await usageOf(mesh);
  const answer = await mesh.client.ask("runChains", measured);
  const after = await usageOf(mesh);
  await floor.client.ask("runFloor", { ...warming, windowMs: warmMs / 2 });
  const beneath = await floor.client.ask("runFloor", { ...measured, windowMs: 400 });
  const { completed } = answer;
  const cpuOf = (name: keyof Mesh): number => after[name].cpuMs - before[name].cpuMs;
  const syncsOf = (name: keyof Mesh): number => after[name].syncs - before[name].syncs;
  const thousands = (completed * n) / 1_000;
  const chainsPerS = perSOf(answer);
  run.report({
    bench: "w1",
    figures: {
      n,
      inFlight,
      chainsPerS: round(chainsPerS, 1),
      instructionsPerS: Math.round(chainsPerS * n),
      p50Ms: round(median(answer.windows.map(({ p50Ms }) => p50Ms))),
      p99Ms: round(median(answer.windows.map(({ p99Ms }) => p99Ms))),
      cpuMsPer1000: round((cpuOf("hub") + cpuOf("agent") + cpuOf("client")) / thousands),
      cpuHubMsPer1000: round(cpuOf("hub") / thousands),
      cpuAgentMsPer1000: round(cpuOf("agent") / thousands),
      cpuClientMsPer1000: round(cpuOf("client") / thousands),
      fsyncsPerChain: round(syncsOf("hub") / completed, 3),
      fsyncsAgentPerChain: round(syncsOf("agent") / completed, 3),
      floorChainsPerS: round(perSOf(beneath), 1),
      floorP50Ms: round(median(beneath.windows.map(({ p50Ms }) => p50Ms))),
      floorRatio: round(chainsPerS / perSOf(beneath), 3),
    },
    targets,
  });
}

function perSOf({ windows: each }: LoopAnswer): number {
  return median(each.map(({ perS }) => perS));
}

async function usageOf({ hub, agent, client }: Mesh) {
  const request = { collect: false };
  return {
    hub: await hub.ask("usage", request),
    agent: await agent.ask("usage", request),
    client: await client.ask("usage", request),
  };
}
