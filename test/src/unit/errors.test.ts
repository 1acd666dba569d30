import { decodeError, encodeError, errorInfoKey, statusOfCode } from "@cloudbrain/sdk/codec";
import { type ErrorCode, errorRules, MeshError } from "@cloudbrain/sdk/domain";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";

import { suite } from "../support/suite.ts";

const test = suite("errors on the wire");
const codes = Object.keys(errorRules) as ErrorCode[];

function told(error: MeshError): Record<string, unknown> {
  const { code, retry, subject, detail, retryAfterMs } = error;
  return { code, retry, subject, detail, retryAfterMs };
}

test("every code of the domain has a status, and no status stands for an unknown code", () => {
  assert.equal(Object.keys(statusOfCode).sort(), [...codes].sort());
});

test("a peer learns the code, whom to ask and when, of every refusal and fault", () => {
  for (const code of codes.filter((it) => it !== "DEFECT")) {
    const detail = { subject: "chain 01K", detail: "先等一等", retryAfterMs: 1_500 };
    const encoded = encodeError(new MeshError(code, detail));
    assert.is(encoded.code, statusOfCode[code]);
    assert.is(encoded.details, `${code}: 先等一等`);
    assert.equal(told(decodeError(encoded)), {
      code,
      retry: errorRules[code].retry,
      ...detail,
    });
  }
});

test("facts travel beside the sentence, bounded in number and length", () => {
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`n${n}`, "9".repeat(300)]));
  const { facts } = decodeError(encodeError(new MeshError("TASK_TAKEN", { facts: many })));
  assert.equal(Object.keys(facts).length, 16);
  assert.equal(facts["n0"], "9".repeat(200));
  const holder = { holder: "zhang", holderName: "张三" };
  const told = decodeError(encodeError(new MeshError("TASK_TAKEN", { facts: holder })));
  assert.equal({ ...told.facts }, holder);
});

test("an error without detail travels with the sentence of its code", () => {
  assert.equal(told(decodeError(encodeError(new MeshError("HUB_BUSY")))), {
    code: "HUB_BUSY",
    retry: "later",
    subject: undefined,
    detail: errorRules.HUB_BUSY.sentence,
    retryAfterMs: undefined,
  });
});

test("of our own defects a peer learns nothing but that there was one", () => {
  const secrets = [
    new MeshError("DEFECT", { subject: "secret", detail: "secret", retryAfterMs: 7 }),
    new TypeError("secret"),
    Object.assign(new Error("secret"), { code: status.NOT_FOUND, details: "secret" }),
    "secret",
    null,
    undefined,
  ];
  for (const secret of secrets) {
    const encoded = encodeError(secret);
    assert.is(encoded.code, status.INTERNAL);
    assert.is(encoded.details, `DEFECT: ${errorRules.DEFECT.sentence}`);
    const bytes = Buffer.concat(encoded.metadata.get(errorInfoKey) as Buffer[]);
    assert.not.match(bytes.toString("latin1"), /secret/);
    assert.is(decodeError(encoded).code, "DEFECT");
  }
});

test("a delay that is no whole number is rounded up, and one beyond 32 bits is cut", () => {
  const delays: [number, number | undefined][] = [
    [0.2, 1],
    [1e12, 0xffffffff],
    [-5, undefined],
    [Number.NaN, undefined],
  ];
  for (const [retryAfterMs, expected] of delays) {
    const encoded = encodeError(new MeshError("HUB_BUSY", { retryAfterMs }));
    assert.is(decodeError(encoded).retryAfterMs, expected);
  }
});

test("text that would burst the headers of a call is cut", () => {
  const long = "长".repeat(100_000);
  const encoded = encodeError(new MeshError("CHAIN_INVALID", { subject: long, detail: long }));
  const [bytes] = encoded.metadata.get(errorInfoKey) as Buffer[];
  assert.ok(bytes !== undefined && bytes.length < 8_192);
  assert.ok(encoded.details.length < 1_100);
});

test("a failure that our services did not make is told by its status", () => {
  const expected: [status, ErrorCode][] = [
    [status.UNAVAILABLE, "UNREACHABLE"],
    [status.DEADLINE_EXCEEDED, "TIMEOUT"],
    [status.CANCELLED, "UNREACHABLE"],
    [status.UNAUTHENTICATED, "IDENTITY_UNTRUSTED"],
    [status.PERMISSION_DENIED, "NOT_ALLOWED"],
    [status.RESOURCE_EXHAUSTED, "PAYLOAD_TOO_LARGE"],
    [status.INVALID_ARGUMENT, "INPUT_INVALID"],
    [status.UNKNOWN, "DEFECT"],
    [status.INTERNAL, "UNREACHABLE"],
  ];
  for (const [code, meant] of expected) {
    assert.is(decodeError({ code, details: "x" } as ServiceError).code, meant);
  }
});

test("what stands in the metadata of a hostile peer never throws", () => {
  const hostile = ["", "ff", "0a", "0aff", "0a0474657374", "ffffffffffffffffffffff", "0b0b0b"];
  for (const hex of hostile) {
    const metadata = new Metadata();
    metadata.set(errorInfoKey, Buffer.from(hex, "hex"));
    const error = decodeError({ code: status.UNAVAILABLE, details: "x", metadata });
    assert.is(error.code, "UNREACHABLE");
  }
});
