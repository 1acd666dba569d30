// Attachments of a hub on a real disk: what is there after cuts, crashes, flipped bits and time.

import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlobStore, type NewBlob } from "@cloudbrain/hub/internal/blobs/blob-store";
import { verifyBlobs } from "@cloudbrain/hub/internal/blobs/verify-blobs";
import { type BlobRef, limits } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";
import { refusalOf } from "../support/task-mesh.ts";

const test = suite("blob store");
const dayMs = 24 * 3_600_000;

let directory = "";
let aheadMs = 0;

test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), "cloudbrain-blobs-"));
  aheadMs = 0;
});
test.after.each(() => rmSync(directory, { recursive: true, force: true }));

function open(quotaBytes = 10_000_000): BlobStore {
  return new BlobStore({ directory, quotaBytes, now: () => Date.now() + aheadMs });
}

function refOf(content: Uint8Array): BlobRef {
  return `sha256:${createHash("sha256").update(content).digest("hex")}` as BlobRef;
}

/** Content that is another for each seed. */
function contentOf(seed: number, size = 100_000): Buffer {
  const content = Buffer.alloc(size);
  for (let index = 0; index < size; index += 1) content[index] = (index * 31 + seed * 7) % 251;
  content.writeUInt32LE(seed, 0);
  return content;
}

async function* piecesOf(content: Uint8Array, cutAfter = Number.POSITIVE_INFINITY) {
  for (let at = 0; at < content.length; at += 10_000) {
    if (at >= cutAfter) throw new Error("the connection is gone");
    yield content.subarray(at, at + 10_000);
  }
}

function put(store: BlobStore, content: Uint8Array, changes: Partial<NewBlob> = {}) {
  const said = { mediaType: "image/jpeg", fileName: "照片.jpg", ref: undefined, uploader: "/c/a" };
  return store.put({ ...said, size: content.length, ...changes }, piecesOf(content));
}

async function read(store: BlobStore, ref: BlobRef, offset = 0): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of store.read(ref, offset)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Every file below the directory, by name. */
function files(): readonly string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

function pathOf(ref: BlobRef, suffix = ""): string {
  const hash = ref.slice("sha256:".length);
  return join(directory, hash.slice(0, 2), `${hash}${suffix}`);
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  writeFileSync(path, bytes);
}

test("content is there once, as it was, from any byte on, and after a restart", async () => {
  const store = open();
  const content = contentOf(1);
  const { record, existed } = await put(store, content);
  assert.equal([record.ref, record.size, existed], [refOf(content), 100_000, false]);
  assert.equal(await read(store, record.ref), content);
  assert.equal(await read(store, record.ref, 65_537), content.subarray(65_537));
  assert.equal(await read(store, record.ref, 100_000), Buffer.alloc(0));
  const again = await put(store, content, { fileName: "another.jpg", uploader: "/c/b" });
  assert.equal([again.existed, again.record.fileName], [true, "照片.jpg"]);
  assert.equal(again.record.uploaders, ["/c/a", "/c/b"]);
  assert.equal([store.size, store.bytes], [1, 100_000]);
  const reopened = open();
  assert.equal(reopened.record(record.ref), again.record);
  assert.equal([reopened.size, reopened.bytes], [1, 100_000]);
  assert.equal(await read(reopened, record.ref), content);
  const empty = await put(reopened, Buffer.alloc(0));
  assert.equal(await read(reopened, empty.record.ref), Buffer.alloc(0));
});

test("a transfer that ends anywhere before its end leaves nothing", async () => {
  const store = open();
  const content = contentOf(2);
  for (let cutAfter = 0; cutAfter < content.length; cutAfter += 10_000) {
    const size = content.length;
    const said = { size, mediaType: "", fileName: "", ref: undefined, uploader: "/c/a" };
    let failure = "";
    await store.put(said, piecesOf(content, cutAfter)).catch((error: Error) => {
      failure = error.message;
    });
    assert.is(failure, "the connection is gone");
    assert.equal([files(), store.size, store.bytes], [[], 0, 0]);
  }
});

