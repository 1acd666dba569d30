import { once } from "node:events";
import { constants, createSecureServer } from "node:http2";
import {
  type ChainSnapshot,
  type Client,
  type ClientOptions,
  isMeshError,
  type Node,
  type Submitted,
} from "@cloudbrain/sdk";
import { isEndedState, type WatchOptions } from "@cloudbrain/sdk/client";
import * as assert from "uvu/assert";
import { Gate } from "../support/gate.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { suite } from "../support/suite.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { VendorMesh } from "../support/vendor-mesh.ts";

const test = suite("a client over broken connections", { timeLimitMs: 60_000 });

let mesh: VendorMesh;
let proxy: TcpProxy;
let desk: Node;
/** What each call of the desk's handler waits for, and has told. */
let begun: Gate<string>[] = [];
let released: Gate[] = [];
let keys: string[] = [];

test.before(async () => {
  mesh = await VendorMesh.open({ hubProcess: true });
  desk = mesh.createDesk();
  desk.handle("desk.work/v1", async (input, { idempotencyKey }) => {
    const call = keys.length;
    keys.push(idempotencyKey);
    begun[call]?.open(idempotencyKey);
    await released[call]?.opened;
    return { n: (input as { n: number }).n * 2 };
  });
  await desk.start();
});

test.before.each(async () => {
  proxy = await TcpProxy.open(mesh.hubPort);
  keys = [];
  begun = [new Gate(), new Gate(), new Gate()];
  released = [new Gate(), new Gate(), new Gate()];
});

test.after.each(() => {
  for (const gate of released) gate.open();
  proxy.close();
});

test.after(async () => {
  await mesh.close();
});

/** A client whose connection goes through the proxy. */
function openClient(options: Partial<ClientOptions> = {}): Client {
  return mesh.createClient({ hub: `127.0.0.1:${proxy.port}`, ...options });
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    (value) => `no refusal: ${JSON.stringify(value)}`,
    (refused: unknown) => refused,
  );
  return isMeshError(error) ? error.code : String(error);
}

/** Cuts the connection once there is a new one, so that every cut meets what is under way. */
async function cutNext(cut: number): Promise<void> {
  await waitFor({ what: `connection ${cut}`, limitMs: 10_000, everyMs: 5 }, () =>
    proxy.taken >= cut ? true : undefined,
  );
  proxy.cut();
}

interface Following {
  /** The hub has answered: from now on the watch outlives its connection. */
  readonly begun: Promise<void>;
  /** Every snapshot in the order in which it came. */
  readonly seen: Promise<readonly ChainSnapshot[]>;
}

/** Follows a chain to its end. */
function follow(client: Client, chain: string): Following {
  const begun_ = new Gate();
  const read = async (): Promise<readonly ChainSnapshot[]> => {
    const seen: ChainSnapshot[] = [];
    for await (const snapshot of client.watch(chain)) {
      seen.push(snapshot);
      begun_.open();
    }
    return seen;
  };
  const seen = read();
  // A watch that fails before its first answer fails whoever waits for that.
  return { begun: Promise.race([begun_.opened, seen.then(() => undefined)]), seen };
}

/** A watch that the test reads by hand. */
function snapshotsOf(
  client: Client,
  chain: string,
  options: WatchOptions = {},
): AsyncIterator<ChainSnapshot> {
  return client.watch(chain, options)[Symbol.asyncIterator]();
}

/** Nothing repeated, nothing backwards, and one end. */
function assertForward(seen: readonly ChainSnapshot[], output: unknown): void {
  for (const [index, { revision }] of seen.entries()) {
    const before = seen[index - 1];
    if (before !== undefined) assert.ok(revision > before.revision, `revision ${revision} again`);
  }
  const done = seen.map(({ steps }) => steps.filter(({ state }) => state === "succeeded").length);
  assert.equal(
    done,
    done.toSorted((a, b) => a - b),
  );
  assert.is(seen.filter(({ state }) => isEndedState(state)).length, 1);
  assert.equal([seen.at(-1)?.state, seen.at(-1)?.output], ["succeeded", output]);
}

