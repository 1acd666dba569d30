// Wire reader: protobuf's reader, with what this protocol reads most.
//
//   R1  Text is strict UTF-8: replaced bytes would make two different ids one.
//   R2  A nested message ends within the one that holds it, and its last field ends with it.

import { BinaryReader } from "@bufbuild/protobuf/wire";
import { type Address, MeshError } from "../domain/index.ts";
import { readAddress } from "./addresses.ts";

/** A leading U+FEFF is text: dropping it would change what was signed or hashed. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Up to here looking for non-ASCII first is cheaper than a decoder (measured on Node.js 20). */
const probeBytesMax = 256;

export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

export class WireReader extends BinaryReader {
  private readonly source: Buffer;

  constructor(bytes: Uint8Array) {
    super(bytes);
    this.source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The end of a length-delimited field that begins here. */
  partEnd(end: number): number {
    const length = this.uint32();
    const partEnd = this.pos + length;
    if (partEnd > end) throw invalid("a field ends beyond its message");
    return partEnd;
  }

  /** A `string` field, or a `bytes` field that holds text. */
  text(): string {
    const end = this.partEnd(this.len);
    const start = this.pos;
    this.pos = end;
    if (end - start <= probeBytesMax && this.isAscii(start, end)) {
      return this.source.toString("latin1", start, end);
    }
    return decoder.decode(this.source.subarray(start, end));
  }

  private isAscii(start: number, end: number): boolean {
    const { source } = this;
    for (let index = start; index < end; index += 1) {
      if ((source[index] ?? 128) > 127) return false;
    }
    return true;
  }

  address(): Address {
    const end = this.partEnd(this.len);
    const start = this.pos;
    this.pos = end;
    return readAddress(this.source, start, end);
  }

  /** A copy: whoever keeps it must not keep the whole batch, and a Buffer's `slice` is a view. */
  copy(start: number, end: number): Uint8Array {
    return new Uint8Array(this.source.subarray(start, end));
  }

  /** A view, for what is read at once. */
  part(start: number, end: number): Uint8Array {
    return this.source.subarray(start, end);
  }

  /** Passes over a field of a later version. */
  skipField(tag: number): void {
    if (tag >>> 3 === 0) throw invalid("a field has the number 0");
    this.skip(tag & 7, tag >>> 3);
  }

  assertAt(end: number): void {
    if (this.pos !== end) throw invalid("a message ends in the middle of a value");
  }
}

function invalid(detail: string): MeshError {
  return new MeshError("FRAME_INVALID", { subject: "batch", detail });
}
