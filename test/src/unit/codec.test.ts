import * as proto from "@cloudbrain/proto";
import { encodeBatch, parseBatch } from "@cloudbrain/sdk/codec";
import {
  type Address,
  type Batch,
  type ErrorCode,
  type Frame,
  type FrameBody,
  isMeshError,
  limits,
  outcomes,
  parseAddress,
} from "@cloudbrain/sdk/domain";
import fc from "fast-check";
import * as assert from "uvu/assert";

import { address, batches, bodies, frameOf } from "../support/codec-arbitraries.ts";
import { suite } from "../support/suite.ts";

const test = suite("codec");
const city = parseAddress("/3702");
const street = parseAddress("/3702/370202/370202001");
const empty: Batch = { runs: [], acks: [], credits: [], refusals: [] };

function batchOf(...frames: Frame[]): Batch {
  return { ...empty, runs: [{ lane: "chain", firstSeq: 1, frames }] };
}

function frameWith(body: Frame["body"], to: Address = street): Frame {
  return { from: city, to, body, hopLimit: 16, traceparent: "" };
}

/** Fields that are undefined are not on the wire. */
function present<Value>(value: Value): Value {
  if (value instanceof Uint8Array || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(present) as Value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, present(field)])) as Value;
}

function refusalOf(bytes: Uint8Array, self?: Address): ErrorCode {
  try {
    parseBatch(bytes, self);
  } catch (error) {
    if (isMeshError(error)) return error.code;
    throw error;
  }
  throw new Error("the bytes were taken");
}

function bodyKindOf(bytes: Uint8Array, self: Address): string | undefined {
  return parseBatch(bytes, self).runs[0]?.frames[0]?.body.kind;
}

/** A batch of one frame, made by the generated code: what our own encoder would not write. */
function foreign(frame: Partial<proto.Frame>, batch: Partial<proto.Batch> = {}): Uint8Array {
  const whole = { kind: 3, from: city, to: street, hopLimit: 16, ...frame };
  const runs = [{ lane: proto.Lane.LANE_CHAIN, firstSeq: 1n, frames: [whole] }];
  return proto.Batch.encode(proto.Batch.fromPartial({ runs, ...batch })).finish();
}

const accepted = proto.Accepted.encode(
  proto.Accepted.fromPartial({ id: "i", attempt: 1 }),
).finish();

test("every batch comes back as it went", () => {
  fc.assert(
    fc.property(batches, (batch) => {
      assert.equal(parseBatch(encodeBatch(batch)), present(batch));
    }),
    { numRuns: 300, seed: 1 },
  );
});

for (const [kind, body] of Object.entries(bodies)) {
  test(`every ${kind} comes back as it went`, () => {
    fc.assert(
      fc.property(frameOf(body), (frame) => {
        const batch = batchOf(frame);
        assert.equal(parseBatch(encodeBatch(batch), frame.to), present(batch));
      }),
      { numRuns: 200, seed: 2 },
    );
  });
}

test("the bytes of a batch are those of the generated code", () => {
  fc.assert(
    fc.property(batches, (batch) => {
      const bytes = encodeBatch(batch);
      const message = proto.Batch.decode(bytes);
      assert.equal(Buffer.from(proto.Batch.encode(message).finish()), Buffer.from(bytes));
      assert.equal(unknownFieldsOf(message), []);
      const [run] = message.runs;
      const [frame] = batch.runs[0]?.frames ?? [];
      if (frame === undefined) return;
      const { from, to, hopLimit, traceparent } = frame;
      assert.equal({ from, to, hopLimit, traceparent }, pick(run?.frames[0], frame));
    }),
    { numRuns: 300, seed: 3 },
  );
});

function pick(message: proto.Frame | undefined, like: Frame): Partial<proto.Frame> {
  const names = Object.keys(like).filter((name) => name !== "body");
  return Object.fromEntries(Object.entries(message ?? {}).filter(([name]) => names.includes(name)));
}

/** Names of messages that hold a field which the generated code does not know. */
function unknownFieldsOf(message: unknown): string[] {
  if (typeof message !== "object" || message === null || message instanceof Uint8Array) return [];
  return Object.entries(message).flatMap(([name, value]) =>
    name === "_unknownFields" ? Object.keys(value ?? {}) : unknownFieldsOf(value),
  );
}

function payloadOf(body: FrameBody): Uint8Array {
  const message = proto.Batch.decode(encodeBatch(batchOf(frameWith(body))));
  return message.runs[0]?.frames[0]?.payload ?? new Uint8Array(0);
}

const utf8 = (text: string) => new TextEncoder().encode(text);

