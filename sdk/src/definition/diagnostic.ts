// Diagnostics: what is wrong with a definition, where it stands, and what to write instead.

import { compareText } from "../domain/value.ts";

export interface Diagnostic {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units, as editors count. */
  readonly column: number;
  /** Stable within a major version, such as `UNKNOWN_KEY`. */
  readonly code: string;
  /** What is wrong, in one sentence. */
  readonly message: string;
  /** What to write instead. */
  readonly suggestion?: string;
  readonly severity: "error" | "warning";
}

/** `file:line:column: error CODE: message (suggestion)`, as compilers print it. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, column, severity, code, message, suggestion } = diagnostic;
  const hint = suggestion === undefined ? "" : ` (${suggestion})`;
  return `${file}:${line}:${column}: ${severity} ${code}: ${message}${hint}`;
}

export function compareDiagnostics(a: Diagnostic, b: Diagnostic): number {
  return a.line - b.line || a.column - b.column || compareText(a.code, b.code);
}

/** The candidate that a person most likely meant, or undefined when none is near. */
export function closestName(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/**
 * Levenshtein's distance in which two neighbours that change places count once (optimal string
 * alignment); answers `limit` for anything that is not below it.
 */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit || a.length > 64) return limit;
  let above: readonly number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a.charAt(i - 1) === b.charAt(j - 1) ? 0 : 1;
      const replaced = (row[j - 1] ?? 0) + cost;
      const best = Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
      const isSwap = a.charAt(i - 1) === b.charAt(j - 2) && a.charAt(i - 2) === b.charAt(j - 1);
      next.push(i > 1 && j > 1 && isSwap ? Math.min(best, (above[j - 2] ?? 0) + 1) : best);
    }
    above = row;
    row = next;
  }
  return row[b.length] ?? limit;
}