test("content that is not what was said of it is refused and leaves nothing", async () => {
  const store = open();
  const content = contentOf(3);
  const other = refOf(contentOf(4));
  const code = async (changes: Partial<NewBlob>): Promise<string> =>
    (await refusalOf(put(store, content, changes))).code;
  assert.is(await code({ ref: other }), "BLOB_MISMATCH");
  assert.is(await code({ size: 99_999 }), "BLOB_MISMATCH");
  assert.is(await code({ size: 100_001 }), "BLOB_MISMATCH");
  assert.is(await code({ size: limits.blobBytesMax + 1 }), "PAYLOAD_TOO_LARGE");
  assert.equal([files(), store.size, store.bytes], [[], 0, 0]);
  assert.is((await put(store, content, { ref: refOf(content) })).existed, false);
});

test("what a crash has left of a transfer is gone after the next start", async () => {
  const store = open();
  const { record } = await put(store, contentOf(5));
  const lost = await put(store, contentOf(6));
  // Killed after the content was put in its place and before its record was.
  rmSync(pathOf(lost.record.ref, ".fresh"));
  // Killed in the middle of another transfer.
  writeFileSync(join(directory, "incoming", "half"), contentOf(7).subarray(0, 5_000));
  const reopened = open();
  assert.equal([reopened.has(lost.record.ref), reopened.has(record.ref)], [false, true]);
  const hash = record.ref.slice("sha256:".length);
  assert.equal([...files()].sort(), [hash, `${hash}.fresh`]);
  assert.equal(await read(reopened, record.ref), contentOf(5));
});

test("one flipped bit of content or record is found before a byte is given, and healed", async () => {
  const content = contentOf(8, 70_000);
  const ref = refOf(content);
  const suffixes = ["", ".fresh"];
  for (const suffix of suffixes) {
    const store = open();
    await put(store, content);
    const bytes = readFileSync(pathOf(ref, suffix)).length;
    for (const at of [0, 1, Math.floor(bytes / 2), bytes - 2, bytes - 1]) {
      flip(pathOf(ref, suffix), at);
      let given = 0;
      const reading = async (): Promise<void> => {
        if (store.record(ref) === undefined) return;
        for await (const chunk of store.read(ref, 0)) given += chunk.length;
      };
      const refused = await refusalOf(reading());
      assert.equal([refused.code, refused.subject, given], ["BLOB_DAMAGED", ref, 0], `${at}`);
      assert.is((await put(store, content)).existed, true);
      assert.equal(await read(store, ref), content);
      assert.is(store.record(ref)?.size, 70_000);
    }
    rmSync(pathOf(ref));
    assert.is((await refusalOf(read(store, ref))).code, "BLOB_DAMAGED");
    await put(store, content);
    assert.equal(await read(open(), ref), content);
  }
});

