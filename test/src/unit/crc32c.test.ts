import { crc32c, maskCrc32c, unmaskCrc32c } from "@cloudbrain/sdk/store";
import * as assert from "uvu/assert";

import { suite } from "../support/suite.ts";

const test = suite("crc32c");

const encoder = new TextEncoder();

test("gives the checksums of RFC 3720, B.4", () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);
  assert.equal(
    {
      zeros: crc32c(new Uint8Array(32)),
      ones: crc32c(new Uint8Array(32).fill(0xff)),
      ascending: crc32c(ascending),
      descending: crc32c(ascending.toReversed()),
      digits: crc32c(encoder.encode("123456789")),
      empty: crc32c(new Uint8Array(0)),
    },
    {
      zeros: 0x8a9136aa,
      ones: 0x62a8ab43,
      ascending: 0x46dd794e,
      descending: 0x113fdb5c,
      digits: 0xe3069283,
      empty: 0,
    },
  );
});

test("agrees with the definition, bit by bit, for every length around its step", () => {
  for (let length = 0; length <= 70; length += 1) {
    const bytes = makeBytes(length);
    assert.is(crc32c(bytes), crc32cByDefinition(bytes), `${length} bytes`);
  }
});

test("goes on from a seed as if the parts were one", () => {
  const bytes = makeBytes(100);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    assert.is(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut))), crc32c(bytes));
  }
});

test("is masked and unmasked as LevelDB does it", () => {
  // From LevelDB's util/crc32c_test.cc: the mask changes a checksum, also when applied twice.
  const crc = crc32c(encoder.encode("foo"));
  assert.is.not(maskCrc32c(crc), crc);
  assert.is.not(maskCrc32c(maskCrc32c(crc)), crc);
  assert.is(unmaskCrc32c(unmaskCrc32c(maskCrc32c(maskCrc32c(crc)))), crc);
  for (const value of [0, 1, 0x5d7d1527, 0x7fffffff, 0x80000000, 0xffffffff]) {
    assert.is(unmaskCrc32c(maskCrc32c(value)), value);
  }
});

function makeBytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => Math.imul(index + 1, 0x9e3779b1) >>> 24);
}

function crc32cByDefinition(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
  }
  return ~crc >>> 0;
}
