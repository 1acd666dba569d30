import {
  ChainServiceClient,
  type RunChainsRequest,
  type RunChainsResponse,
  type RunEvent,
} from "@cloudbrain/proto";
import { type Credentials, isMeshError, MeshError } from "@cloudbrain/sdk";
import { decodeError, meshErrorOf } from "@cloudbrain/sdk/codec";
import { HubChannel } from "@cloudbrain/sdk/internal/client/hub-channel";
import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";
import { VendorMesh } from "../support/vendor-mesh.ts";

const test = suite("runs of a caller");

let mesh: VendorMesh;
/** Inputs that the desk holds back until they are let go. */
const held = new Map<number, () => void>();

test.before(async () => {
  mesh = await VendorMesh.open();
  const desk = mesh.createDesk({ concurrency: 1_000 });
  desk.handle("desk.work/v1", async (input) => {
    const { n, wait } = input as { readonly n: number; readonly wait?: boolean };
    if (wait === true) await new Promise<void>((resolve) => held.set(n, resolve));
    return { n: n * 2 };
  });
  await desk.start();
});
test.after(async () => {
  await mesh.close();
});

async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (refused: unknown) => refused,
  );
  return isMeshError(error) ? error.code : `no refusal: ${error}`;
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let turn = 0; !isTrue(); turn += 1) {
    if (turn > 5_000) throw new Error("what was waited for has not come");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test("three hundred at once end each with its own result", async () => {
  const runs = Array.from({ length: 300 }, async (_, n) => {
    const { output } = await mesh.client.run("test.step", { n }, { key: `many-${n}` });
    return output;
  });
  assert.equal(
    await Promise.all(runs),
    runs.map((_, n) => ({ result: { n: n * 2 } })),
  );
});

test("one that is left, late or refused disturbs no other", async () => {
  const { client } = mesh;
  const leaving = new AbortController();
  const submitted: string[] = [];
  const onSubmitted = ({ chain }: { readonly chain: string }): void => {
    submitted.push(chain);
  };
  const left = client.run(
    "test.step",
    { n: 1_001, wait: true },
    { signal: leaving.signal, onSubmitted },
  );
  const late = client.run("test.step", { n: 1_002, wait: true }, { timeoutMs: 300 });
  const unknown = client.run("test.nothing", {});
  const stays = client.run("test.step", { n: 1_003, wait: true });
  assert.is(await refusalOf(unknown), "APPLICATION_UNKNOWN");
  await until(() => held.size === 3);
  leaving.abort();
  assert.is(await refusalOf(left), "CANCELLED");
  assert.is(await refusalOf(late), "TIMEOUT");
  for (const release of held.values()) release();
  assert.equal((await stays).output, { result: { n: 2_006 } });
  // The chain that nobody follows has gone on.
  assert.equal((await mesh.ended(submitted[0] ?? "")).output, { result: { n: 2_002 } });
  held.clear();
});

test("a hub that stops says so, and the runs go on at the next one", async () => {
  const run = mesh.client.run("test.step", { n: 2_001, wait: true }, { key: "over-a-stop" });
  await until(() => held.size === 1);
  const beganMs = performance.now();
  await mesh.closeHub();
  const closedMs = performance.now() - beganMs;
  await mesh.openHub();
  for (const release of held.values()) release();
  assert.equal((await run).output, { result: { n: 4_002 } });
  // Two seconds is what a hub waits for calls that do not end.
  assert.ok(closedMs < 1_900, `closing took ${closedMs} ms`);
  held.clear();
});

type Call = ClientDuplexStream<RunChainsRequest, RunChainsResponse>;

interface RawRuns {
  readonly call: Call;
  readonly events: RunEvent[];
  /** Resolves with the code that the call ended with. */
  readonly ended: Promise<string>;
  close(): void;
}

function openClient(hub: string, identity: Credentials): ChainServiceClient {
  const channel = new HubChannel({ hub, identity, expected: undefined, connectMs: 5_000 });
  const shared = { channelOverride: channel.channel };
  return new ChainServiceClient(hub, channel.credentials, shared);
}

function openRaw(): RawRuns {
  const { hub, operator } = mesh.access();
  const client = openClient(hub, operator);
  const call = client.runChains();
  const events: RunEvent[] = [];
  call.on("data", (response: RunChainsResponse) => events.push(...response.events));
  const ended = new Promise<string>((resolve) => {
    call.on("error", (error: ServiceError) => resolve(decodeError(error).code));
    call.on("end", () => resolve("end"));
  });
  return { call, events, ended, close: () => client.close() };
}

function submitOrder(run: number, application: string, input: string) {
  const value = { application, version: "", input: Buffer.from(input), key: "" };
  return { run, order: { $case: "submit" as const, value } };
}

function kindsOf(events: readonly RunEvent[], run: number): (string | undefined)[] {
  return events.filter((event) => event.run === run).map(({ event }) => event?.$case);
}

test("events of a run come in order, and the call ends after its last run", async () => {
  const { call, events, ended, close } = openRaw();
  const orders = [1, 2, 3].map((run) => submitOrder(run, "test.step", `{"n":${run}}`));
  call.write({ orders: [...orders, submitOrder(4, "test.step", "no json")] });
  call.end();
  assert.is(await ended, "end");
  for (const run of [1, 2, 3]) assert.equal(kindsOf(events, run), ["submitted", "chain"]);
  const failure = events.find(({ run }) => run === 4)?.event;
  assert.is(failure?.$case, "failure");
  const told = failure?.$case === "failure" ? meshErrorOf(failure.value) : undefined;
  assert.is(told instanceof MeshError ? told.code : "", "INPUT_INVALID");
  close();
});

test("a number that is in use and an order without content end the call", async () => {
  const twice = openRaw();
  const waiting = submitOrder(1, "test.step", '{"n":3001,"wait":true}');
  twice.call.write({ orders: [waiting, submitOrder(1, "test.step", '{"n":1}')] });
  assert.is(await twice.ended, "INPUT_INVALID");
  const empty = openRaw();
  empty.call.write({ orders: [{ run: 1, order: undefined }] });
  assert.is(await empty.ended, "INPUT_INVALID");
  await until(() => held.size === 1);
  for (const release of held.values()) release();
  held.clear();
  twice.close();
  empty.close();
});

test("a call ends with the certificate that opened it", async () => {
  const { hub } = mesh.access();
  const identity = await mesh.issueCaller({ liveMs: 2_000 });
  const client = openClient(hub, identity);
  const call = client.runChains();
  const ended = new Promise<string>((resolve) => {
    call.on("error", (error: ServiceError) => resolve(decodeError(error).code));
  });
  call.on("data", () => undefined);
  assert.is(await ended, "IDENTITY_EXPIRED");
  // The connection is still there; the certificate is not.
  const next = new Promise<string>((resolve) => {
    client.getChain({ chain: "x" }, (error) =>
      resolve(error === null ? "" : decodeError(error).code),
    );
  });
  assert.is(await next, "IDENTITY_EXPIRED");
  client.close();
});