test("the quota holds, and copies of others give way, the least lately read first", async () => {
  const store = open(350_000);
  const own = await put(store, contentOf(10));
  aheadMs = 1_000;
  const first = await put(store, contentOf(11), { uploader: "" });
  aheadMs = 2_000;
  const second = await put(store, contentOf(12), { uploader: "" });
  aheadMs = 3_000;
  await read(store, first.record.ref);
  aheadMs = 4_000;
  const third = await put(store, contentOf(13));
  const here = (blobs: readonly { readonly record: { readonly ref: BlobRef } }[]) =>
    blobs.map(({ record }) => store.has(record.ref));
  assert.equal(here([own, first, second, third]), [true, true, false, true]);
  const fourth = await put(store, contentOf(14));
  assert.equal(here([own, first, third, fourth]), [true, false, true, true]);
  const refused = await refusalOf(put(store, contentOf(15)));
  assert.equal([refused.code, refused.retry], ["QUOTA_EXCEEDED", "later"]);
  assert.is(store.bytes, 300_000);
  // What is on its way counts: two that fit one by one do not fit together.
  const pair = [16, 17].map((seed) => put(store, contentOf(seed, 30_000)));
  const ends = await Promise.allSettled(pair);
  assert.equal(ends.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
});

test("what nothing refers to goes after a day, what something refers to stays", async () => {
  const store = open();
  const loose = await put(store, contentOf(20));
  const kept = await put(store, contentOf(21));
  const refused = await put(store, contentOf(22));
  const copy = await put(store, contentOf(23), { uploader: "" });
  const mentioned = await put(store, contentOf(24));
  store.hold([kept.record.ref]).settle(true);
  store.hold([refused.record.ref, "sha256:none" as BlobRef]).settle(false);
  store.keepMentioned(JSON.stringify({ photo: mentioned.record.ref, other: [1, "x"] }));
  const alive = (from: BlobStore) =>
    [loose, kept, refused, copy, mentioned].map(({ record }) => from.has(record.ref));
  aheadMs = dayMs - 60_000;
  store.sweep();
  assert.equal(alive(store), [true, true, true, true, true]);
  await read(store, copy.record.ref);
  aheadMs = dayMs + 60_000;
  store.sweep();
  assert.equal(alive(store), [false, true, false, true, true]);
  aheadMs = 400 * dayMs;
  assert.equal(alive(open()), [false, true, false, false, true]);
});

test("of two that refer to one, the refusal of the first takes nothing from the second", async () => {
  for (const order of [
    [true, false],
    [false, true],
    [false, false],
  ]) {
    const store = open();
    const { record } = await put(store, contentOf(30));
    const holds = order.map(() => store.hold([record.ref]));
    aheadMs = 2 * dayMs;
    store.sweep();
    assert.ok(store.has(record.ref), "swept while something was about to refer to it");
    for (const [index, hold] of holds.entries()) hold.settle(order[index] === true);
    store.sweep();
    assert.is(store.has(record.ref), order.includes(true), order.join());
    aheadMs = 0;
    rmSync(directory, { recursive: true, force: true });
  }
});

test("putting again makes a copy one's own, and begins its day anew", async () => {
  const store = open();
  const { record } = await put(store, contentOf(40), { uploader: "" });
  aheadMs = dayMs / 2;
  await put(store, contentOf(40));
  assert.ok(files().includes(`${record.ref.slice("sha256:".length)}.fresh`));
  aheadMs = dayMs + 60_000;
  store.sweep();
  assert.ok(store.has(record.ref));
  assert.equal(open().record(record.ref)?.uploaders, ["/c/a"]);
});

test("a damaged copy of another hub's is forgotten, so that it is fetched anew", async () => {
  const store = open();
  const { record } = await put(store, contentOf(45), { uploader: "" });
  flip(pathOf(record.ref), 50_000);
  assert.is((await refusalOf(read(store, record.ref))).code, "BLOB_DAMAGED");
  assert.equal([store.has(record.ref), store.bytes, files()], [false, 0, []]);
});

test("a record that stands beside another blob is not taken for its own", async () => {
  const store = open();
  const a = await put(store, contentOf(50));
  const b = await put(store, contentOf(51));
  renameSync(pathOf(a.record.ref, ".fresh"), pathOf(b.record.ref, ".fresh"));
  assert.is((await refusalOf((async () => store.record(b.record.ref))())).code, "BLOB_DAMAGED");
});

test("a stopped hub's attachments are compared one by one, and nothing is changed", async () => {
  const store = open();
  const whole = await put(store, contentOf(60));
  const flipped = await put(store, contentOf(61));
  const short = await put(store, contentOf(62));
  const bare = await put(store, contentOf(63));
  flip(pathOf(flipped.record.ref), 5_000);
  writeFileSync(pathOf(short.record.ref), contentOf(62).subarray(0, 99_999));
  rmSync(pathOf(bare.record.ref));
  const before = [...files()].sort();
  const { blobs, damagedBlobs } = await verifyBlobs(directory);
  assert.is(blobs, 4);
  assert.equal(
    [...damagedBlobs].sort(),
    [flipped, short, bare].map(({ record }) => record.ref).sort(),
  );
  assert.equal([...files()].sort(), before);
  assert.is(damagedBlobs.includes(whole.record.ref), false);
  assert.equal(await verifyBlobs(join(directory, "none")), { blobs: 0, damagedBlobs: [] });
});
