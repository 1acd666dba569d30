import { isMeshError, limits } from "@cloudbrain/sdk/domain";
import { parseDurationMs } from "@cloudbrain/sdk/internal/node/duration";
import {
  type AnyHandler,
  type ExecutionEnd,
  execute,
  type InstructionContext,
} from "@cloudbrain/sdk/internal/node/execution";
import type { GivenOutcome } from "@cloudbrain/sdk/kernel";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("execution of a handler");

interface Told {
  readonly progress: (readonly [number, string])[];
  readonly logged: string[];
  readonly revised: string[];
}

async function executeOne(
  run: AnyHandler,
  changes: { readonly input?: string; readonly isAborted?: boolean } = {},
): Promise<GivenOutcome & Told> {
  const told: Told = { progress: [], logged: [], revised: [] };
  const end = await executeWith(run, told, changes);
  assert.is.not(end, "later");
  return { ...(end as GivenOutcome), ...told };
}

async function executeWith(
  run: AnyHandler,
  told: Told,
  changes: { readonly input?: string; readonly isAborted?: boolean } = {},
): Promise<ExecutionEnd> {
  return await execute({
    handler: { run, input: undefined, output: undefined },
    id: "i",
    chain: "X1",
    step: "s",
    attempt: 2,
    input: changes.input ?? '{"n":1}',
    finishDueMs: 5_000,
    heartbeatMs: 1_000,
    signal: changes.isAborted === true ? AbortSignal.abort() : new AbortController().signal,
    progress: (ratio, note) => told.progress.push([ratio, note]),
    revise: (output) => told.revised.push(output),
    log: (event) => told.logged.push(event),
  });
}

const quiet = { progress: [], logged: [], revised: [] };
const failed = { outcome: "failed", output: "", ...quiet } as const;

test("what a handler gives is the output, and nothing is null", async () => {
  const succeeded = {
    outcome: "succeeded",
    errorCode: "",
    message: "",
    retryable: false,
    ...quiet,
  };
  assert.equal(await executeOne((input) => input), { ...succeeded, output: '{"n":1}' });
  assert.equal(await executeOne(() => undefined), { ...succeeded, output: "null" });
  assert.equal(await executeOne((input) => input, { input: "" }), { ...succeeded, output: "null" });
});

test("a handler knows what it works for and how long it may", async () => {
  const { output } = await executeOne((_input, context) => {
    const { signal, progress: _p, reject: _r, fail: _f, later: _l, ...others } = context;
    const { revise: _revise, ...rest } = others;
    return { ...rest, aborted: signal.aborted };
  });
  assert.equal(JSON.parse(output), {
    chainId: "X1",
    stepId: "s",
    attempt: 2,
    idempotencyKey: "i",
    deadline: "1970-01-01T00:00:05.000Z",
    heartbeatMs: 1_000,
    aborted: false,
  });
});

test("what is thrown stays in the log but for a short sentence, and may be retried", async () => {
  const result = await executeOne(() => {
    throw new Error("x".repeat(1_000));
  });
  assert.equal(result, {
    ...failed,
    errorCode: "HANDLER_FAILED",
    message: "x".repeat(300),
    retryable: true,
    logged: ["a handler failed"],
  });
});

test("a verdict of the handler is no failure of its code", async () => {
  assert.equal(
    await executeOne((_input, context) => context.fail("NO_CREW", "no crew", { retryable: false })),
    { ...failed, errorCode: "NO_CREW", message: "no crew", retryable: false },
  );
  assert.equal(await executeOne((_input, context) => context.reject("not ours")), {
    ...failed,
    outcome: "returned",
    errorCode: "REJECTED",
    message: "not ours",
    retryable: true,
  });
});

test("a handler that puts its outcome off has neither succeeded nor failed", async () => {
  const told: Told = { progress: [], logged: [], revised: [] };
  assert.is(await executeWith((_input, context) => context.later(), told), "later");
  assert.is(
    await executeWith((_input, context) => context.later(), told, { isAborted: true }),
    "later",
  );
  assert.equal(told, quiet);
});

test("who throws because it was asked to stop is not complained about", async () => {
  const stopped: AnyHandler = (_input, { signal }) => signal.throwIfAborted();
  assert.equal(await executeOne(stopped, { isAborted: true }), {
    ...failed,
    errorCode: "ABORTED",
    message: "it was asked to stop",
    retryable: true,
  });
});

test("an answer is corrected once it was given, and not before", async () => {
  let corrected: InstructionContext | undefined;
  let early: Promise<void> | undefined;
  const { revised, output } = await executeOne((_input, context) => {
    corrected = context;
    early = context.revise({ n: 0 });
    return { n: 1 };
  });
  assert.is(output, '{"n":1}');
  const codeOf = (error: unknown): string => (isMeshError(error) ? error.code : String(error));
  assert.is(await early?.catch(codeOf), "INPUT_INVALID");
  await corrected?.revise({ n: 2 });
  assert.is(
    await corrected?.revise("x".repeat(limits.outputBytesMax)).catch(codeOf),
    "INPUT_INVALID",
  );
  assert.equal(revised, ['{"n":2}']);
});

test("progress is kept within 0..1, whatever a handler tells", async () => {
  const { progress } = await executeOne((_input, context) => {
    for (const ratio of [-1, 0.5, 7, Number.NaN]) context.progress(ratio);
    context.progress(1, "n".repeat(1_000));
  });
  assert.equal(progress, [
    [0, ""],
    [0.5, ""],
    [1, ""],
    [0, ""],
    [1, "n".repeat(300)],
  ]);
});

test("an output over the limit fails for good, measured in bytes", async () => {
  const fits = await executeOne(() => "x".repeat(limits.outputBytesMax - 2));
  assert.is(fits.outcome, "succeeded");
  const chars = Math.ceil(limits.outputBytesMax / 3);
  const large = await executeOne(() => "汉".repeat(chars));
  assert.equal([large.errorCode, large.retryable], ["PAYLOAD_TOO_LARGE", false]);
});

test("durations are milliseconds or a number with a unit", () => {
  const read = (["250ms", "1.5s", "2m", "1h", "1d", 7] as const).map((duration) =>
    parseDurationMs(duration, "drain"),
  );
  assert.equal(read, [250, 1_500, 120_000, 3_600_000, 86_400_000, 7]);
  for (const wrong of ["", "s", "-1s", "1 s", "1w", -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => parseDurationMs(wrong as "1s", "drain"), /CONFIG_INVALID.*\[drain\]/);
  }
});
