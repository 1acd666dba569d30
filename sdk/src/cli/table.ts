// Tables for terminals. Chinese characters take two cells each; columns of figures are
// right-aligned.

import stringWidth from "string-width";

// 12, -1,234.5, 98.4%; no version 1.0.0.
const figures = /^-?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?%?$/;

/** Rows of texts below their headings; no trailing white space. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = headings.map((heading, column) =>
    rows.reduce(
      (width, row) => Math.max(width, stringWidth(row[column] ?? "")),
      stringWidth(heading),
    ),
  );
  const isFigure = headings.map(
    (_, column) => rows.length > 0 && rows.every((row) => isFigureText(row[column] ?? "")),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => {
        const room = " ".repeat(Math.max(0, (widths[column] ?? 0) - stringWidth(cell)));
        return isFigure[column] === true ? room + cell : cell + room;
      })
      .join("  ")
      .trimEnd();
  return [headings, ...rows].map(line).join("\n");
}

function isFigureText(text: string): boolean {
  return text === "-" || figures.test(text);
}

// What a node calls itself must not move the cursor or colour the screen of who lists it: controls
// of ASCII and Latin-1, marks that reverse the direction of writing, line separators.
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;

/** One line that shows as it reads, whoever wrote it. */
export function cleanText(text: string): string {
  return text.replace(unprintable, " ");
}
