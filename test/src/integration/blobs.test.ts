// Attachments over a real mesh: put by clerks and callers, referred to by inputs and forms, read at
// other hubs through the chain or the task, over connections that break.

import { createHash } from "node:crypto";
import type { Client, UserDraft } from "@cloudbrain/sdk";
import { BlobChannel } from "@cloudbrain/sdk/client";
import { limits } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { waitFor } from "../support/mesh-waiting.ts";
import { suite } from "../support/suite.ts";
import { clerk, districtAddress, refusalOf, TaskMesh } from "../support/task-mesh.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const test = suite("attachments of a real mesh", { timeLimitMs: 60_000 });

const application = `apiVersion: cloudbrain/v1
kind: Application
metadata: { id: item.photo, version: 1.0.0, title: { zh: 带照片的诉求, en: Requests with photos } }
spec:
  input:
    type: object
    properties:
      photos: { type: array, items: { type: string, format: blob-ref } }
      digest: { type: string }
  deadline: { total: P2D }
  onFailure: fail
  steps:
    - id: bureau
      type: human
      match: { capability: clerk.handle/v1 }
      input: '=input'
      human:
        candidates: { groups: ['bureau:housing'] }
        actions: [claim, complete]
        form:
          type: object
          required: [result]
          properties:
            result: { type: string }
            papers: { type: array, items: { type: string, format: blob-ref } }
      deadline: { finish: P1D }
      escalate: [{ after: PT2H, on: unclaimed, do: remind }]
  output: { papers: '=steps.bureau.out.papers' }
`;
const photographer: UserDraft = {
  ...clerk,
  rights: [{ application: "item.photo", rights: ["handle", "start"] }],
};

let mesh: TaskMesh;
let zhang: Client;
let li: Client;
let seeds = 0;

test.before(async () => {
  mesh = await TaskMesh.open();
  await mesh.city.publish(application);
  zhang = await mesh.join("zhang", photographer);
  li = await mesh.join("li", { ...photographer, name: "李四" });
});
test.after(() => mesh.close());

/** New content each time. */
function contentOf(size = 200_000): Buffer {
  seeds += 1;
  const content = Buffer.alloc(size, `照片 ${seeds} `);
  return content;
}

function refOf(content: Uint8Array): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) {
    assert.ok(chunk.length <= limits.blobChunkBytesMax);
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await refusalOf(promise)).code;
}

/** A chain at the city, and its task once that stands at the desk. */
async function submit(input: { readonly [key: string]: string | string[] }) {
  const { chain } = await mesh.city.submit("item.photo", input);
  const id = `${chain}.bureau.1#1`;
  await waitFor({ what: "the task", limitMs: 15_000 }, () => mesh.desk.tasks.get(id));
  return { chain, id };
}

test("who put it and the operator read it, to everybody else it is unknown", async () => {
  const content = contentOf();
  const put = await zhang.blobs.put(content, { mediaType: "image/jpeg", fileName: "现场.jpg" });
  assert.equal(
    [put.ref, put.size, put.mediaType, put.fileName, put.existed],
    [refOf(content), content.length, "image/jpeg", "现场.jpg", false],
  );
  assert.is((await zhang.blobs.put(content)).existed, true);
  assert.equal(await all(zhang.blobs.get(put.ref)), content);
  assert.equal(await all(zhang.blobs.get(put.ref, { offset: 199_000 })), content.subarray(199_000));
  assert.equal(await all(mesh.desk.blobs.get(put.ref)), content);
  const { existed: _existed, ...described } = put;
  assert.equal(await mesh.desk.blobs.stat(put.ref), described);
  assert.is(await codeOf(li.blobs.stat(put.ref)), "BLOB_UNKNOWN");
  assert.is(await codeOf(all(li.blobs.get(put.ref))), "BLOB_UNKNOWN");
  const seat = mesh.connect(mesh.deskTarget, mesh.seat);
  assert.is(await codeOf(seat.blobs.stat(put.ref)), "BLOB_UNKNOWN");
  assert.is(await codeOf(all(zhang.blobs.get("sha256:abc"))), "INPUT_INVALID");
  assert.is(await codeOf(all(zhang.blobs.get(put.ref, { offset: 200_001 }))), "INPUT_INVALID");
});

test("content that is not what was said, too large or from a reader is refused", async () => {
  const content = contentOf();
  const other = refOf(contentOf());
  assert.is(await codeOf(zhang.blobs.put(content, { ref: other })), "BLOB_MISMATCH");
  const pieces = async function* () {
    yield content;
  };
  assert.is(await codeOf(zhang.blobs.put(pieces(), { size: 5 })), "BLOB_MISMATCH");
  assert.is(await codeOf(zhang.blobs.put(pieces(), { size: 300_000 })), "BLOB_MISMATCH");
  const huge = { size: limits.blobBytesMax + 1 };
  assert.is(await codeOf(zhang.blobs.put(pieces(), huge)), "PAYLOAD_TOO_LARGE");
  assert.is(await codeOf(zhang.blobs.put(content, { fileName: "../a" })), "INPUT_INVALID");
  assert.is(await codeOf(zhang.blobs.put(content, { mediaType: "a\nb" })), "INPUT_INVALID");
  const reader = await mesh.join("reader", { ...photographer, roles: ["readOnly"] });
  assert.is(await codeOf(reader.blobs.put(content)), "NOT_ALLOWED");
  const broken = async function* () {
    yield content.subarray(0, 70_000);
    throw new Error("the camera is gone");
  };
  const failed = zhang.blobs.put(broken(), { size: content.length });
  assert.match(String(await failed.catch((error: unknown) => error)), /the camera is gone/);
  assert.is(await codeOf(mesh.desk.blobs.stat(refOf(content))), "BLOB_UNKNOWN");
});

