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

/** Place of a hit: a lower one comes first. */
interface Place {
  readonly value: number | string;
  readonly name: string;
}

const facetValuesMax = 20;
/** By rank of the part in which a word stands: nowhere, abstract, about, name. */
const weights = [0, 1, 3, 8] as const;

/** Refuses with INPUT_INVALID a token that is none of ours. */
export function search(index: SearchIndex, query: SearchQuery): SearchResult {
  const terms = termsOf(query.words, limits.searchWordsMax);
  const after = parseToken(query.pageToken, query.order);
  const isWanted = filterOf(index, query);
  const counts = query.withFacets ? new FacetCounts(index) : undefined;
  const byScore = query.order === "relevance" && terms.length > 0;
  const page: (Place & { readonly id: number })[] = [];
  let total = 0;
  let behind = 0;
  const take = (id: number, score: number): void => {
    const name = index.names[id];
    if (name === undefined || !isWanted(id)) return;
    total += 1;
    counts?.add(id);
    const value = byScore ? -score : sortValueOf(index, query.order, id);
    const place = { value, name };
    if (after !== undefined && comparePlaces(place, after) <= 0) return;
    behind += 1;
    insert(page, { ...place, id }, query.pageSize);
  };
  if (terms.length === 0 && query.words.trim() === "") {
    for (let id = 0; id < index.names.length; id += 1) take(id, 0);
  } else intersect(index, terms, take);
  const last = page.at(-1);
  const hasMore = behind > page.length && last !== undefined;
  return {
    names: page.map(({ name }) => name),
    total,
    facets: counts?.list() ?? [],
    nextPageToken: hasMore ? tokenOf(query.order, last) : "",
  };
}

/** Documents that hold all terms, with their scores; none for words without a term. */
function intersect(
  index: SearchIndex,
  terms: readonly string[],
  take: (id: number, score: number) => void,
): void {
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
    if (isHit) take(id, score);
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

function filterOf(index: SearchIndex, { facets, area }: SearchQuery): (id: number) => boolean {
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
  return filters.length === 0 ? () => true : (id) => filters.every((isWanted) => isWanted(id));
}

function sortValueOf(index: SearchIndex, order: SearchOrder, id: number): number | string {
  return order === "name" ? (index.titles[id] ?? "") : -index.days.get(id);
}

function comparePlaces(a: Place, b: Place): number {
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Keeps the first `max` places in order. */
function insert<Kept extends Place>(page: Kept[], place: Kept, max: number): void {
  const last = page.at(-1);
  if (page.length >= max) {
    if (last === undefined || comparePlaces(place, last) >= 0) return;
    page.pop();
  }
  let low = 0;
  let high = page.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (comparePlaces(page[middle] as Kept, place) < 0) low = middle + 1;
    else high = middle;
  }
  page.splice(low, 0, place);
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

class FacetCounts {
  private readonly index: SearchIndex;
  private readonly counts: readonly (readonly [facet: FacetName, counts: Uint32Array])[];

  constructor(index: SearchIndex) {
    this.index = index;
    this.counts = facetNames.map((facet) => [
      facet,
      new Uint32Array(index.facets[facet].words.length),
    ]);
  }

  add(id: number): void {
    for (const [facet, counts] of this.counts) {
      const number = this.index.facets[facet].number(id);
      counts[number] = (counts[number] ?? 0) + 1;
    }
  }

  /** The most frequent values of each facet. */
  list(): readonly FacetCount[] {
    return this.counts.flatMap(([facet, counts]) => {
      const { words } = this.index.facets[facet];
      return words
        .map((value, number) => ({ facet, value, count: counts[number] ?? 0 }))
        .filter(({ count }) => count > 0)
        .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
        .slice(0, facetValuesMax);
    });
  }
}
