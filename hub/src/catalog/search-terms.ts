// Search terms: what of a text can be searched for. Han text is cut into pairs of neighbours, since
// dictionaries cut names of places wrongly and pairs find every part of a name; everything else
// into words in lower case.

const isHan = (unit: number): boolean =>
  (unit >= 0x3400 && unit <= 0x9fff) || (unit >= 0xf900 && unit <= 0xfaff);

/** Punctuation and symbols, those of Chinese text among them, are no words. */
const isSymbol = (unit: number): boolean =>
  (unit >= 0x2000 && unit <= 0x2bff) ||
  (unit >= 0x3000 && unit <= 0x303f) ||
  (unit >= 0xfe30 && unit <= 0xfe4f) ||
  unit >= 0xff00;

const isWordUnit = (unit: number): boolean =>
  (unit >= 0x61 && unit <= 0x7a) ||
  (unit >= 0x30 && unit <= 0x39) ||
  (unit >= 0xc0 && !isHan(unit) && !isSymbol(unit));

/** Longer words are no words: they are found by their beginning. */
const wordUnitsMax = 40;

/**
 * Calls `found` for every term of a text, repeated ones too. `withSingles`: single Han characters
 * as well, for texts in which one must be found by one of them.
 */
export function eachTerm(text: string, withSingles: boolean, found: (term: string) => void): void {
  const plain = text.normalize("NFKC").toLowerCase();
  const { length } = plain;
  let at = 0;
  while (at < length) {
    const unit = plain.charCodeAt(at);
    let end = at + 1;
    if (isHan(unit)) {
      while (end < length && isHan(plain.charCodeAt(end))) end += 1;
      if (withSingles || end - at === 1) {
        for (let index = at; index < end; index += 1) found(plain.charAt(index));
      }
      for (let index = at; index + 1 < end; index += 1) found(plain.slice(index, index + 2));
    } else if (isWordUnit(unit)) {
      while (end < length && isWordUnit(plain.charCodeAt(end))) end += 1;
      found(plain.slice(at, Math.min(end, at + wordUnitsMax)));
    }
    at = end;
  }
}

/** The different terms of what somebody searches for. */
export function termsOf(words: string, max: number): readonly string[] {
  const terms = new Set<string>();
  eachTerm(words, false, (term) => {
    if (terms.size < max) terms.add(term);
  });
  return [...terms];
}
