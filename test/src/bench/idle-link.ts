// Idle links: what a child costs a hub that has nothing to say to it.
//
// A hub of 1,000 children, the size that the bound is about: while the first hundreds connect, V8
// enlarges its young generation once by up to 40 MB, which few links could not account for.

import { withProcesses } from "./bench-process.ts";
import type { BenchRun } from "./bench-result.ts";
import { BenchAuthority, hubAddress } from "./credentials.ts";
import { round } from "./statistics.ts";

/** Links before the count begins: code, buffers and pools that the first ones pay for all. */
const warmLinks = 20;
/** Two heartbeats: until then a link has not yet shown what it keeps. */
const settleMs = 7_000;

export async function runIdleLinks(run: BenchRun): Promise<void> {
  const count = run.isShort ? 100 : 1_000;
  const authority = await BenchAuthority.create(run.directory);
  await withProcesses(run.profile, async (start) => {
    const sink = start("idle-sink");
    const dialers = start("idle-dialers");
    const place = { directory: await authority.place("idle-sink", hubAddress) };
    const { target } = await sink.ask("openLinkSink", place);
    const directories: string[] = [];
    for (let index = 0; index < warmLinks + count; index += 1) {
      directories.push(await authority.place(`idle-${index}`, `/3702/s-idle-${index}`));
    }
    run.note(`idle-link: ${count} links`);
    const settledRss = async (): Promise<number> => {
      await new Promise((resolve) => setTimeout(resolve, settleMs));
      await sink.ask("usage", { collect: true });
      const { rssBytes } = await sink.ask("usage", { collect: true });
      return rssBytes;
    };
    await dialers.ask("openIdleLinks", { target, directories: directories.slice(0, warmLinks) });
    const before = await settledRss();
    await dialers.ask("openIdleLinks", { target, directories: directories.slice(warmLinks) });
    const after = await settledRss();
    const { links } = await sink.ask("countLinks", {});
    run.report({
      bench: "idle-link",
      figures: {
        links: links - warmLinks,
        kibPerLink: round((after - before) / 1_024 / (links - warmLinks), 1),
        rssMb: round(after / 1e6, 1),
      },
      targets: [{ field: "kibPerLink", atMost: 128 }],
    });
  });
}
