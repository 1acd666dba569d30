// File window: reads a file through one buffer, so that a block costs no call into the system
// while it lies in the part read last. A file is never held whole.

import { open } from "node:fs/promises";

/** Read at once. Below 64 KiB the calls dominate; above 1 MiB nothing is gained (measured). */
const windowBytes = 256 * 1024;

export interface FileWindow {
  readonly path: string;
  /** The size when it was opened. */
  readonly sizeBytes: number;
  /**
   * `length` bytes from `offset` on, fewer only where the file ends. The view is valid until the
   * next read.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export async function openFileWindow(path: string): Promise<FileWindow> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    let buffer = new Uint8Array(0);
    let start = 0;
    let filled = 0;
    return {
      path,
      sizeBytes: size,
      async read(offset, length) {
        const wanted = Math.max(0, Math.min(length, size - offset));
        if (offset < start || offset + wanted > start + filled) {
          const target = Math.min(Math.max(wanted, windowBytes), size - offset);
          if (buffer.length < target) buffer = new Uint8Array(target);
          start = offset;
          filled = 0;
          while (filled < target) {
            const { bytesRead } = await file.read(buffer, filled, target - filled, start + filled);
            if (bytesRead === 0) break;
            filled += bytesRead;
          }
        }
        return buffer.subarray(offset - start, Math.min(offset - start + wanted, filled));
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}
