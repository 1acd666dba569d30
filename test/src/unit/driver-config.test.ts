import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadAgents } from "@cloudbrain/node-agent";
import { createSay } from "@cloudbrain/node-agent/internal/cli/texts";
import { createDrivers } from "@cloudbrain/node-agent/internal/drivers/create-drivers";
import { isMeshError } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("configuration of drivers");

const directory = mkdtempSync(join(tmpdir(), "cloudbrain-drivers-"));
const file = join(directory, "agent.yaml");
const proto = join(repositoryRoot, "docs", "examples", "drivers", "pump.proto");

test.before(() => {
  writeFileSync(join(directory, "long.secret"), "0123456789abcdef\n");
  writeFileSync(join(directory, "short.secret"), "short\n");
  writeFileSync(join(directory, "broken.proto"), 'syntax = "proto3";\nmessage {\n');
});
test.after(() => rmSync(directory, { recursive: true }));

const head = "hub: 10.0.0.1:1\naddress: /a/b\ntitle: { zh: 甲 }\ndrivers:\n";

/** What an operator is told, one mistake a line, without the path of the file. */
function complaints(drivers: string, isChinese = false): readonly string[] {
  const lang = isChinese ? "zh-CN" : "en";
  writeFileSync(file, `${head}${drivers}`);
  try {
    const { agents } = loadAgents(file, {}, {}, lang);
    const around = { agent: "/a/b", secret: undefined, hasApi: false, log: () => undefined };
    createDrivers(agents[0]?.drivers ?? [], { ...around, say: createSay(lang) });
    return [];
  } catch (error) {
    if (!isMeshError(error) || error.code !== "CONFIG_INVALID") throw error;
    return (error.detail ?? "").replaceAll(`${directory}/`, "").split("\n");
  }
}

function grpc(fields: string): string {
  return `  - capability: a/v1\n    grpc:\n      protos: [${proto}]\n      plaintext: true\n${fields}`;
}
const right = "      target: 127.0.0.1:1\n      service: pump.v1.PumpService\n";

test("drivers that can work are made", () => {
  const http =
    '  - capability: a/v1\n    http: { url: "https://10.0.0.1/x", secretFile: long.secret }\n';
  assert.equal(complaints(http), []);
  assert.equal(complaints(grpc(`${right}      method: Dispatch\n`)), []);
});

test("an entry names one way to reach its system", () => {
  assert.equal(complaints("  - capability: a/v1\n"), [
    "agent.yaml:5:5: drivers.0: write one of `http`, `grpc` and `inbox`",
  ]);
  assert.equal(complaints("  - capability: a/v1\n", true), [
    "agent.yaml:5:5: drivers.0: `http`、`grpc`、`inbox` 必须且只能写一个",
  ]);
});

test("a URL is https, or http on this machine", () => {
  const of = (url: string) =>
    complaints(`  - capability: a/v1\n    http: { secretFile: long.secret, url: "${url}" }\n`);
  const place = "agent.yaml:6:43: drivers.0.http.url: ";
  assert.equal(of("http://10.0.0.1/x"), [`${place}http:// is for loopback only; write https://`]);
  for (const url of ["x", "ftp://a/b", "https://user:pw@a/b", "https://a/b#c"]) {
    assert.equal(of(url), [
      `${place}write an https:// URL without a user, a password and a fragment`,
    ]);
  }
  for (const url of ["http://127.0.0.1:1/x", "http://[::1]/x", "http://localhost/x"]) {
    assert.equal(of(url), []);
  }
});

test("a webhook has a secret that is worth the name", () => {
  const of = (secret: string) =>
    complaints(`  - capability: a/v1\n    http:\n      url: https://10.0.0.1/x\n${secret}`);
  assert.equal(of(""), [
    "agent.yaml:7:7: http: a secret is missing: `secretFile` here, or `webhook.secretFile` for all",
  ]);
  assert.equal(of("      secretFile: none.secret\n"), [
    "agent.yaml:8:19: http.secretFile: the file can't be read (ENOENT)",
  ]);
  assert.equal(of("      secretFile: short.secret\n"), [
    "agent.yaml:8:19: http.secretFile: the secret in the file has fewer than 16 characters",
  ]);
});

test("bounds and unknown keys are told with their places", () => {
  const drivers = `  - capability: a/v1
    http:
      url: https://10.0.0.1/x
      timeout: 1h
      answerBytes: 0
      retries: 3
    output: { type: strnig }
`;
  const told = complaints(drivers);
  assert.equal(
    told.map((line) => line.split(": ").slice(0, 2)),
    [
      ["agent.yaml:8:16", "drivers.0.http.timeout"],
      ["agent.yaml:9:20", "drivers.0.http.answerBytes"],
      ["agent.yaml:10:7", "drivers.0.http.retries"],
      ["agent.yaml:11:13", "drivers.0.output"],
    ],
  );
  assert.match(told[0] ?? "", "write a duration from 100ms to 600s");
});

