// CRC-32C (Castagnoli, RFC 3720 B.4): the checksum of stored values, of the anchor and of every
// LevelDB file. Pure JavaScript, since Node.js ships the other polynomial only and a native addon
// would not be worth its build.
//
// Slicing by 16: one step folds sixteen bytes with sixteen table look-ups that don't wait for each
// other. The tables take 16 KiB and stay in the first-level cache.

const polynomial = 0x82f63b78;
const slices = 16;

// Signed integers: V8 keeps them as machine words, while a uint32 above 2^31 becomes a double.
const table = createTable();

function createTable(): Int32Array {
  const entries = new Int32Array(256 * slices);
  for (let byte = 0; byte < 256; byte += 1) {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) {
      value = (value & 1) === 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    }
    entries[byte] = value;
  }
  for (let index = 256; index < entries.length; index += 1) {
    const previous = entries[index - 256] as number;
    entries[index] = (previous >>> 8) ^ (entries[previous & 0xff] as number);
  }
  return entries;
}

/**
 * The CRC-32C of `bytes` as an unsigned 32-bit number.
 *
 * Incremental: pass the result for the bytes before as `seed`, so that
 * `crc32c(b, crc32c(a))` equals the checksum of `a` followed by `b`.
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  return crc32cOfRange(bytes, 0, bytes.length, seed);
}

/** As `crc32c`, for `bytes[start, end)` without making a view; the range must lie within. */
export function crc32cOfRange(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  const t = table;
  let crc = ~seed;
  let i = start;
  // The casts are the price of `noUncheckedIndexedAccess`; every index is within by construction.
  for (const wideEnd = end - 15; i < wideEnd; i += 16) {
    crc ^=
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    crc =
      (t[3840 + (crc & 0xff)] as number) ^
      (t[3584 + ((crc >>> 8) & 0xff)] as number) ^
      (t[3328 + ((crc >>> 16) & 0xff)] as number) ^
      (t[3072 + (crc >>> 24)] as number) ^
      (t[2816 + (bytes[i + 4] as number)] as number) ^
      (t[2560 + (bytes[i + 5] as number)] as number) ^
      (t[2304 + (bytes[i + 6] as number)] as number) ^
      (t[2048 + (bytes[i + 7] as number)] as number) ^
      (t[1792 + (bytes[i + 8] as number)] as number) ^
      (t[1536 + (bytes[i + 9] as number)] as number) ^
      (t[1280 + (bytes[i + 10] as number)] as number) ^
      (t[1024 + (bytes[i + 11] as number)] as number) ^
      (t[768 + (bytes[i + 12] as number)] as number) ^
      (t[512 + (bytes[i + 13] as number)] as number) ^
      (t[256 + (bytes[i + 14] as number)] as number) ^
      (t[bytes[i + 15] as number] as number);
  }
  for (; i < end; i += 1) {
    crc = (crc >>> 8) ^ (t[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}

const maskDelta = 0xa282ead8;

/**
 * LevelDB's mask (`util/crc32c.h`): a stored checksum is rotated and shifted, because the checksum
 * of data that holds its own checksum would be degenerate.
 */
export function maskCrc32c(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + maskDelta) >>> 0;
}

export function unmaskCrc32c(masked: number): number {
  const rotated = (masked - maskDelta) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}
