// The test runner: one process a file, so that no file can spoil or silence another.
//
//   R1  A file that registers no test, or counts fewer tests than it registered, has failed.
//   R2  A process that exits other than 0, or does not end by itself, has failed.
//   R3  A name that matches no file has failed: a typing error must not be green.
//   R4  The last line is `N passed, N failed, N skipped`, and the exit code agrees with it.

import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { parseArgs } from "node:util";

import { type FileCount, splitFileCount } from "./support/file-count.ts";
import { repositoryRoot } from "./support/repository.ts";

const distFolder = join(repositoryRoot, "test", "dist");
const sourceFolder = join(repositoryRoot, "test", "src");

/** Two files at once: our build machine has two cores. */
const jobsDefault = 2;
/** The longest file is an integration test of a whole mesh, which takes under a minute. */
const fileLimitMsDefault = 120_000;

interface FileResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Why the file as a whole has failed; empty when it has not. */
  readonly complaints: readonly string[];
}

interface ProcessEnd {
  readonly exitCode: number | null;
  readonly output: string;
  readonly outOfTime: boolean;
}

const running = new Set<number>();

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      file: { type: "string", multiple: true, default: [] },
      jobs: { type: "string", default: String(jobsDefault) },
      "limit-ms": { type: "string", default: String(fileLimitMsDefault) },
    },
  });
  const files = values.file.map((file) => resolve(file));
  const unmatched: string[] = [];
  if (files.length === 0) {
    const found = findTestFiles();
    const patterns = positionals.length === 0 ? [""] : positionals;
    unmatched.push(...patterns.filter((pattern) => !found.some((file) => matches(file, pattern))));
    files.push(...found.filter((file) => patterns.some((pattern) => matches(file, pattern))));
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      for (const pid of running) killGroup(pid);
      process.exit(1);
    });
  }

  const results: FileResult[] = unmatched.map((pattern) => {
    process.stdout.write(`FAILED: no test file matches "${pattern}"\n`);
    return { passed: 0, failed: 1, skipped: 0, complaints: [] };
  });
  const queue = [...files];
  const runQueue = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      results.push(await runFile(file, Number(values["limit-ms"])));
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, runQueue));

  const sum = (key: "passed" | "failed" | "skipped"): number =>
    results.reduce((total, result) => total + result[key], 0);
  process.stdout.write(
    `\n${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped\n`,
  );
  return sum("failed") > 0 || sum("passed") === 0 ? 1 : 0;
}

function findTestFiles(): string[] {
  return (
    readdirSync(distFolder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".test.js"))
      // The compiler does not remove what it made of a source file that is gone.
      .filter((name) => existsSync(join(sourceFolder, name.replace(/\.js$/, ".ts"))))
      .map((name) => join(distFolder, name))
      .sort()
  );
}

function matches(file: string, pattern: string): boolean {
  return relative(distFolder, file).split(sep).join("/").includes(pattern);
}

async function runFile(file: string, limitMs: number): Promise<FileResult> {
  const startedAtMs = performance.now();
  const end = await runProcess(file, limitMs);
  const tookS = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  const { text, count } = splitFileCount(end.output);
  const result = judgeFile(end, count, limitMs);

  const name = relative(distFolder, file);
  process.stdout.write(`\n--- ${name} (${tookS} s)\n${text.trim()}\n`);
  for (const complaint of result.complaints) {
    process.stdout.write(`FAILED: ${name}: ${complaint}\n`);
  }
  return result;
}

function judgeFile(end: ProcessEnd, count: FileCount | undefined, limitMs: number): FileResult {
  const complaints: string[] = [];
  if (end.outOfTime) complaints.push(`did not end within ${limitMs} ms`);
  if (count === undefined) {
    complaints.push("counted nothing: it holds no suite, or its process was ended from outside");
    return { passed: 0, failed: 1, skipped: 0, complaints };
  }
  const missing = count.registered - count.passed - count.failed - count.skipped;
  if (count.registered === 0) complaints.push("registered no test");
  if (missing > 0) complaints.push(`${missing} of ${count.registered} tests did not end`);
  if (count.hung) complaints.push("did not end by itself: something was left open");
  if (complaints.length === 0 && count.failed === 0) {
    if (!count.finished) complaints.push("ended before its last suite did");
    else if (end.exitCode !== 0) complaints.push(`exited with ${end.exitCode}`);
  }
  const failed = count.failed + Math.max(missing, count.failed === 0 ? complaints.length : 0);
  return { passed: count.passed, failed, skipped: count.skipped, complaints };
}

function runProcess(file: string, limitMs: number): Promise<ProcessEnd> {
  const { promise, settle } = createDeferred<ProcessEnd>();
  // A group of its own, so that what a test has started ends with it.
  const child = spawn(process.execPath, ["--enable-source-maps", file], {
    cwd: repositoryRoot,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks: Buffer[] = [];
  let outOfTime = false;
  const pid = child.pid;
  if (pid !== undefined) running.add(pid);
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  const timer = setTimeout(() => {
    outOfTime = true;
    if (pid !== undefined) killGroup(pid);
  }, limitMs);
  child.once("exit", () => {
    clearTimeout(timer);
    if (pid === undefined) return;
    running.delete(pid);
    killGroup(pid);
  });
  child.once("error", (error) => {
    clearTimeout(timer);
    settle({ exitCode: null, output: String(error), outOfTime });
  });
  child.once("close", (exitCode) => {
    settle({ exitCode, output: Buffer.concat(chunks).toString("utf8"), outOfTime });
  });
  return promise;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // The group is gone already, which is what was asked for.
  }
}

function createDeferred<T>(): { promise: Promise<T>; settle: (value: T) => void } {
  let settle: (value: T) => void = () => {};
  const promise = new Promise<T>((resolvePromise) => {
    settle = resolvePromise;
  });
  return { promise, settle };
}

process.exitCode = await main();
