import { suggestWords } from "@cloudbrain/hub/internal/catalog/did-you-mean";
import { PostingLists } from "@cloudbrain/hub/internal/catalog/posting-lists";
import { SearchIndex } from "@cloudbrain/hub/internal/catalog/search-index";
import {
  type SearchQuery,
  search,
  searchOrders,
} from "@cloudbrain/hub/internal/catalog/search-query";
import { termsOf } from "@cloudbrain/hub/internal/catalog/search-terms";
import { type CatalogEntry, entryText, nameOf, resourceKinds } from "@cloudbrain/sdk/catalog";
import { isMeshError } from "@cloudbrain/sdk/domain";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { codeOf, makeResource } from "../support/catalog-entries.ts";
import { suite } from "../support/suite.ts";

const test = suite("catalog search");
const owner = "/3702/370202/s-water";

function makeEntry(number: number, zh: string, change: Partial<CatalogEntry> = {}): CatalogEntry {
  return {
    ...makeResource(number, { name: { zh }, abstract: "摘要" }),
    ...{ level: "", division: "", industry: "", region: "", changedAtMs: 0 },
    ...change,
  };
}

function queryOf(words: string, change: Partial<SearchQuery> = {}): SearchQuery {
  return {
    ...{ words, facets: new Map(), area: "", order: "relevance", pageSize: 20, pageToken: "" },
    withFacets: true,
    ...change,
  };
}

function codesOf(index: SearchIndex, words: string, change: Partial<SearchQuery> = {}) {
  return search(index, queryOf(words, change)).names.map((name) => nameOf(name).code);
}

test("Han text is cut into pairs, other text into words without case, width and punctuation", () => {
  assert.equal(termsOf("市南区积水", 32), ["市南", "南区", "区积", "积水"]);
  assert.equal(termsOf("ＧＰＳ Parking，停车（2026）", 32), ["gps", "parking", "停车", "2026"]);
  assert.equal(termsOf("水 307010/000001", 32), ["水", "307010", "000001"]);
  assert.equal(termsOf("，。！", 32), []);
});

test("a name outranks an abstract, and all words have to occur", () => {
  const index = new SearchIndex();
  index.put({ owner, code: codeOf(1) }, makeEntry(1, "泵站", { abstract: "积水点旁的泵站" }));
  index.put({ owner, code: codeOf(2) }, makeEntry(2, "积水点水位"));
  index.put({ owner, code: codeOf(3) }, makeEntry(3, "停车场"));
  assert.equal(codesOf(index, "积水点"), [codeOf(2), codeOf(1)]);
  assert.equal(codesOf(index, "积水点 泵站"), [codeOf(1)]);
  assert.equal(codesOf(index, "积水点 停车"), []);
  assert.equal(codesOf(index, "场"), [codeOf(3)], "one character of a name finds it");
  assert.equal(codesOf(index, "，"), [], "punctuation is no word, and finds nothing");
});

test("orders, areas and facets narrow and sort", () => {
  const index = new SearchIndex();
  index.put({ owner, code: codeOf(1) }, makeEntry(1, "乙数据", { publishedOn: "2026-01-02" }));
  index.put(
    { owner: "/3702/370203", code: codeOf(2) },
    makeEntry(2, "甲数据", { publishedOn: "1969-05-01", industry: "traffic" }),
  );
  assert.equal(codesOf(index, "", { order: "published" }), [codeOf(1), codeOf(2)]);
  assert.equal(codesOf(index, "数据", { order: "name" }), [codeOf(1), codeOf(2)]);
  assert.equal(codesOf(index, "", { area: "/3702/370202" }), [codeOf(1)]);
  const facets = new Map([["industry", ["traffic", "water"]]] as const);
  assert.equal(codesOf(index, "", { facets }), [codeOf(2)]);
});

test("a token of another order, or of nobody, is refused", () => {
  const index = new SearchIndex();
  for (const number of [1, 2]) {
    index.put({ owner, code: codeOf(number) }, makeEntry(number, "数据"));
  }
  const { nextPageToken } = search(index, queryOf("", { pageSize: 1, order: "name" }));
  for (const pageToken of [nextPageToken, "x"]) {
    try {
      search(index, queryOf("", { pageToken }));
      assert.unreachable();
    } catch (error) {
      assert.ok(isMeshError(error) && error.code === "INPUT_INVALID", String(error));
    }
  }
});

test("what is nearly right is suggested, what is right or unlike anything is not", () => {
  const index = new SearchIndex();
  index.put({ owner, code: codeOf(1) }, makeEntry(1, "城市积水点 drainage"));
  const suggest = (words: string): string => suggestWords(index.lists, words);
  assert.is(suggest("drainag"), "drainage");
  assert.is(suggest("积木点"), "积水点");
  assert.is(suggest("drianage 积木点"), "drainage 积水点");
  assert.is(suggest("积水点"), "");
  assert.is(suggest("quantum"), "");
  assert.is(suggest(""), "");
});