test("run answers the exact result once, however often its connection is cut", async () => {
  const client = openClient();
  const submitted: Submitted[] = [];
  const running = client.run("test.step", { n: 4 }, { onSubmitted: (s) => submitted.push(s) });
  await begun[0]?.opened;
  await waitFor({ what: "the submit is answered", limitMs: 10_000 }, () => submitted[0]);
  for (let cut = 1; cut <= 4; cut += 1) await cutNext(cut);
  released[0]?.open();
  const { id, state, output } = await running;
  assert.equal([state, output], ["succeeded", { result: { n: 8 } }]);
  assert.equal(submitted, [{ chain: id, existed: false }]);
  assert.is(keys.length, 1);
  assert.ok(proxy.taken > 4);
});

test("watch goes forward only while its connection is cut between the steps", async () => {
  const client = openClient();
  const { chain } = await client.submit("test.steps", { n: 1 });
  const { seen, begun: answered } = follow(client, chain);
  await answered;
  for (const step of [0, 1, 2]) {
    await begun[step]?.opened;
    await cutNext(step + 1);
    released[step]?.open();
  }
  assertForward(await seen, { n: 8 });
  assert.ok(proxy.taken >= 4);
});

test("run and watch outlive a hub that is killed and started again", async () => {
  const client = openClient();
  const submitted: Submitted[] = [];
  const running = client.run("test.steps", { n: 3 }, { onSubmitted: (s) => submitted.push(s) });
  await begun[0]?.opened;
  const known = await waitFor({ what: "the submit", limitMs: 10_000 }, () => submitted[0]);
  const { seen, begun: answered } = follow(client, known.chain);
  await answered;
  for (const step of [0, 1]) {
    await begun[step]?.opened;
    await mesh.killHub();
    released[step]?.open();
    await mesh.openHub();
  }
  released[2]?.open();
  assertForward(await seen, { n: 24 });
  const { id, state, output } = await running;
  assert.equal([id, state, output], [known.chain, "succeeded", { n: 24 }]);
  assert.is(submitted.length, 1);
  // Each step ran under one key, whatever was resent.
  assert.is(new Set(keys).size, 3);
});

test("run and watch outlive a hub that is stopped in good order", async () => {
  const client = openClient();
  const submitted: Submitted[] = [];
  const running = client.run("test.step", { n: 5 }, { onSubmitted: (s) => submitted.push(s) });
  await begun[0]?.opened;
  const known = await waitFor({ what: "the submit", limitMs: 10_000 }, () => submitted[0]);
  const { seen, begun: answered } = follow(client, known.chain);
  await answered;
  await mesh.closeHub();
  await mesh.openHub();
  released[0]?.open();
  assertForward(await seen, { result: { n: 10 } });
  assert.equal((await running).output, { result: { n: 10 } });
});

test("a key that is submitted again and again while the hub dies makes one chain", async () => {
  const client = openClient();
  const chains = new Set<string>();
  const killed = begun[0]?.opened.then(() => mesh.killHub()).then(() => mesh.openHub());
  const submitOnce = async (): Promise<true | undefined> => {
    const { chain, existed } = await client.submit("test.step", { n: 6 }, { key: "once" });
    chains.add(chain);
    return existed && chains.size > 0 ? true : undefined;
  };
  await waitFor({ what: "the key is known", limitMs: 20_000 }, submitOnce);
  await killed;
  await waitFor({ what: "the key is known still", limitMs: 20_000 }, submitOnce);
  released[0]?.open();
  const [chain = ""] = chains;
  assert.is(chains.size, 1);
  assertForward((await follow(client, chain).seen).slice(-1), { result: { n: 12 } });
  const listed: string[] = [];
  for await (const { id, key } of client.listChains()) if (key === "once") listed.push(id);
  assert.equal(listed, [chain]);
  assert.is(new Set(keys).size, 1);
});

test("the deadline of a run holds while its hub is gone", async () => {
  const client = openClient();
  const submitted = new Gate<Submitted>();
  const timeoutMs = 1_500;
  const running = client.run(
    "test.step",
    { n: 1 },
    { timeoutMs, onSubmitted: (known) => submitted.open(known) },
  );
  const code = codeOf(running);
  const startedAtMs = performance.now();
  await submitted.opened;
  proxy.isSilent = true;
  proxy.cut();
  assert.is(await code, "TIMEOUT");
  const tookMs = performance.now() - startedAtMs;
  assert.ok(tookMs < 3 * timeoutMs, `it took ${tookMs} ms`);
});

