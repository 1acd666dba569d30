// Search terms: what of a text can be searched for. Han text is cut into pairs of neighbours, since
// dictionaries cut names of places wrongly and pairs find every part of a name; everything else
// into words in lower case.

const isHan = (unit: number): boolean =>
  (unit >= 0x3400 && unit <= 0x9fff) || (unit >= 0xf900 && unit <= 0xfaff);

const isWordUnit = (unit: number): boolean =>
  (unit >= 0x61 && unit <= 0x7a) ||
  (unit >= 0x30 && unit <= 0x39) ||
  (unit >= 0xc0 && !isHan(unit));

/** Longer words are no words: they are found by their beginning. */
const wordUnitsMax = 40;

/** Punctuation of Chinese text, which must not become words. */
const punctuation = /[\u2000-\u2bff\u3000-\u303f\ufe30-\ufe4f\uff00-\uff0f\uff1a-\uff20]/g;

/**
 * Calls `found` for every term of a text, repeated ones too. `withSingles`: single Han characters
 * as well, for texts in which one must be found by one of them.
 */
export function eachTerm(text: string, withSingles: boolean, found: (term: string) => void): void {
  const plain = text.normalize("NFKC").toLowerCase().replace(punctuation, " ");
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
