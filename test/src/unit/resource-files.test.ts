import { formatDiagnostic, parseResourceCsv, parseResourceYaml } from "@cloudbrain/sdk/definition";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { creditCodeOf } from "../support/catalog-entries.ts";
import { suite } from "../support/suite.ts";

const test = suite("files of resources");
const credit = creditCodeOf(1);

const sound = `- code: 307010100/000001
  kind: data
  name: { zh: 积水点, en: Ponding points }
  provider: { name: 水务局, code: "${credit}" }
  abstract: 水位
  sharing: unconditional
  sharingWay: 接口
  updateCycle: daily
  publishedOn: "2026-03-01"
  items:
    - { name: 水位, type: number, length: 10 }
    - { name: 照片, type: binary, sensitive: true }
- code: 307010100/000002
  kind: application
  name: 停车系统
  provider: { name: 交通局, code: "${credit}" }
  abstract: 车位
  sharing: conditional
  sharingConditions: 本市
  sharingWay: 页面
  updateCycle: realtime
  publishedOn: "2026-03-01"
  application: { entryUrl: "https://parking.example/", version: 2 }
`;

function told(text: string, file = "r.yaml"): readonly string[] {
  const parse = file.endsWith(".csv") ? parseResourceCsv : parseResourceYaml;
  return parse(text, file).diagnostics.map(formatDiagnostic);
}

test("YAML holds one resource or a list, with what is left out empty", () => {
  const { resources, diagnostics } = parseResourceYaml(sound, "r.yaml");
  assert.equal(diagnostics, []);
  assert.equal(
    resources.map(({ code, name, items, application }) => [code, name, items.length, application]),
    [
      ["307010100/000001", { zh: "积水点", en: "Ponding points" }, 2, undefined],
      [
        "307010100/000002",
        { zh: "停车系统" },
        0,
        { entryUrl: "https://parking.example/", version: "2" },
      ],
    ],
  );
});

test("mistakes in YAML are told with file, line and column, and what was meant", () => {
  const wrong = sound
    .replace("kind: data", "kind: date")
    .replace("type: number", "type: numbr")
    .replace("sharingConditions", "sharingCondition");
  const lines = told(wrong);
  assert.match(lines[0] ?? "", /^r\.yaml:2:9: error RESOURCE_INVALID: kind: .*meant data\?/);
  assert.match(lines[1] ?? "", /^r\.yaml:11:25: .*items\[0\]\.type: .*meant number\?/);
  assert.ok(
    lines.some((line) => /did you mean sharingConditions\?/.test(line)),
    lines.join("\n"),
  );
  assert.match(told(sound.replace('"2026-03-01"', '"2026-02-31"'))[0] ?? "", /^r\.yaml:9:16: /);
  assert.match(told(sound.replace(credit, "X"))[0] ?? "", /:4:\d+: .*provider\.code/);
  assert.match(told("- 1\n")[0] ?? "", /:1:3: .*it must have fields/);
});

const heading =
  "信息资源代码,资源类别,信息资源名称,信息资源提供方,提供方代码,信息资源摘要,信息项,共享类型,共享方式,更新周期,发布日期,是否开放";
const row = `307010100/000001,数据,"积水点, ""城区""",水务局,${credit},"第一行
第二行",水位:number:10;照片:binary,无条件共享,接口,每日,2026-03-01,是`;

test("CSV in the guideline's words, quotes and a byte order mark included", () => {
  const { resources, diagnostics } = parseResourceCsv(`\uFEFF${heading}\r\n${row}\r\n`, "r.csv");
  assert.equal(diagnostics, []);
  const [resource] = resources;
  assert.is(resource?.name.zh, '积水点, "城区"');
  assert.is(resource?.abstract, "第一行\n第二行");
  assert.equal(
    resource?.items.map(({ name, type, length }) => [name, type, length]),
    [
      ["水位", "number", 10],
      ["照片", "binary", 0],
    ],
  );
  assert.equal(
    [resource?.sharing, resource?.updateCycle, resource?.open],
    ["unconditional", "daily", true],
  );
});

test("mistakes in CSV are told with the line and column of their cell", () => {
  const wrong = `${heading}\n${row}\n${row.replace("2026-03-01", "1.3.2026")}\n`;
  assert.match(told(wrong, "r.csv")[0] ?? "", /^r\.csv:5:\d+: error RESOURCE_INVALID: publishedOn/);
  assert.match(
    told(`${heading.replace("共享类型", "共享类")}\n`, "r.csv")[0] ?? "",
    /did you mean 共享类型\?/,
  );
  assert.match(told(`${heading}\n"a`, "r.csv")[0] ?? "", /^r\.csv:2:1: .*never closed/);
  assert.match(told("", "r.csv")[0] ?? "", /the file is empty/);
});

test("whatever stands in a file, reading it ends with resources or places", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.array(fc.constantFrom(...'",;\n\r:a积[]{}- '), { maxLength: 60 }).map((it) => it.join("")),
    fc
      .tuple(fc.nat(sound.length), fc.constantFrom(...'"{}[]:-\n \0'))
      .map(([at, mark]) => sound.slice(0, at) + mark + sound.slice(at + 1)),
  );
  fc.assert(
    fc.property(text, fc.constantFrom("", heading), (body, head) => {
      for (const parse of [parseResourceYaml, parseResourceCsv]) {
        for (const { line, column } of parse(`${head}\n${body}`, "f").diagnostics) {
          assert.ok(line >= 1 && column >= 1);
        }
      }
    }),
    { numRuns: 1_000, seed: 9 },
  );
});
