// Blob exchange: gets what this hub does not hold from the hubs below it and from the one above.
//
//   B7  The hub above asks, the hub below puts: connections are made upwards, as links are. Who is
//       asked from above looks here and below, never above, so that no search comes back.
//   B8  One search for a blob is under way at a time, and each ends: when it has come, when nobody
//       below can have it, or after its time.

import { type Address, type BlobRef, limits, MeshError } from "@cloudbrain/sdk/domain";

/** What is asked of the hub above. */
export interface BlobsAbove {
  /**
   * Whether the hub above lets its chain show us the blob, which is here then. Refuses as calls do
   * when that can't be known.
   */
  fetch(ref: BlobRef, chain: string): Promise<boolean>;
}

/** A hub below that answers. */
export interface BlobsBelow {
  ask(ref: BlobRef): void;
}

interface Search {
  /** Hubs that have not said that they can't. */
  readonly waiting: Set<Address>;
  readonly end: (found: boolean) => void;
  readonly ended: Promise<boolean>;
}

export class BlobExchange {
  /** Undefined at the root. */
  above: BlobsAbove | undefined;
  private readonly below = new Map<Address, BlobsBelow>();
  private readonly searches = new Map<BlobRef, Search>();

  /** The hub below answers from now on, in place of an earlier call of its own. */
  opened(child: Address, below: BlobsBelow): void {
    this.below.set(child, below);
  }

  closed(child: Address, below: BlobsBelow): void {
    if (this.below.get(child) !== below) return;
    this.below.delete(child);
    for (const ref of [...this.searches.keys()]) this.noteAbsent(child, ref);
  }

  /** The hub below can't get it. */
  noteAbsent(child: Address, ref: BlobRef): void {
    const search = this.searches.get(ref);
    if (search?.waiting.delete(child) === true && search.waiting.size === 0) search.end(false);
  }

  /** Whether this hub below puts it because it was asked to. */
  isAsked(child: Address, ref: BlobRef): boolean {
    return this.searches.get(ref)?.waiting.has(child) === true;
  }

  /** It is here, whoever has put it. */
  arrived(ref: BlobRef): void {
    this.searches.get(ref)?.end(true);
  }

  /**
   * Whether it has come from a hub below. `except` is not asked: it asks itself. Refuses with
   * HUB_BUSY when too many are looked for.
   */
  fetchBelow(ref: BlobRef, except: string = ""): Promise<boolean> {
    const running = this.searches.get(ref);
    if (running !== undefined) return running.ended;
    const asked = [...this.below].filter(([child]) => child !== except);
    if (asked.length === 0) return Promise.resolve(false);
    if (this.searches.size >= limits.blobSearchesMax) {
      const detail = "too many attachments are looked for at the moment";
      throw new MeshError("HUB_BUSY", { subject: ref, detail, retryAfterMs: 1_000 });
    }
    const search = this.begin(ref, new Set(asked.map(([child]) => child)));
    for (const [, child] of asked) child.ask(ref);
    return search.ended;
  }

  /** Whether the hub above lets its chain show it; then it is here. */
  async fetchAbove(ref: BlobRef, chain: string): Promise<boolean> {
    return (await this.above?.fetch(ref, chain)) === true;
  }

  private begin(ref: BlobRef, waiting: Set<Address>): Search {
    let resolve: (found: boolean) => void = () => undefined;
    const ended = new Promise<boolean>((settle) => {
      resolve = settle;
    });
    const end = (found: boolean): void => {
      clearTimeout(timer);
      this.searches.delete(ref);
      resolve(found);
    };
    const timer = setTimeout(end, limits.blobSearchMs, false).unref();
    const search = { waiting, end, ended };
    this.searches.set(ref, search);
    return search;
  }
}
