// Scratch: a temporary directory of a run that is gone when the run ends, however it ends.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What must be undone before the directory can go, such as mounts; newest first. */
const undoings: (() => void)[] = [];

/** `undo` may be called twice and must be synchronous, since a signal may be what calls it. */
export function undoAtEnd(undo: () => void): void {
  undoings.unshift(undo);
}

/** Runs `body` with a new directory. Interrupted by a signal, it cleans up and exits with 130. */
export async function withScratch<Result>(
  name: string,
  body: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), `cloudbrain-${name}-`));
  const cleanUp = (): void => {
    for (const undo of undoings.splice(0)) undo();
    rmSync(directory, { recursive: true, force: true });
  };
  const interrupted = (): void => {
    // Hosted processes end by themselves when we are gone; what they still write is lost with them.
    cleanUp();
    process.exit(130);
  };
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  try {
    return await body(directory);
  } finally {
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
    cleanUp();
  }
}