test("bodies written by hand are those of the generated code", () => {
  const { instruction, accepted: acceptance, feedback } = bodies;
  fc.assert(
    fc.property(instruction, acceptance, feedback, (asked, taken, answered) => {
      const messages = [
        proto.Instruction.encode({
          ...asked,
          input: utf8(asked.input),
          task: asked.task === undefined ? new Uint8Array(0) : utf8(JSON.stringify(asked.task)),
        }),
        proto.Accepted.encode(taken),
        proto.Feedback.encode({
          ...answered,
          outcome: outcomes.indexOf(answered.outcome) + 1,
          output: utf8(answered.output),
          revision: answered.revision ?? 0,
        }),
      ].map((writer) => Buffer.from(writer.finish()));
      assert.equal([asked, taken, answered].map(payloadOf).map(Buffer.from), messages);
    }),
    { numRuns: 500, seed: 4 },
  );
});

test("the bytes of a batch are the same in every release", () => {
  const batch: Batch = {
    ...batchOf(
      frameWith({ kind: "accepted", id: "01K/report/1", attempt: 2 }),
      frameWith({ kind: "opaque", wireKind: 70, bytes: Uint8Array.of(1, 2, 3) }),
    ),
    acks: [{ lane: "control", seq: 300 }],
    credits: [{ lane: "signal", seqMax: 5_000_000_000, bytesMax: 65_536 }],
    refusals: [{ lane: "bulk", seq: 7, code: "HUB_BUSY", detail: "忙" }],
    heartbeat: true,
  };
  assert.is(Buffer.from(encodeBatch(batch)).toString("hex"), golden);
  assert.equal(parseBatch(Buffer.from(golden, "hex"), street), batch);
});

/** As protobuf's own tools read it: a batch with each kind of list. */
const golden = [
  "20012a65080210011a35080312052f333730321a162f333730322f3337303230322f3337303230323030",
  "3120102a100a0c30314b2f7265706f72742f3110021a28084612052f333730321a162f333730322f3337",
  "303230322f33373032303230303120102a030102033205080110ac023a0c08031080e497d01218808004",
  "4213080410071a084855425f425553592203e5bf99",
].join("");

test("a frame for somebody else goes on byte for byte, whatever its payload holds", () => {
  const payload = fc.uint8Array({ maxLength: 300 });
  const kind = fc.integer({ min: 1, max: 0xffffffff });
  fc.assert(
    fc.property(payload, kind, address, address, (bytes, wireKind, from, to) => {
      fc.pre(to !== city);
      const frame = { kind: wireKind, from, to, payload: bytes };
      const encoded = Buffer.from(foreign(frame));
      assert.equal(Buffer.from(encodeBatch(parseBatch(encoded, city))), encoded);
    }),
    { numRuns: 500, seed: 5 },
  );
});

test("a forwarded payload is a copy and does not keep the batch that it came in", () => {
  const source = Buffer.from(foreign({ payload: accepted }));
  const body = parseBatch(source, city).runs[0]?.frames[0]?.body;
  assert.ok(body?.kind === "opaque");
  source.fill(0);
  assert.equal(body, { kind: "opaque", wireKind: 3, bytes: accepted });
  assert.is(body.bytes.buffer.byteLength, accepted.length);
});

test("a batch is read from anywhere in a larger buffer", () => {
  const bytes = foreign({ payload: accepted });
  const larger = Buffer.concat([Buffer.alloc(9, 0xff), bytes, Buffer.alloc(9, 0xff)]);
  const part = larger.subarray(9, 9 + bytes.length);
  assert.equal(parseBatch(part, street), parseBatch(bytes, street));
});

test("a kind from 64 on may be unknown, a lower one may not", () => {
  const taken = parseBatch(foreign({ kind: 1_000, payload: accepted }), street);
  const body = { kind: "opaque", wireKind: 1_000, bytes: accepted };
  assert.equal(taken.runs[0]?.frames[0]?.body, body);
  // On a link the kernel refuses that frame; read as a whole the bytes are refused.
  assert.is(bodyKindOf(foreign({ kind: 63, payload: accepted }), street), "opaque");
  assert.is(refusalOf(foreign({ kind: 63, payload: accepted })), "FRAME_INVALID");
  assert.is(refusalOf(foreign({ kind: 0, payload: accepted }), city), "FRAME_INVALID");
});

test("fields of a later version are passed over", () => {
  const later = { _unknownFields: { 8002: [Uint8Array.of(2, 1, 2)], 8008: [Uint8Array.of(5)] } };
  const payload = proto.Accepted.encode({ id: "i", attempt: 1, ...later }).finish();
  const frame = { payload, signature: Uint8Array.of(1), ...later };
  const plain = parseBatch(foreign({ payload: accepted }), street);
  assert.equal(parseBatch(encodedWithLater(frame, later), street), plain);
});

