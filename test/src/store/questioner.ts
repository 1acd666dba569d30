// Questioner: asks damaged stores in a child process that may die, and starts another one then.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Answered, Questions } from "./questions.ts";

const entry = fileURLToPath(new URL("./questioner-entry.js", import.meta.url));
/** Openings in one process, so that what one damage does to it can't hide for long. */
const asksPerProcess = 25;
/**
 * Opening and asking takes well below a second; a power cut's store with its 20,000 keys longer.
 */
const patienceMs = 60_000;

export class Questioner {
  private child: ChildProcess | undefined;
  private asks = 0;

  async ask(questions: Questions): Promise<Answered> {
    if (this.child === undefined || this.asks >= asksPerProcess) {
      await this.close();
      this.child = fork(entry, [], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
      this.asks = 0;
    }
    this.asks += 1;
    const answered = await askChild(this.child, questions);
    if (answered.kind === "crashed") await this.close();
    return answered;
  }

  async close(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
}

function askChild(child: ChildProcess, questions: Questions): Promise<Answered> {
  return new Promise((resolve) => {
    let said = "";
    const listen = (chunk: Buffer): void => {
      said += chunk.toString("utf8");
    };
    const settle = (answered: Answered): void => {
      clearTimeout(patience);
      child.off("message", settle);
      child.off("exit", ended);
      child.stderr?.off("data", listen);
      resolve(answered);
    };
    const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
      settle({ kind: "crashed", message: `the process ended (${signal ?? code}): ${said}` });
    };
    const patience = setTimeout(() => {
      settle({ kind: "crashed", message: `no answer within ${patienceMs} ms` });
    }, patienceMs);
    child.stderr?.on("data", listen);
    child.once("message", settle);
    child.once("exit", ended);
    child.send(questions, (error) => {
      if (error !== null) settle({ kind: "crashed", message: error.message });
    });
  });
}
