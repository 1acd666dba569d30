// Password input: from a terminal without echo, or from a file. Never from the words of a command,
// which every process of the machine can read and which a shell writes into its history.

import { MeshError } from "@cloudbrain/sdk/domain";
import type { Say } from "./texts.ts";
import { readTextFile, refuseUsage } from "./usage.ts";

/** What a terminal is to us: `process.stdin` is one. */
export interface TerminalInput {
  readonly isTTY?: boolean | undefined;
  setRawMode?(isRaw: boolean): unknown;
  setEncoding(encoding: "utf8"): unknown;
  on(event: "data", listener: (text: string) => void): unknown;
  off(event: "data", listener: (text: string) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

export interface TerminalParts {
  readonly input: TerminalInput;
  readonly output: { write(text: string): unknown };
  /** Ctrl-C, which a raw terminal does not turn into a signal. */
  readonly interrupt: () => void;
}

export interface PasswordSource {
  /** Where a flag names a file. */
  readonly file: string | undefined;
  /** The flag, for whoever has no terminal. */
  readonly flag: string;
  readonly prompt: string;
  /** Asked for a second time: a new password that was mistyped is nobody's. */
  readonly isNew: boolean;
  /** Ends the asking. */
  readonly signal: AbortSignal;
}

/** Refuses with INPUT_INVALID where there is neither a file nor a terminal. */
export async function readPassword(
  say: Say,
  terminal: Terminal,
  { file, flag, prompt, isNew, signal }: PasswordSource,
): Promise<string> {
  if (file !== undefined) return readTextFile(say, file).replace(/\r?\n$/, "");
  if (!terminal.isThere) return refuseUsage(flag, say("usage.noTerminal", { name: flag }));
  const password = await terminal.ask(prompt, signal);
  if (isNew && (await terminal.ask(say("prompt.again"), signal)) !== password) {
    return refuseUsage("password", say("usage.passwordsDiffer"));
  }
  return password;
}

const controls = /\p{Cc}/u;

/** Asks for lines that are not shown. */
export class Terminal {
  private readonly parts: TerminalParts;
  /** Typed or pasted beyond the line before. */
  private ahead = "";

  constructor(parts: TerminalParts) {
    this.parts = parts;
  }

  get isThere(): boolean {
    return this.parts.input.isTTY === true;
  }

  /** One line. Rejects with CANCELLED after Ctrl-C, Ctrl-D or the signal. */
  ask(prompt: string, signal: AbortSignal): Promise<string> {
    const { input, interrupt, output } = this.parts;
    // Before the prompt: what is typed in answer to it must not be shown.
    input.setRawMode?.(true);
    input.setEncoding("utf8");
    output.write(prompt);
    const line = new HiddenLine();
    const { ahead } = this;
    this.ahead = "";
    return new Promise((resolve, reject) => {
      const end = (): void => {
        input.off("data", take);
        signal.removeEventListener("abort", leave);
        input.setRawMode?.(false);
        input.pause();
        output.write("\n");
        this.ahead = line.ahead;
      };
      const leave = (): void => {
        end();
        reject(new MeshError("CANCELLED", { detail: "no password was given" }));
      };
      const take = (text: string): void => {
        const key = line.take(text);
        if (key === "entered") {
          end();
          resolve(line.text);
        } else if (key !== undefined) {
          leave();
          if (key === "interrupted") interrupt();
        }
      };
      signal.addEventListener("abort", leave, { once: true });
      input.on("data", take);
      if (signal.aborted) leave();
      else if (ahead === "") input.resume();
      else take(ahead);
    });
  }
}

/** What a terminal in raw mode gives, up to the key that ends the line. */
class HiddenLine {
  private readonly letters: string[] = [];
  ahead = "";

  get text(): string {
    return this.letters.join("");
  }

  take(keys: string): "entered" | "interrupted" | "left" | undefined {
    // An arrow or another key that writes nothing.
    if (keys.startsWith("\u001b")) return undefined;
    const letters = [...keys];
    for (const [index, letter] of letters.entries()) {
      if (letter === "\r" || letter === "\n") {
        this.ahead = letters.slice(index + 1).join("");
        return "entered";
      }
      if (letter === "\u0003") return "interrupted";
      if (letter === "\u0004") return "left";
      if (letter === "\u007f" || letter === "\b") this.letters.pop();
      else if (!controls.test(letter)) this.letters.push(letter);
    }
    return undefined;
  }
}

export function createTerminal(): Terminal {
  return new Terminal({
    input: process.stdin,
    // Results alone go to stdout.
    output: process.stderr,
    interrupt: () => void process.emit("SIGINT"),
  });
}