function encodedWithLater(
  frame: Partial<proto.Frame>,
  later: Pick<proto.Frame, "_unknownFields">,
): Uint8Array {
  const message = proto.Batch.decode(foreign({}));
  const [run] = message.runs;
  const [base] = run?.frames ?? [];
  if (run === undefined || base === undefined) throw new Error("no frame");
  run.frames = [{ ...base, ...frame }];
  return proto.Batch.encode({ ...message, runs: [{ ...run, ...later }], ...later }).finish();
}

test("addresses that no node can have are refused", () => {
  const hostile = ["", "/", "//", "/A", "/a/", "a", "/a..b", "/-a", "/a/../b", "/市", "/a\u0000"];
  const long = [`/${"a".repeat(64)}`, "/a".repeat(17), `/${"a".repeat(600)}`, "x".repeat(100_000)];
  for (const text of [...hostile, ...long]) {
    assert.ok(["ADDRESS_INVALID", "FRAME_INVALID"].includes(refusalOf(foreign({ from: text }))));
    assert.ok(["ADDRESS_INVALID", "FRAME_INVALID"].includes(refusalOf(foreign({ to: text }))));
    const removed = proto.Nodes.encode(proto.Nodes.fromPartial({ removed: [text] })).finish();
    assert.is(refusalOf(foreign({ kind: 9, payload: removed })), "ADDRESS_INVALID");
  }
});

test("what is over its limit is refused", () => {
  const tooLarge = new Uint8Array(limits.batchBytesMax + 1);
  assert.is(refusalOf(tooLarge), "PAYLOAD_TOO_LARGE");
  const payload = new Uint8Array(limits.outputBytesMax + 5_000);
  assert.is(refusalOf(foreign({ payload }), city), "PAYLOAD_TOO_LARGE");
  const output = utf8(JSON.stringify("x".repeat(limits.outputBytesMax)));
  const feedback = proto.Feedback.fromPartial({ id: "i", attempt: 1, outcome: 1, output });
  const answer = proto.Feedback.encode(feedback).finish();
  assert.is(refusalOf(foreign({ kind: 5, payload: answer })), "PAYLOAD_TOO_LARGE");
  const frames = Array.from({ length: limits.batchFramesMax + 1 }, () =>
    frameWith({ kind: "accepted", id: "i", attempt: 1 }),
  );
  assert.is(refusalOf(encodeBatch(batchOf(...frames))), "FRAME_INVALID");
  const acks = Array.from({ length: 10_000 }, () => ({ lane: "chain" as const, seq: 1 }));
  assert.is(refusalOf(encodeBatch({ ...empty, acks })), "FRAME_INVALID");
});

const refusedBodies: readonly (readonly [string, number, Uint8Array])[] = [
  ["an id with a zero", 3, proto.Accepted.encode({ id: "a\0", attempt: 1 }).finish()],
  ["an empty id", 3, proto.Accepted.encode({ id: "", attempt: 1 }).finish()],
  ["attempt 0", 3, proto.Accepted.encode({ id: "i", attempt: 0 }).finish()],
  ["an id that is no UTF-8", 3, Uint8Array.of(10, 1, 0xff, 16, 1)],
  ["an id that ends beyond its message", 3, Uint8Array.of(10, 9, 0x61, 16, 1)],
  ["an unknown outcome", 5, feedbackWith({ outcome: 99 as number as proto.Outcome })],
  ["no outcome", 5, feedbackWith({ outcome: 0 })],
  ["output nested too deeply", 5, feedbackWith({ output: utf8("[".repeat(100_000)) })],
  ["progress beyond 1", 4, proto.Progress.encode(progressOf(1.1)).finish()],
  ["progress that is no number", 4, proto.Progress.encode(progressOf(Number.NaN)).finish()],
  ["accumulators that are no list", 8, partialWith("{}")],
  ["accumulators that are no JSON", 8, partialWith("[1,")],
  ["an accumulator that is not finite", 8, partialWith("[1e999]")],
  ["accumulators nested too deeply", 8, partialWith("[".repeat(9_000) + "]".repeat(9_000))],
  ["more answers than members", 8, partialWith("[]", { members: 1, replied: 2 })],
];

function feedbackWith(changes: Partial<proto.Feedback>): Uint8Array {
  const message = { id: "i", attempt: 1, outcome: 1, ...changes };
  return proto.Feedback.encode(proto.Feedback.fromPartial(message)).finish();
}

function progressOf(ratio: number): proto.Progress {
  return { id: "i", attempt: 1, ratio, note: "", dueInMs: 0 };
}

function partialWith(json: string, changes: Partial<proto.PartialAggregate> = {}): Uint8Array {
  const message = { fanout: "f", version: 1, accumulators: utf8(json), ...changes };
  return proto.PartialAggregate.encode(proto.PartialAggregate.fromPartial(message)).finish();
}

