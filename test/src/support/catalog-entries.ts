// Entries of a catalog for tests: sound ones, by code and by chance.

import {
  creditCheckCharacter,
  itemTypes,
  type ResourceDescription,
  type ResourceDraft,
  resource,
  resourceKinds,
  sharingTypes,
  updateCycles,
} from "@cloudbrain/sdk/catalog";
import fc, { type Arbitrary } from "fast-check";

/** 18 characters whose check character holds. */
export function creditCodeOf(number: number): string {
  const body = `113702${String(number % 1e11).padStart(11, "0")}`;
  return body + creditCheckCharacter(body);
}

export function codeOf(number: number, classification = "307010100"): string {
  return `${classification}/${String(number).padStart(6, "0")}`;
}

export function makeResource(number: number, change: Partial<ResourceDraft> = {}) {
  return resource({
    code: codeOf(number),
    kind: "data",
    name: { zh: `积水点监测数据${number}`, en: `Ponding points ${number}` },
    provider: { name: "青岛市水务局", code: creditCodeOf(number) },
    abstract: "城区积水点的水位和位置",
    sharing: "unconditional",
    sharingWay: "接口",
    updateCycle: "daily",
    publishedOn: "2026-03-01",
    items: [{ name: "水位", type: "number", length: 10 }],
    ...change,
  });
}

const word = fc.stringMatching(/^[A-Za-z0-9积水点监测数据青岛市]{1,12}$/);
const words = fc.array(word, { minLength: 1, maxLength: 4 }).map((list) => list.join(" "));
const count = fc.nat(1_000_000);
/** Records as the codec makes them. */
const plain = { noNullPrototype: true } as const;

const kinds: Arbitrary<Partial<ResourceDraft> & Pick<ResourceDraft, "kind">> = fc.oneof(
  fc.constantFrom(...resourceKinds.filter((kind) => kind !== "application")).map((kind) => ({
    kind,
  })),
  fc
    .record({ entryUrl: fc.constant("https://app.example/entry"), version: word }, plain)
    .map((it) => ({
      kind: "application" as const,
      application: it,
    })),
  fc
    .uniqueArray(fc.record({ name: word, rows: count }, plain), { selector: ({ name }) => name })
    .map((tables) => ({ kind: "data" as const, data: { tables, files: [] } })),
  fc.record({ type: word, model: words, count }, plain).map((unit) => ({
    kind: "infrastructure" as const,
    infrastructure: { units: [unit], cameras: [] },
  })),
  fc.record({ name: word, inputSchema: fc.constant('{"type":"object"}') }).map((method) => ({
    kind: "component" as const,
    component: { methods: [{ ...method, outputSchema: "" }], healthUrl: "" },
  })),
);

/** Sound descriptions of every kind. */
export const descriptions: Arbitrary<ResourceDescription> = fc
  .record({
    number: fc.nat(999_999),
    kind: kinds,
    zh: words,
    en: fc.option(words, { nil: undefined }),
    abstract: words,
    sharing: fc.constantFrom(...sharingTypes),
    cycle: fc.constantFrom(...updateCycles),
    items: fc.uniqueArray(
      fc.record({
        name: word,
        type: fc.constantFrom(...itemTypes),
        length: fc.nat(1000),
        sensitive: fc.boolean(),
      }),
      { selector: ({ name }) => name, maxLength: 5 },
    ),
    open: fc.boolean(),
  })
  .map(({ number, kind, zh, en, abstract, sharing, cycle, items, open }) =>
    makeResource(number, {
      name: en === undefined ? { zh } : { zh, en },
      abstract,
      sharing,
      sharingConditions: sharing === "unconditional" ? "" : "仅限本市使用",
      open: open && sharing !== "notShared",
      updateCycle: cycle,
      items,
      ...kind,
    }),
  );
