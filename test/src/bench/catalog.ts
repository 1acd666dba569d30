// Catalog: how fast a city takes the entries of 150 nodes, how fast it answers searches while
// updates arrive, what a million entries cost it in memory, and what a reconnect costs.

import { MeshError } from "@cloudbrain/sdk/domain";
import { withProcesses } from "./bench-process.ts";
import type { BenchRun } from "./bench-result.ts";
import { BenchAuthority, catalogChildAddress, hubAddress, operatorAddress } from "./credentials.ts";
import { round } from "./statistics.ts";

const children = 150;
/** Changes a second while searches are measured. */
const updatesPerS = 500;

export async function runCatalog(run: BenchRun): Promise<void> {
  const wanted = run.isShort ? 6_000 : 100_000;
  const authority = await BenchAuthority.create(run.directory);
  const directories: string[] = [];
  for (let index = 0; index < children; index += 1) {
    directories.push(await authority.place(`child-${index}`, catalogChildAddress(index)));
  }
  const operator = await authority.place("operator", operatorAddress);
  await withProcesses(run.profile, async (start) => {
    const hub = start("catalog-hub");
    const nodes = start("catalog-nodes");
    const place = await authority.place("hub", hubAddress);
    const { target } = await hub.ask("openHub", { directory: place });
    const empty = await hub.ask("usage", { collect: true });
    run.note(`catalog: ${wanted} entries of ${children} nodes`);
    await nodes.ask("openCatalogs", { count: children });
    const { entries } = await nodes.ask("growCatalogs", { entries: wanted });
    const before = await hub.ask("usage", { collect: false });
    const told = await nodes.ask("linkCatalogs", { target, directories, operator });
    const after = await hub.ask("usage", { collect: false });
    if (told.entries !== entries) {
      const detail = `${told.entries} of ${entries} entries are in the directory`;
      throw new MeshError("DEFECT", { subject: "catalog", detail });
    }
    const again = await nodes.ask("linkCatalogs", { target, directories, operator });
    const searchMs = run.isShort ? 1_000 : 10_000;
    run.note("catalog: searches while updates arrive");
    const revising = nodes.ask("reviseCatalogs", { perS: updatesPerS, ms: searchMs * 2 + 500 });
    const selective = await nodes.ask("searchCatalog", { ms: searchMs, broad: false });
    const broad = await nodes.ask("searchCatalog", { ms: searchMs, broad: true });
    const { revised } = await revising;
    const full = await hub.ask("usage", { collect: true });
    run.report({
      bench: "catalog",
      figures: {
        entries,
        entriesPerS: round((entries * 1_000) / told.ms, 0),
        hubCpuUsPerEntry: round(((after.cpuMs - before.cpuMs) * 1_000) / entries, 1),
        fsyncs: after.syncs - before.syncs,
        reconnectMessagesMax: again.messagesMax,
        reconnectMs: round(again.ms, 0),
        selectiveP50Ms: round(selective.p50Ms),
        selectiveP99Ms: round(selective.p99Ms),
        broadHits: broad.hits,
        broadP50Ms: round(broad.p50Ms),
        broadP99Ms: round(broad.p99Ms),
        revised,
        hubMb: round((full.rssBytes - empty.rssBytes) / 1e6, 0),
      },
      targets: [
        { field: "entriesPerS", atLeast: 20_000 },
        { field: "reconnectMessagesMax", atMost: 1 },
        { field: "selectiveP99Ms", atMost: 20 },
        { field: "broadP99Ms", atMost: 100 },
      ],
    });
    if (run.isShort) return;
    run.note("catalog: a million entries");
    const grown = await nodes.ask("growCatalogs", { entries: 1_000_000 - entries });
    const { rssBytes } = await hub.ask("usage", { collect: true });
    const late = await nodes.ask("searchCatalog", { ms: searchMs, broad: false });
    run.report({
      bench: "catalog-1m",
      figures: {
        entries: grown.entries,
        hubGb: round(rssBytes / 1e9),
        selectiveP99Ms: round(late.p99Ms),
      },
      targets: [{ field: "hubGb", atMost: 1.5 }],
    });
  });
}
