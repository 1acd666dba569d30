// Clock: the time of day and what waits for it, as the shells of a hub and an agent get it. Kernels
// are told the time with each event; links live by monotonic time and never see this one.
//
//   C1  Nobody is woken before the clock shows the time, whatever timers do.
//   C2  Node's timers count the time that the machine was awake. The clock is read again at least
//       every minute, so what has become due while the machine slept, or because somebody has set
//       the clock, is done within that.

/** Takes back what was asked; safe to call at any time. */
export type CancelWake = () => void;

/** Another one stands in for it where days have to pass within a test. */
export interface Clock {
  /** ms since 1970. It may be set back: journal time does not follow it. */
  now(): number;
  /** Calls `run` once, later than this call, when `now()` has reached `atMs`. */
  wakeAt(atMs: number, run: () => void): CancelWake;
}

/** Finer timers cost more than they give: deadlines are seconds and more. */
const tickMsMin = 10;
const lookMsDefault = 60_000;

/**
 * A clock that reads the time from `now`, which may jump: it is read again at least every `lookMs`.
 * Its timers keep no process alive.
 */
export function createClock(now: () => number, lookMs = lookMsDefault): Clock {
  const wakeAt = (atMs: number, run: () => void): CancelWake => {
    const look = (): void => {
      if (now() >= atMs) run();
      else timer = wait();
    };
    const wait = (): NodeJS.Timeout =>
      setTimeout(look, Math.min(Math.max(atMs - now(), tickMsMin), lookMs)).unref();
    let timer = wait();
    return () => clearTimeout(timer);
  };
  return { now, wakeAt };
}

/** The machine's. */
export const systemClock: Clock = createClock(Date.now);

/** Wakes a kernel for the earliest of the times that it has asked for. */
export class Alarm {
  private readonly clock: Clock;
  private readonly ring: () => void;
  private dueMs: number | undefined;
  private cancel: CancelWake = () => undefined;

  constructor(clock: Clock, ring: () => void) {
    this.clock = clock;
    this.ring = ring;
  }

  /**
   * Rings at `dueMs`, or earlier where it has been set so. What journal time (`nowMs`) has reached
   * is due, though the clock may have been set back since.
   */
  set(dueMs: number | undefined, nowMs: number): void {
    if (dueMs === undefined || (this.dueMs !== undefined && this.dueMs <= dueMs)) return;
    this.cancel();
    this.dueMs = dueMs;
    const atMs = dueMs <= nowMs ? Math.min(dueMs, this.clock.now()) : dueMs;
    this.cancel = this.clock.wakeAt(atMs, () => {
      this.dueMs = undefined;
      this.ring();
    });
  }

  stop(): void {
    this.cancel();
    this.dueMs = undefined;
  }
}