test("a method that is not there, streams, or lacks a field is refused with its place", () => {
  assert.equal(complaints(grpc(`${right}      method: Dispach\n`)), [
    "agent.yaml:11:15: grpc.method: there is no Dispach here, only: Dispatch, Watch. " +
      "did you mean Dispatch?",
  ]);
  assert.equal(complaints(grpc(`${right}      method: Watch\n`)), [
    "agent.yaml:11:15: grpc.method: the method streams; a driver calls unary methods only",
  ]);
  const fields =
    "      method: Dispatch\n      request: { sight: a }\n      response: { b: truck }\n";
  assert.equal(complaints(grpc(`${right}${fields}`)), [
    "agent.yaml:12:16: grpc.request: the message has no field sight, only: site, depthCm",
    "agent.yaml:13:17: grpc.response: the message has no field truck, only: truckId, etaMinutes",
  ]);
  const foreign = "      target: 127.0.0.1:1\n      service: Pump\n      method: Dispatch\n";
  assert.equal(complaints(grpc(foreign)), [
    "agent.yaml:10:16: grpc.service: there is no Pump here, only: pump.v1.PumpService.",
  ]);
});

test("files of a protocol that can't be loaded are told with the reason", () => {
  const of = (protos: string) =>
    complaints(
      `  - capability: a/v1\n    grpc:\n      protos: [${protos}]\n      plaintext: true\n${right}      method: A\n`,
    )[0] ?? "";
  assert.match(of("none.proto"), /^agent\.yaml:7:15: grpc\.protos: the files can't .*none\.proto/);
  assert.match(of("broken.proto"), /^agent\.yaml:7:15: grpc\.protos: .*broken\.proto, line 2/);
});

test("plaintext is for this machine, and certificates come in pairs", () => {
  const far = "      target: 10.0.0.1:1\n      service: a\n      method: b\n";
  assert.equal(complaints(grpc(far)), [
    "agent.yaml:8:18: drivers.0.grpc.plaintext: plaintext is for loopback only",
  ]);
  assert.equal(
    complaints(grpc(`${right}      method: Dispatch\n      certFile: a.crt\n`)).length,
    2,
  );
});

test("an inbox needs the local API, and one capability has one driver", () => {
  const inbox = "  - capability: a/v1\n    inbox: { title: { zh: 甲 } }\n";
  const why = "an inbox needs the local API: add `api` to the configuration";
  assert.equal(complaints(`${inbox}${inbox}`), [
    `agent.yaml:6:12: inbox: ${why}`,
    "agent.yaml:7:17: capability: the capability a/v1 is done by somebody else already",
    `agent.yaml:8:12: inbox: ${why}`,
  ]);
});

test("the local API listens on this machine alone", () => {
  const load = (listen: string): string => {
    const api = `api: { tokenFile: api.token, listen: "${listen}" }\n`;
    writeFileSync(file, `${api}handlers: a.mjs\n${head.replace("drivers:\n", "")}`);
    try {
      return loadAgents(file, {}, {}).api?.listen ?? "";
    } catch (error) {
      return isMeshError(error) ? (error.detail ?? "").replace(`${directory}/`, "") : "";
    }
  };
  assert.is(load("unix:api.sock"), `unix:${join(directory, "api.sock")}`);
  assert.is(load("[::1]:7480"), "[::1]:7480");
  for (const listen of ["0.0.0.0:7480", "10.0.0.1:80", "127.0.0.1", "unix:", "::1:80"]) {
    assert.match(load(listen), /^agent\.yaml:1:\d+: api\.listen: write a host:port of loopback/);
  }
});

test("the secrets' files may be named by variables", () => {
  writeFileSync(file, `${head.replace("drivers:\n", "")}handlers: a.mjs\napi: {}\n`);
  const variables = {
    CLOUDBRAIN_API_TOKEN_FILE: "/run/api.token",
    CLOUDBRAIN_WEBHOOK_SECRET_FILE: "/run/webhook.secret",
  };
  const { api, webhookSecret } = loadAgents(file, variables, {});
  assert.equal(
    [api?.token, webhookSecret],
    [
      { path: "/run/api.token", place: "CLOUDBRAIN_API_TOKEN_FILE" },
      { path: "/run/webhook.secret", place: "CLOUDBRAIN_WEBHOOK_SECRET_FILE" },
    ],
  );
});
