// Loop disk: an ext4 file system inside a file. Whoever creates one closes it.
//
// A copy of the file, taken while its writer stands still, holds what that file system has written
// out, as a disk does after a power cut; mounting the copy replays its journal.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { undoAtEnd } from "../support/process-scratch.ts";

export interface LoopDisk {
  readonly image: string;
  readonly mountPoint: string;
  close(): void;
}

/** Why this machine has no loop disks, or undefined when it has. */
export function whyNoLoopDisks(directory: string): string | undefined {
  if (process.platform !== "linux") return "loop disks are for Linux";
  if (process.getuid?.() !== 0) return "mounting a disk needs root";
  if (!existsSync("/dev/loop-control")) return "there is no /dev/loop-control";
  try {
    createLoopDisk(join(directory, "probe"), 8).close();
    return undefined;
  } catch (error) {
    return `a loop disk can't be made: ${(error as Error).message.split("\n")[0]}`;
  }
}

export function createLoopDisk(directory: string, sizeMiB: number): LoopDisk {
  mkdirSync(directory, { recursive: true });
  const image = join(directory, "image");
  writeFileSync(image, "");
  truncateSync(image, sizeMiB * 1024 * 1024);
  run("mkfs.ext4", ["-q", "-F", image]);
  return mountImage(image, join(directory, "mount"));
}

/** Copies a disk as it is at this moment and mounts the copy. */
export function copyLoopDisk(disk: LoopDisk, directory: string): LoopDisk {
  mkdirSync(directory, { recursive: true });
  const image = join(directory, "image");
  run("cp", ["--sparse=always", disk.image, image]);
  return mountImage(image, join(directory, "mount"));
}

function mountImage(image: string, mountPoint: string): LoopDisk {
  mkdirSync(mountPoint, { recursive: true });
  run("mount", ["-o", "loop", image, mountPoint]);
  let isMounted = true;
  const close = (): void => {
    if (!isMounted) return;
    isMounted = false;
    run("umount", [mountPoint]);
    rmSync(image, { force: true });
  };
  // Lazily, when a signal ends the run: whoever still writes there is about to end as well.
  undoAtEnd(() => {
    if (isMounted) run("umount", ["--lazy", mountPoint]);
    isMounted = false;
  });
  return { image, mountPoint, close };
}

function run(command: string, flags: readonly string[]): void {
  execFileSync(command, [...flags], { stdio: ["ignore", "ignore", "pipe"] });
}