for (const [what, kind, payload] of refusedBodies) {
  test(`${what} is refused by the receiver and is no business of a hub on the way`, () => {
    assert.is(refusalOf(foreign({ kind, payload })), "FRAME_INVALID");
    assert.is(parseBatch(foreign({ kind, payload }), city).runs.length, 1);
    // One poison frame must not end the link: its sender would send the same batch for ever.
    assert.is(bodyKindOf(foreign({ kind, payload }), street), "opaque");
  });
}

test("a rule of a delegation that lacks its shape is refused with the path", () => {
  const [delegate] = fc.sample(bodies.delegate, { numRuns: 1, seed: 6 });
  assert.ok(delegate !== undefined);
  const { each } = delegate;
  const broken: readonly (readonly [unknown, RegExp])[] = [
    [null, /each is/],
    [{ ...each, match: { ...each.match, where: {} } }, /each\.match\.where/],
    [{ ...each, match: { ...each.match, pick: "all" } }, /each\.match\.pick/],
    [{ ...each, input: { kind: "list", items: [{ kind: "call" }] } }, /each\.input/],
    [{ ...each, retry: { ...each.retry, notOn: "X" } }, /each\.retry\.notOn/],
  ];
  for (const [rule, path] of broken) {
    const body = { ...delegate, each: rule } as FrameBody;
    assert.throws(() => parseBatch(encodeBatch(batchOf(frameWith(body)))), path);
  }
});

test("a task that lacks its shape or is over its limits is refused with the path", () => {
  const [found] = fc
    .sample(bodies.instruction, { numRuns: 50, seed: 7 })
    .filter(({ task }) => task !== undefined);
  const task = found?.task;
  if (found === undefined || task === undefined) throw new Error("no instruction has a task");
  const broken: readonly (readonly [unknown, RegExp])[] = [
    [[], /task is missing or malformed/],
    [{ ...task, about: "nowhere" }, /nowhere/],
    [{ ...task, priority: 101 }, /task\.priority/],
    [{ ...task, candidates: { ...task.candidates, users: [7] } }, /task\.candidates\.users/],
    [{ ...task, candidates: { ...task.candidates, groups: Array(201).fill("g") } }, /groups/],
    [{ ...task, deadlines: { ...task.deadlines, finishMs: -1 } }, /task\.deadlines\.finishMs/],
    [{ ...task, escalations: [{ afterMs: 1, on: "never" }] }, /task\.escalations\.on/],
    [{ ...task, revise: "yes" }, /task\.revise/],
    [{ ...task, form: { description: "x".repeat(300_000) } }, /over the limit/],
  ];
  for (const [spec, path] of broken) {
    const body = { ...found, task: spec } as FrameBody;
    assert.throws(() => parseBatch(encodeBatch(batchOf(frameWith(body)))), path);
  }
});

test("a batch that can't be encoded leaves no trace in the next one", () => {
  const broken = frameWith({ kind: "accepted", id: "i", attempt: 1.5 });
  const sound = batchOf(frameWith({ kind: "accepted", id: "i", attempt: 1 }));
  const expected = encodeBatch(sound);
  assert.throws(
    () => encodeBatch(batchOf(broken)),
    (error: unknown) => isMeshError(error) && error.code === "DEFECT",
  );
  assert.equal(encodeBatch(sound), expected);
});

test("of 20,000 damaged batches each is refused as ours or read and written again", () => {
  const sources = fc.sample(batches, { numRuns: 200, seed: 7 }).map(encodeBatch);
  const next = makeDice(8);
  let refused = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const damaged = damage(sources[round % sources.length] ?? new Uint8Array(0), next);
    try {
      const self = round % 3 === 0 ? city : undefined;
      const batch = parseBatch(damaged, self);
      assert.equal(parseBatch(encodeBatch(batch), self), batch);
    } catch (error) {
      if (!isMeshError(error) || error.code === "DEFECT") throw error;
      refused += 1;
    }
  }
  assert.ok(refused > 5_000, `only ${refused} were refused`);
});

/** Numbers below `max`, the same for the same seed (a linear congruential generator). */
function makeDice(seed: number): (max: number) => number {
  let state = seed;
  return (max) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * max);
  };
}

function damage(source: Uint8Array, next: (max: number) => number): Uint8Array {
  const bytes = Buffer.from(source);
  for (let hit = 0; hit <= next(3); hit += 1) {
    if (bytes.length > 0) bytes[next(bytes.length)] = next(2) === 0 ? next(256) : 0xff;
  }
  const cut = next(bytes.length + 1);
  switch (next(4)) {
    case 0:
      return bytes.subarray(0, cut);
    case 1:
      return Buffer.concat([bytes.subarray(0, cut), bytes.subarray(next(cut + 1))]);
    default:
      return bytes;
  }
}
