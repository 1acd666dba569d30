// Results: one record per measurement, as a line of JSON or of a table for people.

export interface Target {
  readonly field: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface BenchResult {
  readonly bench: string;
  /** Figures by name; units end the names. */
  readonly figures: Readonly<Record<string, number | string | boolean>>;
  readonly targets?: readonly Target[];
}

export interface BenchRun {
  /** Scratch directory of the whole run. */
  readonly directory: string;
  readonly isShort: boolean;
  /** Directory for CPU profiles of all processes. */
  readonly profile: string | undefined;
  readonly report: (result: BenchResult) => void;
  /** A word about what is going on, for people who wait. */
  readonly note: (text: string) => void;
}

export function formatJson({ bench, figures }: BenchResult): string {
  return JSON.stringify({ bench, ...figures });
}

/** The figures in one line, then a line for every target. */
export function formatText({ bench, figures, targets = [] }: BenchResult): string {
  const named = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  const lines = [`${bench.padEnd(10)}${named.join("  ")}`];
  for (const target of targets) lines.push(`${" ".repeat(10)}${formatTarget(figures, target)}`);
  return lines.join("\n");
}

function formatTarget(figures: BenchResult["figures"], target: Target): string {
  const { field, atLeast, atMost } = target;
  const wanted = atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
  return `target ${field} ${wanted}: ${isMet(figures, target) ? "met" : "NOT met"}`;
}

function isMet(
  figures: BenchResult["figures"],
  { field, atLeast = -Infinity, atMost = Infinity }: Target,
): boolean {
  const value = figures[field];
  return typeof value === "number" && value >= atLeast && value <= atMost;
}
