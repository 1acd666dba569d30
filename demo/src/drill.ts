// Drill: one chain from submission to its end, as a caller sees it.

import type { Client } from "@cloudbrain/sdk/client";
import { type JsonObject, MeshError } from "@cloudbrain/sdk/domain";

export interface DistrictResult {
  readonly address: string;
  readonly members: number;
  readonly replied: number;
  readonly aggregate: JsonObject;
}

export interface Drill {
  readonly chain: string;
  readonly members: number;
  readonly replied: number;
  readonly sum: number;
  readonly aggregate: JsonObject;
  readonly districts: readonly DistrictResult[];
  /** From the submission to the durable result, as the caller measures it. */
  readonly chainMs: number;
  /** Frames that the city hub received meanwhile. */
  readonly cityFrames: number;
}

export interface DrillOptions {
  /** Address of the city. */
  readonly scope: string;
  readonly key: string;
  readonly onProgress: (replied: number, members: number) => void;
}

export async function runDrill(client: Client, options: DrillOptions): Promise<Drill> {
  const framesBefore = (await client.status()).framesReceived;
  const startedAt = performance.now();
  const input = { scope: options.scope, typhoonId: "made-up" };
  const { chain } = await client.submit("emergency.typhoon.drill", input, { key: options.key });
  for await (const snapshot of client.watch(chain)) {
    const fanout = snapshot.steps.find(({ id }) => id === "report")?.fanout;
    if (fanout !== undefined) options.onProgress(fanout.replied, fanout.members);
    if (!["succeeded", "failed", "cancelled", "suspended"].includes(snapshot.state)) continue;
    const chainMs = performance.now() - startedAt;
    if (snapshot.state !== "succeeded" || fanout === undefined) {
      throw new MeshError("CHAIN_INVALID", { subject: chain, detail: snapshot.reason });
    }
    const cityFrames = (await client.status()).framesReceived - framesBefore;
    return {
      chain,
      members: fanout.members,
      replied: fanout.replied,
      sum: Number(fanout.aggregate["evacuated"] ?? 0),
      aggregate: fanout.aggregate,
      districts: fanout.children,
      chainMs,
      cityFrames,
    };
  }
  throw new MeshError("UNREACHABLE", {
    subject: chain,
    detail: "the watch ended before the chain",
  });
}
