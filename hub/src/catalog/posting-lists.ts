// Posting lists: in which documents a term occurs, and in which part of each. One number a
// document: its id and, in the two lowest bits, the rank of the part; ids only grow, so lists are
// sorted.
//
//   P1  Most terms occur once: such a list is the number itself and costs no array.

/** Ids take 30 bits. */
export const documentsMax = 2 ** 30 - 1;

interface List {
  numbers: Uint32Array;
  length: number;
}

export class PostingLists {
  private readonly lists = new Map<string, number | List>();

  get size(): number {
    return this.lists.size;
  }

  /** Documents are added in the order of their ids; of a term's ranks in one the highest counts. */
  add(term: string, id: number, rank: number): void {
    const number = ((id << 2) | rank) >>> 0;
    const known = this.lists.get(term);
    if (known === undefined) this.lists.set(term, number);
    else if (typeof known === "number") {
      if (known >>> 2 !== id) {
        const numbers = new Uint32Array(4);
        numbers[0] = known;
        numbers[1] = number;
        this.lists.set(term, { numbers, length: 2 });
      } else if (known < number) this.lists.set(term, number);
    } else this.append(known, number);
  }

  private append(list: List, number: number): void {
    const last = list.numbers[list.length - 1] ?? 0;
    if (last >>> 2 === number >>> 2) {
      list.numbers[list.length - 1] = Math.max(last, number);
      return;
    }
    if (list.length === list.numbers.length) {
      // By a half: what is unused of a million long lists is memory.
      const grown = new Uint32Array(list.length + (list.length >> 1) + 2);
      grown.set(list.numbers);
      list.numbers = grown;
    }
    list.numbers[list.length] = number;
    list.length += 1;
  }

  /** Sorted; undefined when the term occurs nowhere. */
  find(term: string): Uint32Array | undefined {
    const known = this.lists.get(term);
    if (known === undefined) return undefined;
    if (typeof known === "number") return Uint32Array.of(known);
    return known.numbers.subarray(0, known.length);
  }

  terms(): IterableIterator<string> {
    return this.lists.keys();
  }

  /** In how many documents a term occurs, those that are gone included. */
  countOf(term: string): number {
    const known = this.lists.get(term);
    return known === undefined ? 0 : typeof known === "number" ? 1 : known.length;
  }

  /** Gives documents other ids, in the same order; one without a new id leaves its lists. */
  renumber(idOf: (id: number) => number | undefined): void {
    for (const [term, known] of this.lists) {
      const list = this.find(term) ?? new Uint32Array(0);
      const kept = new Uint32Array(list.length);
      let length = 0;
      for (const number of list) {
        const id = idOf(number >>> 2);
        if (id === undefined) continue;
        kept[length] = ((id << 2) | (number & 3)) >>> 0;
        length += 1;
      }
      if (length === 0) this.lists.delete(term);
      else if (length === 1) this.lists.set(term, kept[0] ?? 0);
      else if (typeof known !== "number") {
        known.numbers = length * 2 < kept.length ? kept.slice(0, length) : kept;
        known.length = length;
      }
    }
  }
}
