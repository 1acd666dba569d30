// Identity file: one key or certificate on disk, written whole and read with a reason on failure.
//
//   Y8  A private key is readable by its owner alone from the moment it has a name.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { MeshError } from "../domain/index.ts";

/** A directory that is made here is readable by its owner alone; one that exists stays as it is. */
export function ensurePrivateDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    refuseFile(directory, `the directory can't be made (${systemCodeOf(cause)})`, cause);
  }
}

const modes = { secret: 0o600, public: 0o644 } as const;

/** A file that exists has its old or its new content, never a part of it. */
export function replaceIdentityFile(file: string, text: string, mode: keyof typeof modes): void {
  const fresh = `${file}.${process.pid}.new`;
  try {
    // One that a process before us left behind would keep its own mode.
    rmSync(fresh, { force: true });
    writeFileSync(fresh, text, { mode: modes[mode], flag: "wx" });
    renameSync(fresh, file);
  } catch (cause) {
    rmSync(fresh, { force: true });
    refuseFile(file, `the file can't be written (${systemCodeOf(cause)})`, cause);
  }
}

/** Refuses with CONFIG_INVALID, the file and the reason; `hint` follows on "is missing". */
export function readIdentityFile(file: string, hint = ""): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const code = systemCodeOf(cause);
    const why =
      code === "ENOENT" ? `the file is missing${hint}` : `the file can't be read (${code})`;
    refuseFile(file, why, cause);
  }
}

function refuseFile(file: string, detail: string, cause: unknown): never {
  throw new MeshError("CONFIG_INVALID", { subject: file, detail, cause });
}

function systemCodeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
}
