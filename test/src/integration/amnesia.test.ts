import { cpSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMeshError, type Node } from "@cloudbrain/sdk";
import * as assert from "uvu/assert";
import { cityAddress } from "../support/mesh-shape.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { suite } from "../support/suite.ts";
import { deskAddress, VendorMesh } from "../support/vendor-mesh.ts";

const test = suite("a store that is an old copy", { timeLimitMs: 60_000 });

let mesh: VendorMesh;
let scratch = "";
/** What the desk has logged of its links, as an operator would read it. */
let losses: Record<string, unknown>[] = [];

test.before.each(async () => {
  scratch = mkdtempSync(join(tmpdir(), "cloudbrain-amnesia-"));
  losses = [];
  mesh = await VendorMesh.open();
});
test.after.each(async () => {
  await mesh.close();
  rmSync(scratch, { recursive: true, force: true });
});

function makeDesk(): Node {
  const node = mesh.createDesk({
    log: (event, fields) => {
      if (event === "link lost") losses.push(fields);
    },
    onFatal: (error) => mesh.logged.push(`desk fatal: ${error.message}`),
  });
  node.handle("desk.work/v1", (input) => input);
  return node;
}

async function runChain(): Promise<void> {
  const { state } = await mesh.ended(await mesh.submit({ n: 1 }));
  assert.is(state, "succeeded");
}

/** The newest store is put aside, and the copy into its place. */
function replaceStore(directory: string, copy: string): void {
  renameSync(directory, join(scratch, "newest"));
  cpSync(copy, directory, { recursive: true });
}

test("a node is told by its hub that its store is an old copy, and stops with the remedy", async () => {
  const data = mesh.dataDirectory(deskAddress);
  const first = makeDesk();
  await first.start();
  await runChain();
  await first.stop();
  cpSync(data, join(scratch, "old"), { recursive: true });
  const second = makeDesk();
  await second.start();
  await runChain();
  await second.stop();
  replaceStore(data, join(scratch, "old"));
  const forgetful = makeDesk();
  const error = await forgetful.start().then(
    () => undefined,
    (refused: unknown) => refused,
  );
  assert.ok(isMeshError(error));
  assert.equal([error.code, error.subject], ["AMNESIA", deskAddress]);
  assert.match(error.detail ?? "", `restore the newest store of ${deskAddress}`);
  assert.is(forgetful.state, "stopped");
});

test("a hub with an old copy stops, and its child tells whose store it waits for", async () => {
  const data = mesh.dataDirectory(cityAddress);
  const desk = makeDesk();
  await desk.start();
  await runChain();
  await mesh.closeHub();
  cpSync(data, join(scratch, "old"), { recursive: true });
  await mesh.openHub();
  await runChain();
  await mesh.closeHub();
  replaceStore(data, join(scratch, "old"));
  losses = [];
  await mesh.openHub();
  const loss = await waitFor({ what: "the child hears why", limitMs: 20_000 }, () =>
    losses.find(({ code }) => code === "AMNESIA"),
  );
  assert.equal([loss["subject"], loss["byPeer"]], [cityAddress, true]);
  assert.match(String(loss["detail"]), `restore the newest store of ${cityAddress}`);
  // The child has forgotten nothing: it goes on and waits for its hub.
  assert.is(desk.state, "offline");
  const fatal = mesh.logged.filter((line) => line.includes("fatal"));
  assert.is(fatal.length, 1);
  assert.match(fatal[0] ?? "", /^hub fatal: AMNESIA: this store ends at frame \d+ .*\[\/3702\]$/);
});