test("a caller's signal ends a watch whose hub is gone", async () => {
  const client = openClient();
  const { chain } = await client.submit("test.step", { n: 1 });
  const abort = new AbortController();
  const watch = snapshotsOf(client, chain, { signal: abort.signal });
  assert.is((await watch.next()).value?.id, chain);
  proxy.isSilent = true;
  proxy.cut();
  const next = watch.next();
  await waitFor({ what: "it connects again", limitMs: 10_000 }, () =>
    proxy.silencedCount > 0 ? true : undefined,
  );
  abort.abort();
  assert.is(await codeOf(next), "CANCELLED");
});

for (const [how, isSilent] of [
  ["refuses connections", false],
  ["takes connections and stays silent", true],
] as const) {
  test(`a hub that never returns and ${how} is given up by watch, run and submit`, async () => {
    const client = openClient({ timeoutMs: 500 });
    const patienceMs = 1_000;
    const submitted = new Gate<Submitted>();
    const running = client.run(
      "test.step",
      { n: 1 },
      { patienceMs, onSubmitted: (known) => submitted.open(known) },
    );
    const { chain } = await submitted.opened;
    const watch = snapshotsOf(client, chain, { patienceMs });
    await watch.next();
    const startedAtMs = performance.now();
    if (isSilent) {
      proxy.isSilent = true;
      proxy.cut();
    } else proxy.close();
    const codes = await Promise.all([codeOf(watch.next()), codeOf(running)]);
    assert.equal(codes, ["UNREACHABLE", "UNREACHABLE"]);
    const tookMs = performance.now() - startedAtMs;
    assert.ok(tookMs >= patienceMs / 2, `it took only ${tookMs} ms`);
    // Which of the two depends on whether the swallowed connection has been given up by now.
    const late = [
      await codeOf(client.submit("test.step", { n: 1 }, { key: "late" })),
      await codeOf(client.run("test.step", { n: 1 })),
    ];
    const allowed = isSilent ? ["TIMEOUT", "UNREACHABLE"] : ["UNREACHABLE"];
    assert.ok(
      late.every((code) => allowed.includes(code)),
      late.join(" "),
    );
  });
}

test("a client whose connection was swallowed reaches the hub again", async () => {
  proxy.isSilent = true;
  const client = openClient({ timeoutMs: 300 });
  assert.is(await codeOf(client.status()), "TIMEOUT");
  proxy.isSilent = false;
  const status = await waitFor({ what: "an answer", limitMs: 10_000 }, () => client.status());
  assert.is(status.state, "serving");
  await waitFor({ what: "the swallowed connection is over", limitMs: 10_000 }, () =>
    proxy.silencedCount === 0 ? true : undefined,
  );
});

test("a call that a hub drops without a status is UNREACHABLE, never the caller's CANCELLED", async () => {
  const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR } = constants;
  for (const reset of [NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR]) {
    const { certificatePem: cert, privateKeyPem: key, authorityPem: ca } = mesh.operator;
    const dropping = createSecureServer({ cert, key, ca, requestCert: true });
    dropping.on("stream", (stream) => {
      stream.on("error", () => undefined);
      stream.close(reset);
    });
    dropping.listen(0, "127.0.0.1");
    await once(dropping, "listening");
    const bound = dropping.address();
    const port = typeof bound === "object" && bound !== null ? bound.port : 0;
    const client = mesh.createClient({ hub: `127.0.0.1:${port}` });
    const codes = [await codeOf(client.status()), await codeOf(client.run("test.step", { n: 1 }))];
    assert.equal(codes, ["UNREACHABLE", "UNREACHABLE"], `reset ${reset}`);
    client.close();
    dropping.close();
  }
});

test("a client that is closed ends its calls at once and takes no more", async () => {
  const client = openClient();
  const { chain } = await client.submit("test.step", { n: 1 });
  const watch = snapshotsOf(client, chain);
  await watch.next();
  const next = watch.next();
  client.close();
  assert.is(await codeOf(next), "CANCELLED");
  assert.is(await codeOf(client.status()), "CANCELLED");
  assert.is(await codeOf(client.run("test.step", { n: 1 })), "CANCELLED");
  assert.is(await codeOf(snapshotsOf(client, chain).next()), "CANCELLED");
});