test("an input or a form that refers to what is not there is refused, field by field", async () => {
  const ref = refOf(contentOf());
  const held = await mesh.city.blobs.put(contentOf());
  const input = { photos: [held.ref, ref], digest: ref };
  const refused = await refusalOf(mesh.city.submit("item.photo", input));
  assert.is(refused.code, "CHAIN_INVALID");
  assert.match(refused.detail ?? "", /^\/photos\/1 refers to sha256:\w+, which is not at this hub/);
  // What the schema does not take for an attachment is none.
  const { id } = await submit({ photos: [held.ref], digest: refOf(contentOf()) });
  const claimed = await zhang.tasks.claim(await zhang.tasks.get(id));
  const form = { result: "ok", papers: [ref] };
  const unheld = await refusalOf(zhang.tasks.complete(claimed, form));
  assert.is(unheld.code, "FORM_INVALID");
  assert.match(unheld.detail ?? "", /^\/papers\/0 refers to/);
  const malformed = await refusalOf(zhang.tasks.complete(claimed, { ...form, papers: ["x"] }));
  assert.match(malformed.detail ?? "", /\/papers\/0 must match format "blob-ref"/);
  // The photo of the task is held by the city; it may be handed back all the same.
  await zhang.tasks.complete(claimed, { result: "ok", papers: [held.ref] });
});

test("a photo of the city is read at the desk, a paper of the desk at the city", async () => {
  const photo = contentOf(700_000);
  const { ref } = await mesh.city.blobs.put(photo);
  const { chain, id } = await submit({ photos: [ref] });
  assert.equal(await all(zhang.blobs.get(ref, { task: id })), photo);
  // The desk has a copy now; who does not see the task does not see it either.
  const stranger = await mesh.join(`stranger-${seeds}`, { ...photographer, groups: [] });
  assert.is(await codeOf(all(stranger.blobs.get(ref, { task: id }))), "BLOB_UNKNOWN");
  const other = refOf(contentOf());
  assert.is(await codeOf(all(zhang.blobs.get(other, { task: id }))), "BLOB_UNKNOWN");
  const paper = contentOf(300_000);
  const paperRef = (await zhang.blobs.put(paper, { fileName: "回执.pdf" })).ref;
  const visitor = mesh.connect(mesh.cityTarget, mesh.seat);
  assert.is(await codeOf(visitor.blobs.stat(paperRef, { chain })), "BLOB_UNKNOWN");
  const claimed = await zhang.tasks.claim(await zhang.tasks.get(id));
  await zhang.tasks.complete(claimed, { result: "ok", papers: [paperRef] });
  const { output } = await mesh.ended(id);
  assert.equal(output, { papers: [paperRef] });
  const readers = [1, 2, 3].map(() => all(visitor.blobs.get(paperRef, { chain })));
  for (const read of await Promise.all(readers)) assert.equal(read, paper);
  assert.is((await visitor.blobs.stat(paperRef, { chain })).fileName, "回执.pdf");
  // The chain is the city's: the desk asks it whether it shows the paper.
  assert.equal(await all(li.blobs.get(paperRef, { chain })), paper);
  assert.is(await codeOf(li.blobs.stat(paperRef, { chain: "no such chain" })), "BLOB_UNKNOWN");
});

test("a transfer that is cut leaves nothing, and a reader goes on where it was", async () => {
  const proxy = await TcpProxy.open(Number(mesh.deskTarget.split(":")[1]));
  const far = mesh.connect(`127.0.0.1:${proxy.port}`, mesh.operator);
  try {
    const content = contentOf(3_000_000);
    const dying = async function* () {
      yield content.subarray(0, 1_500_000);
      proxy.cut();
      yield content.subarray(1_500_000);
    };
    const cut = await refusalOf(far.blobs.put(dying(), { size: content.length }));
    assert.ok(["UNREACHABLE", "CANCELLED"].includes(cut.code), cut.message);
    assert.is(await codeOf(mesh.desk.blobs.stat(refOf(content))), "BLOB_UNKNOWN");
    const { ref } = await waitFor({ what: "the line is there again", limitMs: 10_000 }, () =>
      far.blobs.put(content),
    );
    proxy.bytesPerSecond = 8_000_000;
    const parts: Uint8Array[] = [];
    let cuts = 0;
    for await (const chunk of far.blobs.get(ref)) {
      parts.push(chunk);
      if (parts.length % 12 !== 0 || cuts === 3) continue;
      cuts += 1;
      proxy.cut();
    }
    assert.is(cuts, 3);
    assert.equal(Buffer.concat(parts), content);
    const controller = new AbortController();
    const left = far.blobs.get(ref, { signal: controller.signal });
    const reading = (async () => {
      for await (const _chunk of left) controller.abort();
    })();
    assert.is(await codeOf(reading), "CANCELLED");
  } finally {
    proxy.close();
  }
});

test("only a hub directly below is asked for attachments", async () => {
  const channel = new BlobChannel({
    hub: mesh.deskTarget,
    expected: districtAddress,
    credentials: mesh.seat,
  });
  const told = await new Promise<string>((resolve) => {
    channel.serve({ asked: (ref) => resolve(ref), ended: () => resolve("ended") });
  });
  assert.is(told, "ended");
  channel.close();
});
