// Search columns: what a search filters, counts and sorts by, one number a document.

/** A column that grows. */
export class NumberColumn {
  private numbers = new Uint32Array(1_024);

  /** All of it, until the next `set`; beyond the last document it holds nothing. */
  view(): Uint32Array {
    return this.numbers;
  }

  get(id: number): number {
    return this.numbers[id] ?? 0;
  }

  set(id: number, value: number): void {
    if (id >= this.numbers.length) {
      const grown = new Uint32Array(Math.max(id + 1, Math.ceil(this.numbers.length * 1.5)));
      grown.set(this.numbers);
      this.numbers = grown;
    }
    this.numbers[id] = value;
  }
}

/** A column of words, of which there are few different ones: each is kept once. */
export class WordColumn {
  readonly words: string[] = [];
  private readonly numbers = new NumberColumn();
  private readonly known = new Map<string, number>();

  set(id: number, word: string): void {
    let number = this.known.get(word);
    if (number === undefined) {
      number = this.words.length;
      this.words.push(word);
      this.known.set(word, number);
    }
    this.numbers.set(id, number);
  }

  /** Places in `words`, by document; until the next `set`. */
  view(): Uint32Array {
    return this.numbers.view();
  }

  /** Place of the document's word in `words`. */
  number(id: number): number {
    return this.numbers.get(id);
  }

  word(id: number): string {
    return this.words[this.number(id)] ?? "";
  }

  move(from: number, to: number): void {
    this.numbers.set(to, this.numbers.get(from));
  }
}