test("lists keep every document, whatever their length, also after all ids are given anew", () => {
  const lists = new PostingLists();
  for (let id = 0; id < 1_000; id += 1) {
    lists.add("all", id, 1);
    if (id % 10 === 0) lists.add("tenth", id, 3);
    lists.add(`only${id}`, id, 2);
  }
  lists.renumber((id) => (id % 2 === 0 ? id / 2 : undefined));
  assert.equal(
    [...(lists.find("all") ?? [])].map((number) => number >>> 2),
    Array.from({ length: 500 }, (_, id) => id),
  );
  assert.is(lists.find("tenth")?.length, 100);
  assert.is(lists.find("only1"), undefined);
  assert.equal([...(lists.find("only8") ?? [])], [(4 << 2) | 2]);
});

const words = ["积水", "停车", "泵站", "视频", "监测", "park", "gps"];
const change = fc.record({
  code: fc.nat(40),
  owner: fc.constantFrom("/c/a", "/c/a/x", "/c/b"),
  words: fc.subarray(words, { minLength: 1 }),
  kind: fc.constantFrom(...resourceKinds),
  day: fc.integer({ min: 1, max: 28 }),
  gone: fc.integer({ min: 0, max: 3 }).map((number) => number === 0),
});

test("a search finds what reading everything would find, page by page", () => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 120 }),
      fc.subarray(words, { maxLength: 2 }),
      fc.constantFrom(...searchOrders),
      fc.option(fc.constantFrom(...resourceKinds), { nil: undefined }),
      fc.constantFrom("", "/c/a", "/c/b"),
      fc.integer({ min: 1, max: 7 }),
      (changes, wanted, order, kind, area, pageSize) => {
        const index = new SearchIndex();
        const model = new Map<string, CatalogEntry>();
        for (const it of changes) {
          const name = { owner: it.owner, code: codeOf(it.code) };
          if (it.gone) {
            index.remove(name);
            model.delete(entryText(name));
            continue;
          }
          const publishedOn = `2026-03-${String(it.day).padStart(2, "0")}`;
          const entry = makeEntry(it.code, it.words.join(" "), { kind: it.kind, publishedOn });
          index.put(name, entry);
          model.set(entryText(name), entry);
        }
        const hits = [...model].filter(
          ([text, entry]) =>
            wanted.every((word) => entry.name.zh.split(" ").includes(word)) &&
            (kind === undefined || entry.kind === kind) &&
            nameOf(text).owner.startsWith(area),
        );
        const facets = new Map(kind === undefined ? [] : ([["kind", [kind]]] as const));
        const found: string[] = [];
        let pageToken = "";
        do {
          const query = queryOf(wanted.join(" "), { order, area, facets, pageSize, pageToken });
          const page = search(index, query);
          assert.is(page.total, hits.length);
          const kinds = page.facets.filter(({ facet }) => facet === "kind");
          assert.is(
            kinds.reduce((sum, { count }) => sum + count, 0),
            hits.length,
          );
          found.push(...page.names);
          pageToken = page.nextPageToken;
        } while (pageToken !== "");
        assert.equal([...found].sort(), hits.map(([text]) => text).sort());
        const days = found.map((text) => model.get(text)?.publishedOn ?? "");
        if (order === "published") assert.equal(days, days.toSorted().toReversed());
        const titles = found.map((text) => model.get(text)?.name.zh ?? "");
        if (order === "name") assert.equal(titles, titles.toSorted());
      },
    ),
    { numRuns: 500, seed: 7 },
  );
});

test("a page that follows goes on behind the one before, whatever comes and goes between", () => {
  const index = new SearchIndex();
  for (let number = 0; number < 60; number += 2) {
    index.put({ owner, code: codeOf(number) }, makeEntry(number, "数据"));
  }
  const first = search(index, queryOf("数据", { pageSize: 10 }));
  index.remove({ owner, code: codeOf(18) });
  for (const number of [1, 3, 21]) {
    index.put({ owner, code: codeOf(number) }, makeEntry(number, "数据"));
  }
  const query = queryOf("数据", { pageSize: 3, pageToken: first.nextPageToken });
  assert.equal(
    search(index, query).names.map((name) => nameOf(name).code),
    [codeOf(20), codeOf(21), codeOf(22)],
  );
});

test("many changes of the same entries do not make the index grow for ever", () => {
  const index = new SearchIndex();
  for (let round = 0; round < 30; round += 1) {
    for (let number = 0; number < 1_000; number += 1) {
      index.put({ owner, code: codeOf(number) }, makeEntry(number, `数据${round}`));
    }
  }
  assert.is(index.size, 1_000);
  assert.ok(index.names.length <= 15_000, `${index.names.length} ids`);
  assert.is(search(index, queryOf("数据29")).total, 1_000);
  assert.is(search(index, queryOf("数据28")).total, 0);
});
