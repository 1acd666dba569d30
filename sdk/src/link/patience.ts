// Patience: how long a peer may take for one thing, by a clock that stops when we do.

/** A stall of our own event loop costs the peer one part at most. */
const parts = 4;

export class Patience {
  private readonly timer: NodeJS.Timeout;
  private left = parts;

  /**
   * Calls `onOver` once, after `limitMs`, unless `end` came first. Time in which `isPeersTurn`
   * answers false is not the peer's.
   */
  constructor(limitMs: number, onOver: () => void, isPeersTurn: () => boolean = () => true) {
    this.timer = setInterval(() => {
      if (!isPeersTurn()) return;
      this.left -= 1;
      if (this.left > 0) return;
      this.end();
      onOver();
    }, limitMs / parts);
    this.timer.unref();
  }

  end(): void {
    clearInterval(this.timer);
  }
}
