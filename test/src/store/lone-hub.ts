// Lone hub: one city hub without any neighbour, with the applications of the tests published.

import { type Client, createClient } from "@cloudbrain/sdk/client";
import { applicationTexts } from "../support/mesh-applications.ts";
import { cityAddress, makeTree, type PreparedMesh, prepareMesh } from "../support/mesh-shape.ts";
import { waitFor } from "../support/mesh-waiting.ts";
import { HostedProcess } from "../support/process-host.ts";

export interface LoneHub {
  readonly mesh: PreparedMesh;
  /** A process of the hub; several lives come one after another. */
  makeProcess(wrapper?: readonly string[], unsynced?: boolean): HostedProcess;
  connect(): Client;
  /** Its data directory. */
  readonly dataDirectory: string;
}

export async function prepareLoneHub(directory: string): Promise<LoneHub> {
  const tree = makeTree({ districts: 0, streetsPerDistrict: 0, communitiesPerStreet: 0 });
  const mesh = await prepareMesh(directory, tree);
  const nodes = [...mesh.nodes.values()];
  return {
    mesh,
    makeProcess: (wrapper, unsynced = false) =>
      new HostedProcess({
        name: "hub",
        nodes,
        unsynced,
        ...(wrapper === undefined ? {} : { wrapper }),
      }),
    connect: () => createClient({ hub: mesh.target(cityAddress), identity: mesh.operator }),
    dataDirectory: `${nodes[0]?.directory}/data`,
  };
}

export async function publishAll(client: Client): Promise<void> {
  for (const text of applicationTexts) {
    await waitFor({ what: "an application is published", limitMs: 20_000 }, async () => {
      await client.publish(text);
      return true;
    });
  }
}
