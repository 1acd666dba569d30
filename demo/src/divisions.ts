// Divisions: the level nodes that the drill runs over, read from a CSV.
//
//   V1  Every row is checked: what is wrong is told with file, line, column and what to write.

import { readFileSync } from "node:fs";
import { type Address, levels, MeshError, parseAddress } from "@cloudbrain/sdk/domain";

export interface Division {
  /** 12 digits. */
  readonly code: string;
  readonly level: (typeof levels)[number];
  readonly name: string;
  readonly parent: Division | undefined;
  readonly address: Address;
}

const columns = ["code", "level", "name", "parent"];
/** Digits of the code that name a node of the level: city 3702, district 370202, ... */
const prefixDigits = { city: 4, district: 6, street: 9, community: 12 } as const;

export function readDivisions(file: string): readonly Division[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new MeshError("CONFIG_INVALID", {
      subject: file,
      detail: "the file can't be read; give the path of a CSV with --divisions",
      cause,
    });
  }
  return parseDivisions(text, file);
}

/** Rows may come in any order; a parent must exist and be of a higher level. */
export function parseDivisions(text: string, file: string): readonly Division[] {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const header = (lines[0] ?? "").split(",");
  columns.forEach((name, index) => {
    if (header[index] !== name) {
      refuse(
        file,
        1,
        index + 1,
        `column ${index + 1} must be "${name}", it is "${header[index] ?? ""}"`,
      );
    }
  });
  const rows = new Map<string, Row>();
  lines.slice(1).forEach((line, index) => {
    if (line === "") return;
    const row = parseRow(line, file, index + 2);
    const known = rows.get(row.code);
    if (known !== undefined)
      refuse(file, row.line, 1, `code ${row.code} stands in line ${known.line} too`);
    rows.set(row.code, row);
  });
  const divisions = new Map<string, Division>();
  for (const row of rows.values()) resolve(row, rows, divisions, file);
  const order = [...divisions.values()];
  const roots = order.filter(({ parent }) => parent === undefined);
  if (roots.length !== 1) {
    refuse(file, 1, 4, `exactly one row must have no parent, there are ${roots.length}`);
  }
  return order.sort(
    (a, b) => levels.indexOf(a.level) - levels.indexOf(b.level) || (a.code < b.code ? -1 : 1),
  );
}

interface Row {
  readonly line: number;
  readonly code: string;
  readonly level: Division["level"];
  readonly name: string;
  readonly parent: string;
}

function parseRow(line: string, file: string, number: number): Row {
  const fields = line.split(",");
  const [code = "", level = "", name = "", parent = ""] = fields;
  if (fields.length !== columns.length) {
    refuse(
      file,
      number,
      fields.length,
      `a row has ${columns.length} fields, this one ${fields.length}`,
    );
  }
  if (!/^\d{12}$/.test(code)) refuse(file, number, 1, `"${code}" is not a code of 12 digits`);
  const known = levels.find((candidate) => candidate === level);
  if (known === undefined) {
    refuse(file, number, 2, `"${level}" is not a level; write one of ${levels.join(", ")}`);
  }
  if (name === "") refuse(file, number, 3, "the name is empty");
  return { line: number, code, level: known, name, parent };
}

function resolve(
  row: Row,
  rows: ReadonlyMap<string, Row>,
  divisions: Map<string, Division>,
  file: string,
): Division {
  const known = divisions.get(row.code);
  if (known !== undefined) return known;
  let parent: Division | undefined;
  if (row.parent !== "") {
    const above = rows.get(row.parent);
    if (above === undefined) refuse(file, row.line, 4, `no row has the code ${row.parent}`);
    if (levels.indexOf(above.level) >= levels.indexOf(row.level)) {
      refuse(file, row.line, 4, `a ${row.level} can't stand below a ${above.level}`);
    }
    parent = resolve(above, rows, divisions, file);
  }
  const label = row.code.slice(0, prefixDigits[row.level]);
  const address = parseAddress(`${parent === undefined ? "" : parent.address}/${label}`);
  const division = { code: row.code, level: row.level, name: row.name, parent, address };
  divisions.set(row.code, division);
  return division;
}

function refuse(file: string, line: number, column: number, reason: string): never {
  throw new MeshError("CONFIG_INVALID", { subject: `${file}:${line}:${column}`, detail: reason });
}

/** The rows whose code begins with the prefix, and what stands above them. */
export function selectDivisions(all: readonly Division[], prefix: string): readonly Division[] {
  if (prefix === "") return all;
  const chosen = new Set<Division>();
  for (const division of all) {
    if (!division.code.startsWith(prefix)) continue;
    for (let at: Division | undefined = division; at !== undefined; at = at.parent) chosen.add(at);
  }
  if (chosen.size === 0) {
    throw new MeshError("CONFIG_INVALID", {
      subject: `--only ${prefix}`,
      detail: "no code begins with it",
    });
  }
  return all.filter((division) => chosen.has(division));
}
