// LevelDB table reader: checks every byte of an `*.ldb` file that has a meaning.
//
//   B1  Every block (data, filter, metaindex, index) matches the checksum in its trailer.
//   B2  The blocks, their trailers and the footer cover the file without a gap or an overlap, so
//       no byte escapes B1 except the padding of the footer, which LevelDB never reads.
//
// Format (LevelDB doc/table_format.md): blocks, each followed by `u8 compression, u32 LE masked
// crc32c of block and compression byte`; the last 48 bytes are the footer: the handles (varint
// offset and size) of the metaindex and the index, padding, and the magic number.

import { ByteCursor, MalformedBytes } from "./byte-cursor.ts";
import { crc32cOfRange, unmaskCrc32c } from "./crc32c.ts";
import type { FileWindow } from "./file-window.ts";
import { decodeSnappy } from "./snappy.ts";
import { createDamage } from "./store-damage.ts";

const footerBytes = 48;
const magicBytes = 8;
const trailerBytes = 5;
const magic = 0xdb4775248b80fb57n;

const plainBlock = 0;
const snappyBlock = 1;

interface BlockHandle {
  readonly offset: number;
  /** Without the trailer. */
  readonly sizeBytes: number;
}

/** Reads the whole table. Throws STORE_CORRUPT with the byte offset of the damaged block. */
export async function verifyLevelTable(file: FileWindow): Promise<void> {
  const footerAt = file.sizeBytes - footerBytes;
  if (footerAt < 0) throw createDamage(file.path, 0, "the table is shorter than its footer");
  const [metaindex, index] = await readFooter(file, footerAt);
  const handles = [metaindex, index];
  for (const parent of handles.slice()) {
    const contents = await readBlock(file, parent);
    try {
      handles.push(...parseHandles(decodeBlock(contents)));
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      throw createDamage(file.path, parent.offset, error.message, error);
    }
  }
  handles.sort((a, b) => a.offset - b.offset);
  let expected = 0;
  for (const handle of handles) {
    if (handle.offset !== expected) {
      throw createDamage(file.path, expected, "the table has a gap or an overlap between blocks");
    }
    await readBlock(file, handle);
    expected += handle.sizeBytes + trailerBytes;
  }
  if (expected !== footerAt) throw createDamage(file.path, expected, "the table has a gap");
}

async function readFooter(file: FileWindow, footerAt: number): Promise<[BlockHandle, BlockHandle]> {
  const footer = await file.read(footerAt, footerBytes);
  if (footer.length < footerBytes) throw createDamage(file.path, footerAt, "the footer is cut off");
  const view = new DataView(footer.buffer, footer.byteOffset, footer.length);
  if (view.getBigUint64(footerBytes - magicBytes, true) !== magic) {
    throw createDamage(file.path, file.sizeBytes - magicBytes, "the magic number is wrong");
  }
  try {
    const cursor = new ByteCursor(footer.subarray(0, footerBytes - magicBytes));
    return [readHandle(cursor), readHandle(cursor)];
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    throw createDamage(file.path, footerAt, error.message, error);
  }
}

/** A block with its compression byte, after its checksum has been found right. */
async function readBlock(file: FileWindow, handle: BlockHandle): Promise<Uint8Array> {
  const { offset, sizeBytes } = handle;
  if (offset + sizeBytes + trailerBytes > file.sizeBytes - footerBytes) {
    throw createDamage(file.path, offset, "a block lies outside of the table");
  }
  const block = await file.read(offset, sizeBytes + trailerBytes);
  if (block.length < sizeBytes + trailerBytes) {
    throw createDamage(file.path, offset, "a block is cut off");
  }
  const stored = new DataView(block.buffer, block.byteOffset + sizeBytes + 1, 4).getUint32(0, true);
  if (crc32cOfRange(block, 0, sizeBytes + 1) !== unmaskCrc32c(stored)) {
    throw createDamage(file.path, offset, "a block does not match its checksum");
  }
  return block.subarray(0, sizeBytes + 1);
}

function decodeBlock(block: Uint8Array): Uint8Array {
  const contents = block.subarray(0, block.length - 1);
  const compression = block[block.length - 1];
  if (compression === plainBlock) return contents;
  if (compression === snappyBlock) return decodeSnappy(contents);
  throw new MalformedBytes(`a block has the unknown compression ${compression}`);
}

/** The handles that an index or a metaindex block holds as values; its keys don't matter here. */
function parseHandles(block: Uint8Array): BlockHandle[] {
  if (block.length < 4) throw new MalformedBytes("a block has no restart count");
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const restarts = view.getUint32(block.length - 4, true);
  const entriesEnd = block.length - 4 - restarts * 4;
  if (entriesEnd < 0) throw new MalformedBytes("a block has too many restarts");
  const handles: BlockHandle[] = [];
  const cursor = new ByteCursor(block.subarray(0, entriesEnd));
  while (!cursor.isAtEnd) {
    cursor.readVarint();
    const keyBytes = cursor.readVarint();
    const valueBytes = cursor.readVarint();
    cursor.readBytes(keyBytes);
    handles.push(readHandle(new ByteCursor(cursor.readBytes(valueBytes))));
  }
  return handles;
}

function readHandle(cursor: ByteCursor): BlockHandle {
  return { offset: cursor.readVarint(), sizeBytes: cursor.readVarint() };
}
