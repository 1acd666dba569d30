// Entry of a benchmark's process: answers the driver's calls, and ends when the driver lets go.

import type { AnswerMessage, AskMessage, CallName, CallTable } from "./bench-calls.ts";
import { catalogCalls } from "./catalog-calls.ts";
import { floorCalls } from "./floor-calls.ts";
import { linkCalls } from "./link-calls.ts";
import { meshCalls } from "./mesh-calls.ts";
import { pipelineCalls } from "./pipeline-calls.ts";
import { countedSyncs, countSyncs } from "./sync-count.ts";
import { taskCalls } from "./task-calls.ts";

const table: CallTable = {
  ...meshCalls,
  ...taskCalls,
  ...catalogCalls,
  ...pipelineCalls,
  ...linkCalls,
  ...floorCalls,
  usage: ({ collect }) => {
    if (collect) globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    return {
      cpuMs: (user + system) / 1_000,
      rssBytes: process.memoryUsage.rss(),
      syncs: countedSyncs(),
    };
  },
};

async function answer<Name extends CallName>(name: Name, request: unknown): Promise<unknown> {
  // The driver is of this very build, so its request has the type of the call.
  const call = table[name] as (request: unknown) => unknown;
  return await call(request);
}

process.on("message", ({ id, name, request }: AskMessage) => {
  const tell = (message: AnswerMessage): void => {
    if (process.connected) process.send?.(message);
  };
  answer(name, request).then(
    (value) => tell({ id, answer: value }),
    (error: unknown) => {
      const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
      tell({ id, failure });
    },
  );
});
process.on("disconnect", () => process.exit(0));
countSyncs();
