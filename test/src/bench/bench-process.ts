// Bench process: one process of a benchmark, asked over IPC. Ends only what it has started.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { MeshError } from "@cloudbrain/sdk/domain";
import type { AnswerMessage, AskMessage, BenchCalls, CallName } from "./bench-calls.ts";

const entry = fileURLToPath(new URL("./process-entry.js", import.meta.url));
const stopPatienceMs = 10_000;

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export interface BenchProcessOptions {
  readonly name: string;
  /** Directory for a CPU profile, written when the process ends. */
  readonly profile?: string | undefined;
}

export class BenchProcess {
  private readonly name: string;
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;

  constructor({ name, profile }: BenchProcessOptions) {
    this.name = name;
    const profiling =
      profile === undefined
        ? []
        : ["--cpu-prof", `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${name}.cpuprofile`];
    this.child = fork(entry, [], {
      execArgv: ["--expose-gc", ...profiling],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.child.on("message", (message: AnswerMessage) => this.take(message));
    this.child.once("exit", (code, signal) => {
      for (const { reject } of this.waiting.values()) {
        reject(this.errorOf(`the process ended (${signal ?? `exit code ${code}`})`));
      }
      this.waiting.clear();
    });
  }

  ask<Name extends CallName>(
    name: Name,
    request: BenchCalls[Name]["request"],
  ): Promise<BenchCalls[Name]["answer"]> {
    this.lastId += 1;
    const message: AskMessage = { id: this.lastId, name, request };
    return new Promise((resolve, reject) => {
      // The process runs this very build, so its answer has the type of the call.
      this.waiting.set(message.id, { resolve: resolve as Waiting["resolve"], reject });
      this.child.send(message);
    });
  }

  private take({ id, answer, failure }: AnswerMessage): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (failure === undefined) waiting?.resolve(answer);
    else waiting?.reject(this.errorOf(failure));
  }

  private errorOf(detail: string): MeshError {
    return new MeshError("UNREACHABLE", { subject: this.name, detail });
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    if (this.child.connected) this.child.disconnect();
    const patience = setTimeout(() => this.child.kill("SIGKILL"), stopPatienceMs);
    await ended;
    clearTimeout(patience);
  }
}

/** Processes of one benchmark, all stopped at its end, newest first. */
export async function withProcesses<Result>(
  profile: string | undefined,
  body: (start: (name: string) => BenchProcess) => Promise<Result>,
): Promise<Result> {
  const started: BenchProcess[] = [];
  try {
    return await body((name) => {
      const child = new BenchProcess({ name, profile });
      started.push(child);
      return child;
    });
  } finally {
    for (const child of started.toReversed()) await child.stop();
  }
}
