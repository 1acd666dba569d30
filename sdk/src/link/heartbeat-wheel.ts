// Heartbeat wheel: one interval for all links of a process. A timer per link and batch would cost a
// process with thousands of links more than their traffic.

/** Heartbeats are seconds; a tenth of one is fine enough for tests too. */
const turnMs = 100;

export interface Ticking {
  /** Called once a turn. */
  tick(nowMs: number): void;
}

const members = new Set<Ticking>();
let timer: NodeJS.Timeout | undefined;

/** Monotonic, in ms: heartbeats must not care when somebody sets the clock. */
export function monotonicMs(): number {
  return performance.now();
}

export function joinWheel(member: Ticking): void {
  members.add(member);
  timer ??= setInterval(() => {
    const nowMs = monotonicMs();
    for (const each of members) each.tick(nowMs);
  }, turnMs);
}

export function leaveWheel(member: Ticking): void {
  members.delete(member);
  if (members.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
