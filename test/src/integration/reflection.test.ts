import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  create,
  createFileRegistry,
  type DescMethod,
  type FileRegistry,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import {
  ServerReflectionClient,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "@cloudbrain/proto/grpc/reflection/v1/reflection";
import { ServerReflectionClient as AlphaClient } from "@cloudbrain/proto/grpc/reflection/v1alpha/reflection";
import { writeCredentials } from "@cloudbrain/sdk/identity";
import { Client, type ServiceError, status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { issueTo, makeAuthority, ProbedHub } from "../support/probed-hub.ts";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const test = suite("reflection of a hub");

type Question = NonNullable<ServerReflectionRequest["messageRequest"]>;
type Answer = ServerReflectionResponse["messageResponse"];

const operator = "/3702/370202/s-operator";
const neighbour = "/3702/i-traffic";

let probed: ProbedHub;
const closing: { close(): void }[] = [];

test.before(async () => {
  probed = await ProbedHub.open();
});
test.after(async () => {
  for (const one of closing) one.close();
  await probed.close();
});

function keep<One extends { close(): void }>(one: One): One {
  closing.push(one);
  return one;
}

/** Asks all on one stream; answers come in the same order. */
async function ask(
  client: ServerReflectionClient | AlphaClient,
  questions: readonly Question[],
): Promise<readonly ServerReflectionResponse[]> {
  const call = client.serverReflectionInfo();
  for (const messageRequest of questions) call.write({ host: "h", messageRequest });
  call.end();
  const responses: ServerReflectionResponse[] = [];
  for await (const response of call) responses.push(response);
  return responses;
}

async function answersTo(questions: readonly Question[]): Promise<readonly Answer[]> {
  const client = keep(new ServerReflectionClient(...(await probed.caller(neighbour))));
  const responses = await ask(client, questions);
  return responses.map(({ messageResponse }) => messageResponse);
}

function filesOf(answer: Answer): readonly FileDescriptorProto[] {
  if (answer?.$case !== "fileDescriptorResponse") throw new Error(`no files: ${answer?.$case}`);
  return answer.value.fileDescriptorProto.map((bytes) =>
    fromBinary(FileDescriptorProtoSchema, bytes),
  );
}

async function servicesOf(client: ServerReflectionClient | AlphaClient) {
  const [response] = await ask(client, [{ $case: "listServices", value: "*" }]);
  const answer = response?.messageResponse;
  if (answer?.$case !== "listServicesResponse") throw new Error(`no services: ${answer?.$case}`);
  return answer.value.service.map(({ name }) => name);
}

/** What a client that has read nothing else knows of a service. */
async function registryOf(symbol: string): Promise<FileRegistry> {
  const [answer] = await answersTo([{ $case: "fileContainingSymbol", value: symbol }]);
  const file = filesOf(answer).toReversed();
  return createFileRegistry(create(FileDescriptorSetSchema, { file }));
}

/** Calls a method of which only the descriptor is known: JSON in, JSON out. */
async function callMethod(method: DescMethod, input: object, address: string): Promise<unknown> {
  const client = keep(new Client(...(await probed.caller(address))));
  const request = fromJson(method.input, input as Parameters<typeof fromJson>[1]);
  return await new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/${method.parent.typeName}/${method.name}`,
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes) => toJson(method.output, fromBinary(method.output, bytes)),
      toBinary(method.input, request),
      (error: ServiceError | null, response) =>
        error === null ? resolve(response) : reject(error),
    );
  });
}

test("both versions list every service, and the schema of each is at hand", async () => {
  const caller = await probed.caller(neighbour);
  const services = await servicesOf(keep(new ServerReflectionClient(...caller)));
  assert.equal(services, [
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
  ]);
  assert.equal(await servicesOf(keep(new AlphaClient(...caller))), services);
  // Whatever the server lists it serves: a method that is not there would be UNIMPLEMENTED.
  for (const service of services) {
    const [method] = (await registryOf(service)).getService(service)?.methods ?? [];
    assert.is(method?.parent.typeName, service);
    if (method?.methodKind !== "unary") continue;
    const error = await callMethod(method, {}, neighbour).catch((caught: ServiceError) => caught);
    if (error instanceof Error) assert.is.not((error as ServiceError).code, status.UNIMPLEMENTED);
  }
});

test("with nothing but reflection a client builds a request, calls and reads the answer", async () => {
  const registry = await registryOf("cloudbrain.v1.ChainService");
  const submit = registry.getMessage("cloudbrain.v1.SubmitChainRequest");
  assert.equal(
    submit?.fields.map(({ name, number }) => [name, number]),
    [
      ["application", 1],
      ["version", 2],
      ["input", 3],
      ["key", 4],
    ],
  );
  const service = registry.getService("cloudbrain.v1.ChainService");
  const list = service?.methods.find(({ name }) => name === "ListChains");
  const start = service?.methods.find(({ name }) => name === "SubmitChain");
  if (list === undefined || start === undefined) throw new Error("the methods are not described");
  assert.equal(await callMethod(list, { pageSize: 3 }, operator), {});
  const refused = await callMethod(start, { application: "none" }, operator).catch(String);
  assert.match(String(refused), /APPLICATION_UNKNOWN/);
});

test("a file comes with its imports, and one of another package is among them", async () => {
  const [byName, bySymbol] = await answersTo([
    { $case: "fileByFilename", value: "cloudbrain/v1/node.proto" },
    { $case: "fileContainingSymbol", value: "cloudbrain.v1.NodeRecord.description" },
  ]);
  const names = filesOf(byName).map(({ name }) => name);
  assert.is(names[0], "cloudbrain/v1/node.proto");
  assert.equal(
    filesOf(bySymbol).map(({ name }) => name),
    names,
  );
  const known = new Set<string>();
  for (const file of filesOf(byName).toReversed()) {
    for (const imported of file.dependency) assert.ok(known.has(imported), imported);
    known.add(file.name);
  }
});

test("what is not there is answered with NOT_FOUND, and the stream goes on", async () => {
  const health = "grpc.health.v1.HealthCheckRequest";
  const answers = await answersTo([
    { $case: "fileByFilename", value: "none.proto" },
    { $case: "fileContainingSymbol", value: "none.Service" },
    {
      $case: "fileContainingExtension",
      value: { containingType: health, extensionNumber: 100 },
    },
    { $case: "allExtensionNumbersOfType", value: "none.Message" },
    { $case: "allExtensionNumbersOfType", value: health },
    { $case: "fileByFilename", value: "grpc/health/v1/health.proto" },
  ]);
  assert.equal(
    answers.slice(0, 4).map((answer) => {
      return answer?.$case === "errorResponse" ? answer.value.errorCode : answer?.$case;
    }),
    [status.NOT_FOUND, status.NOT_FOUND, status.NOT_FOUND, status.NOT_FOUND],
  );
  assert.equal(
    answers.slice(4).map((answer) => answer?.$case),
    ["allExtensionNumbersResponse", "fileDescriptorResponse"],
  );
});

test("an answer tells the host and the question; no question at all is no failure", async () => {
  const client = keep(new ServerReflectionClient(...(await probed.caller(neighbour))));
  const call = client.serverReflectionInfo();
  call.write({ host: "h", messageRequest: undefined });
  call.end();
  for await (const response of call) {
    const { validHost, originalRequest, messageResponse: answer } = response;
    assert.equal([validHost, originalRequest?.host], ["h", "h"]);
    assert.is(answer?.$case === "errorResponse" && answer.value.errorCode, status.INVALID_ARGUMENT);
    return;
  }
  throw new Error("there was no answer");
});

test("whoever has no certificate of the mesh learns nothing", async () => {
  const foreign = await probed.caller(neighbour, await makeAuthority("probe.mesh"));
  const client = keep(new ServerReflectionClient(...foreign));
  const refused = await servicesOf(client).catch((error: ServiceError) => error.code);
  assert.is(refused, status.UNAVAILABLE);
});

test("a caller whose connection breaks in the middle of its questions is no defect", async () => {
  const [, tls, options] = await probed.caller(neighbour);
  const proxy = await TcpProxy.open(probed.hub.port);
  const client = keep(new ServerReflectionClient(`127.0.0.1:${proxy.port}`, tls, options));
  const call = client.serverReflectionInfo();
  const ended = new Promise<ServiceError>((resolve) => call.on("error", resolve));
  call.write({ host: "", messageRequest: { $case: "listServices", value: "" } });
  await new Promise((resolve) => call.once("data", resolve));
  proxy.close();
  assert.is((await ended).code, status.UNAVAILABLE);
  const other = keep(new ServerReflectionClient(...(await probed.caller(neighbour))));
  assert.is((await servicesOf(other)).length, 12);
  assert.equal(
    probed.logged.filter((event) => event.includes("defect")),
    [],
  );
});

/** `buf curl`, which operators use: a client that nobody here has written. */
async function bufCurl(identity: string, path: string): Promise<string> {
  const buf = join(repositoryRoot, "node_modules", "@bufbuild", "buf", "bin", "buf");
  const file = (name: string): string => join(identity, name);
  const words = [
    ...[buf, "curl", "--protocol", "grpc", "--servername", "370202.3702.probe.mesh"],
    ...["--cacert", file("ca.crt"), "--cert", file("node.crt"), "--key", file("node.key")],
    `https://127.0.0.1:${probed.hub.port}/${path}`,
  ];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  await new Promise((resolve) => child.on("close", resolve));
  return output.trim();
}

test("a tool without our proto files probes health and lists chains", async () => {
  const identity = mkdtempSync(join(tmpdir(), "cloudbrain-buf-"));
  try {
    writeCredentials(identity, await issueTo(probed.authority, operator));
    const health = await bufCurl(identity, "grpc.health.v1.Health/Check");
    assert.equal(JSON.parse(health), { status: "SERVING" });
    assert.is(await bufCurl(identity, "cloudbrain.v1.ChainService/ListChains"), "{}");
  } finally {
    rmSync(identity, { recursive: true });
  }
});
