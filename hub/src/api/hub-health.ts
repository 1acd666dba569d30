// Hub health: whether the hub takes work, told to whoever probes it and, when that changes, to
// whoever watches.
//
//   B1  A hub that has stopped serving never serves again in this life: it drains, closes, or its
//       store has failed.
//   B2  A watcher learns the state of the moment first, then every later one; what lies between two
//       looks it may miss.

export type HealthState = "starting" | "serving" | "stopped";

export class HubHealth {
  private current: HealthState = "starting";
  private isClosed = false;
  private readonly wakes = new Set<() => void>();

  get state(): HealthState {
    return this.current;
  }

  /** The hub is ready; without effect once it has stopped. */
  serve(): void {
    if (this.current === "starting") this.change("serving");
  }

  /** B1. To be called before the first caller is refused, so that probes never come too late. */
  stop(): void {
    if (this.current !== "stopped") this.change("stopped");
  }

  /** Stops, and ends every watch: a server waits for its calls before it closes. */
  close(): void {
    this.isClosed = true;
    this.change("stopped");
  }

  private change(state: HealthState): void {
    this.current = state;
    for (const wake of this.wakes) wake();
  }

  /** B2. Ends when the hub closes or the watcher has gone. */
  async *watch(signal: AbortSignal): AsyncGenerator<HealthState> {
    let told: HealthState | undefined;
    while (!signal.aborted) {
      if (told !== this.current) {
        told = this.current;
        yield told;
      } else if (this.isClosed) {
        return;
      } else {
        await this.nextChange(signal);
      }
    }
  }

  private nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.wakes.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.wakes.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}
