import { cleanText, formatTable } from "@cloudbrain/sdk/cli";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("tables");

test("Chinese characters take two cells", () => {
  const rows = [
    ["/3702", "青岛市", "online"],
    ["/3702/370202", "Shinan 市南区", "offline"],
  ];
  assert.equal(formatTable(["ADDRESS", "名称", "STATE"], rows).split("\n"), [
    "ADDRESS       名称           STATE",
    "/3702         青岛市         online",
    "/3702/370202  Shinan 市南区  offline",
  ]);
});

test("a column of figures is right-aligned, one of versions is not", () => {
  const rows = [
    ["1,234.5", "1.0.0", "a"],
    ["-", "12.0.0", "b"],
    ["98%", "1.0.0", "c"],
  ];
  assert.equal(formatTable(["COUNT", "VERSION", "X"], rows).split("\n"), [
    "  COUNT  VERSION  X",
    "1,234.5  1.0.0    a",
    "      -  12.0.0   b",
    "    98%  1.0.0    c",
  ]);
});

test("a table without rows is its headings, and missing cells are empty", () => {
  assert.is(formatTable(["A", "B"], []), "A  B");
  assert.is(formatTable(["A", "B"], [["x"]]), "A  B\nx");
});

test("colours take no room", () => {
  const rows = [
    ["\u001b[32monline\u001b[39m", "1"],
    ["suspect", "2"],
  ];
  assert.equal(formatTable(["STATE", "N"], rows).split("\n"), [
    "STATE    N",
    "\u001b[32monline\u001b[39m   1",
    "suspect  2",
  ]);
});

test("what a node calls itself can't move the cursor, reverse the text or break the line", () => {
  assert.is(cleanText("a\u001b[2Jb\r\nc\u009b1md"), "a [2Jb c 1md");
  assert.is(cleanText("x\u202ey\u2028z"), "x y z");
  assert.is(cleanText("市南区 ok"), "市南区 ok");
});
