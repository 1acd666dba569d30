import {
  createNode,
  type InstructionContext,
  instruction,
  isMeshError,
  MeshError,
  type NodeConnection,
} from "@cloudbrain/sdk";
import * as assert from "uvu/assert";
import { Gate } from "../support/gate.ts";
import { suite } from "../support/suite.ts";
import { deskAddress, VendorMesh } from "../support/vendor-mesh.ts";

const test = suite("a vendor's node");

let mesh: VendorMesh;

test.before(async () => {
  mesh = await VendorMesh.open();
});
test.after(async () => {
  await mesh.close();
});

interface Schema<T> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: "test";
    readonly validate: (
      value: unknown,
    ) => { readonly value: T } | { readonly issues: readonly { readonly message: string }[] };
    readonly types?: { readonly input: T; readonly output: T };
  };
}

function makeSchema<T>(isRight: (value: unknown) => value is T, complaint: string): Schema<T> {
  const validate = (value: unknown) =>
    isRight(value) ? { value } : { issues: [{ message: complaint }] };
  return { "~standard": { version: 1, vendor: "test", validate } };
}

const hasNumber = (value: unknown): value is { readonly n: number } =>
  typeof value === "object" && value !== null && "n" in value && typeof value.n === "number";
const work = instruction("desk.work/v1", {
  input: makeSchema(hasNumber, "n is not a number"),
  feedback: makeSchema(hasNumber, "n is not a number"),
});

async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (refused: unknown) => refused,
  );
  return isMeshError(error) ? error.code : `no refusal: ${error}`;
}

test("a typed handler answers a chain, and the node tells what state it is in", async () => {
  const node = mesh.createDesk();
  const states: NodeConnection[] = [];
  node.onState((state) => states.push(state));
  let seen: InstructionContext | undefined;
  node.handle(work, async ({ n }, context) => {
    seen = context;
    context.progress(0.5, "half");
    return { n: n * 2 };
  });
  await node.start();
  const chain = await mesh.submit({ n: 21 });
  const { state, output } = await mesh.ended(chain);
  assert.equal([state, output], ["succeeded", { result: { n: 42 } }]);
  assert.equal(
    [seen?.chainId, seen?.stepId, seen?.attempt, seen?.signal.aborted],
    [chain, "only", 1, false],
  );
  // The step names no deadline: what is left of the chain is its time (ADR 0032).
  const { dueMs } = await mesh.client.getChain(chain);
  const deadlineMs = seen?.deadline?.getTime() ?? 0;
  assert.ok(deadlineMs > 0 && deadlineMs >= dueMs, `${deadlineMs} is before ${dueMs}`);
  await node.stop();
  assert.equal(states, ["connecting", "online", "draining", "stopped"]);
});

test("an input that breaks the schema fails at once, and the handler never sees it", async () => {
  const node = mesh.createDesk();
  let calls = 0;
  node.handle(work, () => {
    calls += 1;
    return { n: 1 };
  });
  await node.start();
  const { state, reason } = await mesh.ended(await mesh.submit({ n: "one" }));
  assert.is(state, "failed");
  assert.match(reason, "INPUT_INVALID: value: n is not a number");
  assert.is(calls, 0);
  await node.stop();
});

test("what a handler throws is tried again, what it fails for good is not", async () => {
  const node = mesh.createDesk();
  const attempts: number[] = [];
  const keys = new Set<string>();
  node.handle(work, ({ n }, context) => {
    attempts.push(context.attempt);
    keys.add(context.idempotencyKey);
    if (n === 0) context.fail("SITE_CLOSED", "the site is closed", { retryable: false });
    if (context.attempt < 3) throw new Error("the crew does not answer");
    return { n };
  });
  await node.start();
  const { state } = await mesh.ended(await mesh.submit({ n: 5 }));
  assert.equal([state, attempts, keys.size], ["succeeded", [1, 2, 3], 1]);
  attempts.length = 0;
  const closed = await mesh.ended(await mesh.submit({ n: 0 }));
  assert.equal([closed.state, attempts], ["failed", [1]]);
  assert.match(closed.reason, "SITE_CLOSED: the site is closed");
  assert.ok(mesh.logged.includes("a handler failed"));
  await node.stop();
});

test("an output that no frame holds fails for good and does not harm the link", async () => {
  const node = mesh.createDesk();
  let deep: unknown = 1;
  for (let depth = 0; depth < 200; depth += 1) deep = [deep];
  node.handle("desk.work/v1", (input) => {
    const { n } = input as { n: number };
    if (n === 0) return "汉".repeat(400_000);
    return n === 1 ? deep : { big: 1n };
  });
  await node.start();
  for (const [n, code] of [
    [0, "PAYLOAD_TOO_LARGE"],
    [1, "OUTPUT_INVALID"],
    [2, "OUTPUT_INVALID"],
  ] as const) {
    const { state, reason } = await mesh.ended(await mesh.submit({ n }));
    assert.is(state, "failed");
    assert.match(reason, code);
  }
  assert.is(node.state, "online");
  await node.stop();
});

test("an input that travels in bulk reaches a node that has sent nothing in bulk itself", async () => {
  const node = mesh.createDesk();
  node.handle("desk.work/v1", (input) => (input as { text: string }).text.length);
  await node.start();
  const { output } = await mesh.ended(await mesh.submit({ text: "x".repeat(50_000) }));
  assert.equal(output, { result: 50_000 });
  await node.stop();
});

