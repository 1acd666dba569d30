// Processes: starts the mesh stage by stage, and ends only what it has started.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MeshError } from "@cloudbrain/sdk/domain";
import type { FromProcess, ToProcess } from "./messages.ts";
import type { Plan, PlannedProcess } from "./plan.ts";

export interface Mesh {
  /** host:port of every hub, by address. */
  readonly hubs: ReadonlyMap<string, string>;
  readonly processes: number;
  /** Resident memory of all processes of the mesh in MB, from /proc; 0 where there is none. */
  memoryMb(): number;
  /** Ends every process and waits for it. */
  close(): Promise<void>;
}

export interface MeshOptions {
  readonly directory: string;
  readonly mesh: string;
  readonly plan: Plan;
  readonly onUp: (level: string, count: number) => void;
  /** A process of the mesh died although nobody asked it to. */
  readonly onLost: (name: string) => void;
}

const workerFile = fileURLToPath(new URL("./worker.js", import.meta.url));
/** Patience with a process that does not end: then it is killed. */
const stopPatienceMs = 15_000;

export async function startMesh(options: MeshOptions): Promise<Mesh> {
  const hubs = new Map<string, string>();
  const stages: Worker[][] = [];
  let closing = false;
  const close = async (): Promise<void> => {
    closing = true;
    // Agents first, the city last: a node says goodbye to a hub that still listens.
    for (const stage of stages.toReversed()) await Promise.all(stage.map(stopWorker));
  };
  try {
    for (const stage of options.plan) stages.push(stage.map((planned) => spawn(planned)));
    // Identities and stores of all levels are made at once; links come up level by level.
    await Promise.all(stages.flat().map((worker) => worker.prepared));
    for (const stage of stages) {
      await Promise.all(stage.map((worker) => openWorker(worker, hubs)));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    hubs,
    processes: stages.flat().length,
    memoryMb: () => stages.flat().reduce((sum, { child }) => sum + residentMb(child.pid), 0),
    close,
  };

  function spawn(planned: PlannedProcess): Worker {
    const child = fork(workerFile, [], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    child.once("exit", () => {
      if (!closing) options.onLost(planned.name);
    });
    const { directory, mesh } = options;
    const prepare: ToProcess = { type: "prepare", ...planned, directory, mesh };
    child.send(prepare);
    child.on("message", (message: FromProcess) => {
      if (message.type !== "up") return;
      for (const [address, port] of Object.entries(message.ports)) {
        hubs.set(address, `127.0.0.1:${port}`);
      }
      options.onUp(planned.nodes[0]?.level ?? "", message.count);
    });
    return { child, planned, prepared: heard(child, planned, "prepared") };
  }
}

interface Worker {
  readonly child: ChildProcess;
  readonly planned: PlannedProcess;
  readonly prepared: Promise<void>;
}

async function openWorker(worker: Worker, hubs: ReadonlyMap<string, string>): Promise<void> {
  const { child, planned } = worker;
  const parents: Record<string, string> = {};
  for (const { parent } of planned.nodes) {
    const target = hubs.get(parent);
    if (target !== undefined) parents[parent] = target;
  }
  const open: ToProcess = { type: "open", parents };
  child.send(open);
  await heard(child, planned, "ready");
}

/** Resolves when the process says so; rejects when it fails or ends instead. */
function heard(
  child: ChildProcess,
  planned: PlannedProcess,
  word: "prepared" | "ready",
): Promise<void> {
  return new Promise((resolve, reject) => {
    const listen = (message: FromProcess): void => {
      if (message.type === word) settle();
      else if (message.type === "failed") settle(message.reason);
    };
    const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
      settle(`the process ended (${signal ?? `exit code ${code}`}) while starting`);
    };
    const settle = (failure?: string): void => {
      child.off("message", listen);
      child.off("exit", ended);
      if (failure === undefined) resolve();
      else reject(new MeshError("UNREACHABLE", { subject: planned.name, detail: failure }));
    };
    child.on("message", listen);
    child.once("exit", ended);
  });
}

async function stopWorker({ child }: Worker): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  const stop: ToProcess = { type: "stop" };
  if (child.connected) child.send(stop);
  const timer = setTimeout(() => child.kill("SIGKILL"), stopPatienceMs);
  await ended;
  clearTimeout(timer);
}

function residentMb(pid: number | undefined): number {
  if (pid === undefined) return 0;
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
