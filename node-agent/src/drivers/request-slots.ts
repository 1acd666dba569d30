// Request slots: how many requests of one driver are under way at once; the others wait in line.

export class RequestSlots {
  private free: number;
  private readonly line: (() => void)[] = [];

  constructor(most: number) {
    this.free = most;
  }

  /** Rejects with the signal's reason; otherwise call what it resolves with, once. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.free > 0) this.free -= 1;
    else await this.turn(signal);
    let isGiven = false;
    return () => {
      if (isGiven) return;
      isGiven = true;
      this.give();
    };
  }

  private turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.line.splice(this.line.indexOf(begin), 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.line.push(begin);
    });
  }

  private give(): void {
    const next = this.line.shift();
    if (next === undefined) this.free += 1;
    else next();
  }
}