test("a cancelled chain aborts its handler, and nothing of it counts", async () => {
  const node = mesh.createDesk();
  const begun = new Gate();
  const aborted = new Gate<unknown>();
  node.handle(work, (_input, { signal }) => {
    begun.open();
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => {
        aborted.open(signal.reason);
        reject(signal.reason);
      });
    });
  });
  await node.start();
  const chain = await mesh.submit({ n: 1 });
  await begun.opened;
  await mesh.client.cancelChain(chain, "the rain has stopped");
  const reason = await aborted.opened;
  assert.ok(reason instanceof MeshError);
  assert.match(reason.message, "the rain has stopped");
  assert.is((await mesh.ended(chain)).state, "cancelled");
  await node.stop();
});

test("work that a stop has interrupted is run again at the next start with the same key", async () => {
  const first = mesh.createDesk();
  const begun = new Gate<string>();
  first.handle(work, (_input, { idempotencyKey, signal }) => {
    begun.open(idempotencyKey);
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  });
  await first.start();
  const chain = await mesh.submit({ n: 3 });
  const key = await begun.opened;
  await first.stop({ drain: 0 });

  const second = mesh.createDesk();
  const keys: string[] = [];
  // Without a promise: it ends while the node is still starting.
  second.handle(work, ({ n }, { idempotencyKey }) => {
    keys.push(idempotencyKey);
    return { n };
  });
  await second.start();
  assert.equal((await mesh.ended(chain)).output, { result: { n: 3 } });
  assert.equal(keys, [key]);
  await second.stop();
});

test("a draining node finishes what it has and leaves new work for the next", async () => {
  const first = mesh.createDesk();
  const begun = new Gate();
  const release = new Gate();
  first.handle(work, async ({ n }) => {
    begun.open();
    await release.opened;
    return { n };
  });
  await first.start();
  const old = await mesh.submit({ n: 1 });
  await begun.opened;
  const stopped = first.stop({ drain: "10s" });
  assert.is(first.state, "draining");
  // The hub is told, so that it asks others first. Each look is a call of its own.
  while ((await mesh.client.getNode(deskAddress)).state !== "draining");
  release.open();
  await stopped;
  assert.is((await mesh.ended(old)).state, "succeeded");
  const fresh = await mesh.submit({ n: 2 });

  const second = mesh.createDesk();
  second.handle(work, ({ n }) => ({ n: n * 10 }));
  await second.start();
  assert.equal((await mesh.ended(fresh)).output, { result: { n: 20 } });
  await second.stop();
});

test("handlers run at once up to the limit, the others wait their turn", async () => {
  const node = mesh.createDesk({ concurrency: 2 });
  let running = 0;
  let most = 0;
  node.handle(work, async ({ n }) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return { n };
  });
  await node.start();
  const chains = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => mesh.submit({ n })));
  const results = await Promise.all(chains.map((chain) => mesh.ended(chain)));
  assert.equal(
    results.map(({ output }) => output),
    [1, 2, 3, 4, 5, 6].map((n) => ({ result: { n } })),
  );
  assert.ok(most <= 2);
  await node.stop();
});

test("a node whose hub comes back is online again, and its work goes on meanwhile", async () => {
  const node = mesh.createDesk();
  const begun = new Gate();
  const release = new Gate();
  node.handle(work, async ({ n }) => {
    begun.open();
    await release.opened;
    return { n };
  });
  await node.start();
  const chain = await mesh.submit({ n: 7 });
  await begun.opened;
  const offline = new Gate();
  const online = new Gate();
  node.onState((state) => (state === "offline" ? offline.open() : online.open()));
  await mesh.closeHub();
  await offline.opened;
  release.open();
  await mesh.openHub();
  await online.opened;
  assert.is(node.state, "online");
  assert.equal((await mesh.ended(chain)).output, { result: { n: 7 } });
  await node.stop();
});

test("start gives up in time and on a signal, and another node can take the store", async () => {
  const nowhere = mesh.createDesk({ hub: "127.0.0.1:9" });
  assert.is(await refusalOf(nowhere.start({ timeout: 200 })), "UNREACHABLE");
  assert.is(nowhere.state, "stopped");
  const aborted = mesh.createDesk();
  assert.is(await refusalOf(aborted.start({ signal: AbortSignal.abort() })), "CANCELLED");
  const node = mesh.createDesk();
  node.handle(work, ({ n }) => ({ n }));
  await node.start({ timeout: "10s" });
  const second = mesh.createDesk();
  assert.is(await refusalOf(second.start()), "STORE_LOCKED");
  assert.is(second.state, "new");
  await node.stop();
  await second.start();
  await second.stop();
});

test("what can't work is refused before anything connects", async () => {
  const title = { zh: "席" };
  assert.throws(
    () => createNode({ address: "/3702", title }),
    (error: unknown) => isMeshError(error) && error.code === "ADDRESS_INVALID",
  );
  const bare = createNode({ address: deskAddress, title, hub: "127.0.0.1:9" });
  assert.is(await refusalOf(bare.start()), "CONFIG_INVALID");
  const foreign = mesh.createDesk({ address: "/3702/s-other" });
  assert.is(await refusalOf(foreign.start()), "IDENTITY_INVALID");
  assert.is(await refusalOf(bare.stop({ drain: "soon" as "1s" })), "CONFIG_INVALID");
  const node = mesh.createDesk();
  node.handle(work, ({ n }) => ({ n }));
  assert.throws(
    () => node.handle("desk.work/v1", () => null),
    (error: unknown) => isMeshError(error) && error.code === "CONFIG_INVALID",
  );
  // @ts-expect-error A handler must answer what its contract says.
  mesh.createDesk().handle(work, () => ({ n: "one" }));
});
