// Entry of a hosted process: some hubs or agents of a test, with failpoints below their stores. The
// process ends when its driver is gone, whatever happens to it.

import { isMeshError } from "@cloudbrain/sdk/domain";
import { HandlerCalls } from "./process-calls.ts";
import {
  armKillPoint,
  batches,
  disarmKillPoint,
  installFailpoints,
  leaveSyncsOut,
} from "./process-failpoints.ts";
import type { FromHost, Pulse, Question, StartMessage, ToHost } from "./process-messages.ts";
import { openNode } from "./process-nodes.ts";
import { SteppedClock } from "./stepped-clock.ts";

const closers: (() => Promise<void>)[] = [];
const calls = new HandlerCalls((id, call) => tell({ type: "call", id, call }));
let clock: SteppedClock | undefined;

function tell(message: FromHost): void {
  if (process.connected) process.send?.(message);
}

async function start(message: StartMessage): Promise<void> {
  const { nodes, agents, unsynced, startsAtMs } = message;
  if (unsynced) leaveSyncsOut();
  if (startsAtMs !== undefined) clock = new SteppedClock(startsAtMs);
  const around = { calls, clock, log, fatal: fail };
  await Promise.all(nodes.map(async (node) => closers.push(await openNode(node, around))));
  if (agents !== undefined) {
    // Loading it takes longer than all else of the other processes.
    const { openAgents } = await import("./process-agents.ts");
    closers.push(await openAgents(agents, around));
  }
  tell({ type: "ready" });
}

function answer(question: Question): Pulse {
  if (question.type === "setTime") clock?.set(question.nowMs);
  if (question.type === "wake") clock?.wake();
  const nextMs = clock?.nextMs();
  return {
    events: (clock?.reads ?? 0) + batches.begun + batches.done,
    isBusy: calls.isWaiting() || batches.begun > batches.done,
    nextMs,
  };
}

function log(event: string, fields: Record<string, unknown>): void {
  // What the kernel's own auditor finds is the one thing that a test must never overlook.
  const isBroken = event === "invariant broken";
  if (isBroken) tell({ type: "broken", what: JSON.stringify(fields) });
  if (!isBroken && process.env["TEST_LOG"] === undefined) return;
  process.stderr.write(`${event} ${JSON.stringify(fields)}\n`);
}

async function stop(): Promise<void> {
  const results = await Promise.allSettled(closers.map((close) => close()));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    fail(failed.reason);
    return;
  }
  process.exitCode = 0;
  // Exits once the driver has it in its pipe, or at once when the driver is gone.
  if (process.connected)
    process.send?.({ type: "stopped" } satisfies FromHost, () => process.exit());
  else process.exit();
}

function fail(error: unknown): void {
  const code = isMeshError(error) ? error.code : "DEFECT";
  tell({ type: "failed", code, reason: describe(error) });
  process.exitCode = 1;
  setImmediate(() => process.exit(1));
}

/** The error and what has caused it, outermost first; a defect with its stack. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = isMeshError(error) ? error.message : (error.stack ?? error.message);
  return error.cause === undefined ? own : `${own}; caused by ${describe(error.cause)}`;
}

process.on("message", (message: ToHost) => {
  switch (message.type) {
    case "start":
      start(message).catch(fail);
      return;
    case "ask":
      tell({ type: "reply", id: message.id, pulse: answer(message.question) });
      return;
    case "turn":
      calls.turn(message.id, message.turn);
      return;
    case "arm":
      armKillPoint(message.point, message.skip);
      return;
    case "disarm":
      disarmKillPoint();
      return;
    case "stop":
      stop().catch(fail);
  }
});
process.on("disconnect", () => {
  setImmediate(() => process.exit(1));
});
process.on("uncaughtException", fail);
installFailpoints();
