// Byte cursor: reads LevelDB's varints and length-prefixed slices out of untrusted bytes.

/** Thrown when bytes end early or a number has no meaning; the reader adds file and offset. */
export class MalformedBytes extends Error {
  constructor(detail: string) {
    super(detail);
    this.name = "MalformedBytes";
  }
}

export class ByteCursor {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  readByte(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) throw new MalformedBytes("the bytes end in the middle of an entry");
    this.#offset += 1;
    return byte;
  }

  /** A varint64. Above 2^53 it is refused: no offset, size or file number comes near it. */
  readVarint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 10; count += 1) {
      const byte = this.readByte();
      value += (byte & 0x7f) * factor;
      if ((byte & 0x80) === 0) {
        if (!Number.isSafeInteger(value)) throw new MalformedBytes("a number is too large");
        return value;
      }
      factor *= 128;
    }
    throw new MalformedBytes("a number does not end");
  }

  /** The next `length` bytes as a view. */
  readBytes(length: number): Uint8Array {
    const end = this.#offset + length;
    if (end > this.#bytes.length) {
      throw new MalformedBytes("the bytes end in the middle of an entry");
    }
    const view = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return view;
  }

  /** A slice behind its varint length, as a view. */
  readSlice(): Uint8Array {
    return this.readBytes(this.readVarint());
  }
}
