// Wait index: which steps wait for a time, a signal or another chain. Derived from the steps' rows
// and made again at a start; the rows are the truth.

/** A step that waits. */
export interface WaitEntry {
  /** Identity of the run of the step. */
  readonly id: string;
  readonly chain: string;
  readonly step: string;
  /** 0 for none. */
  readonly dueMs: number;
  /** Name of the signal that a gate waits for; empty for everything else. */
  readonly signal: string;
}

export class WaitIndex {
  private readonly entries = new Map<string, WaitEntry>();
  private readonly bySignal = new Map<string, Set<string>>();

  get size(): number {
    return this.entries.size;
  }

  add(entry: WaitEntry): void {
    this.entries.set(entry.id, entry);
    if (entry.signal === "") return;
    const gates = this.bySignal.get(entry.signal);
    if (gates === undefined) this.bySignal.set(entry.signal, new Set([entry.id]));
    else gates.add(entry.id);
  }

  drop(id: string): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    this.entries.delete(id);
    const gates = this.bySignal.get(entry.signal);
    gates?.delete(id);
    if (gates?.size === 0) this.bySignal.delete(entry.signal);
  }

  get(id: string): WaitEntry | undefined {
    return this.entries.get(id);
  }

  all(): Iterable<WaitEntry> {
    return this.entries.values();
  }

  /** How many gates wait for this signal. */
  gateCount(signal: string): number {
    return this.bySignal.get(signal)?.size ?? 0;
  }

  /** Gates that wait for this signal, in an order that does not depend on when they came. */
  gatesFor(signal: string): readonly WaitEntry[] {
    const found: WaitEntry[] = [];
    for (const id of [...(this.bySignal.get(signal) ?? [])].sort()) {
      const entry = this.entries.get(id);
      if (entry !== undefined) found.push(entry);
    }
    return found;
  }
}
