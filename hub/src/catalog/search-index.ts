// Search index: the words and facets of a directory, in memory. The entries themselves stay in the
// store; a search finds their names.
//
//   S1  A document gets a new id with every change, and the old one is dead: lists only grow at
//       their end. Once a third of the ids is dead, all are given anew.
//   S2  What a search sees is one state of the index: it runs within one turn of the event loop.

import { type CatalogEntry, entryText } from "@cloudbrain/sdk/catalog";
import { type EntryName, parseDay } from "@cloudbrain/sdk/domain";
import { PostingLists } from "./posting-lists.ts";
import { NumberColumn, WordColumn } from "./search-columns.ts";
import { eachTerm } from "./search-terms.ts";

export const facetNames = [
  "kind",
  "industry",
  "region",
  "level",
  "sharing",
  "provider",
  "cycle",
  "state",
] as const;
export type FacetName = (typeof facetNames)[number];

/** In which part of an entry a term stands; a higher one outranks. */
const ranks = { abstract: 1, about: 2, name: 3 } as const;

/** So many dead ids are not worth the work of giving all anew. */
const deadMin = 10_000;

export class SearchIndex {
  readonly lists = new PostingLists();
  readonly facets: Readonly<Record<FacetName, WordColumn>>;
  readonly owners = new WordColumn();
  /** Day of publication, moved so that it is positive. */
  readonly days = new NumberColumn();
  /** By id: `code NUL owner`, and the Chinese name; undefined for a dead id. */
  readonly names: (string | undefined)[] = [];
  readonly titles: string[] = [];
  private readonly ids = new Map<string, number>();
  private dead = 0;

  constructor() {
    this.facets = Object.fromEntries(facetNames.map((name) => [name, new WordColumn()])) as Record<
      FacetName,
      WordColumn
    >;
  }

  /** Documents. */
  get size(): number {
    return this.ids.size;
  }

  has(name: EntryName): boolean {
    return this.ids.has(entryText(name));
  }

  /** Documents by owner. */
  ownerCounts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const id of this.ids.values()) {
      const owner = this.owners.word(id);
      counts.set(owner, (counts.get(owner) ?? 0) + 1);
    }
    return counts;
  }

  /** Puts an entry in the place of what is known of it. */
  put(name: EntryName, entry: CatalogEntry): void {
    this.remove(name);
    const text = entryText(name);
    const id = this.names.length;
    this.names.push(text);
    this.titles.push(entry.name.zh);
    this.ids.set(text, id);
    this.owners.set(id, name.owner);
    this.days.set(id, (parseDay(entry.publishedOn) ?? 0) + daysShift);
    const values: Readonly<Record<FacetName, string>> = {
      kind: entry.kind,
      industry: entry.industry,
      region: entry.region,
      level: entry.level,
      sharing: entry.sharing,
      provider: entry.provider.name,
      cycle: entry.updateCycle,
      state: entry.state,
    };
    for (const facet of facetNames) this.facets[facet].set(id, values[facet]);
    this.addTerms(id, entry);
  }

  private addTerms(id: number, entry: CatalogEntry): void {
    const add = (text: string, rank: number, withSingles = false): void =>
      eachTerm(text, withSingles, (term) => this.lists.add(term, id, rank));
    add(entry.name.zh, ranks.name, true);
    if (entry.name.en !== undefined) add(entry.name.en, ranks.name);
    add(entry.code, ranks.about);
    add(entry.provider.name, ranks.about);
    add(entry.provider.code, ranks.about);
    for (const { name } of entry.items) add(name, ranks.about);
    add(entry.abstract, ranks.abstract);
  }

  remove(name: EntryName): void {
    const text = entryText(name);
    const id = this.ids.get(text);
    if (id === undefined) return;
    this.ids.delete(text);
    this.names[id] = undefined;
    this.titles[id] = "";
    this.dead += 1;
    if (this.dead > Math.max(deadMin, this.names.length / 3)) this.renumber();
  }

  private renumber(): void {
    const next = new Uint32Array(this.names.length);
    let alive = 0;
    for (const [id, text] of this.names.entries()) {
      if (text === undefined) continue;
      next[id] = alive + 1;
      this.ids.set(text, alive);
      this.names[alive] = text;
      this.titles[alive] = this.titles[id] ?? "";
      this.owners.move(id, alive);
      this.days.set(alive, this.days.get(id));
      for (const facet of facetNames) this.facets[facet].move(id, alive);
      alive += 1;
    }
    this.names.length = alive;
    this.titles.length = alive;
    this.dead = 0;
    this.lists.renumber((id) => {
      const moved = next[id] ?? 0;
      return moved === 0 ? undefined : moved - 1;
    });
  }
}

/** Days before 1970 exist: they sort below. */
const daysShift = 800_000;
