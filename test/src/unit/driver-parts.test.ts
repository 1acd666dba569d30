import { createHmac } from "node:crypto";
import {
  Delivery,
  retryDelayMs,
  type Tried,
} from "@cloudbrain/node-agent/internal/drivers/delivery";
import { meaningOf } from "@cloudbrain/node-agent/internal/drivers/grpc-outcome";
import {
  readHttpAnswer,
  readRetryAfter,
} from "@cloudbrain/node-agent/internal/drivers/http-answer";
import { findLoss } from "@cloudbrain/node-agent/internal/drivers/message-echo";
import { RequestSlots } from "@cloudbrain/node-agent/internal/drivers/request-slots";
import {
  contentDigest,
  signWebhook,
} from "@cloudbrain/node-agent/internal/drivers/webhook-signature";
import { status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("parts of drivers");

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const nowMs = Date.UTC(2026, 0, 1, 8, 0, 0);

function readStatus(code: number, body = "", retryAfter?: string) {
  const headers = retryAfter === undefined ? {} : { "retry-after": retryAfter };
  return readHttpAnswer({ status: code, headers, body: bytes(body) }, nowMs);
}

test("a status says whether the work is done, put off, refused or to be asked for again", () => {
  const failed = { kind: "failed", retryable: false };
  assert.equal(readStatus(200, '{"n":1}'), { kind: "done", output: { n: 1 } });
  assert.equal(readStatus(202), { kind: "later" });
  for (const code of [408, 409, 425, 429, 500, 503, 599]) {
    assert.equal(readStatus(code, "{", "2"), {
      kind: "again",
      why: `status ${code}`,
      afterMs: 2_000,
    });
  }
  for (const code of [404, 410]) {
    assert.equal(readStatus(code, '{"code":"NOT_OURS","message":"ask the river office"}'), {
      kind: "returned",
      reason: "NOT_OURS: ask the river office",
    });
  }
  const told = '{"code":"NO_CREW","message":"no crew","retryable":true}';
  for (const code of [400, 401, 403, 422]) {
    assert.equal(readStatus(code, told), {
      kind: "failed",
      code: "NO_CREW",
      message: "no crew",
      retryable: true,
    });
    const bare = { ...failed, code: `HTTP_${code}`, message: `status ${code}` };
    for (const body of ["", "<html>", "[]", "null", '{"code":1}']) {
      assert.equal(readStatus(code, body), bare);
    }
  }
  for (const code of [204, 301, 304]) {
    const message = `status ${code} has no meaning here`;
    assert.equal(readStatus(code), { ...failed, code: "ANSWER_INVALID", message });
  }
});

test("a poison answer says what is wrong with it", () => {
  const large = readHttpAnswer({ status: 200, headers: {}, body: undefined }, nowMs);
  assert.equal(large, {
    kind: "failed",
    code: "PAYLOAD_TOO_LARGE",
    message: "the answer is over its limit",
    retryable: false,
  });
  const latin = { status: 200, headers: {}, body: new Uint8Array([0x22, 0xe9, 0x22]) };
  for (const answer of [readStatus(200, "{"), readStatus(200, ""), readHttpAnswer(latin, nowMs)]) {
    assert.is(answer.kind === "failed" ? answer.code : answer.kind, "ANSWER_INVALID");
  }
});

test("Retry-After is seconds or a date", () => {
  assert.equal(
    ["0", "120", "Thu, 01 Jan 2026 08:00:30 GMT", "Thu, 01 Jan 2026 07:00:00 GMT", "soon"].map(
      (text) => readRetryAfter(text, nowMs),
    ),
    [0, 120_000, 30_000, 0, undefined],
  );
  assert.is(readRetryAfter(undefined, nowMs), undefined);
});

test("pauses double up to a minute, and never end before the system has asked to be asked", () => {
  const pauses = [1, 2, 3, 8, 1_000].map((no) => retryDelayMs(no, undefined, 1));
  assert.equal(pauses, [500, 1_000, 2_000, 60_000, 60_000]);
  assert.is(retryDelayMs(1, undefined, 0), 250);
  assert.is(retryDelayMs(5, 2_000, 0), 2_000);
  assert.is(retryDelayMs(5, 1e12, 0), 3_600_000);
});

test("the signature is the HMAC of time, event, key and body", () => {
  const content = { timestamp: "1767225600", event: "instruction", key: "k", body: '{"n":"一"}' };
  const signed = signWebhook("a shared secret!", content);
  // Made by: printf '1767225600.instruction.k.{"n":"一"}' | openssl dgst -sha256 -hmac ...
  assert.is(signed, "v1=58fe1dcc4e55d699f4fbe7127ce14fa4ef7374f3d51de3dc90e43685cccde360");
  const other = createHmac("sha256", "a shared secret!").update(
    '1767225600.instruction.k.{"n":"一"}',
  );
  assert.is(signed, `v1=${other.digest("hex")}`);
  assert.is(contentDigest(""), "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
});

test("what a message would drop or bend is found, with its place", () => {
  const echo = {
    site: "a",
    depth: 0,
    big: "9007199254740991",
    ratio: Math.fround(0.1),
    list: ["x"],
  };
  assert.is(
    findLoss({ site: "a", big: 9007199254740991, ratio: 0.1, list: ["x"] }, echo),
    undefined,
  );
  assert.is(findLoss({ site: null }, {}), undefined);
  const losses = [
    [{ sight: "a" }, "input.sight: the message has no such field"],
    [{ depth: "abc" }, 'input.depth can\'t be kept as given: "abc" would be 0'],
    [{ list: ["x", "y"] }, 'input.list[1] can\'t be kept as given: "y" would be undefined'],
    [{ site: { a: 1 } }, "input.site is an object, and the message has none there"],
    [{ site: ["a"] }, "input.site is a list, and the message has none there"],
  ] as const;
  for (const [given, loss] of losses) assert.is(findLoss(given, echo), loss);
});

test("every gRPC status but OK has a meaning", () => {
  const codes = Object.values(status).filter((code) => typeof code === "number");
  const meanings = codes.filter((code) => code !== status.OK).map((code) => meaningOf(code));
  assert.is(meanings.length, 16);
  assert.equal([...new Set(meanings)].sort(), ["again", "failed", "failedForGood", "returned"]);
});

test("requests wait for a slot in order, and who leaves the line is passed over", async () => {
  const slots = new RequestSlots(1);
  const { signal } = new AbortController();
  const leaver = new AbortController();
  const order: string[] = [];
  const first = await slots.take(signal);
  const left = slots.take(leaver.signal).catch(() => order.push("left"));
  const second = slots.take(signal).then((give) => {
    order.push("second");
    return give;
  });
  leaver.abort();
  await left;
  first();
  first();
  const give = await second;
  const third = slots.take(signal).then(() => order.push("third"));
  assert.equal(order, ["left", "second"]);
  give();
  await third;
  assert.equal(order, ["left", "second", "third"]);
});

test("a delivery holds no slot between two tries, and says once that the system is down", async () => {
  const logged: string[] = [];
  const log = (event: string): void => void logged.push(event);
  const delivery = new Delivery({ target: "x", requests: 1, log, dice: () => 0 });
  const { signal } = new AbortController();
  const again: Tried<string> = { isDone: false, why: "busy" };
  const tries: number[] = [];
  const slow = delivery.run(signal, async (no) => {
    tries.push(no);
    return no < 3 ? again : { isDone: true, answer: "slow" };
  });
  const quick = delivery.run(signal, async () => ({
    isDone: true,
    answer: `after ${tries.length}`,
  }));
  assert.equal([await quick, await slow, tries], ["after 1", "slow", [1, 2, 3]]);
  assert.equal(logged, [
    "the business system does not answer",
    "the business system answers again",
    "the business system does not answer",
    "the business system answers again",
  ]);
});

test("a delivery ends by its signal, whether it asks or waits", async () => {
  const delivery = new Delivery({ target: "x", requests: 1, log: () => undefined, dice: () => 1 });
  const controller = new AbortController();
  const reason = new Error("taken back");
  const waiting = delivery.run(controller.signal, async () => {
    setImmediate(() => controller.abort(reason));
    return { isDone: false, why: "busy" };
  });
  assert.is(await waiting.catch((error: unknown) => error), reason);
  const late = delivery.run(controller.signal, async () => ({ isDone: true, answer: 1 }));
  assert.is(await late.catch((error: unknown) => error), reason);
});
