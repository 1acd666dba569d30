// A hub that is killed while entries arrive: what it has acknowledged it still has, and what it has
// not is told again.

import { makeResource } from "../support/catalog-entries.ts";
import { suite } from "../support/suite.ts";
import { VendorMesh } from "../support/vendor-mesh.ts";

const test = suite("a catalog whose hub is killed", { timeLimitMs: 60_000 });

const resources = 2_000;

test("everything a node has declared is in the directory in the end", async () => {
  const mesh = await VendorMesh.open({ hubProcess: true });
  try {
    const all = Array.from({ length: resources }, (_, index) => makeResource(index));
    const desk = mesh.createDesk().publishes(...all);
    await desk.start();
    // What has arrived by then is a matter of luck; none, some or all must do.
    for (let round = 0; round < 3; round += 1) {
      await mesh.killHub();
      await mesh.openHub();
      await entriesAt(mesh);
    }
    while ((await entriesAt(mesh)) !== resources) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const codes = new Set<string>();
    for await (const { entry } of mesh.client.resources.list()) codes.add(entry.code);
    if (codes.size !== resources) throw new Error(`${codes.size} of ${resources} are listed`);
  } finally {
    await mesh.close();
  }
});

/** Until the hub answers. */
async function entriesAt(mesh: VendorMesh): Promise<number> {
  for (;;) {
    const known = await mesh.client.resources.directory().catch(() => undefined);
    if (known !== undefined) return known.entries;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
