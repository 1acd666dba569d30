// LevelDB log reader: checks the framing of a `*.log` or `MANIFEST-*` file and yields its records.
//
// LevelDB itself drops what follows a bad record and goes on as if it had never been written. This
// reader decides the question that LevelDB leaves open: is a bad end a write that a crash cut off,
// or damage to something that was acknowledged?
//
//   L1  A record that lies whole in the file and fails its checksum is damage, wherever it is:
//       an append leaves a prefix of a record behind, never a whole record with other bytes.
//   L2  A record that the end of the file cuts off is a torn write, unless its checksum holds for
//       some shorter length (then its length field is damaged) or a valid record follows.
//   L3  Zeros from a record boundary to the end of the file are a torn write: a file system may
//       have grown the file before it wrote the data. A valid record behind zeros is damage.
//   L4  What L2 and L3 leave torn is allowed at the end of the file only; the caller says whether
//       this file may have such an end at all.
//
// Format (LevelDB doc/log_format.md): blocks of 32 KiB; a record is `u32 LE masked crc32c of type
// and payload, u16 LE length, u8 type`, payload; it never crosses a block; the last bytes of a
// block that are too few for a header are padding.

import { crc32cOfRange, unmaskCrc32c } from "./crc32c.ts";
import type { FileWindow } from "./file-window.ts";
import { createDamage } from "./store-damage.ts";

const blockBytes = 32 * 1024;
const headerBytes = 7;

const fullType = 1;
const firstType = 2;
const middleType = 3;
const lastType = 4;

interface LogScan {
  /** Whole logical records. */
  readonly records: number;
  /** Where a torn write begins, or `undefined` when the file ends with a whole record. */
  readonly tornAtByte: number | undefined;
}

/** Called with every whole logical record; the view is valid during the call only. */
type RecordVisitor = (record: Uint8Array, offset: number) => void;

interface RecordHeader {
  readonly crc: number;
  readonly length: number;
  readonly type: number;
}

/** Reads the whole file. Throws STORE_CORRUPT with the byte offset of the first damaged record. */
export async function scanLevelLog(file: FileWindow, visit?: RecordVisitor): Promise<LogScan> {
  const assembly = new RecordAssembly(file.path, visit);
  for (let start = 0; start < file.sizeBytes; start += blockBytes) {
    const block = await file.read(start, blockBytes);
    const isCutOff = block.length < blockBytes;
    let at = 0;
    while (block.length - at >= headerBytes) {
      const header = readHeader(block, at);
      const end = at + headerBytes + header.length;
      if (isZeroHeader(header)) {
        await assertNothingFollows(file, start, at, "zeros");
        return assembly.end(start + at);
      }
      if (end > block.length) {
        if (!isCutOff) {
          throw createDamage(file.path, start + at, "a log record is longer than its block");
        }
        assertTornNotDamaged(file.path, block, at, start, header);
        await assertNothingFollows(file, start, at, "an incomplete record");
        return assembly.end(start + at);
      }
      if (!isIntact(block, at, header)) {
        throw createDamage(file.path, start + at, "a log record does not match its checksum");
      }
      assembly.add(header.type, block.subarray(at + headerBytes, end), start + at);
      at = end;
    }
    // A header that the end of the file cuts off: the very first bytes of a torn write.
    if (isCutOff && at < block.length) return assembly.end(start + at);
  }
  return assembly.end(undefined);
}

/** Joins the fragments of a logical record. */
class RecordAssembly {
  readonly #path: string;
  readonly #visit: RecordVisitor | undefined;
  #fragments: Uint8Array[] = [];
  #openBytes = 0;
  #openedAt: number | undefined;
  #records = 0;

  constructor(path: string, visit: RecordVisitor | undefined) {
    this.#path = path;
    this.#visit = visit;
  }

  add(type: number, payload: Uint8Array, offset: number): void {
    if (type === fullType || type === firstType) {
      // Old writers left an empty first fragment at the end of a block; LevelDB forgives it.
      if (this.#openedAt !== undefined && this.#openBytes > 0) {
        throw createDamage(this.#path, this.#openedAt, "a log record has a start and no end");
      }
      this.#fragments = [];
      this.#openBytes = 0;
      this.#openedAt = offset;
    } else if (type !== middleType && type !== lastType) {
      throw createDamage(this.#path, offset, `a log record has the unknown type ${type}`);
    } else if (this.#openedAt === undefined) {
      throw createDamage(this.#path, offset, "a log record has an end and no start");
    }
    this.#openBytes += payload.length;
    const isLast = type === fullType || type === lastType;
    // A copy unless it is used at once: the view is gone after the next block is read.
    if (this.#visit !== undefined) this.#fragments.push(isLast ? payload : payload.slice());
    if (isLast) this.#close(offset);
  }

  end(tornAtByte: number | undefined): LogScan {
    return { records: this.#records, tornAtByte: this.#openedAt ?? tornAtByte };
  }

  #close(offset: number): void {
    const [only] = this.#fragments;
    if (this.#visit !== undefined && only !== undefined) {
      const record = this.#fragments.length === 1 ? only : Buffer.concat(this.#fragments);
      this.#visit(record, this.#openedAt ?? offset);
    }
    this.#fragments = [];
    this.#openBytes = 0;
    this.#openedAt = undefined;
    this.#records += 1;
  }
}

function readHeader(block: Uint8Array, at: number): RecordHeader {
  const view = new DataView(block.buffer, block.byteOffset + at, headerBytes);
  return {
    crc: view.getUint32(0, true),
    length: view.getUint16(4, true),
    type: view.getUint8(6),
  };
}

function isZeroHeader(header: RecordHeader): boolean {
  return header.crc === 0 && header.length === 0 && header.type === 0;
}

function isIntact(block: Uint8Array, at: number, header: RecordHeader): boolean {
  const end = at + headerBytes + header.length;
  return crc32cOfRange(block, at + 6, end) === unmaskCrc32c(header.crc);
}

/**
 * L2: the checksum does not cover the length, so a whole record whose length has a flipped bit
 * looks exactly like a torn one. Its checksum then holds for the true length, which is tried for
 * every length in one pass.
 */
function assertTornNotDamaged(
  path: string,
  block: Uint8Array,
  at: number,
  start: number,
  header: RecordHeader,
): void {
  const expected = unmaskCrc32c(header.crc);
  let crc = 0;
  for (let index = at + 6; index < block.length; index += 1) {
    crc = crc32cOfRange(block, index, index + 1, crc);
    if (crc === expected) {
      throw createDamage(path, start + at, "the length of a log record is damaged");
    }
  }
}

/** L2, L3: looks for a valid record at every later byte of the file. */
async function assertNothingFollows(
  file: FileWindow,
  start: number,
  at: number,
  found: string,
): Promise<void> {
  for (let later = start; later < file.sizeBytes; later += blockBytes) {
    const block = await file.read(later, blockBytes);
    const from = later === start ? at + 1 : 0;
    for (let index = from; index + headerBytes <= block.length; index += 1) {
      const type = block[index + 6] as number;
      if (type < fullType || type > lastType) continue;
      const header = readHeader(block, index);
      if (index + headerBytes + header.length > block.length) continue;
      if (!isIntact(block, index, header)) continue;
      const detail = `${found} where a valid record follows at byte ${later + index}`;
      throw createDamage(file.path, start + at, detail);
    }
  }
}
