// Checker: judges from a hub's system calls whether an acknowledgement means durable.
//
//   W1  After the last byte of a submission has arrived, nothing at all leaves on the caller's
//       socket until a sync of the store's log, begun after that arrival, has ended without an
//       error.
//   W2  The caller has its answer only after such a sync.

import type { TracedCall } from "../support/process-strace.ts";

/** One call of the driver, ms since 1970 as the driver saw it. */
export interface Submitted {
  readonly sentMs: number;
  readonly answeredMs: number;
}

export interface Judgement {
  /** Submissions whose answer is proved to have left after the sync. */
  readonly proved: number;
  readonly violations: readonly string[];
}

const writes: ReadonlySet<string> = new Set(["write", "writev", "sendto", "sendmsg"]);
const reads: ReadonlySet<string> = new Set(["read", "readv", "recvfrom", "recvmsg"]);
const syncs: ReadonlySet<string> = new Set(["fdatasync", "fsync"]);

export function judgeTrace(
  calls: readonly TracedCall[],
  port: number,
  submitted: readonly Submitted[],
): Judgement {
  const isCaller = ({ target }: TracedCall): boolean => target.includes(`:${port}->`);
  const violations: string[] = [];
  let proved = 0;
  for (const [index, { sentMs, answeredMs }] of submitted.entries()) {
    const within = calls.filter(
      ({ startedMs, endedMs }) => endedMs >= sentMs && startedMs <= answeredMs,
    );
    const answer = within.find(
      (call) => writes.has(call.name) && isCaller(call) && call.result > 0,
    );
    const arrival = within.findLast(
      (call) =>
        reads.has(call.name) &&
        call.result > 0 &&
        isCaller(call) &&
        call.endedMs <= (answer?.startedMs ?? answeredMs),
    );
    const name = `submission ${index + 1}`;
    if (arrival === undefined || answer === undefined) {
      violations.push(`${name}: its arrival or its answer is not in the trace`);
      continue;
    }
    const sync = within.find(
      (call) =>
        syncs.has(call.name) &&
        call.result === 0 &&
        call.target.includes(".log>") &&
        call.startedMs >= arrival.startedMs &&
        call.endedMs <= answer.startedMs,
    );
    if (sync === undefined) {
      violations.push(
        `${name}: ${answer.result} bytes left without a completed sync of the log before them`,
      );
    } else proved += 1;
  }
  return { proved, violations };
}
