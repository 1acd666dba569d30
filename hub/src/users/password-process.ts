// Password process: hashes and compares passwords outside the hub's own process, where they would
// share the thread pool of Node.js with the store: 4,032 synced batches/s fell to 80 with four
// hashes in flight.
//
// Owns the child and the questions that wait for it.
//
//   P1  One question is with the child at a time; the others wait, `passwordQueueMax` at most.
//       Beyond that HUB_BUSY: whoever floods us makes callers wait for seconds, never for minutes.
//   P2  The child is started by the first question. When it dies, its question is refused with
//       HUB_BUSY and the next one starts another.
//   P3  A child that does not answer is killed: a question never waits for ever.

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { limits, MeshError } from "@cloudbrain/sdk/domain";
import { createDecoyHash, passwordLogN } from "./password-hash.ts";

export interface PasswordQuestion {
  readonly password: string;
  /** Absent: make a hash. */
  readonly stored?: string;
}

export interface PasswordAnswer {
  /** Empty where a comparison was asked for. */
  readonly hash: string;
  readonly isRight: boolean;
}

interface Waiting {
  readonly question: PasswordQuestion;
  readonly resolve: (answer: PasswordAnswer) => void;
  readonly reject: (error: MeshError) => void;
}

const entry = fileURLToPath(new URL("./password-entry.js", import.meta.url));
/** Thirty times what one takes on the machine that we measure on. */
const answerMsMax = 10_000;
const retryAfterMs = 1_000;

export class PasswordProcess {
  /** No password's hash, which costs as much to compare with as any that is made here. */
  readonly decoy: string;
  private readonly logN: number;
  private child: ChildProcess | undefined;
  private asked: Waiting | undefined;
  private readonly waiting: Waiting[] = [];
  private patience: NodeJS.Timeout | undefined;
  private isClosed = false;

  /** `logN`: the cost of a new hash, for tests that make many. */
  constructor(logN = passwordLogN) {
    this.logN = logN;
    this.decoy = createDecoyHash(logN);
  }

  /** Of the child that is up, if one is. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  async hash(password: string): Promise<string> {
    return (await this.ask({ password })).hash;
  }

  async compare(password: string, stored: string): Promise<boolean> {
    return (await this.ask({ password, stored })).isRight;
  }

  /** Refuses what still waits, and resolves when the child has ended. */
  async close(): Promise<void> {
    this.isClosed = true;
    const { child } = this;
    for (const { reject } of this.waiting.splice(0)) reject(busyError("the hub stops"));
    if (child === undefined) return;
    await new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      // A child in the middle of a question would answer it first.
      child.kill("SIGKILL");
    });
  }

  private ask(question: PasswordQuestion): Promise<PasswordAnswer> {
    if (this.isClosed) return Promise.reject(busyError("the hub stops"));
    if (this.waiting.length >= limits.passwordQueueMax) {
      return Promise.reject(busyError(`${this.waiting.length} passwords wait to be checked`));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ question, resolve, reject });
      this.askNext();
    });
  }

  private askNext(): void {
    if (this.asked !== undefined) return;
    const next = this.waiting.shift();
    if (next === undefined) return;
    this.asked = next;
    this.child ??= this.startChild();
    const { child } = this;
    this.patience = setTimeout(() => child.kill("SIGKILL"), answerMsMax);
    // What goes wrong here ends the child, too, and is told there.
    child.send(next.question, () => undefined);
  }

  private startChild(): ChildProcess {
    // None of the hub's flags and variables: the child needs none, and a debugger would collide.
    const child = fork(entry, [String(this.logN)], {
      env: {},
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    child.on("message", (answer: PasswordAnswer) => this.settle(({ resolve }) => resolve(answer)));
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      this.child = undefined;
      this.settle(({ reject }) => reject(busyError("the process that checks passwords has ended")));
    };
    child.once("exit", over);
    // It could not be started, or not be told anything.
    child.on("error", () => {
      child.kill("SIGKILL");
      if (child.pid === undefined) over();
    });
    return child;
  }

  private settle(tell: (asked: Waiting) => void): void {
    clearTimeout(this.patience);
    const { asked } = this;
    this.asked = undefined;
    if (asked !== undefined) tell(asked);
    this.askNext();
  }
}

function busyError(detail: string): MeshError {
  return new MeshError("HUB_BUSY", { detail, retryAfterMs });
}
