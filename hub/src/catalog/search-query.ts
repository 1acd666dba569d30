// Search query: finds the documents that have all words and facets, counts them and takes a page.
//
//   Q1  The place of a hit in its order depends on the hit alone, so that a page that follows
//       another one goes on behind it, whatever has come and gone meanwhile.
//   Q2  The work is bounded by the shortest list of the words; without words by the directory.

import { isWithin, limits, MeshError } from "@cloudbrain/sdk/domain";
import { type FacetName, facetNames, type SearchIndex } from "./search-index.ts";
import { termsOf } from "./search-terms.ts";

export const searchOrders = ["relevance", "name", "published"] as const;
export type SearchOrder = (typeof searchOrders)[number];

export interface SearchQuery {
  readonly words: string;
  /** Any of the values of a facet will do. */
  readonly facets: ReadonlyMap<FacetName, readonly string[]>;
  /** Owners at or below this address; empty for all. */
  readonly area: string;
  readonly order: SearchOrder;
  readonly pageSize: number;
  /** Of the page before, or empty. */
  readonly pageToken: string;
  readonly withFacets: boolean;
}

export interface FacetCount {
  readonly facet: FacetName;
  readonly value: string;
  readonly count: number;
}

export interface SearchResult {
  /** `code NUL owner` of the hits of this page. */
  readonly names: readonly string[];
  readonly total: number;
  readonly facets: readonly FacetCount[];
  readonly nextPageToken: string;
}

/** Place of a hit: a lower value comes first, then a lower name. */
interface Place {
  readonly value: number | string;
  readonly name: string;
}

const facetValuesMax = 20;
/** By rank of the part in which a word stands: nowhere, abstract, about, name. */
const weights = [0, 1, 3, 8] as const;

/** Refuses with INPUT_INVALID a token that is none of ours. */
export function search(index: SearchIndex, query: SearchQuery): SearchResult {
  const after = parseToken(query.pageToken, query.order);
  const hits = new Hits(index, filterOf(index, query));
  const terms = termsOf(query.words, limits.searchWordsMax);
  if (terms.length > 0) intersect(index, terms, hits);
  else if (query.words.trim() === "") {
    for (let id = 0; id < index.names.length; id += 1) hits.take(id, 0);
  }
  const byScore = query.order === "relevance" && terms.length > 0;
  const page = new Page(index, query.pageSize, after);
  for (let at = 0; at < hits.length; at += 1) {
    const id = hits.ids[at] as number;
    page.offer(id, byScore ? -(hits.scores[at] as number) : sortValueOf(index, query.order, id));
  }
  const last = page.last();
  return {
    names: page.places.map(({ name }) => name),
    total: hits.length,
    facets: query.withFacets ? countFacets(index, hits) : [],
    nextPageToken: page.hasMore && last !== undefined ? tokenOf(query.order, last) : "",
  };
}

/** Documents that were found, with their scores: flat, since there may be a million. */
class Hits {
  ids = new Uint32Array(256);
  scores = new Uint16Array(256);
  length = 0;
  private readonly index: SearchIndex;
  private readonly isWanted: ((id: number) => boolean) | undefined;

  constructor(index: SearchIndex, isWanted: ((id: number) => boolean) | undefined) {
    this.index = index;
    this.isWanted = isWanted;
  }

  take(id: number, score: number): void {
    if (this.index.names[id] === undefined || this.isWanted?.(id) === false) return;
    if (this.length === this.ids.length) {
      const ids = new Uint32Array(this.length * 2);
      const scores = new Uint16Array(this.length * 2);
      ids.set(this.ids);
      scores.set(this.scores);
      this.ids = ids;
      this.scores = scores;
    }
    this.ids[this.length] = id;
    this.scores[this.length] = score;
    this.length += 1;
  }
}

/** Takes the documents that hold all terms; none for words without a term. */
function intersect(index: SearchIndex, terms: readonly string[], hits: Hits): void {
  const lists: Uint32Array[] = [];
  for (const term of terms) {
    const list = index.lists.find(term);
    if (list === undefined) return;
    lists.push(list);
  }
  lists.sort((a, b) => a.length - b.length);
  const [shortest, ...others] = lists;
  if (shortest === undefined) return;
  const cursors = new Uint32Array(others.length);
  for (const number of shortest) {
    const id = number >>> 2;
    let score = weights[number & 3] ?? 0;
    let isHit = true;
    for (let at = 0; at < others.length && isHit; at += 1) {
      const list = others[at] as Uint32Array;
      const cursor = advance(list, cursors[at] ?? 0, id);
      cursors[at] = cursor;
      const found = list[cursor];
      isHit = found !== undefined && found >>> 2 === id;
      if (isHit) score += weights[(found ?? 0) & 3] ?? 0;
    }
    if (isHit) hits.take(id, score);
  }
}

