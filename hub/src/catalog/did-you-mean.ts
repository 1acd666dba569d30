// Did you mean: words near to those that nothing was found for. A word of letters becomes the
// nearest one that occurs; in Han text one wrong character is replaced by one that goes with its
// neighbours.

import { closestName } from "@cloudbrain/sdk/definition";
import { limits } from "@cloudbrain/sdk/domain";
import type { PostingLists } from "./posting-lists.ts";
import { termsOf } from "./search-terms.ts";

const han = /[\u3400-\u9fff\uf900-\ufaff]/;
const parts = /[\u3400-\u9fff\uf900-\ufaff]+|[\p{L}\p{N}]+/gu;

/** Empty when there is nothing near, or nothing wrong with a single word. */
export function suggestWords(lists: PostingLists, words: string): string {
  if (termsOf(words, limits.searchWordsMax).length === 0) return "";
  let isChanged = false;
  const suggested = words.replace(parts, (part) => {
    const better = han.test(part) ? betterHan(lists, part) : betterWord(lists, part.toLowerCase());
    if (better !== undefined) isChanged = true;
    return better ?? part;
  });
  return isChanged ? suggested : "";
}

function betterWord(lists: PostingLists, word: string): string | undefined {
  if (lists.countOf(word) > 0) return undefined;
  return closestName(word, nearLengths(lists, word.length));
}

/** The distance of words whose lengths differ more is too great anyway. */
function* nearLengths(lists: PostingLists, length: number): Generator<string> {
  const reach = Math.max(1, Math.floor(length / 3));
  for (const term of lists.terms()) {
    if (Math.abs(term.length - length) <= reach && !han.test(term)) yield term;
  }
}

function betterHan(lists: PostingLists, text: string): string | undefined {
  for (let at = 0; at < text.length; at += 1) {
    const before = at > 0 ? text.slice(at - 1, at + 1) : undefined;
    const behind = at + 1 < text.length ? text.slice(at, at + 2) : undefined;
    const isWrong = [before, behind].every((pair) => pair === undefined || !lists.countOf(pair));
    if (!isWrong || (before === undefined && behind === undefined)) continue;
    const character = goesBetween(lists, text.charAt(at - 1), text.charAt(at + 1));
    if (character !== undefined) return text.slice(0, at) + character + text.slice(at + 1);
  }
  return undefined;
}

/** The character that is most frequent between these two, one of which may be missing. */
function goesBetween(lists: PostingLists, left: string, right: string): string | undefined {
  let best: string | undefined;
  let bestCount = 0;
  for (const pair of lists.terms()) {
    if (pair.length !== 2 || !han.test(pair)) continue;
    const [first = "", second = ""] = pair;
    if (left === "" ? second !== right : first !== left) continue;
    const character = left === "" ? first : second;
    const behind = left === "" || right === "" ? Infinity : lists.countOf(character + right);
    const count = Math.min(lists.countOf(pair), behind);
    const isFirst = count === bestCount && best !== undefined && character < best;
    if (count > bestCount || isFirst) {
      best = character;
      bestCount = count;
    }
  }
  return best;
}
