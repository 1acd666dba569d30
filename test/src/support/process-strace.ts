// Strace: runs a hosted process under it and reads its log.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface StraceOptions {
  /** Where the log goes. */
  readonly file: string;
  /** System calls to note, separated by commas. */
  readonly calls: string;
  /** An injection such as `fdatasync:error=EIO:when=3+`. */
  readonly inject?: string;
}

export const straceHint =
  "install strace (Debian and Ubuntu: apt-get install strace; Fedora: dnf install strace)";

const program = "strace";

/** Why strace can't be used here, or undefined when it can. */
export function whyNoStrace(): string | undefined {
  try {
    execFileSync(program, ["-f", "-o", "/dev/null", "true"], { stdio: "ignore" });
    return undefined;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return isMissing ? `strace is missing: ${straceHint}` : "strace may not trace processes here";
  }
}

/** The command in front of a hosted process. */
export function straceCommand({ file, calls, inject }: StraceOptions): readonly string[] {
  const injection = inject === undefined ? [] : ["-e", `inject=${inject}`];
  const how = ["-f", "--seccomp-bpf", "-ttt", "-T", "-yy", "-s", "0", "-e", "signal=none"];
  return [program, ...how, "-o", file, "-e", `trace=${calls}`, ...injection];
}

export interface TracedCall {
  readonly thread: number;
  readonly name: string;
  /** What strace says of the first argument: a path, or a socket with both its ends. */
  readonly target: string;
  readonly startedMs: number;
  readonly endedMs: number;
  /** Return value; negative for an error. */
  readonly result: number;
  readonly isInjected: boolean;
}

const linePattern = /^(\d+) +(\d+\.\d+) (.*)$/;
const resumedPattern = /^<\.\.\. (\w+) resumed>(.*)$/;
const callPattern = /^(\w+)\(([^,)]*)/;
const endPattern = /\) += (-?\d+)(.*)$/;
const tookPattern = /<(\d+\.\d+)>$/;
const unfinished = " <unfinished ...>";

/** The completed calls of a log, in the order of their ends. */
export function readStraceLog(file: string): readonly TracedCall[] {
  const calls: TracedCall[] = [];
  const open = new Map<string, { readonly text: string; readonly startedMs: number }>();
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const [, thread = "", seconds = "", text = ""] = linePattern.exec(line) ?? [];
    if (text === "") continue;
    const atMs = Number(seconds) * 1_000;
    if (text.endsWith(unfinished)) {
      open.set(thread, { text: text.slice(0, -unfinished.length), startedMs: atMs });
      continue;
    }
    const resumed = resumedPattern.exec(text);
    const begun = resumed === null ? undefined : open.get(thread);
    const whole = begun === undefined ? text : `${begun.text}${resumed?.[2] ?? ""}`;
    const call = callPattern.exec(whole);
    const end = endPattern.exec(whole);
    if (call === null || end === null) continue;
    const tookMs = Number(tookPattern.exec(whole)?.[1] ?? 0) * 1_000;
    const startedMs = begun?.startedMs ?? atMs;
    calls.push({
      thread: Number(thread),
      name: call[1] ?? "",
      target: call[2] ?? "",
      startedMs,
      endedMs: begun === undefined ? atMs + tookMs : Math.max(atMs, startedMs + tookMs),
      result: Number(end[1]),
      isInjected: (end[2] ?? "").includes("(INJECTED)"),
    });
  }
  return calls.sort((a, b) => a.endedMs - b.endedMs);
}
