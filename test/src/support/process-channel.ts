// Channel: what a driver asks one of its processes, and the reply to each question.

import type { ChildProcess } from "node:child_process";
import { MeshError } from "@cloudbrain/sdk/domain";
import type { FromHost, Pulse, Question, ToHost } from "./process-messages.ts";

interface Asked {
  readonly resolve: (pulse: Pulse) => void;
  readonly reject: (error: MeshError) => void;
}

export class ProcessChannel {
  private readonly name: string;
  private readonly child: ChildProcess;
  private readonly asked = new Map<number, Asked>();
  private lastId = 0;

  /** Of a process that was started with `ipc`. */
  constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.child = child;
    child.on("message", (message: FromHost) => {
      if (message.type !== "reply") return;
      this.asked.get(message.id)?.resolve(message.pulse);
      this.asked.delete(message.id);
    });
    child.once("exit", () => {
      for (const { reject } of this.asked.values()) reject(this.gone());
      this.asked.clear();
    });
  }

  /** Rejects when the process ends before it has replied. */
  ask(question: Question): Promise<Pulse> {
    if (!this.child.connected) return Promise.reject(this.gone());
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.send({ type: "ask", id, question });
    });
  }

  /** A process that has just died can't be told anything, and its end is seen elsewhere. */
  send(message: ToHost): void {
    if (this.child.connected) this.child.send(message, () => undefined);
  }

  private gone(): MeshError {
    return new MeshError("UNREACHABLE", { subject: this.name, detail: "the process has ended" });
  }
}
