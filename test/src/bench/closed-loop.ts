// Closed loop: keeps so many operations under way and measures them in windows.

import type { LoopAnswer, LoopRequest, WindowFigures } from "./bench-calls.ts";
import { quantile } from "./statistics.ts";

/** Rejects with the first failure of `once`. */
export async function runClosedLoop(
  { inFlight, windowMs, windows }: Omit<LoopRequest, "n">,
  once: () => Promise<void>,
): Promise<LoopAnswer> {
  const startedMs = performance.now();
  const latencies: number[][] = Array.from({ length: windows }, () => []);
  let completed = 0;
  const untilMs = startedMs + windowMs * windows;
  const repeat = async (): Promise<void> => {
    for (;;) {
      const beganMs = performance.now();
      if (beganMs >= untilMs) return;
      await once();
      const endedMs = performance.now();
      completed += 1;
      latencies[Math.floor((endedMs - startedMs) / windowMs)]?.push(endedMs - beganMs);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, repeat));
  return { completed, windows: latencies.map((window) => figuresOf(window, windowMs)) };
}

function figuresOf(latencies: number[], windowMs: number): WindowFigures {
  const sorted = latencies.sort((a, b) => a - b);
  return {
    perS: (sorted.length * 1_000) / windowMs,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
  };
}
