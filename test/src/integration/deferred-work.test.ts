import { type Answer, isMeshError, type Node, type Withdrawal } from "@cloudbrain/sdk";
import * as assert from "uvu/assert";
import { waitFor } from "../support/mesh-waiting.ts";
import { suite } from "../support/suite.ts";
import { VendorMesh } from "../support/vendor-mesh.ts";

const test = suite("work that a handler puts off");

let mesh: VendorMesh;

test.before(async () => {
  mesh = await VendorMesh.open();
});
test.after(async () => {
  await mesh.close();
});

const capability = "desk.work/v1";
const limitMs = 10_000;

async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (refused: unknown) => refused,
  );
  return isMeshError(error) ? error.code : `no refusal: ${error}`;
}

/** The id of the one instruction of this chain, once it is deferred. */
async function deferredOf(node: Node, chain: string): Promise<string> {
  return await waitFor({ what: "a deferred instruction", limitMs }, () => {
    return node.deferred.list().find(({ chainId, isDeferred }) => isDeferred && chainId === chain)
      ?.id;
  });
}

test("what is put off outlives its node, is not run again and is answered once", async () => {
  const first = mesh.createDesk();
  let runs = 0;
  first.handle(capability, (_input, context) => {
    runs += 1;
    return context.later();
  });
  await first.start();
  const chain = await mesh.submit({ n: 1 });
  const id = await deferredOf(first, chain);
  await first.deferred.claim(id, "wang");
  // What is deferred does not hold a drain up: this ends long before its time.
  await first.stop({ drain: "1h" });

  const second = mesh.createDesk();
  second.handle(capability, () => {
    runs += 1;
  });
  assert.is(await refusalOf(second.deferred.claim(id, "li")), "STORE_CLOSED");
  await second.start();
  assert.is(await deferredOf(second, chain), id);
  assert.is(second.deferred.find(id)?.holder, "wang");
  assert.is(await refusalOf(second.deferred.claim(id, "li")), "INSTRUCTION_TAKEN");
  assert.is(await refusalOf(second.deferred.release(id, "li")), "INSTRUCTION_TAKEN");
  const answer: Answer = { outcome: "succeeded", output: { done: true } };
  const foreign = second.deferred.answer(id, answer, { holder: "li" });
  assert.is(await refusalOf(foreign), "INSTRUCTION_TAKEN");
  await second.deferred.release(id, "wang");
  assert.is(second.deferred.find(id)?.holder, "");
  const receipt = { outcome: "succeeded", errorCode: "", message: "" };
  assert.equal(await second.deferred.answer(id, answer), { ...receipt, isRepeated: false });
  assert.equal(await second.deferred.answer(id, answer), { ...receipt, isRepeated: true });
  const other: Answer = { outcome: "succeeded", output: { done: false } };
  assert.is(await refusalOf(second.deferred.answer(id, other)), "INSTRUCTION_ENDED");
  assert.is(await refusalOf(second.deferred.answer("none", other)), "INSTRUCTION_UNKNOWN");
  assert.equal((await mesh.ended(chain)).output, { result: { done: true } });
  assert.equal([runs, second.deferred.list()], [1, []]);
  await second.stop();
});

test("an answer may fail, give the work back, or break its limits", async () => {
  const node = mesh.createDesk();
  node.handle(capability, (_input, context) => context.later());
  await node.start();
  const answers: readonly (readonly [Answer, RegExp])[] = [
    [{ outcome: "failed", code: "NO_CREW", message: "no crew", retryable: false }, /NO_CREW/],
    [{ outcome: "succeeded", output: "x".repeat(2_000_000) }, /PAYLOAD_TOO_LARGE/],
  ];
  for (const [answer, reason] of answers) {
    const chain = await mesh.submit({ n: 1 });
    const receipt = await node.deferred.answer(await deferredOf(node, chain), answer);
    assert.is(receipt.outcome, "failed");
    const ended = await mesh.ended(chain);
    assert.is(ended.state, "failed");
    assert.match(ended.reason, reason);
  }
  await node.stop();
});

test("who works on it is told of a cancel, again at the next start until it knows", async () => {
  const told: Withdrawal[] = [];
  const createDesk = (isReachable: boolean): Node =>
    mesh.createDesk().handle(capability, (_input, context) => context.later(), {
      withdrawn: (withdrawal) => {
        told.push(withdrawal);
        if (!isReachable) throw new Error("the worker is away");
      },
    });
  const first = createDesk(false);
  await first.start();
  const chain = await mesh.submit({ n: 1 });
  const id = await deferredOf(first, chain);
  await mesh.client.cancelChain(chain, "the rain has stopped");
  await waitFor({ what: "a withdrawal", limitMs }, () => told[0]);
  assert.is((await mesh.ended(chain)).state, "cancelled");
  const late: Answer = { outcome: "succeeded", output: null };
  assert.is(await refusalOf(first.deferred.answer(id, late)), "INSTRUCTION_CANCELLED");
  await first.stop();

  for (const expected of [2, 2]) {
    const next = createDesk(true);
    await next.start();
    await waitFor({ what: "a withdrawal", limitMs }, () => told[1]);
    await next.stop();
    assert.is(told.length, expected);
  }
  assert.equal(
    told.map(({ idempotencyKey, attempt, outcome, reason }) => {
      return { idempotencyKey, attempt, outcome, reason };
    }),
    Array(2).fill({
      idempotencyKey: id,
      attempt: 1,
      outcome: "cancelled",
      reason: "the rain has stopped",
    }),
  );
});

test("a handler with places of its own holds nobody up", async () => {
  const slow = "slow.work/v1";
  await mesh.client.publish(`apiVersion: cloudbrain/v1
kind: Application
metadata: { id: test.slow, version: 1.0.0, title: { zh: 慢 } }
spec:
  input: { type: object }
  deadline: { total: 5m }
  onFailure: fail
  steps:
    - id: only
      type: service
      match: { capability: ${slow} }
  output: { result: '=steps.only.out' }
`);
  const node = mesh.createDesk({ concurrency: 1 });
  const begun: string[] = [];
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const wait = async (_input: unknown, { chainId }: { readonly chainId: string }) => {
    begun.push(chainId);
    await released;
    return { n: 0 };
  };
  node.handle(slow, wait, { concurrency: 2 });
  node.handle(capability, (input) => input);
  await node.start();
  const slowChains = await Promise.all(
    [1, 2, 3].map(async (n) => await mesh.client.submit("test.slow", {}, { key: `slow-${n}` })),
  );
  await waitFor({ what: "two slow handlers", limitMs }, () => begun[1]);
  const quick = await mesh.ended(await mesh.submit({ n: 9 }));
  assert.equal([quick.output, begun.length], [{ result: { n: 9 } }, 2]);
  release();
  for (const { chain } of slowChains) {
    assert.equal((await mesh.ended(chain)).output, { result: { n: 0 } });
  }
  await node.stop();
});
