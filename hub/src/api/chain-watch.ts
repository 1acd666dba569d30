// Chain watch: wakes those who wait for news of a chain. Holds no state of chains: a woken watcher
// reads the chain itself, so slow watchers miss steps in between but never the last one.

/** Told the revision up to which the chain is durable. */
export type Wake = (durableRevision: number) => void;

export class ChainWatch {
  private readonly watchers = new Map<string, Set<Wake>>();

  changed(chain: string, durableRevision: number): void {
    for (const wake of this.watchers.get(chain) ?? []) wake(durableRevision);
  }

  /** Calls `wake` after every durable change until the returned function is called. */
  subscribe(chain: string, wake: Wake): () => void {
    const known = this.watchers.get(chain);
    if (known === undefined) this.watchers.set(chain, new Set([wake]));
    else known.add(wake);
    return () => {
      const wakes = this.watchers.get(chain);
      wakes?.delete(wake);
      if (wakes?.size === 0) this.watchers.delete(chain);
    };
  }
}
