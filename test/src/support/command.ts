// Command: runs a built command as a process, in an environment that holds nothing of this machine.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Its working directory and its home. */
  readonly directory: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** One that runs until it is told to end. */
export class RunningCommand {
  /** Resolves with all that it has told, once it has ended. */
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly told = { stdout: "", stderr: "" };

  constructor(script: string, words: readonly string[], options: CommandOptions) {
    const { directory, env = {}, input = "" } = options;
    this.child = spawn(process.execPath, [script, ...words], {
      cwd: directory,
      env: { PATH: "", HOME: directory, XDG_CONFIG_HOME: join(directory, "xdg"), ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    for (const name of ["stdout", "stderr"] as const) {
      this.child[name].setEncoding("utf8").on("data", (text: string) => {
        this.told[name] += text;
      });
    }
    this.child.stdin.on("error", () => undefined);
    this.child.stdin.end(input);
    this.ended = new Promise((resolve, reject) => {
      this.child.on("error", reject);
      this.child.on("close", (code) => resolve({ code, ...this.told }));
    });
  }

  /** The first line on its stdout; rejects when it ends without one. */
  async firstLine(): Promise<string> {
    const line = new Promise<string>((resolve) => {
      const look = (): void => {
        const [first, ...more] = this.told.stdout.split("\n");
        if (first !== undefined && more.length > 0) resolve(first);
      };
      this.child.stdout.on("data", look);
      look();
    });
    const early = this.ended.then(({ code, stderr }) => {
      throw new Error(`it ended with ${code} before its first line: ${stderr}`);
    });
    return await Promise.race([line, early]);
  }

  async stop(): Promise<Ended> {
    this.child.kill("SIGTERM");
    return await this.ended;
  }
}

export function runCommand(
  script: string,
  words: readonly string[],
  options: CommandOptions,
): Promise<Ended> {
  return new RunningCommand(script, words, options).ended;
}
