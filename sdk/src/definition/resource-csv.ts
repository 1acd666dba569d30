// Resources in CSV: a heading and a row per resource, as departments keep their catalogs in tables.
//
//   C1  RFC 4180: fields in quotes may hold commas, quotes twice and line ends; a byte order mark
//       at the beginning is passed over, since spreadsheets write one.
//   C2  Headings are the names of fields, or those of the guideline's table. Lists stand in one
//       cell with `;` between the items: `水位:number:10;照片:binary`.

import type { ResourceDescription } from "../catalog/index.ts";
import type { JsonObject, JsonValue } from "../domain/index.ts";
import { closestName, type Diagnostic } from "./diagnostic.ts";
import { readResource } from "./resource-reader.ts";
import type { ResourceFile } from "./resource-yaml.ts";

const csvCharsMax = 16 * 1024 * 1024;
const diagnosticsMax = 100;

/** Headings of the guideline (政务信息资源目录编制指南) and the fields that they are. */
const headings: Readonly<Record<string, string>> = {
  信息资源代码: "code",
  资源类别: "kind",
  信息资源名称: "name.zh",
  信息资源英文名称: "name.en",
  信息资源提供方: "provider.name",
  提供方代码: "provider.code",
  信息资源摘要: "abstract",
  信息资源格式: "format",
  信息项: "items",
  共享类型: "sharing",
  共享条件: "sharingConditions",
  共享方式: "sharingWay",
  是否开放: "open",
  开放条件: "opennessConditions",
  更新周期: "updateCycle",
  发布日期: "publishedOn",
  关联资源代码: "relatedCodes",
  可见范围: "visibleUpTo",
  版本: "version",
  状态: "state",
};
const columnNames = [
  ...new Set(Object.values(headings)),
  "application.entryUrl",
  "application.version",
];

/** Values of the guideline and the words that they are, by field. */
const values: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  kind: { 基础设施: "infrastructure", 数据: "data", 组件服务: "component", 应用: "application" },
  sharing: { 无条件共享: "unconditional", 有条件共享: "conditional", 不予共享: "notShared" },
  updateCycle: {
    实时: "realtime",
    每日: "daily",
    每周: "weekly",
    每月: "monthly",
    每季度: "quarterly",
    每年: "yearly",
    不定期: "irregular",
  },
  state: { 草稿: "draft", 已发布: "published", 已暂停: "suspended" },
};

interface Cell {
  readonly text: string;
  /** Where it begins, from 1. */
  readonly line: number;
  readonly column: number;
}

/** Never throws. */
export function parseResourceCsv(text: string, file: string): ResourceFile {
  const diagnostics: Diagnostic[] = [];
  const complain = (
    at: { readonly line: number; readonly column: number },
    message: string,
  ): void => {
    const { line, column } = at;
    if (diagnostics.length >= diagnosticsMax) return;
    diagnostics.push({ file, line, column, code: "RESOURCE_INVALID", message, severity: "error" });
  };
  const start = { line: 1, column: 1 };
  if (text.length > csvCharsMax) {
    complain(start, `the file has more than ${csvCharsMax} characters: split it`);
    return { resources: [], diagnostics };
  }
  const [head, ...rows] = readRows(text.replace(/^\uFEFF/, ""), complain);
  if (head === undefined) complain(start, "the file is empty: begin with a row of headings");
  const columns = (head ?? []).map((cell) => {
    const heading = cell.text.trim();
    const name = headings[heading] ?? columnNames.find((known) => known === heading);
    if (name !== undefined) return name;
    const near = closestName(heading, [...columnNames, ...Object.keys(headings)]);
    const hint = near === undefined ? columnNames.join(", ") : `did you mean ${near}?`;
    complain(cell, `there is no column "${heading.slice(0, 40)}" (${hint})`);
    return "";
  });
  const resources: ResourceDescription[] = [];
  // What is wrong with a heading would be told again for every row.
  if (diagnostics.length > 0) return { resources, diagnostics };
  for (const row of rows) {
    const [first] = row;
    if (first === undefined || row.every(({ text: it }) => it.trim() === "")) continue;
    const read = readResource(valueOfRow(columns, row));
    if (read.ok) resources.push(read.description);
    else {
      for (const { path, reason } of read.problems) {
        const index = columns.findIndex((name) => name !== "" && path.startsWith(name));
        complain(row[index] ?? first, `${path}: ${reason}`);
      }
    }
  }
  return { resources, diagnostics };
}

function valueOfRow(columns: readonly string[], row: readonly Cell[]): JsonObject {
  const value: Record<string, JsonValue> = {};
  for (const [index, name] of columns.entries()) {
    const text = row[index]?.text.trim() ?? "";
    if (name === "" || text === "") continue;
    const [outer = "", inner] = name.split(".");
    if (inner === undefined) value[outer] = cellValue(outer, text);
    else value[outer] = { ...(value[outer] as JsonObject | undefined), [inner]: text };
  }
  return value;
}

function cellValue(name: string, text: string): JsonValue {
  const parts = (): string[] => text.split(/[;；]/).map((part) => part.trim());
  switch (name) {
    case "open":
      return ["true", "是", "yes"].includes(text)
        ? true
        : ["false", "否", "no"].includes(text)
          ? false
          : text;
    case "relatedCodes":
      return parts().filter((part) => part !== "");
    case "items":
      return parts()
        .filter((part) => part !== "")
        .map((part) => {
          const [item = "", type = "string", length = "0"] = part.split(/[:：]/);
          return { name: item.trim(), type: type.trim(), length: Number(length) };
        });
    default:
      return values[name]?.[text] ?? text;
  }
}

function readRows(
  text: string,
  complain: (at: { readonly line: number; readonly column: number }, message: string) => void,
): readonly (readonly Cell[])[] {
  const rows: Cell[][] = [];
  let row: Cell[] = [];
  let line = 1;
  let lineStart = 0;
  let at = 0;
  while (at < text.length) {
    const place = { line, column: at - lineStart + 1 };
    let cell = "";
    if (text.charAt(at) === '"') {
      at += 1;
      for (;;) {
        const quote = text.indexOf('"', at);
        if (quote < 0) {
          complain(place, "a quote is opened here and never closed");
          return rows;
        }
        cell += text.slice(at, quote);
        at = quote + 1;
        if (text.charAt(at) !== '"') break;
        cell += '"';
        at += 1;
      }
      const ends = cell.split("\n").length - 1;
      line += ends;
      if (ends > 0) lineStart = text.lastIndexOf("\n", at - 1) + 1;
    }
    const end = at;
    while (at < text.length && text.charAt(at) !== "," && text.charAt(at) !== "\n") at += 1;
    cell += text.slice(end, at).replace(/\r$/, "");
    row.push({ text: cell, ...place });
    if (text.charAt(at) === ",") {
      at += 1;
      // A comma at the very end is followed by an empty cell.
      if (at === text.length) row.push({ text: "", line, column: at - lineStart + 1 });
    } else {
      rows.push(row);
      row = [];
      at += 1;
      line += 1;
      lineStart = at;
    }
  }
  if (row.length > 0) rows.push(row);
  return rows;
}
