// Report: one line for each part of the store test.

export interface PartReport {
  readonly part: string;
  /** What was tried and found, with figures. */
  readonly summary: string;
  readonly silentlyWrong: number;
  readonly lost: number;
  /** Anything else that makes the part fail. */
  readonly problems: readonly string[];
  readonly skipped?: string;
}

export function printReports(reports: readonly PartReport[]): void {
  for (const { part, summary, silentlyWrong, lost, problems, skipped } of reports) {
    const mark =
      skipped !== undefined ? "skip" : isGood(silentlyWrong, lost, problems) ? "ok" : "FAIL";
    console.log(
      `${mark.padEnd(5)}${part.padEnd(14)}${skipped === undefined ? summary : `skipped: ${skipped}`}`,
    );
    for (const problem of problems.slice(0, 20)) console.log(`     ${problem}`);
  }
}

function isGood(silentlyWrong: number, lost: number, problems: readonly string[]): boolean {
  return silentlyWrong === 0 && lost === 0 && problems.length === 0;
}

export function isPassed(reports: readonly PartReport[], allowSkip: boolean): boolean {
  return reports.every(({ silentlyWrong, lost, problems, skipped }) =>
    skipped === undefined ? isGood(silentlyWrong, lost, problems) : allowSkip,
  );
}