/** The first place from `from` on whose document is `id` or a later one: strides, then halves. */
function advance(list: Uint32Array, from: number, id: number): number {
  const wanted = (id << 2) >>> 0;
  let low = from;
  let stride = 1;
  while (low + stride < list.length && (list[low + stride] ?? 0) < wanted) {
    low += stride;
    stride *= 2;
  }
  let high = Math.min(low + stride, list.length);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Undefined: all are wanted. */
function filterOf(
  index: SearchIndex,
  { facets, area }: SearchQuery,
): ((id: number) => boolean) | undefined {
  const filters: ((id: number) => boolean)[] = [];
  for (const [facet, values] of facets) {
    const column = index.facets[facet];
    const wanted = column.words.map((word) => values.includes(word));
    filters.push((id) => wanted[column.number(id)] === true);
  }
  if (area !== "") {
    const { owners } = index;
    const wanted = owners.words.map((owner) => isWithin(owner, area));
    filters.push((id) => wanted[owners.number(id)] === true);
  }
  return filters.length === 0 ? undefined : (id) => filters.every((isWanted) => isWanted(id));
}

function sortValueOf(index: SearchIndex, order: SearchOrder, id: number): number | string {
  return order === "name" ? (index.titles[id] ?? "") : -index.days.get(id);
}

function comparePlaces(a: Place, b: Place): number {
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** The first places behind a place, in order. */
class Page {
  readonly places: Place[] = [];
  /** There are places behind the last one. */
  hasMore = false;
  private readonly index: SearchIndex;
  private readonly max: number;
  private readonly after: Place | undefined;

  constructor(index: SearchIndex, max: number, after: Place | undefined) {
    this.index = index;
    this.max = max;
    this.after = after;
  }

  last(): Place | undefined {
    return this.places[this.places.length - 1];
  }

  /** Most hits are behind a full page: those are told by their value alone. */
  offer(id: number, value: number | string): void {
    const { after, max, places } = this;
    if (after !== undefined && value < after.value) return;
    const last = places.length < max ? undefined : this.last();
    if (last !== undefined && value > last.value) {
      this.hasMore = true;
      return;
    }
    const place = { value, name: this.index.names[id] ?? "" };
    if (after !== undefined && comparePlaces(place, after) <= 0) return;
    if (last !== undefined) {
      this.hasMore = true;
      if (comparePlaces(place, last) >= 0) return;
      places.pop();
    }
    let low = 0;
    let high = places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePlaces(places[middle] as Place, place) < 0) low = middle + 1;
      else high = middle;
    }
    places.splice(low, 0, place);
  }
}

function tokenOf(order: SearchOrder, { value, name }: Place): string {
  return Buffer.from(JSON.stringify([order, value, name])).toString("base64url");
}

function parseToken(token: string, order: SearchOrder): Place | undefined {
  if (token === "") return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
    if (Array.isArray(parts)) {
      const [of, value, name] = parts as unknown[];
      const isValue = typeof value === "number" || typeof value === "string";
      if (of === order && isValue && typeof name === "string") return { value, name };
    }
  } catch {
    // Told below.
  }
  const detail = "it is not the token of a page in this order";
  throw new MeshError("INPUT_INVALID", { subject: "page_token", detail });
}

/** The most frequent values of each facet among the hits. */
function countFacets(index: SearchIndex, { ids, length }: Hits): readonly FacetCount[] {
  return facetNames.flatMap((facet) => {
    const column = index.facets[facet];
    const { words } = column;
    const numbers = column.view();
    const counts = new Uint32Array(words.length);
    for (let at = 0; at < length; at += 1) {
      const number = numbers[ids[at] as number] as number;
      counts[number] = (counts[number] as number) + 1;
    }
    return words
      .map((value, number) => ({ facet, value, count: counts[number] ?? 0 }))
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
      .slice(0, facetValuesMax);
  });
}
