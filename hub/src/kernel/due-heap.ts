// Due heap: what is due next. Entries are never removed when a due time moves: the reader compares
// an entry with the state and drops it when they differ. The state is the truth, this is an index.

export interface DueEntry<Kind extends string> {
  readonly dueMs: number;
  readonly kind: Kind;
  readonly id: string;
}

export class DueHeap<Kind extends string> {
  private readonly entries: DueEntry<Kind>[] = [];

  get size(): number {
    return this.entries.length;
  }

  /** A due time of 0 means "never" and adds nothing. */
  push(kind: Kind, id: string, dueMs: number): void {
    if (dueMs <= 0) return;
    const entries = this.entries;
    const entry = { dueMs, kind, id };
    entries.push(entry);
    let index = entries.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = entries[parent] as DueEntry<Kind>;
      if (!isBefore(entry, above)) break;
      entries[index] = above;
      index = parent;
    }
    entries[index] = entry;
  }

  clear(): void {
    this.entries.length = 0;
  }

  peek(): DueEntry<Kind> | undefined {
    return this.entries[0];
  }

  pop(): DueEntry<Kind> | undefined {
    const entries = this.entries;
    const first = entries[0];
    const last = entries.pop();
    if (first === undefined || last === undefined || entries.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= entries.length) break;
      const right = entries[child + 1];
      if (right !== undefined && isBefore(right, entries[child] as DueEntry<Kind>)) child += 1;
      const below = entries[child] as DueEntry<Kind>;
      if (!isBefore(below, last)) break;
      entries[index] = below;
      index = child;
    }
    entries[index] = last;
    return first;
  }
}

/** Ties by kind and id, so that the order never depends on the order of insertion. */
function isBefore<Kind extends string>(a: DueEntry<Kind>, b: DueEntry<Kind>): boolean {
  if (a.dueMs !== b.dueMs) return a.dueMs < b.dueMs;
  if (a.kind !== b.kind) return a.kind < b.kind;
  return a.id < b.id;
}
