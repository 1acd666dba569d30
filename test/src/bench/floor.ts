// Floor: what grpc-js and LevelDB give on this machine without us.

import { join } from "node:path";
import { withProcesses } from "./bench-process.ts";
import type { BenchRun } from "./bench-result.ts";
import { agentAddress, BenchAuthority, hubAddress } from "./credentials.ts";
import { round } from "./statistics.ts";

/** A batch of 64 small frames, about. */
const messageBytes = 16 * 1_024;

export async function runFloor(run: BenchRun): Promise<void> {
  const authority = await BenchAuthority.create(run.directory);
  const ms = run.isShort ? 1_000 : 4_000;
  await withProcesses(run.profile, async (start) => {
    const sink = start("stream-sink");
    const source = start("stream-source");
    const store = start("store");
    run.note("floor");
    const { target } = await sink.ask("openStreamSink", {
      directory: await authority.place("stream-sink", hubAddress),
    });
    const directory = await authority.place("stream-source", agentAddress);
    await source.ask("openStreamSource", { directory, target });
    await source.ask("sendMessages", { bytes: messageBytes, ms });
    const { messages, ms: streamMs } = await source.ask("sendMessages", {
      bytes: messageBytes,
      ms,
    });
    const batchesPerS = async (rows: number): Promise<number> => {
      const request = { directory: join(directory, `batches-${rows}`), rows, ms };
      const { batches, ms: tookMs } = await store.ask("syncBatches", request);
      return (batches * 1_000) / tookMs;
    };
    const single = await batchesPerS(1);
    const grouped = await batchesPerS(64);
    const messagesPerS = (messages * 1_000) / streamMs;
    run.report({
      bench: "floor",
      figures: {
        messageBytes,
        messagesPerS: Math.round(messagesPerS),
        mbPerS: round((messagesPerS * messageBytes) / 1e6, 1),
        syncedBatchesOf1PerS: Math.round(single),
        syncedBatchesOf64PerS: Math.round(grouped),
        syncedRowsPerS: Math.round(grouped * 64),
      },
    });
  });
}
