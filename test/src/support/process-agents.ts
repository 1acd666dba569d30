// Agents of a hosted process: what `cloudbrain agent run` runs, by the clock of the test.

import { loadAgents, runAgents } from "@cloudbrain/node-agent";
import { createSay } from "@cloudbrain/node-agent/internal/cli/texts";
import type { NodeSurroundings } from "./process-nodes.ts";

/** Resolves with what ends them, once all are online. */
export async function openAgents(
  file: string,
  { clock, log, fatal }: NodeSurroundings,
): Promise<() => Promise<void>> {
  const config = loadAgents(file, {}, {});
  let waiting = config.agents.length;
  let running: Promise<number> | undefined;
  await new Promise<void>((resolve, reject) => {
    running = runAgents(config, {
      say: createSay("en"),
      version: "test",
      drainMs: 0,
      clock,
      online: () => {
        waiting -= 1;
        if (waiting === 0) resolve();
      },
      draining: () => undefined,
      failed: fatal,
      log: (agent, event, fields) => log(event, { agent, ...fields }),
    });
    running.catch(reject);
  });
  return async () => {
    process.kill(process.pid, "SIGTERM");
    await running;
  };
}
