import {
  type CatalogEntry,
  classificationOf,
  creditCheckCharacter,
  encodeEntry,
  entryBounds,
  findProblems,
  isCreditCode,
  isResourceCode,
  parseEntry,
  type ResourceDescription,
  type ResourceDraft,
} from "@cloudbrain/sdk/catalog";
import { isMeshError, limits } from "@cloudbrain/sdk/domain";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { creditCodeOf, descriptions, makeResource } from "../support/catalog-entries.ts";
import { suite } from "../support/suite.ts";

const test = suite("catalog entries");
const owner = "/3702/370202/s-water";
const stamp = { level: "", division: "", industry: "water", region: "", changedAtMs: 7 };

function pathsOf(description: ResourceDescription): readonly string[] {
  return findProblems(description, owner).map(({ path }) => path);
}

test("codes of resources are those of the classification", () => {
  assert.equal(classificationOf("307010100/000001"), {
    category: "3",
    section: "07",
    subject: "010",
    detail: "100",
  });
  assert.ok(isResourceCode("307010/1"));
  for (const code of ["", "307010", "30701/1", "307010/", "307010/a", "307010/1/2", "x07010/1"]) {
    assert.not(isResourceCode(code), code);
  }
});

test("credit codes are judged by their check character, as the standard's own example", () => {
  assert.ok(isCreditCode("91350100M000100Y43"));
  assert.is(creditCheckCharacter("91350100M000100Y4"), "3");
  for (const code of ["91350100M000100Y44", "91350100m000100y43", "9135010OM000100Y43", ""]) {
    assert.not(isCreditCode(code), code);
  }
});

test("a credit code with one wrong or two exchanged characters is refused", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(16), fc.integer({ min: 1, max: 9 }), (number, at, by) => {
      const code = creditCodeOf(number);
      const digit = Number(code.charAt(at));
      const wrong = code.slice(0, at) + String((digit + by) % 10) + code.slice(at + 1);
      assert.not(isCreditCode(wrong), wrong);
    }),
    { numRuns: 300, seed: 1 },
  );
});

test("every sound description passes, and comes back from its bytes as it went", () => {
  fc.assert(
    fc.property(descriptions, (description) => {
      assert.equal(findProblems(description, owner), []);
      const entry: CatalogEntry = { ...description, ...stamp };
      assert.equal(parseEntry(encodeEntry(entry), owner), entry);
    }),
    { numRuns: 300, seed: 2 },
  );
});

test("whatever the bytes are, reading answers an entry or a refusal", () => {
  const bytes = encodeEntry({ ...makeResource(1), ...stamp });
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, cut) => {
      const damaged = bytes.slice(0, Math.max(at + 1, cut));
      damaged[at] = value;
      try {
        parseEntry(damaged, owner);
      } catch (error) {
        assert.ok(isMeshError(error) && error.code === "RESOURCE_INVALID", String(error));
      }
    }),
    { numRuns: 1_000, seed: 3 },
  );
});

const camera = { id: "c1", name: "", longitude: 120, latitude: 36 };
const long = "x".repeat(entryBounds.abstract + 1);

const wrong: readonly (readonly [path: string, change: Partial<ResourceDraft>])[] = [
  ["code", { code: "307010100" }],
  ["name.zh", { name: { zh: " " } }],
  ["name.zh", { name: { zh: "abc\u202edef" } }],
  ["name.en", { name: { zh: "数据", en: "a\u0000b" } }],
  ["provider.code", { provider: { name: "水务局", code: "91350100M000100Y44" } }],
  ["provider.name", { provider: { name: "", code: creditCodeOf(1) } }],
  ["abstract", { abstract: long }],
  ["publishedOn", { publishedOn: "2026-02-29" }],
  ["sharingConditions", { sharing: "conditional" }],
  ["sharingConditions", { sharingConditions: "本市" }],
  ["sharingWay", { sharingWay: "" }],
  ["open", { open: true, sharing: "notShared", sharingConditions: "涉密" }],
  ["items[1].name", { items: [0, 1].map(() => ({ name: "水位", type: "number" as const })) }],
  ["items[0].length", { items: [{ name: "水位", type: "number", length: -1 }] }],
  ["relatedCodes[0]", { relatedCodes: ["水位"] }],
  ["relatedCodes[0]", { relatedCodes: [makeResource(1).code] }],
  ["endpoints[0].protocol", { endpoints: [{ protocol: "HTTP S", address: "x" }] }],
  ["endpoints[0].address", { endpoints: [{ protocol: "rtsp", address: "rtsp://a:b@c/1" }] }],
  ["visibleUpTo", { visibleUpTo: "/3702/370203" }],
  ["application", { application: { entryUrl: "https://a.example", version: "1" } }],
  ["application", { kind: "application" }],
  [
    "application.entryUrl",
    { kind: "application", application: { entryUrl: "javascript:alert(1)", version: "1" } },
  ],
  ["data.files[0].name", { data: { tables: [], files: [{ name: "../a", bytes: 1, sha256: "" }] } }],
  ["data.files[0].sha256", { data: { tables: [], files: [{ name: "a", bytes: 1, sha256: "X" }] } }],
  [
    "infrastructure.cameras[1].id",
    { kind: "infrastructure", infrastructure: { units: [], cameras: [camera, camera] } },
  ],
  [
    "infrastructure.cameras[0].latitude",
    {
      kind: "infrastructure",
      infrastructure: { units: [], cameras: [{ ...camera, latitude: Number.NaN }] },
    },
  ],
  [
    "component.methods[0].inputSchema",
    {
      kind: "component",
      component: { healthUrl: "", methods: [{ name: "a", inputSchema: "{", outputSchema: "" }] },
    },
  ],
];

for (const [path, change] of wrong) {
  test(`a wrong ${path} is refused by its path: ${JSON.stringify(change).slice(0, 60)}`, () => {
    assert.equal(pathsOf(makeResource(1, change)), [path]);
  });
}

test("all problems of an entry are told at once, and a flood of them is cut", () => {
  const paths = pathsOf(makeResource(1, { code: "", abstract: "", publishedOn: "" }));
  assert.equal(paths, ["code", "abstract", "publishedOn"]);
  const items = Array.from({ length: 200 }, () => ({ name: "", type: "string" as const }));
  assert.is(pathsOf(makeResource(1, { items })).length, 50);
});

test("an entry that no hub would take is refused where it is written", () => {
  const methods = Array.from({ length: 100 }, (_, index) => ({
    name: `m${index}`,
    inputSchema: JSON.stringify({ description: "x".repeat(1_000) }),
    outputSchema: "",
  }));
  const description = makeResource(1, { kind: "component", component: { methods, healthUrl: "" } });
  assert.equal(findProblems(description, owner), []);
  try {
    encodeEntry({ ...description, ...stamp });
    assert.unreachable();
  } catch (error) {
    assert.ok(isMeshError(error) && error.code === "PAYLOAD_TOO_LARGE", String(error));
    assert.match(error.detail ?? "", String(limits.catalogEntryBytesMax));
  }
});
