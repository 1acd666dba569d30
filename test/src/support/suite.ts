// Suite: the project's way to write tests, over uvu, with its false greens closed.
//
// Owns: the registration of the tests of one file, their time limits, and the count that
// `run.ts` reads. uvu owns the order of the tests and how a failure looks.
//
//   T1  A suite runs itself: there is no `run()` to forget, and no `.only` to leave behind.
//   T2  Whatever a hook or a test throws, `null` and `undefined` included, is a failure.
//   T3  A test or hook that takes longer than its limit is a failure.
//   T4  A skipped test states its reason and is counted.
//   T5  A process that stays alive after its last test is a failure: something was left open.

import { writeSync } from "node:fs";
import { inspect } from "node:util";
import { suite as createUvuSuite } from "uvu";

import { type FileCount, formatFileCount } from "./file-count.ts";

export interface TestContext {
  /** Aborted when the time limit of the test has passed. */
  readonly signal: AbortSignal;
}

export interface TimeLimit {
  /** How long one test or one hook may take, milliseconds. Default: `testLimitMsDefault`. */
  readonly timeLimitMs?: number;
}

export type TestBody = (context: TestContext) => unknown;

export interface Hook {
  /** Runs once for the suite. */
  (body: TestBody): void;
  /** Runs once for every test. */
  each(body: TestBody): void;
}

export interface Suite {
  /** Registers a test. The name is a sentence. */
  (name: string, body: TestBody, limit?: TimeLimit): void;
  /** Registers a test that does not run here, and says why. It is counted as skipped. */
  skip(reason: string, name: string): void;
  readonly before: Hook;
  readonly after: Hook;
}

/** Ten times what the slowest unit test needs on the two cores of our build machine. */
export const testLimitMsDefault = 20_000;

/** A server that closes its sockets needs milliseconds; after this it is taken for left open. */
const endingLimitMs = 5_000;

interface Runnable {
  run(): void;
}

const count = { registered: 0, passed: 0, failed: 0, skipped: 0, hung: false };
const waiting: Runnable[] = [];
let suitesOpen = 0;
let state: "registering" | "running" | "finished" = "registering";

/** Creates a suite. It runs by itself once the file that holds it has been loaded. */
export function suite(title: string, suiteLimit: TimeLimit = {}): Suite {
  assertRegistering(`suite "${title}"`);
  const suiteLimitMs = suiteLimit.timeLimitMs ?? testLimitMsDefault;
  const uvuSuite = createUvuSuite(title);
  const beforeEach: TestBody[] = [];
  const afterEach: TestBody[] = [];
  let brokenBefore: Error | undefined;
  scheduleRun(uvuSuite);

  const test = (name: string, body: TestBody, limit: TimeLimit = {}): void => {
    assertRegistering(`test "${name}"`);
    count.registered += 1;
    const limitMs = limit.timeLimitMs ?? suiteLimitMs;
    uvuSuite(name, async () => {
      const errors: Error[] = brokenBefore === undefined ? [] : [brokenBefore];
      const collect = async (part: TestBody, partName: string): Promise<void> => {
        const error = await errorOf(part, limitMs, partName);
        if (error !== undefined) errors.push(error);
      };
      if (errors.length === 0) {
        for (const hook of beforeEach) await collect(hook, "the before.each hook");
        if (errors.length === 0) await collect(body, "the test");
        for (const hook of afterEach) await collect(hook, "the after.each hook");
      }
      countTest(errors);
    });
  };

  const beforeAll = (body: TestBody): void => {
    uvuSuite.before(async () => {
      brokenBefore ??= await errorOf(body, suiteLimitMs, "the before hook");
      if (brokenBefore !== undefined) reportHook(title, "before", brokenBefore);
    });
  };
  const afterAll = (body: TestBody): void => {
    uvuSuite.after(async () => {
      const error = await errorOf(body, suiteLimitMs, "the after hook");
      if (error !== undefined) reportHook(title, "after", error);
    });
  };

  return Object.assign(test, {
    skip: (reason: string, name: string): void => {
      assertRegistering(`test "${name}"`);
      if (reason.trim() === "") throw new Error(`The skipped test "${name}" gives no reason.`);
      count.registered += 1;
      count.skipped += 1;
      writeLine(`  skipped: ${name} (${reason})`);
    },
    before: Object.assign(beforeAll, { each: (body: TestBody) => void beforeEach.push(body) }),
    after: Object.assign(afterAll, { each: (body: TestBody) => void afterEach.push(body) }),
  });
}

function scheduleRun(uvuSuite: ReturnType<typeof createUvuSuite>): void {
  waiting.push({
    run: () => {
      uvuSuite.after(finishSuite);
      uvuSuite.run();
    },
  });
  suitesOpen += 1;
  if (waiting.length === 1) setImmediate(runAll);
}

function runAll(): void {
  state = "running";
  for (const runnable of waiting) runnable.run();
}

function finishSuite(): void {
  suitesOpen -= 1;
  if (suitesOpen > 0) return;
  state = "finished";
  // The timer does not keep the process alive: it fires only where something else does.
  setTimeout(() => {
    count.hung = true;
    writeLine(`Still open after the last test: ${process.getActiveResourcesInfo().join(", ")}`);
    process.exit(1);
  }, endingLimitMs).unref();
}

function countTest(errors: readonly Error[]): void {
  const [first, ...rest] = errors;
  if (first === undefined) {
    count.passed += 1;
    return;
  }
  count.failed += 1;
  for (const error of rest) writeLine(`Then also: ${inspect(error)}`);
  // uvu prints the error and its stack, but not what caused it.
  if (first.cause !== undefined) writeLine(`Caused by: ${inspect(first.cause)}`);
  throw first;
}

/** A broken hook of a whole suite belongs to no test, so it counts as a failure of its own. */
function reportHook(title: string, hook: string, error: Error): void {
  count.registered += 1;
  count.failed += 1;
  writeLine(`The ${hook} hook of "${title}" failed: ${inspect(error)}`);
}

async function errorOf(
  body: TestBody,
  limitMs: number,
  partName: string,
): Promise<Error | undefined> {
  const limit = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`${partName} took longer than ${limitMs} ms`);
      limit.abort(error);
      reject(error);
    }, limitMs);
  });
  try {
    await Promise.race([Promise.resolve(body({ signal: limit.signal })), timeout]);
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error
      ? thrown
      : new Error(`${partName} threw ${inspect(thrown)}, which is no Error`);
  } finally {
    clearTimeout(timer);
  }
}

function assertRegistering(what: string): void {
  if (state !== "registering") throw new Error(`The ${what} was registered after the run began.`);
}

function writeLine(line: string): void {
  writeSync(1, `\n${line}\n`);
}

process.on("exit", () => {
  const finished = state === "finished";
  const whole: FileCount = { ...count, finished };
  writeLine(formatFileCount(whole));
  // Set here, since uvu sets it to 0 when no test threw, whatever the hooks did.
  if (!finished || count.hung || count.failed > 0 || count.registered === 0) process.exitCode = 1;
});
