// The line by which one test file tells the runner what it counted.

/** What one test file counted. `registered` is passed + failed + skipped when all tests ran. */
export interface FileCount {
  readonly registered: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Every suite of the file ran to its end. */
  readonly finished: boolean;
  /** The process was still alive long after its last test. */
  readonly hung: boolean;
}

const marker = "#file-count ";

export function formatFileCount(count: FileCount): string {
  return marker + JSON.stringify(count);
}

/** Takes the count line out of what a test file printed; the last one counts. */
export function splitFileCount(output: string): { text: string; count: FileCount | undefined } {
  const lines = output.split("\n");
  const found = lines.filter((line) => line.startsWith(marker)).at(-1);
  const text = lines.filter((line) => !line.startsWith(marker)).join("\n");
  return { text, count: found === undefined ? undefined : parseCount(found.slice(marker.length)) };
}

function parseCount(json: string): FileCount | undefined {
  const value: unknown = JSON.parse(json);
  return isFileCount(value) ? value : undefined;
}

function isFileCount(value: unknown): value is FileCount {
  if (typeof value !== "object" || value === null) return false;
  const entries = new Map<string, unknown>(Object.entries(value));
  return (
    ["registered", "passed", "failed", "skipped"].every((name) =>
      Number.isSafeInteger(entries.get(name)),
    ) && ["finished", "hung"].every((name) => typeof entries.get(name) === "boolean")
  );
}
