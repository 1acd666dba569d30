// Process host: starts, arms, kills and stops the processes of a test, and no others.
//
//   H1  A signal goes to a pid that this very object has started and that has not been reaped, so
//       it never reaches a stranger that was given the same number.

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { MeshError } from "@cloudbrain/sdk/domain";
import { ProcessChannel } from "./process-channel.ts";
import type {
  FromHost,
  HostedNode,
  KillPoint,
  Pulse,
  Question,
  ToHost,
} from "./process-messages.ts";
import type { Call, Turn } from "./turn.ts";

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** ms since 1970 at which the driver saw the end. */
  readonly atMs: number;
}

export interface HostOptions {
  readonly name: string;
  readonly nodes: readonly HostedNode[];
  /** agent.yaml of agents that are run as `cloudbrain agent run` does it. */
  readonly agents?: string;
  /** A command that runs the process, such as strace with its flags. */
  readonly wrapper?: readonly string[];
  /** The process syncs nothing: for controls of checkers only. */
  readonly unsynced?: boolean;
  /** Its clock begins at this time and passes as it is asked to; without it, the machine's. */
  readonly startsAtMs?: number;
  /** What handlers of `asks` do with an instruction. */
  readonly answer?: (call: Call) => Promise<Turn> | Turn;
}

const entry = fileURLToPath(new URL("./process-entry.js", import.meta.url));
/** A process on a busy machine is up in 2 s; a wrapped one takes some times as long. */
const startPatienceMs = 60_000;
const stopPatienceMs = 20_000;

export class HostedProcess {
  readonly name: string;
  readonly nodes: readonly HostedNode[];
  /** What the process said before it ended by itself. */
  failure: { readonly code: string; readonly reason: string } | undefined;
  /** What the auditors of its hubs have found. */
  readonly broken: string[] = [];
  private readonly options: HostOptions;
  private child: ChildProcess | undefined;
  private channel: ProcessChannel | undefined;
  private ending: Promise<ProcessEnd> | undefined;
  private isReady = false;

  constructor(options: HostOptions) {
    this.name = options.name;
    this.nodes = options.nodes;
    this.options = options;
  }

  get isUp(): boolean {
    return this.isReady && this.child?.exitCode === null && this.child.signalCode === null;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /**
   * Resolves once every node of the process serves. Rejects with what the process said, if it did.
   */
  start(): Promise<void> {
    const [command = process.execPath, ...flags] = this.options.wrapper ?? [];
    const tail = this.options.wrapper === undefined ? [entry] : [process.execPath, entry];
    const child = spawn(command, [...flags, ...tail], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      // io_uring would hide reads and writes from strace.
      env: { ...process.env, UV_USE_IO_URING: "0" },
    });
    this.child = child;
    this.channel = new ProcessChannel(this.name, child);
    this.failure = undefined;
    this.isReady = false;
    this.ending = new Promise((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal, atMs: Date.now() }));
    });
    const ready = new Promise<void>((resolve, reject) => {
      const patience = setTimeout(() => {
        reject(this.startError(`it was not ready within ${startPatienceMs} ms`));
      }, startPatienceMs);
      child.on("message", (message: FromHost) => {
        if (message.type === "ready") {
          this.isReady = true;
          clearTimeout(patience);
          resolve();
        } else {
          this.hear(message);
        }
      });
      child.on("error", reject);
      child.once("exit", (code, signal) => {
        clearTimeout(patience);
        reject(this.startError(`it ended (${signal ?? code}) before it was ready`));
      });
    });
    const { nodes, agents, unsynced = false, startsAtMs } = this.options;
    this.send({ type: "start", nodes, agents, unsynced, startsAtMs });
    return ready;
  }

  private hear(message: FromHost): void {
    if (message.type === "failed") this.failure = { code: message.code, reason: message.reason };
    if (message.type === "broken") this.broken.push(message.what);
    if (message.type === "call") void this.answer(message.id, message.call);
  }

  /** An answer that throws fails the instruction for good, and says why. */
  private async answer(id: number, call: Call): Promise<void> {
    const { answer } = this.options;
    let turn: Turn = { does: "fail", code: "UNANSWERED", retryable: false };
    try {
      if (answer !== undefined) turn = await answer(call);
    } catch (error) {
      turn = { does: "fail", code: String(error), retryable: false };
    }
    this.send({ type: "turn", id, turn });
  }

  /** Rejects when the process is not up, or ends before it has replied. */
  ask(question: Question): Promise<Pulse> {
    const error = new MeshError("UNREACHABLE", { subject: this.name, detail: "it is not up" });
    return this.channel?.ask(question) ?? Promise.reject(error);
  }

  private startError(what: string): MeshError {
    const said = this.failure === undefined ? "" : `, saying: ${this.failure.reason}`;
    return new MeshError("UNREACHABLE", { subject: this.name, detail: `${what}${said}` });
  }

  arm(point: KillPoint, skip: number): void {
    this.send({ type: "arm", point, skip });
  }

  /** The process may have reached its point before it hears of this. */
  disarm(): void {
    this.send({ type: "disarm" });
  }

  /** The end of the present life. */
  ended(): Promise<ProcessEnd> {
    return this.ending ?? Promise.resolve({ code: null, signal: null, atMs: 0 });
  }

  signal(name: NodeJS.Signals): void {
    // ChildProcess.kill never signals a pid that was reaped (H1).
    this.child?.kill(name);
  }

  async kill(): Promise<ProcessEnd> {
    this.isReady = false;
    this.signal("SIGKILL");
    return await this.ended();
  }

  /** Ends the process as an operator would, with patience; then kills it. */
  async stop(): Promise<ProcessEnd> {
    this.isReady = false;
    this.send({ type: "stop" });
    const patience = setTimeout(() => this.closeChannel(), stopPatienceMs);
    const end = await this.ended();
    clearTimeout(patience);
    return end;
  }

  /** A process without its channel ends by itself, under strace too. */
  private closeChannel(): void {
    if (this.child?.connected === true) this.child.disconnect();
    setTimeout(() => this.signal("SIGKILL"), 5_000).unref();
  }

  private send(message: ToHost): void {
    this.channel?.send(message);
  }
}

/** Ends whatever of these still runs: for the `finally` of a driver. */
export async function stopAll(processes: readonly HostedProcess[]): Promise<void> {
  await Promise.all(processes.map((hosted) => hosted.stop()));
}
