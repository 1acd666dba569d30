// Link: small frames one way over one real link, beside a bare grpc-js stream that carries messages
// of the size that our batches had. The two take turns, so that both see the same machine.

import { withProcesses } from "./bench-process.ts";
import type { BenchRun } from "./bench-result.ts";
import { agentAddress, BenchAuthority, hubAddress } from "./credentials.ts";
import { median, round } from "./statistics.ts";

const rounds = 5;

export async function runLinkThroughput(run: BenchRun): Promise<void> {
  const authority = await BenchAuthority.create(run.directory);
  const ms = run.isShort ? 600 : 2_000;
  await withProcesses(run.profile, async (start) => {
    const sink = start("link-sink");
    const source = start("link-source");
    const streamSink = start("stream-sink");
    const streamSource = start("stream-source");
    const listening = { directory: await authority.place("link-sink", hubAddress) };
    const dialling = { directory: await authority.place("link-source", agentAddress) };
    const { target } = await sink.ask("openLinkSink", listening);
    await source.ask("openLinkSource", { ...dialling, target });
    const stream = await streamSink.ask("openStreamSink", listening);
    await streamSource.ask("openStreamSource", { ...dialling, target: stream.target });
    run.note("link");
    const warm = await source.ask("sendFrames", { ms });
    const batchBytes = Math.round(warm.bytes / warm.batches);
    await streamSource.ask("sendMessages", { bytes: batchBytes, ms });
    const ours: number[] = [];
    const floors: number[] = [];
    let framesPerBatch = 0;
    let frameBytes = 0;
    for (let round = 0; round < rounds; round += 1) {
      const sent = await source.ask("sendFrames", { ms });
      const bare = await streamSource.ask("sendMessages", {
        bytes: Math.round(sent.bytes / sent.batches),
        ms,
      });
      framesPerBatch = sent.frames / sent.batches;
      frameBytes = sent.bytes / sent.frames;
      ours.push((sent.frames * 1_000) / sent.ms);
      floors.push((bare.messages * framesPerBatch * 1_000) / bare.ms);
    }
    run.report({
      bench: "link",
      figures: {
        payloadBytes: 100,
        framesPerS: Math.round(median(ours)),
        mbPerS: round((median(ours) * frameBytes) / 1e6),
        framesPerBatch: round(framesPerBatch, 1),
        frameBytes: round(frameBytes, 1),
        floorFramesPerS: Math.round(median(floors)),
        ratio: round(median(ours.map((each, index) => each / (floors[index] ?? each))), 3),
      },
      targets: [{ field: "ratio", atLeast: 0.5 }],
    });
  });
}
