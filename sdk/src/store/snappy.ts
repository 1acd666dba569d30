// Snappy, reading only: LevelDB compresses the index of a table with it, and the index says where
// the blocks are. The format is google/snappy's format_description.txt.

import { ByteCursor, MalformedBytes } from "./byte-cursor.ts";

/** Beyond this nothing is allocated; the index of a 2 MiB table has a few KiB. */
const outputBytesMax = 64 * 1024 * 1024;

/** The plain bytes of one raw Snappy block. Throws MalformedBytes. */
export function decodeSnappy(input: Uint8Array): Uint8Array {
  const cursor = new ByteCursor(input);
  const length = cursor.readVarint();
  if (length > outputBytesMax) throw new MalformedBytes("a compressed block is too large");
  const output = new Uint8Array(length);
  let written = 0;
  while (!cursor.isAtEnd) {
    const tag = cursor.readByte();
    if ((tag & 3) === 0) {
      const literal = cursor.readBytes(readLiteralLength(cursor, tag >>> 2));
      if (written + literal.length > length) throw new MalformedBytes("a literal is too long");
      output.set(literal, written);
      written += literal.length;
      continue;
    }
    const copy = readCopy(cursor, tag);
    if (copy.offset === 0 || copy.offset > written || written + copy.length > length) {
      throw new MalformedBytes("a copy lies outside of the output");
    }
    // Byte by byte, since a copy may overlap what it writes: that is how runs are encoded.
    for (const end = written + copy.length; written < end; written += 1) {
      output[written] = output[written - copy.offset] as number;
    }
  }
  if (written !== length) throw new MalformedBytes("a compressed block is too short");
  return output;
}

function readLiteralLength(cursor: ByteCursor, code: number): number {
  if (code < 60) return code + 1;
  return readLittleEndian(cursor, code - 59) + 1;
}

function readCopy(cursor: ByteCursor, tag: number): { offset: number; length: number } {
  if ((tag & 3) === 1) {
    return { length: ((tag >>> 2) & 7) + 4, offset: ((tag >>> 5) << 8) | cursor.readByte() };
  }
  return { length: (tag >>> 2) + 1, offset: readLittleEndian(cursor, (tag & 3) === 2 ? 2 : 4) };
}

function readLittleEndian(cursor: ByteCursor, bytes: number): number {
  let value = 0;
  for (let index = 0; index < bytes; index += 1) value += cursor.readByte() * 256 ** index;
  return value;
}
