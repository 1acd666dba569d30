import { createNode, instruction, isMeshError, type Node } from "@cloudbrain/sdk";
import { type InstructionResult, runInstruction } from "@cloudbrain/sdk/testing";
import * as assert from "uvu/assert";
import { z } from "zod";

import { suite } from "../support/suite.ts";

const test = suite("one handler alone");

const clear = instruction("site.clear/v1", {
  input: z.object({ site: z.string() }),
  feedback: z.object({ by: z.string().max(20) }),
});

const logged: string[] = [];

function createCrew(): Node {
  return createNode({
    address: "/3702/crew",
    title: { zh: "排水队" },
    log: (event) => logged.push(event),
  }).handle(clear, async ({ site }, context) => {
    context.progress(0.5, "on the way");
    if (site === "far") context.reject("too far");
    if (site === "broken") context.fail("PUMP_BROKEN", "the pump is broken", { retryable: false });
    if (site === "odd") throw new Error("no such valve");
    if (site === "deep") await untilAborted(context.signal);
    if (site === "nearly done") await untilAborted(context.signal).catch(() => undefined);
    return { by: `${site} ${context.attempt}` };
  });
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const give = (): void => reject(signal.reason);
    if (signal.aborted) give();
    else signal.addEventListener("abort", give, { once: true });
  });
}

const progress = [{ ratio: 0.5, note: "on the way" }];

test("its feedback is what a hub would receive, progress included", async () => {
  const expected: readonly [
    string,
    Omit<InstructionResult, "message" | "progress" | "revisions">,
  ][] = [
    ["S1", { outcome: "succeeded", output: { by: "S1 2" }, errorCode: "", retryable: false }],
    ["far", { outcome: "returned", output: undefined, errorCode: "REJECTED", retryable: true }],
    [
      "broken",
      { outcome: "failed", output: undefined, errorCode: "PUMP_BROKEN", retryable: false },
    ],
    ["odd", { outcome: "failed", output: undefined, errorCode: "HANDLER_FAILED", retryable: true }],
    [
      "behind the second pumping station",
      { outcome: "failed", output: undefined, errorCode: "OUTPUT_INVALID", retryable: false },
    ],
  ];
  for (const [site, feedback] of expected) {
    const result = await runInstruction(createCrew(), clear.name, { site }, { attempt: 2 });
    const { message, ...rest } = result;
    assert.equal(rest, { ...feedback, progress, revisions: [] });
    assert.is(message === "", feedback.outcome === "succeeded", message);
  }
  assert.equal(logged, ["a handler failed"], "what it threw is in the vendor's log");
});

test("an input that breaks the contract does not reach it", async () => {
  const { outcome, errorCode, ...rest } = await runInstruction(createCrew(), clear.name, {
    site: 1,
  });
  assert.equal([outcome, errorCode, rest.progress], ["failed", "INPUT_INVALID", []]);
});

test("a deadline that passes is its outcome, whatever it answers then", async () => {
  for (const site of ["deep", "nearly done"]) {
    assert.equal(await runInstruction(createCrew(), clear.name, { site }, { deadline: "20ms" }), {
      outcome: "expired",
      output: undefined,
      errorCode: "FINISH_DEADLINE",
      message: "not done in time",
      retryable: true,
      progress,
      revisions: [],
    });
  }
});

test("a deadline of months has not passed at once", async () => {
  const node = createNode({ address: "/3702/crew", title: { zh: "排水队" } }).handle(
    "site.wait/v1",
    async (_input, { signal, deadline }) => {
      // A timer whose delay overflows is one of 1 ms, and would end before this one.
      await new Promise((resolve) => {
        setTimeout(resolve, 1);
      });
      return {
        isAborted: signal.aborted,
        days: Math.round((deadline?.getTime() ?? 0) / 86_400_000),
      };
    },
  );
  const days = Math.round(Date.now() / 86_400_000 + 60);
  const { outcome, output } = await runInstruction(node, "site.wait/v1", {}, { deadline: "60d" });
  assert.equal([outcome, output], ["succeeded", { isAborted: false, days }]);
});

test("who is cancelled and stops is cancelled; who succeeds all the same has succeeded", async () => {
  const outcomeOf = async (site: string, signal: AbortSignal): Promise<readonly string[]> => {
    const { outcome, message } = await runInstruction(
      createCrew(),
      clear.name,
      { site },
      { signal },
    );
    return [outcome, message];
  };
  const stop = new AbortController();
  const pending = ["deep", "nearly done"].map((site) => outcomeOf(site, stop.signal));
  stop.abort(new Error("the rain has stopped"));
  assert.equal(await Promise.all(pending), [
    ["cancelled", "the rain has stopped"],
    ["succeeded", ""],
  ]);
  assert.equal(await outcomeOf("deep", AbortSignal.abort("too late")), ["cancelled", "too late"]);
});

test("a name without a handler is refused", async () => {
  try {
    await runInstruction(createCrew(), "site.unknown/v1", {});
  } catch (error) {
    assert.is(isMeshError(error) && error.code, "NODE_UNKNOWN");
    return;
  }
  assert.unreachable("it was run");
});

test("a handler that puts its outcome off says so", async () => {
  const node = createNode({ address: "/3702/crew", title: { zh: "队" } });
  node.handle("site.clear/v1", (_input, context) => context.later());
  const { outcome, output } = await runInstruction(node, "site.clear/v1", {});
  assert.equal([outcome, output], ["later", undefined]);
});
