import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ApplicationServiceClient, ChainServiceClient, HubServiceClient } from "@cloudbrain/proto";
import {
  type HealthCheckResponse,
  HealthClient,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "@cloudbrain/proto/grpc/health/v1/health";
import { type ServiceError, status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { type Caller, makeAuthority, ProbedHub } from "../support/probed-hub.ts";
import { repositoryRoot } from "../support/repository.ts";
import { suite, type TestContext } from "../support/suite.ts";

const test = suite("health of a hub");

const services = [
  "",
  "cloudbrain.v1.ApplicationService",
  "cloudbrain.v1.BlobService",
  "cloudbrain.v1.CatalogService",
  "cloudbrain.v1.ChainService",
  "cloudbrain.v1.HubService",
  "cloudbrain.v1.LinkService",
  "cloudbrain.v1.RegistryService",
  "cloudbrain.v1.TaskService",
  "cloudbrain.v1.UserService",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];

/** A member of the mesh that is neither below the hub nor above it. */
const neighbour = "/3702/i-traffic";
const operator = "/3702/370202/s-operator";

const opened: { close(): unknown }[] = [];
test.after.each(async () => {
  for (const one of opened.splice(0).toReversed()) await one.close();
});

async function openProbed(): Promise<ProbedHub> {
  const probed = await ProbedHub.open();
  opened.push(probed);
  return probed;
}

async function openClient(probed: ProbedHub, address = neighbour): Promise<HealthClient> {
  const client = new HealthClient(...(await probed.caller(address)));
  opened.push(client);
  return client;
}

function check(client: HealthClient, service = ""): Promise<ServingStatus> {
  return new Promise((resolve, reject) => {
    client.check({ service }, (error, response) => {
      if (error === null) resolve(response.status);
      else reject(error);
    });
  });
}

function list(client: HealthClient): Promise<Readonly<Record<string, HealthCheckResponse>>> {
  return new Promise((resolve, reject) => {
    client.list({}, (error, response) => {
      if (error === null) resolve(response.statuses);
      else reject(error);
    });
  });
}

async function errorOf(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call;
  } catch (error) {
    return error as ServiceError;
  }
  throw new Error("it was answered");
}

/** The statuses that a watch tells, one by one; undefined once the hub has ended it. */
function watch(client: HealthClient, service: string, { signal }: TestContext) {
  const call = client.watch({ service });
  signal.addEventListener("abort", () => call.cancel());
  opened.push({ close: () => call.cancel() });
  const responses: AsyncIterator<HealthCheckResponse> = call[Symbol.asyncIterator]();
  return async (): Promise<ServingStatus | undefined> => {
    const next = await responses.next();
    return next.done === true ? undefined : next.value.status;
  };
}

test("a ready hub serves: as a whole, and each of its services by name", async () => {
  const client = await openClient(await openProbed());
  const statuses = await list(client);
  assert.equal(
    Object.entries(statuses)
      .map(([name, response]) => [name, response.status])
      .sort(),
    services.map((name) => [name, ServingStatus.SERVING]),
  );
  for (const service of services) assert.is(await check(client, service), ServingStatus.SERVING);
});

test("every member of the mesh may ask, though the rest of the hub is closed to it", async () => {
  const probed = await openProbed();
  const client = await openClient(probed, neighbour);
  assert.is(await check(client), ServingStatus.SERVING);
  const chains = new ChainServiceClient(...(await probed.caller(neighbour)));
  opened.push(chains);
  const refused = await new Promise<ServiceError | null>((resolve) => {
    chains.listChains({ application: "", state: 0, pageSize: 0, pageToken: "" }, resolve);
  });
  assert.is(refused?.code, status.PERMISSION_DENIED);
});

test("whoever has no certificate of the mesh learns nothing", async () => {
  const probed = await openProbed();
  const foreign: Caller = await probed.caller(neighbour, await makeAuthority("probe.mesh"));
  const client = new HealthClient(...foreign);
  opened.push(client);
  assert.is((await errorOf(check(client))).code, status.UNAVAILABLE);
});

test("a service that the hub has not got is NOT_FOUND, and its watch stays open", async (context) => {
  const probed = await openProbed();
  const client = await openClient(probed);
  const error = await errorOf(check(client, "no.such.Service"));
  assert.is(error.code, status.NOT_FOUND);
  assert.match(error.details, /^SERVICE_UNKNOWN: /);
  const next = watch(client, "no.such.Service", context);
  assert.is(await next(), ServingStatus.SERVICE_UNKNOWN);
  await probed.hub.drain();
  await probed.hub.close();
  // Nothing is told twice: the end of the hub comes next.
  assert.is(await next(), undefined);
});

test("a hub that drains stops serving, and whoever watches is told at once", async (context) => {
  const probed = await openProbed();
  const client = await openClient(probed);
  const whole = watch(client, "", context);
  const chains = watch(client, "cloudbrain.v1.ChainService", context);
  assert.equal([await whole(), await chains()], [ServingStatus.SERVING, ServingStatus.SERVING]);
  const hubs = new HubServiceClient(...(await probed.caller(operator)));
  opened.push(hubs);
  await new Promise<void>((resolve, reject) => {
    hubs.drainHub({}, (error) => (error === null ? resolve() : reject(error)));
  });
  const { NOT_SERVING } = ServingStatus;
  assert.equal([await whole(), await chains()], [NOT_SERVING, NOT_SERVING]);
  assert.is(await check(client), NOT_SERVING);
  const statuses = Object.values(await list(client)).map((response) => response.status);
  assert.equal(
    statuses,
    services.map(() => NOT_SERVING),
  );
});

test("a hub that closes ends its watches, and does not wait for them", async (context) => {
  const probed = await openProbed();
  const client = await openClient(probed);
  const next = watch(client, "", context);
  assert.is(await next(), ServingStatus.SERVING);
  await probed.hub.close();
  // One that was waited for in vain would be cut off: an error in place of an end.
  assert.equal([await next(), await next()], [ServingStatus.NOT_SERVING, undefined]);
});

test("a hub whose store has failed stops serving", async (context) => {
  const probed = await openProbed();
  const client = await openClient(probed);
  const next = watch(client, "", context);
  assert.is(await next(), ServingStatus.SERVING);
  probed.breakStore();
  const applications = new ApplicationServiceClient(...(await probed.caller(operator)));
  opened.push(applications);
  const file = join(repositoryRoot, "docs", "examples", "typhoon-drill.yaml");
  // It is never answered, since whether it was kept is unknown: the end of the test cancels it.
  applications.publishApplication({ source: readFileSync(file, "utf8"), file }, () => undefined);
  assert.is(await next(), ServingStatus.NOT_SERVING);
  assert.is(await check(client), ServingStatus.NOT_SERVING);
  assert.equal(
    probed.fatal.map(({ code }) => code),
    ["STORE_FAULT"],
  );
});
